"""What the log says about servers and about this machine's own network: each once, when it is news."""

import logging
from collections.abc import Iterable, Mapping

import pytest

from exporter import journal
from exporter.judgement.vantage import Basis, Vantage
from exporter.results import Outcome, Resolution
from exporter.schedule.addresses import AddressBook
from exporter.targets import IpFamily

IPV4, IPV6 = IpFamily.IPV4, IpFamily.IPV6
MANY = "DNS names more addresses than are probed: the highest are left out"
BLOCKED = "this network blocks port 25 over ipv4, as inferred from all hosts failing alike"
DOUBTED = "it is no longer known whether this network blocks the port"
OPEN = "this network lets the port through again"


@pytest.mark.parametrize(
    ("before", "after", "warned"),
    [
        pytest.param({}, {IPV4: 3}, [IPV4], id="at the first answer"),
        pytest.param({IPV4: 0, IPV6: 0}, {IPV4: 0, IPV6: 3}, [IPV6], id="more than before"),
        pytest.param({IPV4: 3}, {IPV4: 5}, [], id="was said already"),
        pytest.param({IPV4: 3}, {IPV4: 5, IPV6: 1}, [IPV6], id="the other family was not"),
        pytest.param({IPV4: 3}, {IPV4: 0}, [], id="few enough again"),
        pytest.param({IPV4: 3}, {}, [], id="the name is gone"),
    ],
)
def test_addresses_that_are_left_out_are_told_once_for_each_host_and_family(
    before: Mapping[IpFamily, int],
    after: Mapping[IpFamily, int],
    warned: list[IpFamily],
    caplog: pytest.LogCaptureFixture,
) -> None:
    journal.addresses_left_out("mail.example.org", before, after)
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [(logging.WARNING, MANY)] * len(
        warned
    )
    facts = [getattr(record, "facts", {}) for record in caplog.records]
    assert [(found["host"], found["ip_family"], found["left_out"]) for found in facts] == [
        ("mail.example.org", family, after[family]) for family in warned
    ]


def test_addresses_are_told_again_only_after_they_were_few_enough(caplog: pytest.LogCaptureFixture) -> None:
    book = AddressBook(0.0)
    for count in (40, 50, 33, 3, 3, 33, 40, 1):
        before = book.left_out("mail.example.org")
        named = tuple(f"192.0.2.{number}" for number in range(count))
        book.observe("mail.example.org", Resolution(Outcome.OK, named, (), 0.1), 0.0)
        journal.addresses_left_out("mail.example.org", before, book.left_out("mail.example.org"))
    assert [getattr(record, "facts", {})["left_out"] for record in caplog.records] == [8, 1]


def inferred(ok: bool | None, port: int = 25) -> tuple[Vantage, ...]:
    """What is known of a port; `None`: nothing."""
    return () if ok is None else (Vantage(port, IPV4, ok, Basis.INFERRED),)


@pytest.mark.parametrize(
    ("story", "said"),
    [
        pytest.param([None, True, None, True], [], id="never blocked"),
        pytest.param([False, False, False], [BLOCKED], id="blocked"),
        pytest.param([False, None, False, None, None, False], [BLOCKED, DOUBTED], id="in doubt by turns"),
        pytest.param([False, True, False], [BLOCKED, OPEN, BLOCKED], id="blocked twice"),
        pytest.param([False, None, True], [BLOCKED, DOUBTED, OPEN], id="over after a doubt"),
        pytest.param(
            [False, None, True, None, False, None], [BLOCKED, DOUBTED, OPEN, BLOCKED, DOUBTED], id="and once more"
        ),
    ],
)
def test_a_block_is_told_once_until_the_port_is_known_to_be_let_through(
    story: Iterable[bool | None], said: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    blocks = journal.Blocks()
    for ok in story:
        blocks.note(inferred(ok))
    assert [record.getMessage() for record in caplog.records] == said
    assert {record.levelno for record in caplog.records if record.getMessage() == BLOCKED} <= {logging.WARNING}
    assert {record.levelno for record in caplog.records if record.getMessage() != BLOCKED} <= {logging.INFO}


def test_each_port_has_its_own_block(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    blocks = journal.Blocks()
    for known in (inferred(False), inferred(False) + inferred(False, 587), inferred(False, 587)):
        blocks.note(known)
    facts = [getattr(record, "facts", {}) for record in caplog.records]
    assert [(record.getMessage(), found["port"]) for record, found in zip(caplog.records, facts, strict=True)] == [
        (BLOCKED, 25),
        (BLOCKED.replace("25", "587"), 587),
        (DOUBTED, 25),
    ]
