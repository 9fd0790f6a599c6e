"""ManageSieve: what a greeting, STARTTLS and the new capabilities may look like, and what becomes of it."""

import pytest

from exporter.results import Capability, Findings
from exporter.targets import Protocol, TlsMode
from tests.protocols.feeding import CLOSES, Heard, Said, converse, converse_in_pieces

GREETING = (
    b'"IMPLEMENTATION" "Example server v1"\r\n"SIEVE" "fileinto vacation"\r\n"SASL" ""\r\n"STARTTLS"\r\n'
    b'OK "Example ready."\r\n'
)
GREETING_WITHOUT = b'"IMPLEMENTATION" "Old"\r\n"SASL" "PLAIN"\r\nOK\r\n'
LIST_INSIDE = b'"SASL" "PLAIN LOGIN"\r\n"VERSION" "1.0"\r\nOK\r\n'
BYE = b'OK "Bye"\r\n'

TO_STARTTLS = ("= starttls", "> STARTTLS")
TO_SECOND_LIST = (*TO_STARTTLS, "TLS", "= capabilities_tls")
GOODBYE = ("= goodbye", "> LOGOUT", "end")


def sieve(*said: Said, tls: TlsMode = TlsMode.STARTTLS) -> Heard:
    return converse(Protocol.SIEVE, tls, *said)


def test_the_new_capabilities_are_waited_for_and_not_asked_for() -> None:
    heard = sieve(GREETING, b'OK "Begin TLS"\r\n', LIST_INSIDE, BYE)
    assert heard.outline == (*TO_SECOND_LIST, *GOODBYE)
    assert heard.findings == Findings(
        greeting="Example ready.",
        capabilities=(
            Capability("IMPLEMENTATION", ("Example", "server", "v1")),
            Capability("SIEVE", ("fileinto", "vacation")),
            Capability("SASL"),
            Capability("STARTTLS"),
        ),
        capabilities_tls=(Capability("SASL", ("PLAIN", "LOGIN")), Capability("VERSION", ("1.0",))),
        starttls_advertised=True,
        starttls_offered_again=False,
        cleartext_auth=False,
    )


def test_a_server_that_does_not_send_its_capabilities_again_is_waited_for() -> None:
    heard = sieve(GREETING, b"OK\r\n")
    assert heard.outline == TO_SECOND_LIST
    assert heard.findings.capabilities_tls is None
    assert heard.findings.starttls_offered_again is None


def test_without_an_offer_the_session_stays_in_the_clear() -> None:
    heard = sieve(GREETING_WITHOUT, BYE)
    assert heard.outline == GOODBYE
    assert heard.findings.starttls_advertised is False
    assert heard.findings.cleartext_auth is True


def test_mode_none_never_upgrades_but_tells_what_was_offered() -> None:
    heard = sieve(GREETING, BYE, tls=TlsMode.NONE)
    assert heard.outline == GOODBYE
    assert heard.findings.starttls_advertised is True


def test_implicit_tls_has_no_unencrypted_findings() -> None:
    heard = sieve(GREETING_WITHOUT, BYE, tls=TlsMode.IMPLICIT)
    assert heard.outline == GOODBYE
    assert heard.findings == Findings(
        greeting="",
        capabilities_tls=(Capability("IMPLEMENTATION", ("Old",)), Capability("SASL", ("PLAIN",))),
        starttls_offered_again=False,
    )


@pytest.mark.parametrize(
    ("said", "tls"),
    [
        pytest.param((GREETING, b"OK\r\n", GREETING, BYE), TlsMode.STARTTLS, id="after the upgrade"),
        pytest.param((GREETING, BYE), TlsMode.IMPLICIT, id="implicit"),
    ],
)
def test_starttls_inside_tls_is_noticed_and_not_taken(said: tuple[bytes, ...], tls: TlsMode) -> None:
    heard = sieve(*said, tls=tls)
    assert heard.findings.starttls_offered_again is True
    assert heard.outline[-3:] == GOODBYE


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b'"ABC" "x y"\r\n', id="quoted"),
        pytest.param(b'"abc"  "x y" \r\n', id="lower case, more spaces"),
        pytest.param(b'"A\\BC" "x y"\r\n', id="escaped"),
        pytest.param(b'{3}\r\nABC "x y"\r\n', id="name as a literal"),
        pytest.param(b'"ABC" {3}\r\nx y\r\n', id="value as a literal"),
        pytest.param(b'"ABC" {3+}\r\nx y\r\n', id="value as a client's literal"),
        pytest.param(b'"ABC" {4}\r\nx\r\ny\r\n', id="line end inside a literal"),
        pytest.param(b"{3}\r\nABC {3}\r\nx y\r\n", id="both as literals"),
        pytest.param(b'"ABC" "x y"\n', id="bare line feed"),
    ],
)
def test_capabilities_are_read_in_every_form_of_a_string(line: bytes) -> None:
    heard = sieve(line + b"OK\r\n", BYE)
    assert heard.findings.capabilities == (Capability("ABC", ("x", "y")),)


@pytest.mark.parametrize(
    ("greeting", "text"),
    [
        pytest.param(b"OK\r\n", "", id="bare"),
        pytest.param(b'ok "hello"\r\n', "hello", id="lower case"),
        pytest.param(b'OK (TAG "x") "hello"\r\n', "hello", id="response code"),
        pytest.param(b"OK (WARNINGS)\r\n", "", id="response code alone"),
        pytest.param(b"OK {5}\r\nhello\r\n", "hello", id="text as a literal"),
        pytest.param(b'OK "a \\"b\\" \\\\c"\r\n', 'a "b" \\c', id="escaped quotation marks"),
        pytest.param(b'OK "\x00\xff"\r\n', "\\x00\\xff", id="NUL and eight bits"),
        pytest.param(b'OK ("x") "hello"\r\n', "hello", id="string instead of a response code"),
        pytest.param(b"OK (\r\n", "", id="half a response code"),
    ],
)
def test_odd_but_valid_greetings_are_accepted(greeting: bytes, text: str) -> None:
    heard = sieve(greeting, BYE)
    assert heard.outline == GOODBYE
    assert heard.findings.greeting == text
    assert heard.findings.capabilities == ()


@pytest.mark.parametrize(
    ("greeting", "outcome"),
    [
        pytest.param(b'BYE "Too many connections"\r\n', "greeting_rejected", id="BYE"),
        pytest.param(b"NO\r\n", "greeting_rejected", id="NO"),
        pytest.param(b'BYE (TRYLATER) "Later"\r\n', "greeting_rejected_temporarily", id="BYE, TRYLATER"),
        pytest.param(b'no (trylater/disk) "Later"\r\n', "greeting_rejected_temporarily", id="NO, TRYLATER in detail"),
        pytest.param(b'BYE (REFERRAL "sieve://b") "Gone"\r\n', "greeting_rejected", id="BYE, REFERRAL"),
        pytest.param(b'BYE "(TRYLATER)"\r\n', "greeting_rejected", id="a code inside the text"),
        pytest.param(b'BYE ("TRYLATER")\r\n', "greeting_rejected", id="a string where the code should be"),
        pytest.param(b'"SIEVE" "x"\r\nBYE\r\n', "greeting_rejected", id="BYE after a list"),
    ],
)
def test_a_refusing_greeting_gets_a_goodbye(greeting: bytes, outcome: str) -> None:
    heard = sieve(greeting, CLOSES)
    assert heard.outline == (f"! {outcome}", *GOODBYE)
    assert heard.findings.capabilities is None


def test_a_refusal_is_quoted_with_its_code() -> None:
    assert sieve(b'BYE (TRYLATER) "Later"\r\n', BYE).details == ("greeted with <BYE (TRYLATER) Later>",)


@pytest.mark.parametrize(
    ("greeting", "ending"),
    [
        pytest.param(b"* OK ready\r\n", ", which is IMAP", id="IMAP"),
        pytest.param(b"220 mx ESMTP\r\n", ", which is SMTP or FTP", id="SMTP"),
        pytest.param(b'"not closed\r\n', " instead of the greeting", id="open quotation"),
        pytest.param(b'"IMPLEMENTATION" "x\r\n', " instead of the greeting", id="open quotation in a value"),
        pytest.param(b"\r\n", " instead of the greeting", id="empty line"),
        pytest.param(b'"" "x"\r\n', " instead of the greeting", id="no name"),
        pytest.param(b"(OK)\r\n", " instead of the greeting", id="parentheses"),
        pytest.param(b"\x00\xff\r\n", " instead of the greeting", id="NUL and eight bits"),
    ],
)
def test_a_greeting_that_is_none_ends_the_session(greeting: bytes, ending: str) -> None:
    heard = sieve(greeting)
    assert heard.outline == ("! greeting_invalid", "end")
    assert heard.details[0].endswith(ending)
    assert heard.findings == Findings()


@pytest.mark.parametrize("answer", [b'NO "not now"\r\n', b"BYE\r\n", b'NO (TRYLATER) "x"\r\n'])
def test_starttls_refused_gets_a_goodbye(answer: bytes) -> None:
    heard = sieve(GREETING, answer, BYE)
    assert heard.outline == (*TO_STARTTLS, "! starttls_rejected", *GOODBYE)


@pytest.mark.parametrize("answer", [b"NO\r\n", b'BYE "full"\r\n'])
def test_refused_capabilities_inside_tls_are_a_fault_in_step(answer: bytes) -> None:
    heard = sieve(GREETING, b"OK\r\n", answer, CLOSES)
    assert heard.outline == (*TO_SECOND_LIST, "! protocol_error", *GOODBYE)


@pytest.mark.parametrize(
    ("before", "outline"),
    [
        pytest.param((GREETING,), TO_STARTTLS, id="STARTTLS"),
        pytest.param((GREETING, b"OK\r\n"), TO_SECOND_LIST, id="capabilities inside TLS"),
    ],
)
def test_an_answer_out_of_step_or_none_ends_the_session(before: tuple[bytes, ...], outline: tuple[str, ...]) -> None:
    assert sieve(*before, b"MAYBE\r\n").outline == (*outline, "! protocol_error", "end")
    assert sieve(*before, CLOSES).outline == (*outline, "! closed_early", "end")


@pytest.mark.parametrize(
    ("said", "detail"),
    [
        pytest.param((), "closed instead of the greeting", id="at once"),
        pytest.param((b'"SIEVE" "x"\r\n',), "closed instead of the greeting", id="inside the list"),
        pytest.param((b"{10}\r\n12345",), "closed instead of the greeting, after <12345>", id="inside a literal"),
    ],
)
def test_closing_inside_the_greeting_is_early(said: tuple[bytes, ...], detail: str) -> None:
    heard = sieve(*said, CLOSES)
    assert heard.outline == ("! closed_early", "end")
    assert heard.details == (detail,)


def test_capabilities_sent_in_the_clear_after_the_upgrade_was_granted_are_refused() -> None:
    heard = converse_in_pieces(Protocol.SIEVE, TlsMode.STARTTLS, GREETING, b"OK\r\n" + LIST_INSIDE)
    assert heard.outline == (*TO_STARTTLS, "! starttls_plaintext_injected", "end")
    assert heard.findings.capabilities_tls is None


def test_a_shutdown_notice_stands_for_the_next_answer() -> None:
    heard = converse_in_pieces(Protocol.SIEVE, TlsMode.STARTTLS, GREETING + b'BYE "idle"\r\n', CLOSES)
    assert heard.outline == (*TO_STARTTLS, "! starttls_rejected", *GOODBYE)


@pytest.mark.parametrize(
    "greeting",
    [
        pytest.param(b'"A"\r\n' * 101, id="lines"),
        pytest.param(b"{65536}\r\n", id="literal"),
        pytest.param(b'"' + b"x" * 4095, id="line"),
    ],
)
def test_an_endless_greeting_is_cut_off(greeting: bytes) -> None:
    assert sieve(greeting).outline == ("! reply_too_long", "end")


@pytest.mark.parametrize("answer", [BYE, b"BYE\r\n", b"NO\r\n", b"garbage\r\n", CLOSES])
def test_nothing_that_happens_in_the_goodbye_is_a_failure(answer: Said) -> None:
    assert sieve(GREETING_WITHOUT, answer).outline == GOODBYE
