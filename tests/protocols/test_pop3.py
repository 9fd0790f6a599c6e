"""POP3: what a greeting, CAPA and STLS may be answered with, and what becomes of it."""

import pytest

from exporter.results import Capability, Findings
from exporter.targets import Protocol, TlsMode
from tests.protocols.feeding import CLOSES, Heard, Said, converse

GREETING = b"+OK Dovecot ready.\r\n"
LIST = b"+OK\r\nCAPA\r\nTOP\r\nSTLS\r\nSASL\r\n.\r\n"
LIST_INSIDE = b"+OK\r\nUSER\r\nSASL PLAIN\r\n.\r\n"
BYE = b"+OK Logging out.\r\n"

TO_LIST = ("= capabilities", "> CAPA")
TO_STLS = (*TO_LIST, "= starttls", "> STLS")
TO_SECOND_LIST = (*TO_STLS, "TLS", "= capabilities_tls", "> CAPA")
GOODBYE = ("= goodbye", "> QUIT", "end")


def pop3(*said: Said, tls: TlsMode = TlsMode.STARTTLS) -> Heard:
    return converse(Protocol.POP3, tls, *said)


def test_an_offered_upgrade_is_taken_and_the_capabilities_are_asked_for_again() -> None:
    heard = pop3(GREETING, LIST, b"+OK Begin TLS\r\n", LIST_INSIDE, BYE)
    assert heard.outline == (*TO_SECOND_LIST, *GOODBYE)
    assert heard.findings == Findings(
        greeting="Dovecot ready.",
        capabilities=(Capability("CAPA"), Capability("TOP"), Capability("STLS"), Capability("SASL")),
        capabilities_tls=(Capability("USER"), Capability("SASL", ("PLAIN",))),
        starttls_advertised=True,
        starttls_offered_again=False,
        cleartext_auth=False,
    )


def test_without_an_offer_the_session_stays_in_the_clear() -> None:
    heard = pop3(GREETING, LIST_INSIDE, BYE)
    assert heard.outline == (*TO_LIST, *GOODBYE)
    assert heard.findings.starttls_advertised is False


def test_mode_none_never_upgrades_but_tells_what_was_offered() -> None:
    heard = pop3(GREETING, LIST, BYE, tls=TlsMode.NONE)
    assert heard.outline == (*TO_LIST, *GOODBYE)
    assert heard.findings.starttls_advertised is True


def test_implicit_tls_has_no_unencrypted_findings() -> None:
    heard = pop3(GREETING, LIST_INSIDE, BYE, tls=TlsMode.IMPLICIT)
    assert heard.outline == ("= capabilities_tls", "> CAPA", *GOODBYE)
    assert heard.findings == Findings(
        greeting="Dovecot ready.",
        capabilities_tls=(Capability("USER"), Capability("SASL", ("PLAIN",))),
        starttls_offered_again=False,
    )


def test_stls_inside_tls_is_noticed_and_not_taken() -> None:
    heard = pop3(GREETING, LIST, BYE, tls=TlsMode.IMPLICIT)
    assert heard.findings.starttls_offered_again is True
    assert heard.outline == ("= capabilities_tls", "> CAPA", *GOODBYE)


@pytest.mark.parametrize("answer", [b"-ERR unknown command\r\n", b"-ERR\r\n", b"-err no\r\n"])
def test_a_server_without_capa_has_no_capabilities_and_an_unknown_login(answer: bytes) -> None:
    heard = pop3(GREETING, answer, BYE)
    assert heard.outline == (*TO_LIST, *GOODBYE)
    assert heard.findings == Findings(
        greeting="Dovecot ready.", capabilities=(), starttls_advertised=False, cleartext_auth=None
    )


def test_capa_may_be_missing_inside_tls_too() -> None:
    heard = pop3(GREETING, b"-ERR no\r\n", BYE, tls=TlsMode.IMPLICIT)
    assert heard.findings == Findings(
        greeting="Dovecot ready.", capabilities_tls=(), starttls_offered_again=False, cleartext_auth=None
    )


@pytest.mark.parametrize(
    ("lines", "accepted"),
    [
        pytest.param(b"USER\r\n", True, id="USER"),
        pytest.param(b"user\r\n", True, id="USER in lower case"),
        pytest.param(b"SASL CRAM-MD5 PLAIN\r\n", True, id="SASL PLAIN"),
        pytest.param(b"sasl login\r\n", True, id="SASL LOGIN in lower case"),
        pytest.param(b"SASL CRAM-MD5\r\n", False, id="SASL without a password"),
        pytest.param(b"SASL\r\n", False, id="SASL without mechanisms"),
        pytest.param(b"TOP\r\n", False, id="neither"),
        pytest.param(b"", False, id="empty list"),
    ],
)
def test_passwords_before_tls_are_read_from_the_list(lines: bytes, accepted: bool) -> None:
    assert pop3(GREETING, b"+OK\r\n" + lines + b".\r\n", BYE).findings.cleartext_auth is accepted


def test_a_stuffed_dot_belongs_to_the_list() -> None:
    heard = pop3(GREETING, b"+OK\r\n..HIDDEN\r\n\r\n...\r\nTOP\r\n.\r\n", BYE)
    assert heard.findings.capabilities == (Capability(".HIDDEN"), Capability(".."), Capability("TOP"))


@pytest.mark.parametrize(
    ("greeting", "text"),
    [
        pytest.param(b"+OK\r\n", "", id="bare"),
        pytest.param(b"+ok hello\r\n", "hello", id="lower case"),
        pytest.param(b"+OK <1896.697170952@mx>\n", "<1896.697170952@mx>", id="timestamp, bare line feed"),
        pytest.param(b"+OK [AUTH] hi\r\n", "hi", id="response code"),
        pytest.param(b"+OK [not closed\r\n", "[not closed", id="half a response code"),
        pytest.param(b"+OK \x00\xff\r\n", "\\x00\\xff", id="NUL and eight bits"),
    ],
)
def test_odd_but_valid_greetings_are_accepted(greeting: bytes, text: str) -> None:
    heard = pop3(greeting, LIST_INSIDE, BYE)
    assert heard.outline == (*TO_LIST, *GOODBYE)
    assert heard.findings.greeting == text


@pytest.mark.parametrize(
    ("greeting", "outcome"),
    [
        pytest.param(b"-ERR go away\r\n", "greeting_rejected", id="no code"),
        pytest.param(b"-ERR [SYS/TEMP] later\r\n", "greeting_rejected_temporarily", id="SYS/TEMP"),
        pytest.param(b"-ERR [sys/temp/disk] later\r\n", "greeting_rejected_temporarily", id="SYS/TEMP in more detail"),
        pytest.param(b"-ERR [IN-USE] locked\r\n", "greeting_rejected_temporarily", id="IN-USE"),
        pytest.param(b"-ERR [LOGIN-DELAY] slower\r\n", "greeting_rejected_temporarily", id="LOGIN-DELAY"),
        pytest.param(b"-ERR [SYS/PERM] broken\r\n", "greeting_rejected", id="SYS/PERM"),
        pytest.param(b"-ERR [SYS/TEMPORARY] no\r\n", "greeting_rejected", id="a code that only begins like one"),
        pytest.param(b"-ERR see [IN-USE]\r\n", "greeting_rejected", id="a code inside the text"),
    ],
)
def test_a_refusing_greeting_gets_a_goodbye(greeting: bytes, outcome: str) -> None:
    heard = pop3(greeting, BYE)
    assert heard.outline == (f"! {outcome}", *GOODBYE)
    assert heard.details == (f"greeted with <{greeting[:-2].decode()}>",)
    assert heard.findings.capabilities is None


@pytest.mark.parametrize(
    ("greeting", "ending"),
    [
        pytest.param(b"220 mx ESMTP\r\n", ", which is SMTP or FTP", id="SMTP"),
        pytest.param(b"* OK ready\r\n", ", which is IMAP", id="IMAP"),
        pytest.param(b"+OKAY\r\n", " instead of the greeting", id="another word"),
        pytest.param(b"\r\n", " instead of the greeting", id="empty line"),
    ],
)
def test_a_greeting_that_is_none_ends_the_session(greeting: bytes, ending: str) -> None:
    heard = pop3(greeting)
    assert heard.outline == ("! greeting_invalid", "end")
    assert heard.details[0].endswith(ending)


def test_stls_refused_gets_a_goodbye() -> None:
    heard = pop3(GREETING, LIST, b"-ERR TLS is broken\r\n", BYE)
    assert heard.outline == (*TO_STLS, "! starttls_rejected", *GOODBYE)
    assert heard.details == ("<-ERR TLS is broken> as the answer to STLS",)
    assert heard.findings.starttls_advertised is True


@pytest.mark.parametrize(
    ("before", "outline"),
    [
        pytest.param((GREETING,), TO_LIST, id="CAPA"),
        pytest.param((GREETING, LIST), TO_STLS, id="STLS"),
        pytest.param((GREETING, LIST, b"+OK\r\n"), TO_SECOND_LIST, id="CAPA inside TLS"),
    ],
)
def test_an_answer_out_of_step_or_none_ends_the_session(before: tuple[bytes, ...], outline: tuple[str, ...]) -> None:
    assert pop3(*before, b"250 what?\r\n").outline == (*outline, "! protocol_error", "end")
    assert pop3(*before, CLOSES).outline == (*outline, "! closed_early", "end")


def test_closing_inside_the_list_is_early() -> None:
    heard = pop3(GREETING, b"+OK\r\nTOP\r\n", CLOSES)
    assert heard.outline == (*TO_LIST, "! closed_early", "end")
    assert heard.findings.capabilities is None


def test_a_name_with_odd_bytes_is_in_upper_case_and_visible() -> None:
    heard = pop3(GREETING, b"+OK\r\nx\x00-\xe9 caf\xc3\xa9\r\n.\r\n", BYE)
    assert heard.findings.capabilities == (Capability("X\\x00-\\xe9", ("caf\\xc3\\xa9",)),)


def test_an_endless_list_is_cut_off() -> None:
    assert pop3(GREETING, b"+OK\r\n" + b"X\r\n" * 100).outline == (*TO_LIST, "! reply_too_long", "end")


@pytest.mark.parametrize("answer", [BYE, b"-ERR no\r\n", b"garbage\r\n", CLOSES])
def test_nothing_that_happens_in_the_goodbye_is_a_failure(answer: Said) -> None:
    assert pop3(GREETING, LIST_INSIDE, answer).outline == (*TO_LIST, *GOODBYE)
