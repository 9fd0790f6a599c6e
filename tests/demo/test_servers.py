"""Real clients get as far as the login, and no client can stay or ask for ever."""

import asyncio
import imaplib
import poplib
import smtplib
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from exporter.config.wellknown import WELL_KNOWN
from exporter.demo.listener import Listener
from exporter.demo.mint import Authority, Credential
from exporter.demo.servers import COMMANDS, GREETING_DELAY, FriendlyServer, Manner
from exporter.demo.tls import ServerTls
from exporter.judgement.security import StarttlsMemory, TlsFinding, tls_findings
from exporter.probe.certificate.judge import CertificateJudge
from exporter.probe.certificate.trust import TrustStores
from exporter.probe.prober import Prober
from exporter.probe.session import Means
from exporter.probe.tls import TlsClient
from exporter.results import Outcome, ProbeResult
from tests.demo.clients import NOW, PATIENCE, connected, read_all, read_line, trusting
from tests.probe.conftest import Addresses, at_once, target

HOST = "127.0.0.1"
NAME = "mail.example.org"


def friendly(credential: Credential, port: int) -> FriendlyServer:
    return FriendlyServer(NAME, WELL_KNOWN[port].service, ServerTls(credential))


@pytest.fixture
def trusted(root: Authority) -> str:
    return root.pem.decode()


async def test_smtplib_upgrades_a_submission_and_is_refused_its_login(credential: Credential, trusted: str) -> None:
    def session(port: int) -> int:
        with smtplib.SMTP(HOST, port, timeout=PATIENCE) as client:
            client.starttls(context=trusting(trusted, NAME))
            with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
                client.login("user", "password")
            return refused.value.smtp_code

    async with Listener(friendly(credential, 587).serve) as listener:
        assert await asyncio.to_thread(session, listener.port) == 535


async def test_smtplib_is_refused_its_login_on_a_port_that_is_encrypted_from_the_start(
    credential: Credential, trusted: str
) -> None:
    def session(port: int) -> int:
        with smtplib.SMTP_SSL(HOST, port, timeout=PATIENCE, context=trusting(trusted, NAME)) as client:
            with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
                client.login("user", "password")
            return refused.value.smtp_code

    async with Listener(friendly(credential, 465).serve) as listener:
        assert await asyncio.to_thread(session, listener.port) == 535


async def test_smtplib_cannot_bring_mail_to_port_25(credential: Credential) -> None:
    def session(port: int) -> int:
        with smtplib.SMTP(HOST, port, timeout=PATIENCE) as client:
            with pytest.raises(smtplib.SMTPSenderRefused) as refused:
                client.sendmail("a@example.org", ["b@example.org"], "Subject: none\r\n\r\n")
            return refused.value.smtp_code

    async with Listener(friendly(credential, 25).serve) as listener:
        assert await asyncio.to_thread(session, listener.port) == 550


def imap_upgraded(port: int, trusted: str) -> imaplib.IMAP4:
    client = imaplib.IMAP4(HOST, port, timeout=PATIENCE)
    client.starttls(ssl_context=trusting(trusted, NAME))
    return client


def imap_implicit(port: int, trusted: str) -> imaplib.IMAP4:
    return imaplib.IMAP4_SSL(HOST, port, timeout=PATIENCE, ssl_context=trusting(trusted, NAME))


@pytest.mark.parametrize(("port", "connect"), [(143, imap_upgraded), (993, imap_implicit)], ids=["143", "993"])
async def test_imaplib_is_refused_its_login(
    credential: Credential, trusted: str, port: int, connect: Callable[[int, str], imaplib.IMAP4]
) -> None:
    def session(port: int) -> str:
        with connect(port, trusted) as client:
            assert "AUTH=PLAIN" in client.capabilities
            with pytest.raises(imaplib.IMAP4.error) as refused:
                client.login("user", "password")
        return str(refused.value)

    async with Listener(friendly(credential, port).serve) as listener:
        assert "AUTHENTICATIONFAILED" in await asyncio.to_thread(session, listener.port)


def pop3_upgraded(port: int, trusted: str) -> poplib.POP3:
    client = poplib.POP3(HOST, port, timeout=PATIENCE)
    client.stls(context=trusting(trusted, NAME))
    return client


def pop3_implicit(port: int, trusted: str) -> poplib.POP3:
    return poplib.POP3_SSL(HOST, port, timeout=PATIENCE, context=trusting(trusted, NAME))


@pytest.mark.parametrize(("port", "connect"), [(110, pop3_upgraded), (995, pop3_implicit)], ids=["110", "995"])
async def test_poplib_is_refused_its_login(
    credential: Credential, trusted: str, port: int, connect: Callable[[int, str], poplib.POP3]
) -> None:
    def session(port: int) -> str:
        client = connect(port, trusted)
        assert client.capa()["SASL"] == ["PLAIN"]
        client.user("user")
        with pytest.raises(poplib.error_proto) as refused:
            client.pass_("password")
        client.quit()
        return str(refused.value)

    async with Listener(friendly(credential, port).serve) as listener:
        assert "[AUTH]" in await asyncio.to_thread(session, listener.port)


async def test_a_sieve_client_reads_the_capabilities_again_inside_tls(credential: Credential, trusted: str) -> None:
    def capabilities(sock: socket.socket) -> list[bytes]:
        lines = [read_line(sock)]
        while not lines[-1].startswith(b"OK"):
            lines.append(read_line(sock))
        return lines

    def session(port: int) -> tuple[list[bytes], list[bytes], bytes]:
        with connected(port) as sock:
            before = capabilities(sock)
            sock.sendall(b"STARTTLS\r\n")
            read_line(sock)
            with trusting(trusted, NAME).wrap_socket(sock) as secured:
                inside = capabilities(secured)
                secured.sendall(b"LOGOUT\r\n")
                return before, inside, read_all(secured)

    async with Listener(friendly(credential, 4190).serve) as listener:
        before, inside, goodbye = await asyncio.to_thread(session, listener.port)
    assert b'"STARTTLS"\r\n' in before
    assert b'"STARTTLS"\r\n' not in inside
    assert goodbye == b'OK "bye"\r\n'


async def test_a_silent_client_is_sent_away(credential: Credential) -> None:
    server = FriendlyServer(NAME, WELL_KNOWN[25].service, ServerTls(credential), idle=0.0)

    def session(port: int) -> bytes:
        with connected(port) as sock:
            return read_all(sock)

    async with Listener(server.serve) as listener:
        heard = await asyncio.to_thread(session, listener.port)
    assert heard.splitlines()[1:] == [b"421 4.4.2 mail.example.org closing the connection"]


@pytest.mark.parametrize(
    ("said", "answers"),
    [
        pytest.param(b"NOOP\r\n" * (COMMANDS + 5), COMMANDS, id="too many commands"),
        pytest.param(b"x" * 9000, 0, id="endless line"),
    ],
)
async def test_a_client_that_asks_too_much_is_sent_away(credential: Credential, said: bytes, answers: int) -> None:
    def session(port: int) -> list[bytes]:
        with connected(port) as sock:
            sock.sendall(said)
            return read_all(sock).splitlines()

    async with Listener(friendly(credential, 25).serve) as listener:
        heard = await asyncio.to_thread(session, listener.port)
    assert heard[1:-1] == [b"250 2.0.0 ok"] * answers
    assert heard[-1] == b"421 4.4.2 mail.example.org closing the connection"


async def test_a_client_that_does_not_want_our_certificate_leaves_the_server_in_good_health(
    credential: Credential, trusted: str
) -> None:
    def distrusting(port: int) -> None:
        with connected(port) as sock, pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            trusting(trusted, "another.example.org").wrap_socket(sock)

    async with Listener(friendly(credential, 993).serve) as listener:
        await asyncio.to_thread(distrusting, listener.port)
        (await asyncio.to_thread(imap_implicit, listener.port, trusted)).shutdown()


async def test_a_hesitant_server_sends_its_first_line_before_its_delay_and_the_last_one_after(
    credential: Credential,
) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()
    delays: list[float] = []

    async def sleep(seconds: float) -> None:
        delays.append(seconds)
        asked.set()
        await go_on.wait()

    server = FriendlyServer(NAME, WELL_KNOWN[25].service, ServerTls(credential), manner=Manner.HESITANT, sleep=sleep)
    async with Listener(server.serve) as listener:
        with connected(listener.port) as sock:
            assert await asyncio.to_thread(read_line, sock) == b"220-mail.example.org please wait to be greeted\r\n"
            await asked.wait()
            go_on.set()
            assert await asyncio.to_thread(read_line, sock) == b"220 mail.example.org ESMTP mailprobe demo\r\n"
    assert delays == [GREETING_DELAY]


async def test_smtplib_is_turned_away_by_an_overloaded_server(credential: Credential) -> None:
    server = FriendlyServer(NAME, WELL_KNOWN[25].service, ServerTls(credential), manner=Manner.OVERLOADED)

    def session(port: int) -> int:
        with pytest.raises(smtplib.SMTPConnectError) as refused:
            smtplib.SMTP(HOST, port, timeout=PATIENCE)
        return refused.value.smtp_code

    async with Listener(server.serve) as listener:
        assert await asyncio.to_thread(session, listener.port) == 421


def mannered(credential: Credential, port: int, manner: Manner) -> FriendlyServer:
    return FriendlyServer(NAME, WELL_KNOWN[port].service, ServerTls(credential), manner=manner)


Probe = Callable[[Manner, int, int], Awaitable[list[ProbeResult]]]


@pytest.fixture
def probe(credential: Credential, root: Authority, tmp_path: Path) -> Probe:
    """Sessions of mailprobe's own with a server that plays the part of a well-known port: how many, one by one."""
    roots = str(root.write(tmp_path))
    means = Means(TlsClient(), CertificateJudge(TrustStores([roots]), NOW.timestamp), None)
    prober = Prober(Addresses({NAME: (HOST,)}), means, NOW.timestamp)

    async def sessions(manner: Manner, port: int, count: int) -> list[ProbeResult]:
        service = WELL_KNOWN[port].service
        async with Listener(mannered(credential, port, manner).serve) as listener:
            asked = target(listener.port, service.protocol, service.tls, ca_file=roots)
            return [await prober(asked, at_once) for _ in range(count)]

    return sessions


@pytest.mark.parametrize(
    ("manner", "port", "outcome", "found"),
    [
        (Manner.PROMPT, 25, Outcome.OK, ()),
        (Manner.PROMPT, 587, Outcome.OK, ()),
        (Manner.PROMPT, 143, Outcome.OK, ()),
        (Manner.PROMPT, 110, Outcome.OK, ()),
        (Manner.PROMPT, 4190, Outcome.OK, ()),
        (Manner.OVERWRITTEN, 25, Outcome.OK, (TlsFinding.STARTTLS_MANGLED, TlsFinding.GREETING_MASKED)),
        (Manner.REFUSING, 25, Outcome.STARTTLS_REJECTED, (TlsFinding.STARTTLS_REFUSED,)),
        (Manner.REFUSING, 143, Outcome.STARTTLS_REJECTED, (TlsFinding.STARTTLS_REFUSED,)),
        (Manner.REFUSING, 110, Outcome.STARTTLS_REJECTED, (TlsFinding.STARTTLS_REFUSED,)),
        (Manner.REFUSING, 4190, Outcome.STARTTLS_REJECTED, (TlsFinding.STARTTLS_REFUSED,)),
        (Manner.BREAKING, 25, Outcome.TLS_HANDSHAKE_FAILED, (TlsFinding.STARTTLS_FAILED,)),
        (Manner.BREAKING, 143, Outcome.TLS_HANDSHAKE_FAILED, (TlsFinding.STARTTLS_FAILED,)),
        (Manner.BREAKING, 110, Outcome.TLS_HANDSHAKE_FAILED, (TlsFinding.STARTTLS_FAILED,)),
        (Manner.BREAKING, 4190, Outcome.TLS_HANDSHAKE_FAILED, (TlsFinding.STARTTLS_FAILED,)),
        (Manner.INJECTED, 25, Outcome.STARTTLS_PLAINTEXT_INJECTED, (TlsFinding.STARTTLS_PLAINTEXT_INJECTED,)),
        (Manner.INJECTED, 143, Outcome.STARTTLS_PLAINTEXT_INJECTED, (TlsFinding.STARTTLS_PLAINTEXT_INJECTED,)),
        (Manner.REPEATING, 25, Outcome.OK, (TlsFinding.STARTTLS_OFFERED_AGAIN,)),
        (Manner.REPEATING, 143, Outcome.OK, (TlsFinding.STARTTLS_OFFERED_AGAIN,)),
        (Manner.REPEATING, 110, Outcome.OK, (TlsFinding.STARTTLS_OFFERED_AGAIN,)),
        (Manner.REPEATING, 4190, Outcome.OK, (TlsFinding.STARTTLS_OFFERED_AGAIN,)),
        (Manner.PREAUTHENTICATED, 143, Outcome.OK, (TlsFinding.PREAUTHENTICATED,)),
        (Manner.PREAUTHENTICATED, 993, Outcome.OK, ()),
        (Manner.CARELESS, 25, Outcome.OK, ()),
        (Manner.CARELESS, 587, Outcome.OK, (TlsFinding.CLEARTEXT_AUTH,)),
        (Manner.CARELESS, 143, Outcome.OK, (TlsFinding.CLEARTEXT_AUTH,)),
        (Manner.CARELESS, 110, Outcome.OK, (TlsFinding.CLEARTEXT_AUTH,)),
        (Manner.CARELESS, 4190, Outcome.OK, (TlsFinding.CLEARTEXT_AUTH,)),
    ],
    ids=lambda value: value.name.lower() if isinstance(value, Manner) else None,
)
async def test_a_probe_finds_what_is_wrong_with_a_server(
    probe: Probe, manner: Manner, port: int, outcome: Outcome, found: tuple[TlsFinding, ...]
) -> None:
    (result,) = await probe(manner, port, 1)
    assert (result.outcome, result.port_open) == (outcome, True), result.detail
    assert tls_findings(result, StarttlsMemory().after(result)) == found


@pytest.mark.parametrize("port", [25, 143, 110, 4190])
async def test_a_forgetful_server_has_lost_its_starttls_for_the_second_client(probe: Probe, port: int) -> None:
    offered, missed, still_missed = await probe(Manner.FORGETFUL, port, 3)
    assert (offered.outcome, offered.findings.starttls_advertised) == (Outcome.OK, True), offered.detail
    memory = StarttlsMemory().after(offered)
    assert tls_findings(offered, memory) == ()
    for result in (missed, still_missed):
        memory = memory.after(result)
        assert tls_findings(result, memory) == (TlsFinding.STARTTLS_LOST,)


async def test_imaplib_is_taken_for_somebody_who_has_logged_in_and_cannot_upgrade(credential: Credential) -> None:
    def session(port: int) -> str:
        with imaplib.IMAP4(HOST, port, timeout=PATIENCE) as client:
            with pytest.raises(imaplib.IMAP4.abort, match="TLS not supported"):
                client.starttls()
            return client.state

    async with Listener(mannered(credential, 143, Manner.PREAUTHENTICATED).serve) as listener:
        assert await asyncio.to_thread(session, listener.port) == "AUTH"


async def test_smtplib_may_show_its_password_to_a_careless_server_and_is_refused_all_the_same(
    credential: Credential,
) -> None:
    def session(port: int) -> int:
        with smtplib.SMTP(HOST, port, timeout=PATIENCE) as client:
            with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
                client.login("user", "password")
            return refused.value.smtp_code

    async with Listener(mannered(credential, 587, Manner.CARELESS).serve) as listener:
        assert await asyncio.to_thread(session, listener.port) == 535


async def test_smtplib_finds_no_starttls_behind_a_device_that_overwrites_it(credential: Credential) -> None:
    def session(port: int) -> tuple[bytes, bool, int]:
        with smtplib.SMTP(timeout=PATIENCE) as client:
            _, greeting = client.connect(HOST, port)
            client.ehlo()
            return greeting, client.has_extn("xxxxxxxa"), client.docmd("STARTTLS")[0]

    async with Listener(mannered(credential, 25, Manner.OVERWRITTEN).serve) as listener:
        greeting, overwritten, code = await asyncio.to_thread(session, listener.port)
    assert greeting == b"*" * len("mail.example.org ESMTP mailprobe demo")
    assert overwritten
    assert code == 502
