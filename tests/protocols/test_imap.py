"""IMAP: what a greeting, CAPABILITY and STARTTLS may be answered with, and what becomes of it."""

import pytest

from exporter.results import Capability, Findings
from exporter.targets import Protocol, TlsMode
from tests.protocols.feeding import CLOSES, Heard, Said, converse, converse_in_pieces

GREETING = b"* OK Dovecot ready.\r\n"
LISTING_GREETING = b"* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] Dovecot ready.\r\n"
LIST = b"* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\na1 OK done\r\n"
LIST_WITHOUT = b"* CAPABILITY IMAP4rev2\r\na1 OK done\r\n"
LIST_INSIDE = b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\na3 OK done\r\n"

TO_LIST = ("= capabilities", "> a1 CAPABILITY")
TO_STARTTLS = (*TO_LIST, "= starttls", "> a2 STARTTLS")
TO_SECOND_LIST = (*TO_STARTTLS, "TLS", "= capabilities_tls", "> a3 CAPABILITY")


def goodbye(number: int) -> tuple[str, ...]:
    return ("= goodbye", f"> a{number} LOGOUT", "end")


def bye(number: int) -> bytes:
    return b"* BYE Logging out\r\na%d OK done\r\n" % number


def imap(*said: Said, tls: TlsMode = TlsMode.STARTTLS) -> Heard:
    return converse(Protocol.IMAP, tls, *said)


def test_an_offered_upgrade_is_taken_and_the_capabilities_are_asked_for_again() -> None:
    heard = imap(GREETING, LIST, b"a2 OK begin\r\n", LIST_INSIDE, bye(4))
    assert heard.outline == (*TO_SECOND_LIST, *goodbye(4))
    assert heard.findings == Findings(
        greeting="Dovecot ready.",
        capabilities=(Capability("IMAP4REV1"), Capability("STARTTLS"), Capability("LOGINDISABLED")),
        capabilities_tls=(Capability("IMAP4REV1"), Capability("AUTH=PLAIN")),
        starttls_advertised=True,
        starttls_offered_again=False,
        cleartext_auth=False,
        preauthenticated=False,
    )


def test_a_list_in_the_greeting_saves_asking_before_tls_but_not_after() -> None:
    heard = imap(LISTING_GREETING, b"a1 OK begin\r\n", b"* CAPABILITY IMAP4rev1\r\na2 OK done\r\n", bye(3))
    assert heard.outline == (
        "= starttls",
        "> a1 STARTTLS",
        "TLS",
        "= capabilities_tls",
        "> a2 CAPABILITY",
        *goodbye(3),
    )
    assert heard.findings.greeting == "Dovecot ready."
    assert heard.findings.capabilities == (
        Capability("IMAP4REV1"),
        Capability("STARTTLS"),
        Capability("LOGINDISABLED"),
    )


def test_capabilities_beside_the_answer_to_starttls_are_forgotten() -> None:
    heard = imap(
        LISTING_GREETING,
        b"* CAPABILITY FORGED\r\na1 OK [CAPABILITY FORGED] begin\r\n",
        b"* CAPABILITY IMAP4rev1\r\na2 OK done\r\n",
        bye(3),
    )
    assert heard.findings.capabilities_tls == (Capability("IMAP4REV1"),)
    assert heard.findings.capabilities is not None
    assert Capability("FORGED") not in heard.findings.capabilities


def test_without_an_offer_the_session_stays_in_the_clear() -> None:
    heard = imap(GREETING, LIST_WITHOUT, bye(2))
    assert heard.outline == (*TO_LIST, *goodbye(2))
    assert heard.findings.starttls_advertised is False


def test_mode_none_never_upgrades_but_tells_what_was_offered() -> None:
    heard = imap(LISTING_GREETING, bye(1), tls=TlsMode.NONE)
    assert heard.outline == goodbye(1)
    assert heard.findings.starttls_advertised is True


def test_implicit_tls_has_no_unencrypted_findings() -> None:
    heard = imap(b"* OK [CAPABILITY IMAP4rev2 AUTH=PLAIN] hi\r\n", bye(1), tls=TlsMode.IMPLICIT)
    assert heard.outline == goodbye(1)
    assert heard.findings == Findings(
        greeting="hi",
        capabilities_tls=(Capability("IMAP4REV2"), Capability("AUTH=PLAIN")),
        starttls_offered_again=False,
        preauthenticated=False,
    )


def test_implicit_tls_asks_where_the_greeting_lists_nothing() -> None:
    heard = imap(GREETING, LIST, bye(2), tls=TlsMode.IMPLICIT)
    assert heard.outline == ("= capabilities_tls", "> a1 CAPABILITY", *goodbye(2))
    assert heard.findings.starttls_offered_again is True
    assert heard.findings.starttls_advertised is None


@pytest.mark.parametrize(
    ("listing", "offered"),
    [
        pytest.param(b"[CAPABILITY IMAP4rev1 STARTTLS] ", True, id="offered"),
        pytest.param(b"[CAPABILITY IMAP4rev1] ", False, id="not offered"),
    ],
)
def test_preauth_makes_the_upgrade_impossible(listing: bytes, offered: bool) -> None:
    heard = imap(b"* PREAUTH " + listing + b"welcome root\r\n", bye(1))
    assert heard.outline == goodbye(1)
    assert heard.findings.preauthenticated is True
    assert heard.findings.starttls_advertised is offered
    assert heard.findings.cleartext_auth is None
    assert heard.findings.greeting == "welcome root"


def test_preauth_without_a_list_is_asked_for_it() -> None:
    heard = imap(b"* PREAUTH hi\r\n", LIST, bye(2))
    assert heard.outline == (*TO_LIST, *goodbye(2))
    assert heard.findings.starttls_advertised is True


@pytest.mark.parametrize(
    ("greeting", "outcome", "text"),
    [
        (b"* BYE too many connections\r\n", "greeting_rejected", "too many connections"),
        (b"* BYE [UNAVAILABLE] down\r\n", "greeting_rejected_temporarily", "down"),
        (b"* bye [unavailable] down\r\n", "greeting_rejected_temporarily", "down"),
        (b"* BYE [ALERT] down\r\n", "greeting_rejected", "down"),
        (b"* BYE see [UNAVAILABLE]\r\n", "greeting_rejected", "see [UNAVAILABLE]"),
    ],
)
def test_a_refusing_greeting_gets_a_goodbye(greeting: bytes, outcome: str, text: str) -> None:
    heard = imap(greeting, CLOSES)
    assert heard.outline == (f"! {outcome}", *goodbye(1))
    assert heard.details == (f"greeted with <{greeting[:-2].decode()}>",)
    assert heard.findings == Findings(greeting=text)


@pytest.mark.parametrize(
    ("greeting", "ending"),
    [
        pytest.param(b"220 mx ESMTP\r\n", ", which is SMTP or FTP", id="SMTP"),
        pytest.param(b"+OK hi\r\n", ", which is POP3", id="POP3"),
        pytest.param(b"* CAPABILITY IMAP4rev1\r\n", " instead of the greeting", id="data"),
        pytest.param(b"* NO\r\n", " instead of the greeting", id="NO"),
        pytest.param(b"a1 OK hi\r\n", " instead of the greeting", id="tagged"),
        pytest.param(b"*\r\n", " instead of the greeting", id="lone star"),
        pytest.param(b"\r\n", " instead of the greeting", id="empty line"),
        pytest.param(b"\x00\xff\r\n", " instead of the greeting", id="NUL and eight bits"),
    ],
)
def test_a_greeting_that_is_none_ends_the_session(greeting: bytes, ending: str) -> None:
    heard = imap(greeting)
    assert heard.outline == ("! greeting_invalid", "end")
    assert heard.details[0].endswith(ending)
    assert heard.findings == Findings()


@pytest.mark.parametrize(
    ("greeting", "text"),
    [
        pytest.param(b"* OK\r\n", "", id="bare"),
        pytest.param(b"* ok hello\r\n", "hello", id="lower case"),
        pytest.param(b"* OK [ALERT] maintenance\r\n", "maintenance", id="another response code"),
        pytest.param(b"* OK [not closed\r\n", "[not closed", id="half a response code"),
        pytest.param(b"* OK wait {3}\r\n", "wait {3}", id="text that looks like a literal"),
        pytest.param(b"* OK hello\n", "hello", id="bare line feed"),
    ],
)
def test_odd_but_valid_greetings_are_accepted(greeting: bytes, text: str) -> None:
    heard = imap(greeting, LIST_WITHOUT, bye(2))
    assert heard.outline == (*TO_LIST, *goodbye(2))
    assert heard.findings.greeting == text


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"* CAPABILITY A B\r\na1 OK done\r\n", id="untagged"),
        pytest.param(b"* capability a b\r\na1 ok done\r\n", id="lower case"),
        pytest.param(b"a1 OK [CAPABILITY A B] done\r\n", id="inside the tagged OK"),
        pytest.param(b"* CAPABILITY OLD\r\n* CAPABILITY A B\r\na1 OK\r\n", id="twice"),
        pytest.param(b"* OK still here\r\n* CAPABILITY A B\r\n* 3 EXISTS\r\na1 OK\r\n", id="among other data"),
        pytest.param(b"* CAPABILITY A B\r\n* BAD odd\r\n* NO hm\r\na1 OK\r\n", id="before untagged complaints"),
        pytest.param(
            b"* ID {7}\r\na1 NO\r\n\r\n* CAPABILITY A B\r\na1 OK\r\n", id="behind a literal that looks like an answer"
        ),
        pytest.param(b"* X {1}\r\n\n{2+}\r\n\r\n end\r\n* CAPABILITY A B\r\na1 OK\r\n", id="behind two literals"),
        pytest.param(b"* X {0}\r\n\r\n* CAPABILITY A B\r\na1 OK\r\n", id="behind an empty literal"),
        pytest.param(b"* OK wait {3}\r\n* CAPABILITY A B\r\na1 OK done {5}\r\n", id="text that looks like a literal"),
    ],
)
def test_capabilities_are_found_wherever_the_server_puts_them(answer: bytes) -> None:
    heard = imap(GREETING, answer, bye(2))
    assert heard.outline == (*TO_LIST, *goodbye(2))
    assert heard.findings.capabilities == (Capability("A"), Capability("B"))


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        pytest.param(b"a1 BAD what?\r\n", "<BAD what?> as the answer to a1 CAPABILITY", id="BAD"),
        pytest.param(b"a1 NO [ALERT] never\r\n", "<NO never> as the answer to a1 CAPABILITY", id="NO"),
        pytest.param(b"a1 OK done\r\n", "no list in the answer to a1 CAPABILITY", id="OK without a list"),
    ],
)
def test_no_list_at_all_is_a_fault_in_step(answer: bytes, detail: str) -> None:
    heard = imap(GREETING, answer, bye(2))
    assert heard.outline == (*TO_LIST, "! protocol_error", *goodbye(2))
    assert heard.details == (detail,)
    assert heard.findings.starttls_advertised is None


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"a2 OK done\r\n", id="another tag"),
        pytest.param(b"A1 OK done\r\n", id="tag in upper case"),
        pytest.param(b"+ go ahead\r\n", id="continuation"),
        pytest.param(b"a1 DONE\r\n", id="another word"),
        pytest.param(b"a1\r\n", id="lone tag"),
        pytest.param(b"*\r\n", id="lone star"),
        pytest.param(b"*OK\r\n", id="no space"),
        pytest.param(b"\r\n", id="empty line"),
        pytest.param(b"250 ok\r\n", id="SMTP"),
    ],
)
def test_an_answer_out_of_step_ends_the_session(answer: bytes) -> None:
    assert imap(GREETING, answer).outline == (*TO_LIST, "! protocol_error", "end")


@pytest.mark.parametrize("answer", [b"a2 NO not now\r\n", b"a2 BAD what?\r\n", b"* OK hm\r\na2 NO not now\r\n"])
def test_starttls_refused_gets_a_goodbye(answer: bytes) -> None:
    heard = imap(GREETING, LIST, answer, bye(3))
    assert heard.outline == (*TO_STARTTLS, "! starttls_rejected", *goodbye(3))
    assert heard.findings.starttls_advertised is True


def test_untagged_data_behind_the_answer_to_starttls_is_refused() -> None:
    said = (GREETING, LIST, b"a2 OK begin\r\n* CAPABILITY FORGED\r\n")
    heard = converse_in_pieces(Protocol.IMAP, TlsMode.STARTTLS, *said)
    assert heard.outline == (*TO_STARTTLS, "! starttls_plaintext_injected", "end")
    assert heard.details == ("21 bytes in the clear after the answer to a2 STARTTLS: <* CAPABILITY FORGED\\x0d\\x0a>",)


def test_untagged_data_may_come_unasked() -> None:
    said = (GREETING + b"* OK [ALERT] soon\r\n* 1 RECENT\r\n", LIST_WITHOUT, bye(2))
    heard = converse_in_pieces(Protocol.IMAP, TlsMode.STARTTLS, *said)
    assert heard.outline == (*TO_LIST, *goodbye(2))


def test_an_answer_that_comes_before_its_command_is_refused() -> None:
    said = (GREETING + b"* CAPABILITY FORGED\r\na1 OK\r\n",)
    heard = converse_in_pieces(Protocol.IMAP, TlsMode.STARTTLS, *said)
    assert heard.outline == ("! protocol_error", "end")
    assert heard.details == ("the server spoke before a1 CAPABILITY was sent: <a1 OK>",)


@pytest.mark.parametrize(
    ("said", "outline", "detail"),
    [
        pytest.param((), (), "closed instead of the greeting", id="at once"),
        pytest.param((b"* OK",), (), "closed instead of the greeting, after <* OK>", id="inside a line"),
        pytest.param((GREETING,), TO_LIST, "closed instead of the answer to a1 CAPABILITY", id="at CAPABILITY"),
        pytest.param(
            (GREETING, b"* BYE going down\r\n"),
            TO_LIST,
            "closed instead of the answer to a1 CAPABILITY, after <* BYE going down>",
            id="after BYE",
        ),
        pytest.param(
            (GREETING, b"* X {10}\r\n12345"),
            TO_LIST,
            "closed instead of the answer to a1 CAPABILITY, after <12345>",
            id="inside a literal",
        ),
        pytest.param((GREETING, LIST), TO_STARTTLS, "closed instead of the answer to a2 STARTTLS", id="at STARTTLS"),
    ],
)
def test_closing_before_the_goodbye_is_early(said: tuple[bytes, ...], outline: tuple[str, ...], detail: str) -> None:
    heard = imap(*said, CLOSES)
    assert heard.outline == (*outline, "! closed_early", "end")
    assert heard.details == (detail,)


@pytest.mark.parametrize(
    ("listed", "accepted"),
    [
        pytest.param(b"IMAP4rev1 LOGINDISABLED", False, id="login disabled"),
        pytest.param(b"IMAP4rev1 logindisabled AUTH=CRAM-MD5", False, id="login disabled, no password"),
        pytest.param(b"IMAP4rev1 LOGINDISABLED AUTH=PLAIN", True, id="login disabled but PLAIN"),
        pytest.param(b"IMAP4rev1 LOGINDISABLED auth=login", True, id="login disabled but LOGIN"),
        pytest.param(b"IMAP4rev1 AUTH=CRAM-MD5", True, id="login not disabled"),
        pytest.param(b"", True, id="empty list"),
    ],
)
def test_passwords_before_tls_are_read_from_the_list(listed: bytes, accepted: bool) -> None:
    heard = imap(GREETING, b"* CAPABILITY " + listed + b"\r\na1 OK\r\n", bye(2))
    assert heard.findings.cleartext_auth is accepted


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"* X {65536}\r\n", id="literal"),
        pytest.param(b"* 1 EXISTS\r\n" * 101, id="lines"),
        pytest.param(b"* " + b"x" * 4094, id="line"),
    ],
)
def test_an_endless_answer_is_cut_off(answer: bytes) -> None:
    assert imap(GREETING, answer).outline == (*TO_LIST, "! reply_too_long", "end")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"* BYE bye\r\na2 OK\r\n", id="BYE and OK"),
        pytest.param(b"a2 OK\r\n", id="OK alone"),
        pytest.param(b"a2 BAD what?\r\n", id="refused"),
        pytest.param(b"garbage\r\n", id="garbage"),
        pytest.param(CLOSES, id="closes"),
    ],
)
def test_nothing_that_happens_in_the_goodbye_is_a_failure(answer: Said) -> None:
    assert imap(GREETING, LIST_WITHOUT, answer).outline == (*TO_LIST, *goodbye(2))


def test_a_bye_without_its_tagged_answer_ends_with_the_stream() -> None:
    assert imap(GREETING, LIST_WITHOUT, b"* BYE bye\r\n", CLOSES).outline == (*TO_LIST, *goodbye(2))
