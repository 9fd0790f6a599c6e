"""One session against servers that do what real ones cannot be made to do; what is seen, and how it ends."""

import asyncio
import hashlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from exporter.demo.mint import Authority, Credential
from exporter.demo.scripted import (
    Answer,
    Close,
    Drip,
    Expect,
    Hang,
    Inject,
    Repeat,
    Reset,
    Script,
    ScriptedServer,
    Send,
    StartTls,
)
from exporter.demo.tls import ServerTls
from exporter.probe.certificate.judge import CertificateJudge
from exporter.probe.certificate.trust import TrustStores
from exporter.probe.prober import Prober
from exporter.probe.session import Means
from exporter.probe.tls import TlsClient
from exporter.probe.watch import READ, watch
from exporter.results import Capability, CertificateFault, LatencyClock, Outcome, Phase, ProbeResult
from exporter.targets import Protocol, Timeouts, TlsMode, Variant
from tests.manual_loop import ManualLoop, run
from tests.probe.conftest import NOW, Addresses, at_once, target

T = TypeVar("T")

Probe = Callable[..., Awaitable[ProbeResult]]

GREETING = Send(b"220 mail.example.org ESMTP\r\n")
EHLO = Expect(rb"EHLO monitor\.example\.org")
OFFER = Send(b"250-mail.example.org\r\n250-SIZE 1000\r\n250 STARTTLS\r\n")
READY = Send(b"220 go ahead\r\n")
GOODBYE = (Expect(b"QUIT"), Send(b"221 bye\r\n"))

SMTP, IMAP, POP3, SIEVE = Protocol.SMTP, Protocol.IMAP, Protocol.POP3, Protocol.SIEVE
NONE, STARTTLS, IMPLICIT = TlsMode.NONE, TlsMode.STARTTLS, TlsMode.IMPLICIT

O = Outcome  # noqa: E741 (the table below is read by columns)


def upgraded(tls: ServerTls) -> Script:
    """A whole healthy SMTP session with STARTTLS."""
    return [
        *(GREETING, EHLO, OFFER, Expect(b"STARTTLS"), READY, StartTls(tls), EHLO),
        Send(b"250-mail.example.org\r\n250 AUTH PLAIN\r\n"),
        *GOODBYE,
    ]


Make = Callable[[ServerTls], Script]

HEALTHY: dict[str, tuple[Protocol, TlsMode, Make]] = {
    "SMTP, STARTTLS": (SMTP, STARTTLS, upgraded),
    "SMTP, implicit TLS": (
        SMTP,
        IMPLICIT,
        lambda tls: [StartTls(tls), GREETING, EHLO, Send(b"250 mail.example.org\r\n"), *GOODBYE],
    ),
    "SMTP, no TLS": (SMTP, NONE, lambda _: [GREETING, EHLO, OFFER, *GOODBYE]),
    "SMTP, STARTTLS, in single bytes": (
        SMTP,
        STARTTLS,
        lambda tls: [
            *(Drip(GREETING.data), EHLO, Drip(OFFER.data), Expect(b"STARTTLS"), Drip(READY.data), StartTls(tls), EHLO),
            *(Drip(b"250-mail.example.org\r\n250 AUTH PLAIN\r\n"), Expect(b"QUIT"), Drip(b"221 bye\r\n")),
        ],
    ),
    "IMAP, STARTTLS": (
        IMAP,
        STARTTLS,
        lambda tls: [
            *(Send(b"* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] hello\r\n"), Expect(rb"\w+ STARTTLS")),
            *(Answer(b"OK go ahead\r\n"), StartTls(tls), Expect(rb"\w+ CAPABILITY")),
            *(Send(b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n"), Answer(b"OK done\r\n")),
            *(Expect(rb"\w+ LOGOUT"), Send(b"* BYE bye\r\n"), Answer(b"OK done\r\n")),
        ],
    ),
    "POP3, STLS": (
        POP3,
        STARTTLS,
        lambda tls: [
            *(Send(b"+OK hello\r\n"), Expect(b"CAPA"), Send(b"+OK\r\nSTLS\r\nTOP\r\n.\r\n"), Expect(b"STLS")),
            *(Send(b"+OK go ahead\r\n"), StartTls(tls), Expect(b"CAPA"), Send(b"+OK\r\nUSER\r\n.\r\n")),
            *(Expect(b"QUIT"), Send(b"+OK bye\r\n")),
        ],
    ),
    "ManageSieve, STARTTLS": (
        SIEVE,
        STARTTLS,
        lambda tls: [
            *(Send(b'"IMPLEMENTATION" "x"\r\n"SASL" ""\r\n"STARTTLS"\r\nOK\r\n'), Expect(b"STARTTLS"), Send(b"OK\r\n")),
            *(
                StartTls(tls),
                Send(b'"IMPLEMENTATION" "x"\r\n"SASL" "PLAIN"\r\nOK\r\n'),
                Expect(b"LOGOUT"),
                Send(b"OK\r\n"),
            ),
        ],
    ),
    "Exchange closes right after QUIT": (SMTP, NONE, lambda _: [GREETING, EHLO, OFFER, Expect(b"QUIT"), Close()]),
    "QUIT is answered by a reset": (SMTP, NONE, lambda _: [GREETING, EHLO, OFFER, Expect(b"QUIT"), Reset()]),
    "no close alert at the end": (
        SMTP,
        IMPLICIT,
        lambda tls: [StartTls(tls), GREETING, EHLO, Send(b"250 mail.example.org\r\n"), *GOODBYE, Close(alert=False)],
    ),
}


@pytest.mark.parametrize("case", HEALTHY)
async def test_a_healthy_session_is_in_order_from_greeting_to_goodbye(
    case: str, probe: Probe, server_tls: ServerTls
) -> None:
    protocol, tls, make = HEALTHY[case]
    async with ScriptedServer(make(server_tls)) as server:
        result = await probe(server.port, protocol, tls)
        await server.finished()

    assert (result.detail, result.outcome, result.phase) == ("", Outcome.OK, Phase.GOODBYE)
    assert result.port_open is True
    assert server.faults == []
    if tls is not NONE:
        assert result.tls is not None
        assert result.verdict is not None
        assert result.verdict.valid


async def test_goodbye_is_never_waited_for_longer_than_two_seconds(probe: Probe) -> None:
    async with ScriptedServer([GREETING, EHLO, OFFER, Expect(b"QUIT"), Hang()]) as server:
        async with asyncio.timeout(10):
            result = await probe(server.port, tls=NONE)

    assert result.outcome is Outcome.OK
    assert Phase.GOODBYE not in dict(result.durations)


FAILING: dict[str, tuple[Protocol, TlsMode, Make, Outcome, Phase]] = {
    "421 greeting": (
        SMTP,
        STARTTLS,
        lambda _: [Send(b"421 too busy\r\n"), Expect(b"QUIT"), Send(b"221 bye\r\n")],
        O.GREETING_REJECTED_TEMPORARILY,
        Phase.GREETING,
    ),
    "421 and closed at once": (
        *(SMTP, STARTTLS, lambda _: [Send(b"421 too busy\r\n"), Close()]),
        *(O.GREETING_REJECTED_TEMPORARILY, Phase.GREETING),
    ),
    "554 greeting": (
        SMTP,
        STARTTLS,
        lambda _: [Send(b"554 not you\r\n"), *GOODBYE],
        O.GREETING_REJECTED,
        Phase.GREETING,
    ),
    "no greeting at all": (
        *(SMTP, STARTTLS, lambda _: [Close()]),
        *(O.CLOSED_EARLY, Phase.GREETING_FIRST_BYTE),
    ),
    "half a greeting": (SMTP, STARTTLS, lambda _: [Send(b"220 ma"), Close()], O.CLOSED_EARLY, Phase.GREETING),
    "a web server": (
        *(SMTP, STARTTLS, lambda _: [Send(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Hang()]),
        *(O.GREETING_INVALID, Phase.GREETING),
    ),
    "a greeting without an end": (SMTP, STARTTLS, lambda _: [Repeat(b"2" * 1024)], O.REPLY_TOO_LONG, Phase.GREETING),
    "reset in place of an answer": (
        *(SMTP, STARTTLS, lambda _: [GREETING, EHLO, Reset()]),
        *(O.CONNECTION_RESET, Phase.CAPABILITIES),
    ),
    "EHLO refused": (
        *(SMTP, STARTTLS, lambda _: [GREETING, EHLO, Send(b"550 go away\r\n"), *GOODBYE]),
        *(O.EHLO_REJECTED, Phase.CAPABILITIES),
    ),
    "STARTTLS refused": (
        SMTP,
        STARTTLS,
        lambda _: [GREETING, EHLO, OFFER, Expect(b"STARTTLS"), Send(b"454 not now\r\n"), *GOODBYE],
        O.STARTTLS_REJECTED,
        Phase.STARTTLS,
    ),
    "plain text in the segment of the answer to STARTTLS": (
        SMTP,
        STARTTLS,
        lambda tls: [GREETING, EHLO, OFFER, Expect(b"STARTTLS"), READY, Inject(b"250 injected\r\n"), StartTls(tls)],
        O.STARTTLS_PLAINTEXT_INJECTED,
        Phase.STARTTLS,
    ),
    "closed after the answer to STARTTLS": (
        SMTP,
        STARTTLS,
        lambda _: [GREETING, EHLO, OFFER, Expect(b"STARTTLS"), READY, Expect(b"\x16"), Close()],
        O.CLOSED_EARLY,
        Phase.TLS,
    ),
    "plain text in place of the handshake after STARTTLS": (
        SMTP,
        STARTTLS,
        lambda _: [
            GREETING,
            EHLO,
            OFFER,
            Expect(b"STARTTLS"),
            READY,
            Expect(b"\x16"),
            Send(b"250 still here\r\n"),
            Hang(),
        ],
        O.STARTTLS_PLAINTEXT_INJECTED,
        Phase.TLS,
    ),
    "plain text on a TLS port": (
        *(SMTP, IMPLICIT, lambda _: [GREETING, Hang()]),
        *(O.PLAIN_ON_TLS_PORT, Phase.TLS),
    ),
    "TLS refused by an alert": (
        SMTP,
        IMPLICIT,
        lambda _: [Expect(b"\x16"), Send(b"\x15\x03\x03\x00\x02\x02\x28"), Close()],
        O.TLS_HANDSHAKE_FAILED,
        Phase.TLS,
    ),
    "garbage in place of capabilities inside TLS": (
        *(SMTP, IMPLICIT, lambda tls: [StartTls(tls), GREETING, EHLO, Send(b"what?\r\n"), Hang()]),
        *(O.PROTOCOL_ERROR, Phase.CAPABILITIES_TLS),
    ),
    "closed after the handshake": (
        *(SMTP, IMPLICIT, lambda tls: [StartTls(tls), Close()]),
        *(O.CLOSED_EARLY, Phase.GREETING_FIRST_BYTE),
    ),
    "closed after EHLO inside TLS": (
        *(SMTP, IMPLICIT, lambda tls: [StartTls(tls), GREETING, EHLO, Close()]),
        *(O.CLOSED_EARLY, Phase.CAPABILITIES_TLS),
    ),
    "IMAP says BYE": (
        *(IMAP, STARTTLS, lambda _: [Send(b"* BYE too many connections\r\n"), Close()]),
        *(O.GREETING_REJECTED, Phase.GREETING),
    ),
    "POP3 says -ERR": (
        *(POP3, STARTTLS, lambda _: [Send(b"-ERR [SYS/TEMP] later\r\n"), Close()]),
        *(O.GREETING_REJECTED_TEMPORARILY, Phase.GREETING),
    ),
    "SMTP where IMAP should be": (
        *(IMAP, STARTTLS, lambda _: [GREETING, Hang()]),
        *(O.GREETING_INVALID, Phase.GREETING),
    ),
}


@pytest.mark.parametrize("case", FAILING)
async def test_a_failing_session_says_what_and_in_which_phase(case: str, probe: Probe, server_tls: ServerTls) -> None:
    protocol, tls, make, outcome, phase = FAILING[case]
    async with ScriptedServer(make(server_tls)) as server:
        result = await probe(server.port, protocol, tls)

    assert (result.outcome, result.phase) == (outcome, phase)
    assert result.port_open is True
    assert result.detail


SILENT: dict[str, tuple[Protocol, TlsMode, Make, Timeouts, Outcome, Phase]] = {
    "greeting": (
        *(SMTP, STARTTLS, lambda _: [Hang()]),
        *(Timeouts(greeting=0.2, handshake=0.2), O.GREETING_TIMEOUT, Phase.GREETING_FIRST_BYTE),
    ),
    "rest of the greeting": (
        *(SMTP, STARTTLS, lambda _: [Send(b"220-wait\r\n"), Hang()]),
        *(Timeouts(greeting=0.2), O.GREETING_TIMEOUT, Phase.GREETING),
    ),
    "answer to EHLO": (
        *(SMTP, STARTTLS, lambda _: [GREETING, Hang()]),
        *(Timeouts(reply=0.2), O.REPLY_TIMEOUT, Phase.CAPABILITIES),
    ),
    "handshake": (
        *(SMTP, IMPLICIT, lambda _: [Hang()]),
        *(Timeouts(handshake=0.2), O.TLS_TIMEOUT, Phase.TLS),
    ),
    "greeting inside TLS": (
        *(SMTP, IMPLICIT, lambda tls: [StartTls(tls), Hang()]),
        *(Timeouts(greeting=0.2), O.GREETING_TIMEOUT, Phase.GREETING_FIRST_BYTE),
    ),
    "a tarpit that never ends": (
        *(SMTP, STARTTLS, lambda _: [Drip(b"220-wait\r\n" * 1000, pause=0.01)]),
        *(Timeouts(greeting=30, total=0.3), O.TOTAL_TIMEOUT, Phase.GREETING),
    ),
}


@pytest.mark.parametrize("case", SILENT)
async def test_every_silence_ends_at_its_own_limit(case: str, probe: Probe, server_tls: ServerTls) -> None:
    protocol, tls, make, timeouts, outcome, phase = SILENT[case]
    async with ScriptedServer(make(server_tls)) as server:
        result = await probe(server.port, protocol, tls, timeouts=timeouts)

    assert (result.outcome, result.phase) == (outcome, phase)
    assert result.port_open is True


async def test_a_server_that_never_stops_sending_ends_at_the_limit(probe: Probe) -> None:
    # An empty handshake message that clients must skip (RFC 5246 §7.4.1.1), so that no buffer ever grows.
    hello_request = b"\x16\x03\x03\x00\x04\x00\x00\x00\x00"
    script = [Expect(b"\x16"), Repeat(hello_request * 50_000)]
    async with ScriptedServer(script) as server, asyncio.timeout(20):
        result = await probe(server.port, tls=IMPLICIT, timeouts=Timeouts(handshake=0.3, total=5))

    assert result.outcome in {Outcome.TLS_TIMEOUT, Outcome.TLS_HANDSHAKE_FAILED}


async def test_nothing_is_said_before_the_greeting_is_complete(probe: Probe) -> None:
    script = [Send(b"220-first line\r\n"), Send(b"220 last line\r\n"), EHLO, OFFER, *GOODBYE]
    async with ScriptedServer(script) as server:
        await probe(server.port, tls=NONE)
        await server.finished()

    sides = [exchange.sent for exchange in server.sessions[0].log]
    assert sides[:2] == [True, True]
    assert server.faults == []


async def test_after_a_refusal_the_server_still_hears_a_goodbye(probe: Probe) -> None:
    async with ScriptedServer([Send(b"554 not you\r\n"), *GOODBYE]) as server:
        await probe(server.port)
        await server.finished()

    assert server.sessions[0].lines == [b"QUIT"]
    assert server.faults == []


async def test_one_connection_answers_everything(probe: Probe, server_tls: ServerTls) -> None:
    async with ScriptedServer(upgraded(server_tls)) as server:
        result = await probe(server.port)
        await server.finished()

    assert len(server.sessions) == 1
    assert server.sessions[0].close_alert_received
    assert result.findings.greeting_code == 220
    assert result.findings.starttls_advertised is True
    assert result.findings.starttls_offered_again is False
    assert result.findings.capabilities == (Capability("SIZE", ("1000",)), Capability("STARTTLS"))
    assert result.findings.capabilities_tls == (Capability("AUTH", ("PLAIN",)),)
    assert result.address == "127.0.0.1"
    assert [facts.position for facts in result.certificates] == [0]


async def test_every_phase_of_a_whole_session_is_timed_in_its_order(probe: Probe, server_tls: ServerTls) -> None:
    async with ScriptedServer(upgraded(server_tls)) as server:
        result = await probe(server.port)

    assert [phase for phase, _ in result.durations] == [
        Phase.RESOLVE,
        Phase.CONNECT,
        Phase.GREETING_FIRST_BYTE,
        Phase.GREETING,
        Phase.CAPABILITIES,
        Phase.STARTTLS,
        Phase.TLS,
        Phase.CAPABILITIES_TLS,
        Phase.GOODBYE,
    ]
    assert all(0 <= seconds <= result.duration for _, seconds in result.durations)


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="kernel timestamps are Linux's")
async def test_on_linux_the_latencies_are_the_kernels(probe: Probe, server_tls: ServerTls) -> None:
    async with ScriptedServer(upgraded(server_tls)) as server:
        result = await probe(server.port)

    assert result.clock is LatencyClock.KERNEL


async def test_the_server_name_is_sent_and_an_address_never_is(probe: Probe, server_tls: ServerTls) -> None:
    async with ScriptedServer(upgraded(server_tls)) as server:
        await probe(server.port)
        await probe(server.port, server_name="other.example.org")
        await probe(server.port, server_name="192.0.2.1")
        await server.finished(3)

    names = [session.server_name for session in server.sessions]
    assert names == ["mail.example.org", "other.example.org", None]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_old_versions_of_tls_are_seen_and_not_hidden(
    version: ssl.TLSVersion, probe: Probe, authority: Authority
) -> None:
    tls = ServerTls(authority.issue(["mail.example.org"]), minimum=version, maximum=version)
    async with ScriptedServer(upgraded(tls)) as server:
        result = await probe(server.port)

    assert result.outcome is Outcome.OK
    assert result.tls is not None
    assert result.tls.version.replace(".", "_") in {version.name, f"{version.name}_0"}


async def test_a_refusal_that_arrives_after_the_handshake_is_a_failed_handshake(
    probe: Probe, authority: Authority
) -> None:
    tls = ServerTls(
        authority.issue(["mail.example.org"]), minimum=ssl.TLSVersion.TLSv1_3, require_client_certificate=True
    )
    async with ScriptedServer([StartTls(tls), GREETING]) as server:
        result = await probe(server.port, tls=IMPLICIT)

    assert result.outcome is Outcome.TLS_HANDSHAKE_FAILED
    assert "certificate required" in result.detail
    assert result.certificates


async def test_a_refusal_after_the_handshake_is_seen_even_when_the_connection_is_gone_already(
    probe: Probe, authority: Authority
) -> None:
    tls = ServerTls(
        authority.issue(["mail.example.org"]), minimum=ssl.TLSVersion.TLSv1_3, require_client_certificate=True
    )
    script = [GREETING, EHLO, OFFER, Expect(b"STARTTLS"), READY, StartTls(tls), Reset()]
    async with ScriptedServer(script) as server:
        outcomes = {(await probe(server.port)).outcome for _ in range(20)}

    assert outcomes == {Outcome.TLS_HANDSHAKE_FAILED}


async def test_the_close_alert_is_sent_however_the_session_ended(probe: Probe, server_tls: ServerTls) -> None:
    async with ScriptedServer([StartTls(server_tls), GREETING, Hang()]) as server:
        result = await probe(server.port, tls=IMPLICIT, timeouts=Timeouts(reply=0.2))
        await server.finished()

    assert result.outcome is Outcome.REPLY_TIMEOUT
    assert server.sessions[0].close_alert_received


async def test_a_bad_record_right_behind_the_greeting_is_told_as_what_it_is(
    probe: Probe, server_tls: ServerTls
) -> None:
    broken = b"\x17\x03\x03\x00\x20" + b"x" * 32
    async with ScriptedServer([StartTls(server_tls), GREETING, Inject(broken), Hang()]) as server:
        result = await probe(server.port, tls=IMPLICIT)

    assert (result.outcome, result.detail) == (Outcome.PROTOCOL_ERROR, "a record that cannot be read")


async def test_a_close_alert_without_a_close_is_the_end_of_what_the_server_says(
    probe: Probe, authority: Authority
) -> None:
    tls = ServerTls(authority.issue(["mail.example.org"]), maximum=ssl.TLSVersion.TLSv1_2)
    async with ScriptedServer([StartTls(tls), Close()]) as server:
        result = await probe(server.port, tls=IMPLICIT)

    assert result.outcome is Outcome.CLOSED_EARLY


async def test_our_own_name_is_not_said_to_the_host_that_has_it(private_roots: Path) -> None:
    means = Means(
        TlsClient(), CertificateJudge(TrustStores([str(private_roots)]), NOW.timestamp), "xn--bcher-kva.example"
    )
    prober = Prober(Addresses({"Bücher.example": ("127.0.0.1",)}), means, NOW.timestamp)
    async with ScriptedServer([GREETING, Expect(rb"EHLO \[127\.0\.0\.1\]"), OFFER, *GOODBYE]) as server:
        await prober(target(server.port, tls=NONE, host="Bücher.example", ehlo_name=None), at_once)
        await server.finished()

    assert server.faults == []


async def test_a_certificate_nobody_trusts_is_seen_and_the_session_goes_on(probe: Probe, authority: Authority) -> None:
    stranger = Authority.create("Stranger", now=authority.now)
    async with ScriptedServer(upgraded(ServerTls(stranger.issue(["mail.example.org"])))) as server:
        result = await probe(server.port)

    assert result.outcome is Outcome.OK
    assert result.verdict is not None
    assert not result.verdict.chain_valid
    assert result.findings.capabilities_tls is not None


async def test_a_certificate_that_alternates_is_seen_as_each_session_shows_it(
    probe: Probe, authority: Authority
) -> None:
    old, new = (ServerTls(authority.issue(["mail.example.org"])) for _ in range(2))
    async with ScriptedServer(upgraded(old), upgraded(new), upgraded(old)) as server:
        seen = [(await probe(server.port)).certificates[0].fingerprint_sha256 for _ in range(3)]

    assert seen[0] == seen[2] != seen[1]


async def test_without_a_name_of_our_own_the_address_literal_is_said(probe: Probe) -> None:
    async with ScriptedServer([GREETING, Expect(rb"EHLO \[127\.0\.0\.1\]"), OFFER, *GOODBYE]) as server:
        await probe(server.port, tls=NONE, ehlo_name=None)
        await server.finished()

    assert server.faults == []


async def test_the_transcript_holds_both_sides_and_says_what_was_encrypted(probe: Probe, server_tls: ServerTls) -> None:
    async with ScriptedServer(upgraded(server_tls)) as server:
        result = await probe(server.port)

    lines = [(line.sent, line.secured, line.text) for line in result.transcript]
    assert (False, False, "220 mail.example.org ESMTP") in lines
    assert (True, False, "EHLO monitor.example.org") in lines
    assert (True, True, "EHLO monitor.example.org") in lines
    assert (False, True, "221 bye") in lines


@pytest.fixture(scope="module")
def by_key_type(authority: Authority) -> dict[Variant, Credential]:
    """A server's two certificates; the RSA one has expired."""
    ended = NOW - timedelta(days=1)
    expired = authority.issue(
        ["mail.example.org"], key="rsa-2048", not_before=ended - timedelta(days=90), not_after=ended
    )
    return {Variant.RSA: expired, Variant.ECDSA: authority.issue(["mail.example.org"])}


@pytest.mark.parametrize(
    ("variant", "shown", "valid"),
    [
        (Variant.DEFAULT, Variant.ECDSA, True),
        (Variant.NO_SNI, Variant.ECDSA, True),
        (Variant.RSA, Variant.RSA, False),
        (Variant.ECDSA, Variant.ECDSA, True),
    ],
    ids=lambda value: str(value),
)
async def test_a_variant_is_a_whole_session_with_the_certificate_of_its_kind(
    variant: Variant, shown: Variant, valid: bool, probe: Probe, by_key_type: dict[Variant, Credential]
) -> None:
    async with ScriptedServer(upgraded(ServerTls(*by_key_type.values()))) as server:
        result = await probe(server.port, variant=variant)
        await server.finished()

    assert (result.detail, result.outcome, result.phase) == ("", Outcome.OK, Phase.GOODBYE)
    assert server.faults == []
    leaf = hashlib.sha256(by_key_type[shown].certificate).hexdigest()
    assert result.certificates[0].fingerprint_sha256 == leaf
    assert result.verdict is not None
    assert (result.verdict.valid, result.verdict.name_valid) == (valid, True)
    assert result.tls_alert is None


async def test_the_certificate_without_a_server_name_is_judged_by_the_name_all_the_same(
    probe: Probe, authority: Authority
) -> None:
    names = {"mail.example.org": authority.issue(["mail.example.org"])}
    tls = ServerTls(authority.issue(["other.example.org"]), by_name=names)
    async with ScriptedServer(lambda _: upgraded(tls)) as server:
        named = await probe(server.port)
        unnamed = await probe(server.port, variant=Variant.NO_SNI)

    assert named.verdict is not None
    assert named.verdict.valid
    assert unnamed.verdict is not None
    assert unnamed.verdict.faults == (CertificateFault.NAME_MISMATCH,)


@pytest.mark.parametrize("tls_mode", [STARTTLS, IMPLICIT])
async def test_a_server_without_the_key_type_refuses_with_an_alert_that_is_kept(
    tls_mode: TlsMode, probe: Probe, authority: Authority
) -> None:
    tls = ServerTls(authority.issue(["mail.example.org"]))
    script: Script = [StartTls(tls)] if tls_mode is IMPLICIT else upgraded(tls)
    async with ScriptedServer(script) as server:
        result = await probe(server.port, tls=tls_mode, variant=Variant.RSA)

    assert (result.outcome, result.phase) == (Outcome.TLS_HANDSHAKE_FAILED, Phase.TLS)
    # RFC 8446 §6.2: handshake_failure.
    assert result.tls_alert == 40
    assert (result.certificates, result.verdict, result.tls) == ((), None, None)


def test_while_others_speak_before_it_the_clock_of_a_phase_stands_still(probe: Probe) -> None:
    async def story() -> ProbeResult:
        async with beside_a_slow_neighbour(probe, NONE) as (probing, server, nudge):
            for answer in (GREETING.data, OFFER.data):
                # Until it waits for this.
                await asyncio.sleep(0.001)
                nudge()
                server.send(answer)
                await ready(partial(server.recv, 512))
            server.send(b"221 bye\r\n")
            return await probing

    result = run(story())
    assert result.outcome is Outcome.OK
    assert result.duration >= 5.0
    assert dict(result.durations)[Phase.CAPABILITIES] < 5.0


def test_a_handshake_in_two_round_trips_is_not_timed_while_others_speak_between_them(
    probe: Probe, authority: Authority
) -> None:
    # RFC 5246 §7.3: the client finishes first, and has to say so before the server does.
    tls = ServerTls(authority.issue(["mail.example.org"]), maximum=ssl.TLSVersion.TLSv1_2)

    async def story() -> ProbeResult:
        async with beside_a_slow_neighbour(probe, IMPLICIT) as (probing, server, nudge):
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            session = tls.wrap(incoming, outgoing)
            incoming.write(await ready(partial(server.recv, 4096)))
            with pytest.raises(ssl.SSLWantReadError):
                session.do_handshake()
            nudge()
            server.send(outgoing.read())
            incoming.write(await ready(partial(server.recv, 4096)))
            session.do_handshake()
            for answer in (GREETING.data, b"250 mail.example.org\r\n", b"221 bye\r\n"):
                session.write(answer)
                server.send(outgoing.read())
                await ready(partial(server.recv, 4096))
            return await probing

    result = run(story())
    assert (result.outcome, result.tls and result.tls.version) == (Outcome.OK, "TLSv1.2")
    assert result.duration >= 5.0
    assert dict(result.durations)[Phase.TLS] < 5.0


@asynccontextmanager
async def beside_a_slow_neighbour(
    probe: Probe, tls: TlsMode
) -> AsyncIterator[tuple[Awaitable[ProbeResult], socket.socket, Callable[[], object]]]:
    """A probe, the server's end of its connection, and how to have a neighbour be ready in the same turn as it, who
    then takes five seconds to speak."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, ManualLoop)
    take_long = partial(loop.advance, 5.0)
    nudged, nudge = socket.socketpair()

    class Neighbour:
        heard = loop.time()

        def settle(self) -> None:
            nudged.recv(1)
            watch().afterwards(take_long)

    with nudged, nudge, socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        watch().enter(nudged.fileno(), READ, Neighbour())
        probing = asyncio.ensure_future(probe(listener.getsockname()[1], tls=tls))
        server, _ = await ready(listener.accept)
        with server:
            server.setblocking(False)
            yield probing, server, partial(nudge.send, b"x")
        watch().strike(nudged.fileno())


async def ready(attempt: Callable[[], T]) -> T:
    """What `attempt` gives as soon as it need not wait."""
    while True:
        try:
            return attempt()
        except BlockingIOError:
            # What has arrived at the other end may lie there for a moment.
            await asyncio.sleep(0.001)
