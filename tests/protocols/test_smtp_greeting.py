"""SMTP's greeting: which one begins a session, which one refuses it and which one is none."""

import pytest

from exporter.results import Findings
from exporter.targets import Protocol, TlsMode
from tests.protocols.feeding import CLOSES, Heard, Said, converse, converse_in_pieces

LIST = b"250-mx.example.org\r\n250 PIPELINING\r\n"
BYE = b"221 2.0.0 Bye\r\n"

TO_LIST = ("= capabilities", "> EHLO monitor.example.org")
GOODBYE = ("= goodbye", "> QUIT", "end")


def smtp(*said: Said) -> Heard:
    return converse(Protocol.SMTP, TlsMode.STARTTLS, *said)


@pytest.mark.parametrize(
    ("greeting", "outcome", "code", "text"),
    [
        pytest.param(b"421 4.3.2 Busy\r\n", "greeting_rejected_temporarily", 421, "4.3.2 Busy", id="421"),
        pytest.param(b"450 Greylisted\r\n", "greeting_rejected_temporarily", 450, "Greylisted", id="450"),
        pytest.param(b"554 Go away\r\n", "greeting_rejected", 554, "Go away", id="554"),
        pytest.param(
            b"554-You\r\n554 are listed\r\n", "greeting_rejected", 554, "You are listed", id="554 in two lines"
        ),
        pytest.param(b"521 No mail here\r\n", "greeting_rejected", 521, "No mail here", id="521"),
        pytest.param(b"599\r\n", "greeting_rejected", 599, "", id="unknown 5xx"),
        pytest.param(b"250 mx\r\n", "greeting_invalid", 250, "mx", id="another 2xx"),
        pytest.param(b"354 go on\r\n", "greeting_invalid", 354, "go on", id="3xx"),
    ],
)
def test_a_refusing_greeting_gets_a_goodbye(greeting: bytes, outcome: str, code: int, text: str) -> None:
    heard = smtp(greeting, b"221 bye\r\n")
    assert heard.outline == (f"! {outcome}", *GOODBYE)
    assert heard.findings == Findings(greeting_code=code, greeting=text)
    assert heard.details[0].startswith(f"greeted with <{code} ")


def test_a_server_that_closes_after_421_is_no_second_failure() -> None:
    assert smtp(b"421 shutting down\r\n", CLOSES).outline == ("! greeting_rejected_temporarily", *GOODBYE)


@pytest.mark.parametrize(
    "greeting",
    [
        pytest.param(b"hello\r\n", id="no digits"),
        pytest.param(b"\r\n", id="empty line"),
        pytest.param(b"22\r\n", id="two digits"),
        pytest.param(b"2200 mx\r\n", id="four digits"),
        pytest.param(b"220:mx\r\n", id="another separator"),
        pytest.param(b"150 mx\r\n", id="first digit 1"),
        pytest.param(b"620 mx\r\n", id="first digit 6"),
        pytest.param(b"\xb2\xb20 mx\r\n", id="digits that are not ASCII"),
        pytest.param(b"\x00\xff\x80\r\n", id="eight bits and NUL"),
        pytest.param(b"220-mx\r\n250 mx\r\n", id="mixed codes"),
        pytest.param(b"220-mx\r\nwelcome\r\n", id="text inside a reply"),
    ],
)
def test_a_greeting_that_is_no_reply_ends_the_session(greeting: bytes) -> None:
    heard = smtp(greeting)
    assert heard.outline == ("! greeting_invalid", "end")
    assert heard.findings == Findings()


@pytest.mark.parametrize(
    ("greeting", "language"),
    [
        (b"* OK [CAPABILITY IMAP4rev1] ready\r\n", "IMAP"),
        (b"+OK ready\r\n", "POP3"),
        (b"-ERR busy\r\n", "POP3"),
        (b'"IMPLEMENTATION" "Example"\r\n', "ManageSieve"),
        (b"HTTP/1.1 400 Bad Request\r\n", "HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "SSH"),
    ],
)
def test_another_protocol_is_named(greeting: bytes, language: str) -> None:
    heard = smtp(greeting)
    assert heard.outline == ("! greeting_invalid", "end")
    assert heard.details[0].endswith(f"instead of the greeting, which is {language}")


def test_nothing_is_sent_before_the_last_line_of_the_greeting() -> None:
    heard = smtp(b"220-mx.example.org ESMTP\r\n", b"220-please wait\r\n", b"220 done\r\n", LIST, BYE)
    assert heard.outline == (*TO_LIST, *GOODBYE)
    assert heard.findings.greeting == "mx.example.org ESMTP please wait done"


@pytest.mark.parametrize(
    ("greeting", "text"),
    [
        pytest.param(b"220\r\n", "", id="bare code"),
        pytest.param(b"220 \r\n", "", id="no host name"),
        pytest.param(b"220 ****02***0**\r\n", "****02***0**", id="starred by a middlebox"),
        pytest.param(b"220 caf\xc3\xa9\x1b[2J\r\n", "caf\\xc3\\xa9\\x1b[2J", id="control and eight-bit characters"),
        pytest.param(b"220 mx\n", "mx", id="bare line feed"),
    ],
)
def test_odd_but_valid_greetings_are_accepted(greeting: bytes, text: str) -> None:
    heard = smtp(greeting, LIST, BYE)
    assert heard.outline == (*TO_LIST, *GOODBYE)
    assert heard.findings.greeting == text


def test_a_long_greeting_is_cut() -> None:
    greeting = smtp(b"220 " + b"x" * 4000 + b"\r\n", LIST, BYE).findings.greeting
    assert greeting == "x" * 511 + "…"


def test_a_greeting_of_ten_kibibytes_is_refused_even_when_it_is_whole() -> None:
    heard = converse_in_pieces(Protocol.SMTP, TlsMode.STARTTLS, b"220 " + b"x" * 10_236 + b"\r\n")
    assert heard.outline == ("! reply_too_long", "end")
    assert heard.details == ("a line of more than 4096 bytes instead of the greeting",)
