"""Real clients get as far as the login, and no client can stay or ask for ever."""

import asyncio
import imaplib
import poplib
import smtplib
import socket
from collections.abc import Callable

import pytest

from exporter.config.wellknown import WELL_KNOWN
from exporter.demo.listener import Listener
from exporter.demo.mint import Authority, Credential
from exporter.demo.servers import COMMANDS, GREETING_DELAY, FriendlyServer, Manner
from exporter.demo.tls import ServerTls
from tests.demo.clients import PATIENCE, connected, read_all, read_line, trusting

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
