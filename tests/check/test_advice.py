"""What a person is told to enter in a mail client (RFC 8314)."""

import pytest

from exporter.check.advice import Purpose, advise
from exporter.results import ProbeResult
from exporter.targets import PortState
from tests.check.results import EXPIRED, HOST, checked, closed, healthy

SEND, READ = Purpose.SENDING, Purpose.READING

SERVERS: dict[str, tuple[list[ProbeResult], list[tuple[Purpose, int, str]]]] = {
    "everything works": (
        [healthy(port) for port in (25, 465, 587, 2525, 143, 993, 110, 995)],
        [(SEND, 465, "SSL/TLS"), (READ, 993, "SSL/TLS"), (READ, 995, "SSL/TLS")],
    ),
    "no implicit TLS": (
        [closed(465), healthy(587), closed(993), healthy(143)],
        [(SEND, 587, "STARTTLS"), (READ, 143, "STARTTLS")],
    ),
    "465 with an expired certificate": (
        [healthy(465, verdict=EXPIRED), healthy(587)],
        [(SEND, 587, "STARTTLS")],
    ),
    "2525 where 587 is closed": ([closed(587), healthy(2525)], [(SEND, 2525, "STARTTLS")]),
    "port 25 alone": ([healthy(25)], []),
    "nothing": ([closed(587, PortState.ANY)], []),
}


@pytest.mark.parametrize("case", SERVERS)
def test_implicit_tls_comes_first_then_starttls_and_25_never(case: str) -> None:
    results, wanted = SERVERS[case]

    settings = advise(HOST, [checked(result) for result in results])

    assert [(setting.purpose, setting.port, setting.security) for setting in settings] == wanted


def test_2525_is_said_to_stand_in_no_standard() -> None:
    (setting,) = advise(HOST, [checked(closed(587)), checked(healthy(2525))])

    assert setting.reason == "in no standard and only the way round a blocked 587; here 587 is closed"


def test_starttls_is_recommended_with_a_word_about_what_would_be_better() -> None:
    (setting,) = advise(HOST, [checked(closed(465)), checked(healthy(587))])

    assert "implicit TLS on 465 would be better (RFC 8314 §3)" in setting.reason


def test_a_port_that_works_over_one_family_only_is_not_recommended() -> None:
    settings = advise(HOST, [checked(healthy(465)), checked(closed(465)), checked(healthy(587))])

    assert [setting.port for setting in settings] == [587]


def test_other_hosts_are_of_no_concern() -> None:
    assert advise("other.example.org", [checked(healthy(465))]) == ()
