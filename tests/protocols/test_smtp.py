"""SMTP after the greeting: what EHLO and STARTTLS may be answered with, and what becomes of it."""

import pytest

from exporter.protocols.dialog import Send
from exporter.protocols.smtp import SmtpDialog
from exporter.results import Capability, Findings
from exporter.targets import Protocol, TlsMode
from tests.protocols.feeding import CLOSES, Heard, Said, converse, converse_in_pieces

GREETING = b"220 mx.example.org ESMTP\r\n"
EHLO = "> EHLO monitor.example.org"
HELO = "> HELO monitor.example.org"
LIST = b"250-mx.example.org\r\n250-SIZE 52428800\r\n250 STARTTLS\r\n"
LIST_WITHOUT = b"250-mx.example.org\r\n250 PIPELINING\r\n"
BYE = b"221 2.0.0 Bye\r\n"

TO_LIST = ("= capabilities", EHLO)
TO_STARTTLS = (*TO_LIST, "= starttls", "> STARTTLS")
TO_SECOND_LIST = (*TO_STARTTLS, "TLS", "= capabilities_tls", EHLO)
GOODBYE = ("= goodbye", "> QUIT", "end")


def smtp(*said: Said, tls: TlsMode = TlsMode.STARTTLS) -> Heard:
    return converse(Protocol.SMTP, tls, *said)


def capabilities(*lines: bytes) -> Findings:
    """What is found where these follow the first line of the answer to EHLO."""
    reply = b"250-mx.example.org\r\n" + b"".join(b"250-" + line + b"\r\n" for line in lines) + b"250 HELP\r\n"
    return smtp(GREETING, reply, BYE, tls=TlsMode.NONE).findings


def test_an_offered_upgrade_is_taken_and_the_capabilities_are_asked_for_again() -> None:
    heard = smtp(GREETING, LIST, b"220 2.0.0 Ready\r\n", LIST_WITHOUT, BYE)
    assert heard.outline == (*TO_SECOND_LIST, *GOODBYE)
    assert heard.findings == Findings(
        greeting_code=220,
        greeting="mx.example.org ESMTP",
        capabilities=(Capability("SIZE", ("52428800",)), Capability("STARTTLS")),
        capabilities_tls=(Capability("PIPELINING"),),
        starttls_advertised=True,
        starttls_offered_again=False,
        cleartext_auth=False,
        message_size_limit=None,
    )


def test_without_an_offer_the_session_stays_in_the_clear() -> None:
    heard = smtp(GREETING, LIST_WITHOUT, BYE)
    assert heard.outline == (*TO_LIST, *GOODBYE)
    assert heard.findings.starttls_advertised is False
    assert heard.findings.capabilities_tls is None
    assert heard.findings.starttls_offered_again is None


def test_mode_none_never_upgrades_but_tells_what_was_offered() -> None:
    heard = smtp(GREETING, LIST, BYE, tls=TlsMode.NONE)
    assert heard.outline == (*TO_LIST, *GOODBYE)
    assert heard.findings.starttls_advertised is True


def test_implicit_tls_has_no_unencrypted_findings() -> None:
    heard = smtp(GREETING, b"250-mx\r\n250 AUTH PLAIN\r\n", BYE, tls=TlsMode.IMPLICIT)
    assert heard.outline == ("= capabilities_tls", EHLO, *GOODBYE)
    assert heard.findings == Findings(
        greeting_code=220,
        greeting="mx.example.org ESMTP",
        capabilities_tls=(Capability("AUTH", ("PLAIN",)),),
        starttls_offered_again=False,
    )
    assert all(line.secured for line in heard.transcript)


@pytest.mark.parametrize("tls", [TlsMode.STARTTLS, TlsMode.IMPLICIT])
def test_starttls_inside_tls_is_noticed_and_not_taken(tls: TlsMode) -> None:
    before: tuple[Said, ...] = (LIST, b"220 go\r\n") if tls is TlsMode.STARTTLS else ()
    heard = smtp(GREETING, *before, LIST, BYE, tls=tls)
    assert heard.findings.starttls_offered_again is True
    assert heard.outline.count("> STARTTLS") == len(before) // 2


@pytest.mark.parametrize(
    "listed",
    [
        pytest.param(b"250-mx\r\n250-STARTTLS\r\n250 SIZE\r\n", id="after a hyphen"),
        pytest.param(b"250-mx\r\n250-SIZE\r\n250 STARTTLS\r\n", id="last, after a space"),
        pytest.param(b"250-mx\r\n250 starttls\r\n", id="lower case"),
        pytest.param(b"250-mx\r\n250 StartTLS\r\n", id="mixed case"),
        pytest.param(b"250-mx\r\n250-STARTTLS\r\n250\r\n", id="before a bare last code"),
        pytest.param(b"250-mx\n250 STARTTLS\n", id="bare line feeds"),
        pytest.param(b"250-mx\r\n250 STARTTLS \r\n", id="trailing space"),
        pytest.param(b"250-\r\n250-\r\n250 STARTTLS\r\n", id="among empty lines"),
    ],
)
def test_starttls_is_found_however_it_is_listed(listed: bytes) -> None:
    heard = smtp(GREETING, listed, b"220 go\r\n", LIST_WITHOUT, BYE)
    assert heard.outline == (*TO_SECOND_LIST, *GOODBYE)


@pytest.mark.parametrize(
    "listed",
    [
        pytest.param(b"250\r\n", id="bare code"),
        pytest.param(b"250 STARTTLS\r\n", id="as the server's name in the first line"),
        pytest.param(b"250-mx\r\n250 XXXXXXXA\r\n", id="overwritten by a middlebox"),
        pytest.param(b"250-mx\r\n250 XSTARTTLS\r\n", id="inside another word"),
        pytest.param(b"250-mx\r\n250 HELP STARTTLS\r\n", id="as a parameter"),
    ],
)
def test_starttls_is_not_found_where_it_is_not_listed(listed: bytes) -> None:
    heard = smtp(GREETING, listed, BYE)
    assert heard.outline == (*TO_LIST, *GOODBYE)
    assert heard.findings.starttls_advertised is False


@pytest.mark.parametrize("code", [500, 502])
def test_helo_is_tried_where_ehlo_is_unknown(code: int) -> None:
    heard = smtp(GREETING, b"%d what?\r\n" % code, b"250 mx\r\n", BYE)
    assert heard.outline == (*TO_LIST, HELO, *GOODBYE)
    assert heard.findings.capabilities == ()
    assert heard.findings.starttls_advertised is False
    assert heard.findings.cleartext_auth is False


def test_helo_may_be_refused_as_well() -> None:
    heard = smtp(GREETING, b"500 what?\r\n", b"550 no\r\n", BYE)
    assert heard.outline == (*TO_LIST, HELO, "! ehlo_rejected", *GOODBYE)
    assert heard.details == ("<550 no> as the answer to HELO monitor.example.org",)
    assert heard.findings.capabilities is None
    assert heard.findings.starttls_advertised is None


@pytest.mark.parametrize("code", [450, 501, 503, 504, 550, 554])
def test_ehlo_refused_otherwise_is_a_failure_with_a_goodbye(code: int) -> None:
    heard = smtp(GREETING, b"%d no\r\n" % code, BYE)
    assert heard.outline == (*TO_LIST, "! ehlo_rejected", *GOODBYE)
    assert heard.details == (f"<{code} no> as the answer to EHLO monitor.example.org",)
    assert heard.findings == Findings(greeting_code=220, greeting="mx.example.org ESMTP")


def test_421_as_an_answer_is_the_same_refusal_as_in_the_greeting() -> None:
    heard = smtp(GREETING, LIST, b"220 go\r\n", b"421 4.7.1 enough\r\n", BYE)
    assert heard.outline == (*TO_SECOND_LIST, "! greeting_rejected_temporarily", *GOODBYE)


@pytest.mark.parametrize("code", [500, 550])
def test_ehlo_refused_inside_tls_never_falls_back(code: int) -> None:
    heard = smtp(GREETING, LIST, b"220 go\r\n", b"%d no\r\n" % code, BYE)
    assert heard.outline == (*TO_SECOND_LIST, "! ehlo_rejected", *GOODBYE)
    assert heard.findings.capabilities_tls is None
    assert heard.findings.starttls_offered_again is None


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(b"what?\r\n", id="no reply"),
        pytest.param(b"250-mx\r\n220 mx\r\n", id="mixed codes"),
        pytest.param(b"220 mx again\r\n", id="a second greeting"),
        pytest.param(b"251 mx\r\n", id="another 2xx"),
        pytest.param(b"354 go\r\n", id="3xx"),
    ],
)
@pytest.mark.parametrize(
    ("before", "outline"),
    [
        pytest.param((GREETING,), TO_LIST, id="EHLO"),
        pytest.param((GREETING, b"502 no\r\n"), (*TO_LIST, HELO), id="HELO"),
        pytest.param((GREETING, LIST, b"220 go\r\n"), TO_SECOND_LIST, id="EHLO inside TLS"),
    ],
)
def test_an_answer_out_of_step_ends_the_session(
    before: tuple[bytes, ...], outline: tuple[str, ...], reply: bytes
) -> None:
    assert smtp(*before, reply).outline == (*outline, "! protocol_error", "end")


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (b"454 4.7.0 TLS not available\r\n", "starttls_rejected"),
        (b"501 no parameters\r\n", "starttls_rejected"),
        (b"502 not implemented\r\n", "starttls_rejected"),
        (b"554-no\r\n554 no\r\n", "starttls_rejected"),
        (b"421 closing\r\n", "greeting_rejected_temporarily"),
    ],
)
def test_starttls_advertised_but_refused_gets_a_goodbye(reply: bytes, outcome: str) -> None:
    heard = smtp(GREETING, LIST, reply, BYE)
    assert heard.outline == (*TO_STARTTLS, f"! {outcome}", *GOODBYE)
    assert heard.findings.starttls_advertised is True
    assert heard.findings.message_size_limit == 52428800


@pytest.mark.parametrize("reply", [b"250 ok\r\n", b"334 \r\n", b"* OK\r\n"])
def test_starttls_answered_out_of_step_starts_no_tls(reply: bytes) -> None:
    assert smtp(GREETING, LIST, reply).outline == (*TO_STARTTLS, "! protocol_error", "end")


def test_a_positive_answer_to_starttls_may_have_two_lines() -> None:
    heard = smtp(GREETING, LIST, b"220-well\r\n220 go\r\n", LIST_WITHOUT, BYE)
    assert heard.outline == (*TO_SECOND_LIST, *GOODBYE)


@pytest.mark.parametrize(
    ("lines", "limit"),
    [
        pytest.param((b"SIZE 35882577",), 35882577, id="limit"),
        pytest.param((b"size 10",), 10, id="lower case"),
        pytest.param((b"SIZE 0",), None, id="zero is no fixed limit"),
        pytest.param((b"SIZE",), None, id="no parameter"),
        pytest.param((b"SIZE many",), None, id="no number"),
        pytest.param((b"SIZE -1",), None, id="negative"),
        pytest.param((b"SIZE " + b"9" * 20,), 10**20 - 1, id="as many digits as a size may have"),
        pytest.param((b"SIZE " + b"9" * 21,), None, id="more digits than any size"),
        pytest.param((b"SIZE=10",), None, id="another separator"),
        pytest.param((), None, id="not listed"),
    ],
)
def test_the_message_size_limit_is_read_from_size(lines: tuple[bytes, ...], limit: int | None) -> None:
    assert capabilities(*lines).message_size_limit == limit


def test_the_last_list_decides_the_message_size_limit() -> None:
    heard = smtp(GREETING, LIST, b"220 go\r\n", b"250-mx\r\n250 SIZE 99\r\n", BYE)
    assert heard.findings.message_size_limit == 99


@pytest.mark.parametrize(
    ("lines", "accepted"),
    [
        pytest.param((b"AUTH PLAIN LOGIN",), True, id="both"),
        pytest.param((b"AUTH CRAM-MD5 login",), True, id="among others, lower case"),
        pytest.param((b"AUTH=LOGIN",), True, id="old form"),
        pytest.param((b"AUTH=CRAM-MD5 PLAIN",), True, id="old form, second mechanism"),
        pytest.param((b"AUTH CRAM-MD5 SCRAM-SHA-256",), False, id="none that sends the password"),
        pytest.param((b"AUTH=CRAM-MD5",), False, id="old form, none that sends the password"),
        pytest.param((b"AUTH",), False, id="none at all"),
        pytest.param((b"XAUTH PLAIN",), False, id="another keyword"),
        pytest.param((), False, id="not listed"),
    ],
)
def test_passwords_before_tls_are_read_from_auth(lines: tuple[bytes, ...], accepted: bool) -> None:
    assert capabilities(*lines).cleartext_auth is accepted


def test_auth_inside_tls_says_nothing_about_cleartext() -> None:
    heard = smtp(GREETING, LIST, b"220 go\r\n", b"250-mx\r\n250 AUTH PLAIN\r\n", BYE)
    assert heard.findings.cleartext_auth is False


@pytest.mark.parametrize(
    ("said", "outline", "detail"),
    [
        pytest.param((), (), "closed instead of the greeting", id="at once"),
        pytest.param((b"220-mx\r\n",), (), "closed instead of the greeting", id="inside the greeting"),
        pytest.param((b"\x15\x03",), (), "closed instead of the greeting, after <\\x15\\x03>", id="inside a line"),
        pytest.param((GREETING,), TO_LIST, "closed instead of the answer to EHLO monitor.example.org", id="at EHLO"),
        pytest.param((GREETING, LIST), TO_STARTTLS, "closed instead of the answer to STARTTLS", id="at STARTTLS"),
        pytest.param(
            (GREETING, LIST, b"220 go\r\n"),
            TO_SECOND_LIST,
            "closed instead of the answer to EHLO monitor.example.org",
            id="inside TLS",
        ),
    ],
)
def test_closing_before_the_goodbye_is_early(said: tuple[bytes, ...], outline: tuple[str, ...], detail: str) -> None:
    heard = smtp(*said, CLOSES)
    assert heard.outline == (*outline, "! closed_early", "end")
    assert heard.details == (detail,)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(BYE, id="221"),
        pytest.param(b"221-good\r\n221 bye\r\n", id="221 in two lines"),
        pytest.param(CLOSES, id="closes, as Exchange does"),
        pytest.param(b"500 what?\r\n", id="refused"),
        pytest.param(b"garbage\r\n", id="no reply"),
        pytest.param(b"x" * 4096, id="endless line"),
    ],
)
def test_nothing_that_happens_in_the_goodbye_is_a_failure(answer: Said) -> None:
    assert smtp(GREETING, LIST_WITHOUT, answer).outline == (*TO_LIST, *GOODBYE)


@pytest.mark.parametrize(
    ("said", "outline"),
    [
        pytest.param((b"220 " + b"x" * 4092,), (), id="greeting without an end"),
        pytest.param((b"220-x\r\n" * 101,), (), id="greeting of too many lines"),
        pytest.param(
            (b"220-" + b"x" * 4000 + b"\r\n",) * 16 + (b"220-" + b"x" * 4000 + b"\r\n",),
            (),
            id="greeting of too many bytes",
        ),
        pytest.param((GREETING, b"250-x\r\n" * 101), TO_LIST, id="list of too many lines"),
    ],
)
def test_an_endless_server_is_cut_off(said: tuple[bytes, ...], outline: tuple[str, ...]) -> None:
    assert smtp(*said).outline == (*outline, "! reply_too_long", "end")


def test_a_shutdown_notice_stands_for_the_next_answer() -> None:
    notice = b"421 4.3.2 Shutting down\r\n"
    heard = converse_in_pieces(Protocol.SMTP, TlsMode.STARTTLS, GREETING + notice, CLOSES)
    assert heard.outline == (*TO_LIST, "! greeting_rejected_temporarily", *GOODBYE)
    assert heard.details == ("<421 4.3.2 Shutting down> as the answer to EHLO monitor.example.org",)


@pytest.mark.parametrize(
    "name",
    ["monitor.example.org", "[192.0.2.1]", "[IPv6:2001:db8::1]", "a" * 255],
    ids=["domain", "IPv4 literal", "IPv6 literal", "longest"],
)
def test_a_name_for_ehlo_is_sent_as_it_is(name: str) -> None:
    dialog = SmtpDialog(ehlo_name=name, tls=TlsMode.NONE)
    dialog.receive(GREETING)
    dialog.next_action()
    assert dialog.next_action() == Send(f"EHLO {name}\r\n".encode())


@pytest.mark.parametrize(
    "name",
    ["", "a b", "a\r\nMAIL FROM:<>", "m\u00fcller.example", "a" * 256],
    ids=["empty", "two words", "two commands", "not ASCII", "too long"],
)
def test_a_name_that_would_break_the_command_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a name for EHLO"):
        SmtpDialog(ehlo_name=name, tls=TlsMode.NONE)
