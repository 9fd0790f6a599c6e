"""Each finding about the way into TLS, from the bytes of a server that shows it: whole, byte by byte, in every dialog.

What arises from the handshake itself is not in a dialog's bytes; see the demo's servers and the real ones for that.
"""

from dataclasses import dataclass

import pytest

from exporter.judgement.security import StarttlsMemory, TlsFinding, tls_findings
from exporter.results import Outcome, Phase, ProbeResult
from exporter.targets import (
    AuthRule,
    Expectation,
    IpFamily,
    PortState,
    Protocol,
    Service,
    StarttlsRule,
    Target,
    TlsMode,
)
from tests.protocols.feeding import CLOSES, FOREIGN, Heard, Said, converse, converse_in_pieces

SMTP, IMAP, POP3, SIEVE = Protocol.SMTP, Protocol.IMAP, Protocol.POP3, Protocol.SIEVE
PORTS = {SMTP: 25, IMAP: 143, POP3: 110, SIEVE: 4190}
F = TlsFinding

NEVER = StarttlsMemory()
ONCE_OFFERED = StarttlsMemory(last_offered=1000.0)
NOW = 2000.0


@dataclass(frozen=True, slots=True)
class Words:
    """What a friendly server of one protocol says, one after the other.

    `offering` and `silent` are greeting and list, with STARTTLS in it and without; the numbers in IMAP's answers are
    those of a session that asks for the list once before TLS.
    """

    offering: tuple[bytes, ...]
    silent: tuple[bytes, ...]
    ready: bytes
    refusal: bytes
    inside: bytes
    inside_offering: bytes


WORDS = {
    SMTP: Words(
        offering=(b"220 mx.example.org ESMTP\r\n", b"250-mx.example.org\r\n250-SIZE 1000\r\n250 STARTTLS\r\n"),
        silent=(b"220 mx.example.org ESMTP\r\n", b"250-mx.example.org\r\n250 SIZE 1000\r\n"),
        ready=b"220 2.0.0 Ready to start TLS\r\n",
        refusal=b"454 4.7.0 TLS not available due to local problem\r\n",
        inside=b"250-mx.example.org\r\n250 AUTH PLAIN\r\n",
        inside_offering=b"250-mx.example.org\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n",
    ),
    IMAP: Words(
        offering=(b"* OK ready\r\n", b"* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\na1 OK done\r\n"),
        silent=(b"* OK ready\r\n", b"* CAPABILITY IMAP4rev1 LOGINDISABLED\r\na1 OK done\r\n"),
        ready=b"a2 OK Begin TLS negotiation now.\r\n",
        refusal=b"a2 NO TLS is not available\r\n",
        inside=b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\na3 OK done\r\n",
        inside_offering=b"* CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN\r\na3 OK done\r\n",
    ),
    POP3: Words(
        offering=(b"+OK ready\r\n", b"+OK\r\nTOP\r\nSTLS\r\n.\r\n"),
        silent=(b"+OK ready\r\n", b"+OK\r\nTOP\r\n.\r\n"),
        ready=b"+OK Begin TLS negotiation now.\r\n",
        refusal=b"-ERR TLS is not available\r\n",
        inside=b"+OK\r\nUSER\r\nSASL PLAIN\r\n.\r\n",
        inside_offering=b"+OK\r\nSTLS\r\nSASL PLAIN\r\n.\r\n",
    ),
    SIEVE: Words(
        offering=(b'"IMPLEMENTATION" "x"\r\n"SASL" ""\r\n"STARTTLS"\r\nOK "ready"\r\n',),
        silent=(b'"IMPLEMENTATION" "x"\r\n"SASL" ""\r\nOK "ready"\r\n',),
        ready=b'OK "Begin TLS negotiation now."\r\n',
        refusal=b'NO "TLS support isn\'t enabled."\r\n',
        inside=b'"IMPLEMENTATION" "x"\r\n"SASL" "PLAIN"\r\nOK\r\n',
        inside_offering=b'"IMPLEMENTATION" "x"\r\n"SASL" "PLAIN"\r\n"STARTTLS"\r\nOK\r\n',
    ),
}

EVERY_PROTOCOL = pytest.mark.parametrize("protocol", WORDS, ids=str)


def result_of(heard: Heard, protocol: Protocol, tls: TlsMode) -> ProbeResult:
    """The result that a probe makes of what its dialog did."""
    outcome, phase, failed = Outcome.OK, Phase.TLS if tls is TlsMode.IMPLICIT else Phase.GREETING, False
    for word in heard.outline:
        kind, _, rest = word.partition(" ")
        if kind == "!":
            outcome, failed = Outcome(rest), True
        elif not failed and kind == "=":
            phase = Phase(rest)
        elif not failed and kind == "TLS":
            phase = Phase.TLS
    expects = Expectation(PortState.OPEN, StarttlsRule.REQUIRED, True, AuthRule.FORBIDDEN)
    target = Target("mail.example.org", Service(PORTS[protocol], protocol, tls), IpFamily.IPV4, expects)
    return ProbeResult(target, NOW, 0.1, outcome, phase, port_open=True, findings=heard.findings)


def found(
    protocol: Protocol, *said: Said, tls: TlsMode = TlsMode.STARTTLS, memory: StarttlsMemory = NEVER
) -> tuple[TlsFinding, ...]:
    """The findings of a session in which the server says this, and then closes instead of a goodbye."""
    result = result_of(converse(protocol, tls, *said), protocol, tls)
    return tls_findings(result, memory.after(result))


@EVERY_PROTOCOL
def test_a_friendly_server_shows_nothing(protocol: Protocol) -> None:
    words = WORDS[protocol]
    assert found(protocol, *words.offering, words.ready, words.inside, CLOSES, memory=ONCE_OFFERED) == ()


@EVERY_PROTOCOL
def test_starttls_that_is_not_listed_any_more_is_lost(protocol: Protocol) -> None:
    silent = WORDS[protocol].silent
    assert found(protocol, *silent, CLOSES, memory=ONCE_OFFERED) == (F.STARTTLS_LOST,)
    assert found(protocol, *silent, CLOSES) == ()


@EVERY_PROTOCOL
def test_what_a_session_saw_offered_the_next_one_can_miss(protocol: Protocol) -> None:
    words = WORDS[protocol]
    first = result_of(
        converse(protocol, TlsMode.STARTTLS, *words.offering, words.refusal, CLOSES), protocol, TlsMode.STARTTLS
    )
    second = result_of(converse(protocol, TlsMode.STARTTLS, *words.silent, CLOSES), protocol, TlsMode.STARTTLS)
    memory = NEVER.after(first).after(second)
    assert memory == StarttlsMemory(last_offered=NOW, lost_since=NOW)
    assert tls_findings(second, memory) == (F.STARTTLS_LOST,)


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        pytest.param(SMTP, (b"220 mx\r\n", b"502 what?\r\n", b"250 mx\r\n"), id="SMTP without EHLO"),
        pytest.param(POP3, (b"+OK\r\n", b"-ERR what?\r\n"), id="POP3 without CAPA"),
    ],
)
def test_a_server_that_has_no_list_any_more_has_lost_starttls(protocol: Protocol, said: tuple[bytes, ...]) -> None:
    assert found(protocol, *said, CLOSES, memory=ONCE_OFFERED) == (F.STARTTLS_LOST,)


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        pytest.param(SMTP, (b"421 busy\r\n",), id="SMTP, turned away"),
        pytest.param(SMTP, (b"220 mx\r\n", b"550 no\r\n"), id="SMTP, EHLO refused"),
        pytest.param(IMAP, (b"* BYE busy\r\n",), id="IMAP, turned away"),
        pytest.param(IMAP, (b"* OK\r\n", b"a1 BAD no\r\n"), id="IMAP, CAPABILITY refused"),
        pytest.param(POP3, (b"-ERR busy\r\n",), id="POP3, turned away"),
        pytest.param(SIEVE, (b'BYE "busy"\r\n',), id="ManageSieve, turned away"),
    ],
)
def test_a_server_that_does_not_get_to_its_list_has_lost_nothing(protocol: Protocol, said: tuple[bytes, ...]) -> None:
    assert found(protocol, *said, CLOSES, memory=ONCE_OFFERED) == ()


def smtp_list(*keywords: bytes) -> bytes:
    return b"250-mx.example.org\r\n" + b"".join(b"250-" + word + b"\r\n" for word in keywords) + b"250 8BITMIME\r\n"


@pytest.mark.parametrize("keyword", [b"XXXXXXXA", b"XXXXXXXX", b"XXXXXTLS", b"xxxxxxxa"], ids=bytes.decode)
def test_an_overwritten_keyword_is_mangled(keyword: bytes) -> None:
    said = (b"220 mx.example.org ESMTP\r\n", smtp_list(b"PIPELINING", keyword, b"XXXB"))
    assert found(SMTP, *said, CLOSES) == (F.STARTTLS_MANGLED,)
    assert found(SMTP, *said, CLOSES, memory=ONCE_OFFERED) == (F.STARTTLS_LOST, F.STARTTLS_MANGLED)


def test_what_a_device_between_lets_through_of_a_session_is_mangled_and_masked() -> None:
    greeting = b"220 ****************0*******\r\n"
    both = (F.STARTTLS_MANGLED, F.GREETING_MASKED)
    assert found(SMTP, greeting, smtp_list(b"XXXXXXXA", b"XXXB"), CLOSES) == both


@pytest.mark.parametrize(
    "greeting",
    [
        pytest.param(b"220 ****************0*******\r\n", id="one line"),
        pytest.param(b"220-*************\r\n220 ****2**0\r\n", id="two lines"),
        pytest.param(b"220 " + b"*" * 60 + b"\r\n", id="without an exception"),
    ],
)
def test_a_masked_greeting_is_found_whatever_becomes_of_starttls(greeting: bytes) -> None:
    _, listed = WORDS[SMTP].offering
    said = (greeting, listed, WORDS[SMTP].ready, WORDS[SMTP].inside)
    assert found(SMTP, *said, CLOSES) == (F.GREETING_MASKED,)


def test_a_server_that_turns_us_away_behind_asterisks_is_masked() -> None:
    assert found(SMTP, b"554 ********0**\r\n", CLOSES) == (F.GREETING_MASKED,)


@EVERY_PROTOCOL
def test_starttls_that_is_offered_and_refused_is_refused(protocol: Protocol) -> None:
    words = WORDS[protocol]
    assert found(protocol, *words.offering, words.refusal, CLOSES) == (F.STARTTLS_REFUSED,)


@EVERY_PROTOCOL
@pytest.mark.parametrize("answer", [CLOSES, FOREIGN], ids=["closed", "nonsense"])
def test_starttls_that_is_offered_and_not_answered_is_failed(protocol: Protocol, answer: Said) -> None:
    assert found(protocol, *WORDS[protocol].offering, answer) == (F.STARTTLS_FAILED,)


def test_a_server_that_shuts_down_when_asked_for_tls_has_nothing_against_tls() -> None:
    assert found(SMTP, *WORDS[SMTP].offering, b"421 4.3.2 shutting down\r\n", CLOSES) == ()


@EVERY_PROTOCOL
def test_words_behind_the_answer_to_starttls_are_injected(protocol: Protocol) -> None:
    words = WORDS[protocol]
    heard = converse_in_pieces(protocol, TlsMode.STARTTLS, *words.offering, words.ready + words.inside)
    result = result_of(heard, protocol, TlsMode.STARTTLS)
    assert tls_findings(result, NEVER.after(result)) == (F.STARTTLS_PLAINTEXT_INJECTED,)
    assert result.findings.capabilities_tls is None


@EVERY_PROTOCOL
def test_starttls_inside_tls_is_offered_again(protocol: Protocol) -> None:
    words = WORDS[protocol]
    assert found(protocol, *words.offering, words.ready, words.inside_offering, CLOSES) == (F.STARTTLS_OFFERED_AGAIN,)


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        pytest.param(SMTP, (b"220 mx\r\n", WORDS[SMTP].inside_offering), id="smtp"),
        pytest.param(IMAP, (b"* OK\r\n", b"* CAPABILITY IMAP4rev1 STARTTLS\r\na1 OK done\r\n"), id="imap"),
        pytest.param(POP3, (b"+OK\r\n", WORDS[POP3].inside_offering), id="pop3"),
        pytest.param(SIEVE, (WORDS[SIEVE].inside_offering,), id="sieve"),
    ],
)
def test_of_all_findings_only_a_needless_offer_fits_implicit_tls(protocol: Protocol, said: tuple[bytes, ...]) -> None:
    assert found(protocol, *said, CLOSES, tls=TlsMode.IMPLICIT, memory=ONCE_OFFERED) == (F.STARTTLS_OFFERED_AGAIN,)


@pytest.mark.parametrize(
    "greeting",
    [b"* PREAUTH welcome\r\n", b"* PREAUTH [CAPABILITY IMAP4rev1 SASL-IR] Logged in as test\r\n"],
    ids=["asked", "listed in the greeting"],
)
@pytest.mark.parametrize(
    ("tls", "expected"),
    [
        (TlsMode.STARTTLS, (F.PREAUTHENTICATED,)),
        (TlsMode.NONE, (F.PREAUTHENTICATED,)),
        (TlsMode.IMPLICIT, ()),
    ],
    ids=str,
)
def test_preauth_is_found_in_the_clear(greeting: bytes, tls: TlsMode, expected: tuple[TlsFinding, ...]) -> None:
    listed = () if b"[" in greeting else (b"* CAPABILITY IMAP4rev1\r\na1 OK done\r\n",)
    assert found(IMAP, greeting, *listed, CLOSES, tls=tls, memory=ONCE_OFFERED) == expected


def test_an_attacker_who_says_preauth_cannot_hide_it_behind_an_offer() -> None:
    greeting = b"* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] welcome\r\n"
    assert found(IMAP, greeting, CLOSES) == (F.PREAUTHENTICATED,)


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        pytest.param(SMTP, (b"220 mx\r\n", smtp_list(b"AUTH PLAIN LOGIN")), id="smtp"),
        pytest.param(SMTP, (b"220 mx\r\n", smtp_list(b"AUTH=LOGIN")), id="smtp, old form"),
        pytest.param(IMAP, (b"* OK [CAPABILITY IMAP4rev1] ready\r\n",), id="imap, LOGIN"),
        pytest.param(IMAP, (b"* OK [CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=PLAIN] ready\r\n",), id="imap, PLAIN"),
        pytest.param(POP3, (b"+OK\r\n", b"+OK\r\nUSER\r\n.\r\n"), id="pop3, USER"),
        pytest.param(POP3, (b"+OK\r\n", b"+OK\r\nSASL LOGIN\r\n.\r\n"), id="pop3, SASL"),
        pytest.param(SIEVE, (b'"SASL" "PLAIN"\r\nOK\r\n',), id="sieve"),
    ],
)
@pytest.mark.parametrize("tls", [TlsMode.STARTTLS, TlsMode.NONE], ids=str)
def test_passwords_in_the_clear_are_found(protocol: Protocol, said: tuple[bytes, ...], tls: TlsMode) -> None:
    assert found(protocol, *said, CLOSES, tls=tls) == (F.CLEARTEXT_AUTH,)
