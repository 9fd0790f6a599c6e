"""The scripted server does what its script says, and its record tells what a client said."""

import asyncio
import contextlib
import imaplib
import poplib
import smtplib
import socket
import ssl

import pytest

from exporter.demo.mint import Authority, Credential
from exporter.demo.scripted import (
    Answer,
    Close,
    Delay,
    Drip,
    Expect,
    Hang,
    Inject,
    Reached,
    Repeat,
    Reset,
    ScriptedServer,
    Send,
    StartTls,
    Step,
    Wait,
)
from exporter.demo.tls import ServerTls
from tests.demo.clients import PATIENCE, connected, read_all, read_line, trusting, unverified
from tests.ipv6 import needs_ipv6

SMTP_BEFORE_TLS = [
    Send(b"220 mail.example.org ESMTP\r\n"),
    Expect(b"EHLO "),
    Send(b"250-mail.example.org\r\n250 STARTTLS\r\n"),
    Expect(b"STARTTLS"),
]
SMTP_INSIDE_TLS = [
    Expect(b"EHLO "),
    Send(b"250-mail.example.org\r\n250 SIZE 1000\r\n"),
    Expect(b"QUIT"),
    Send(b"221 bye\r\n"),
]


def whole_stream(port: int, host: str = "127.0.0.1") -> bytes:
    with connected(port, host) as sock:
        return read_all(sock)


async def test_smtplib_upgrades_and_says_goodbye_to_a_scripted_server(root: Authority, credential: Credential) -> None:
    go_ahead = [Send(b"220 go ahead\r\n"), StartTls(ServerTls(credential))]

    def session(port: int) -> str:
        with smtplib.SMTP("127.0.0.1", port, local_hostname="client.example.org", timeout=PATIENCE) as client:
            client.starttls(context=trusting(root.pem.decode(), "mail.example.org"))
            client.ehlo()
            return client.esmtp_features["size"]

    async with ScriptedServer([*SMTP_BEFORE_TLS, *go_ahead, *SMTP_INSIDE_TLS]) as server:
        assert await asyncio.to_thread(session, server.port) == "1000"
        await server.finished()
        assert server.faults == []
        assert server.sessions[0].lines == [
            b"ehlo client.example.org",
            b"STARTTLS",
            b"ehlo client.example.org",
            b"QUIT",
        ]
        assert server.sessions[0].received_secured == b"ehlo client.example.org\r\nQUIT\r\n"
        assert server.sessions[0].server_name == "mail.example.org"
        assert server.sessions[0].tls_version == "TLSv1.3"


async def test_poplib_reads_a_session_that_is_encrypted_from_the_start(root: Authority, credential: Credential) -> None:
    script = [
        StartTls(ServerTls(credential)),
        Send(b"+OK ready\r\n"),
        Expect(b"CAPA"),
        Send(b"+OK\r\nUIDL\r\n.\r\n"),
        Expect(b"QUIT"),
        Send(b"+OK bye\r\n"),
    ]
    context = trusting(root.pem.decode(), "mail.example.org")

    def session(port: int) -> dict[str, list[str]]:
        client = poplib.POP3_SSL("127.0.0.1", port, context=context, timeout=PATIENCE)
        capabilities = client.capa()
        client.quit()
        return capabilities

    async with ScriptedServer(script) as server:
        assert await asyncio.to_thread(session, server.port) == {"UIDL": []}
        await server.finished()
        assert server.faults == []
        assert server.sessions[0].received_secured == b"CAPA\r\nQUIT\r\n"


async def test_an_answer_carries_the_tag_of_imaplibs_own_command() -> None:
    script = [
        Send(b"* OK ready\r\n"),
        Expect(rb"\S+ CAPABILITY"),
        Send(b"* CAPABILITY IMAP4rev1 LOGINDISABLED\r\n"),
        Answer(b"OK done\r\n"),
        Expect(rb"\S+ LOGOUT"),
        Send(b"* BYE\r\n"),
        Answer(b"OK bye\r\n"),
    ]

    def session(port: int) -> tuple[str, ...]:
        with imaplib.IMAP4("127.0.0.1", port, timeout=PATIENCE) as client:
            return client.capabilities

    async with ScriptedServer(script) as server:
        assert await asyncio.to_thread(session, server.port) == ("IMAP4REV1", "LOGINDISABLED")
        await server.finished()
        assert server.faults == []


async def test_an_injected_line_arrives_in_the_segment_of_the_starttls_answer(credential: Credential) -> None:
    script = [Send(b"220 go ahead\r\n"), Inject(b"250 STARTTLS\r\n"), StartTls(ServerTls(credential))]

    def session(port: int) -> tuple[bytes, str | None]:
        with connected(port) as sock:
            first = sock.recv(4096)
            with unverified().wrap_socket(sock) as secured:
                return first, secured.version()

    async with ScriptedServer(script) as server:
        first, version = await asyncio.to_thread(session, server.port)
    assert first == b"220 go ahead\r\n250 STARTTLS\r\n"
    assert version == "TLSv1.3"


async def test_an_injection_behind_a_cut_reply_or_another_injection_is_sent_by_itself() -> None:
    script = [Send(b"ab", cut=1), Inject(b"c"), Inject(b"d"), Send(b"e"), Inject(b"f")]
    async with ScriptedServer(script) as server:
        assert await asyncio.to_thread(whole_stream, server.port) == b"abcdef"
        await server.finished()
        assert [exchange.data for exchange in server.sessions[0].log] == [b"a", b"b", b"c", b"d", b"ef"]


async def test_plain_text_past_tls_breaks_the_clients_record_layer(credential: Credential) -> None:
    script = [StartTls(ServerTls(credential)), Send(b"220 hello\r\n"), Inject(b"250 in the clear\r\n"), Hang()]

    def session(port: int) -> bytes:
        with connected(port) as sock, unverified().wrap_socket(sock) as secured:
            line = read_line(secured)
            with pytest.raises(ssl.SSLError):
                read_line(secured)
            return line

    async with ScriptedServer(script) as server:
        assert await asyncio.to_thread(session, server.port) == b"220 hello\r\n"
        await server.finished()
        assert [exchange.secured for exchange in server.sessions[0].log] == [True, False]


@pytest.mark.parametrize(
    ("step", "pieces"),
    [
        pytest.param(Send(b"220 hello\r\n", cut=4), [b"220 ", b"hell", b"o\r\n"], id="cut"),
        pytest.param(Drip(b"220\r\n"), [b"2", b"2", b"0", b"\r", b"\n"], id="drip"),
    ],
)
async def test_a_reply_is_split_into_tls_records_as_told(
    credential: Credential, step: Step, pieces: list[bytes]
) -> None:
    def session(port: int) -> list[bytes]:
        with connected(port) as sock, unverified().wrap_socket(sock) as secured:
            # One read of a TLS socket never crosses a record.
            return [secured.recv(4096) for _ in pieces]

    async with ScriptedServer([StartTls(ServerTls(credential)), step]) as server:
        assert await asyncio.to_thread(session, server.port) == pieces


async def test_delays_pass_by_the_servers_own_sleep() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async with ScriptedServer([Delay(3.0), Drip(b"ab", pause=1.0), Delay(6.0)], sleep=sleep) as server:
        assert await asyncio.to_thread(whole_stream, server.port) == b"ab"
    assert slept == [3.0, 1.0, 1.0, 6.0]


async def test_a_client_that_speaks_before_the_greeting_is_on_record_before_it() -> None:
    connected_now, go_on = asyncio.Event(), asyncio.Event()
    script = [Reached(connected_now), Wait(go_on), Send(b"220 hello\r\n"), Expect(b"EHLO")]
    async with ScriptedServer(script) as server:
        with connected(server.port) as sock:
            sock.sendall(b"EHLO early.example.org\r\n")
            await connected_now.wait()
            go_on.set()
            assert await asyncio.to_thread(read_line, sock) == b"220 hello\r\n"
        await server.finished()
        assert server.faults == []
        assert [exchange.sent for exchange in server.sessions[0].log] == [False, True]


async def test_an_unexpected_line_is_a_fault_and_ends_the_session() -> None:
    def session(port: int) -> bytes:
        with connected(port) as sock:
            sock.sendall(b"HELO client\r\n")
            return read_all(sock)

    async with ScriptedServer([Send(b"220 hello\r\n"), Expect(b"EHLO"), Send(b"250 never\r\n")]) as server:
        assert await asyncio.to_thread(session, server.port) == b"220 hello\r\n"
        await server.finished()
        assert [(fault.session, fault.step) for fault in server.faults] == [(0, 1)]
        assert server.faults[0].reason == "expected b'EHLO', read b'HELO client\\r\\n'"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        pytest.param(b"", "the client has gone", id="nothing"),
        pytest.param(b"EHLO without an end", "the client has gone", id="half a line"),
        pytest.param(b"x" * 10_000, "the client's line has no end", id="endless line"),
    ],
)
async def test_a_client_that_never_finishes_its_line_is_a_fault(said: bytes, reason: str) -> None:
    def session(port: int) -> None:
        with connected(port) as sock, contextlib.suppress(ConnectionError):
            sock.sendall(said)
            sock.shutdown(socket.SHUT_WR)
            read_all(sock)

    async with ScriptedServer([Expect(b"EHLO")]) as server:
        await asyncio.to_thread(session, server.port)
        await server.finished()
        assert [fault.reason for fault in server.faults] == [reason]


async def test_a_reset_ends_the_session_where_the_script_says() -> None:
    def session(port: int) -> bytes:
        with connected(port) as sock:
            line = read_line(sock)
            sock.sendall(b"EHLO client.example.org\r\n")
            with pytest.raises(ConnectionResetError):
                sock.recv(1)
            return line

    async with ScriptedServer([Send(b"220 hello\r\n"), Expect(b"EHLO"), Reset(), Send(b"never")]) as server:
        assert await asyncio.to_thread(session, server.port) == b"220 hello\r\n"
        await server.finished()
        assert server.faults == []


@pytest.mark.parametrize("alert", [True, False], ids=["with_close_alert", "without_close_alert"])
async def test_tls_ends_with_or_without_a_close_alert(credential: Credential, alert: bool) -> None:
    def session(port: int) -> bytes:
        with connected(port) as sock, unverified().wrap_socket(sock, suppress_ragged_eofs=False) as secured:
            return read_all(secured)

    async with ScriptedServer([StartTls(ServerTls(credential)), Send(b"hello"), Close(alert=alert)]) as server:
        if alert:
            assert await asyncio.to_thread(session, server.port) == b"hello"
        else:
            with pytest.raises(ssl.SSLError, match=r"(?i)eof"):
                await asyncio.to_thread(session, server.port)


@pytest.mark.parametrize("polite", [True, False], ids=["polite", "abrupt"])
async def test_the_record_tells_whether_the_client_sent_a_close_alert(credential: Credential, polite: bool) -> None:
    def session(port: int) -> None:
        with connected(port) as sock, unverified().wrap_socket(sock) as secured:
            read_line(secured)
            if polite:
                secured.unwrap()

    async with ScriptedServer([StartTls(ServerTls(credential)), Send(b"220 hello\r\n"), Hang()]) as server:
        await asyncio.to_thread(session, server.port)
        await server.finished()
        assert server.faults == []
        assert server.sessions[0].close_alert_received is polite


async def test_what_a_client_says_to_a_silent_server_is_on_record() -> None:
    def session(port: int) -> None:
        with connected(port) as sock:
            sock.sendall(b"\x16\x03\x01")

    async with ScriptedServer([Hang()]) as server:
        await asyncio.to_thread(session, server.port)
        await server.finished()
        assert server.received == [b"\x16\x03\x01"]
        assert server.faults == []


async def test_an_endless_greeting_lasts_until_the_client_has_gone() -> None:
    def session(port: int) -> bytes:
        with connected(port) as sock, sock.makefile("rb") as stream:
            return stream.read(100_000)

    async with ScriptedServer([Repeat(b"220-more\r\n")]) as server:
        assert await asyncio.to_thread(session, server.port) == b"220-more\r\n" * 10_000
        await server.finished()
        assert server.faults == []


async def test_a_server_stops_while_a_client_hangs() -> None:
    async with ScriptedServer([Send(b"220 hello\r\n"), Hang()]) as server:
        sock = connected(server.port)
        assert await asyncio.to_thread(read_line, sock) == b"220 hello\r\n"
    with sock:
        assert await asyncio.to_thread(sock.recv, 1) == b""


async def test_the_first_connections_get_their_own_scripts_and_all_further_ones_the_last() -> None:
    async with ScriptedServer([Send(b"one")], [Send(b"two")]) as server:
        heard = [await asyncio.to_thread(whole_stream, server.port) for _ in range(3)]
        await server.finished(3)
        assert [session.number for session in server.sessions] == [0, 1, 2]
    assert heard == [b"one", b"two", b"two"]


async def test_a_function_chooses_the_script_of_each_connection() -> None:
    async with ScriptedServer(lambda number: [Send(b"odd" if number % 2 else b"even")]) as server:
        heard = [await asyncio.to_thread(whole_stream, server.port) for _ in range(4)]
    assert heard == [b"even", b"odd", b"even", b"odd"]


@needs_ipv6
async def test_a_scripted_server_listens_on_ipv6_as_well() -> None:
    async with ScriptedServer([Send(b"hello")], host="::1") as server:
        assert server.host == "::1"
        assert await asyncio.to_thread(whole_stream, server.port, "::1") == b"hello"


async def test_a_client_certificate_that_nobody_has_is_refused_after_the_clients_handshake(
    credential: Credential,
) -> None:
    def session(port: int) -> str | None:
        with connected(port) as sock, unverified().wrap_socket(sock) as secured:
            version = secured.version()
            with pytest.raises(ssl.SSLError, match="CERTIFICATE_REQUIRED"):
                secured.recv(1)
            return version

    script = [StartTls(ServerTls(credential, require_client_certificate=True)), Send(b"220 never\r\n")]
    async with ScriptedServer(script) as server:
        assert await asyncio.to_thread(session, server.port) == "TLSv1.3"
        await server.finished()
        assert [fault.step for fault in server.faults] == [0]
        assert "PEER_DID_NOT_RETURN_A_CERTIFICATE" in server.faults[0].reason


async def test_a_server_of_tls_1_0_alone_is_refused_by_modern_clients(credential: Credential) -> None:
    old = ServerTls(credential, minimum=ssl.TLSVersion.TLSv1, maximum=ssl.TLSVersion.TLSv1)

    def modern(port: int) -> None:
        with connected(port) as sock:
            trusting_nobody = unverified()
            trusting_nobody.minimum_version = ssl.TLSVersion.TLSv1_2
            trusting_nobody.wrap_socket(sock)

    def lenient(port: int) -> str | None:
        context = unverified()
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        with connected(port) as sock, context.wrap_socket(sock) as secured:
            return secured.version()

    async with ScriptedServer([StartTls(old)]) as server:
        with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
            await asyncio.to_thread(modern, server.port)
        assert await asyncio.to_thread(lenient, server.port) == "TLSv1"
        await server.finished(2)
        assert server.sessions[1].tls_version == "TLSv1"


async def test_a_client_chooses_between_an_rsa_and_an_ecdsa_certificate(intermediate: Authority) -> None:
    rsa = intermediate.issue(["mail.example.org"], key="rsa-2048")
    ecdsa = intermediate.issue(["mail.example.org"], key="ecdsa-p256")

    def certificate(port: int, kind: str) -> bytes | None:
        context = unverified()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(f"ECDHE+a{kind}")
        with connected(port) as sock, context.wrap_socket(sock) as secured:
            return secured.getpeercert(binary_form=True)

    async with ScriptedServer([StartTls(ServerTls(rsa, ecdsa))]) as server:
        assert await asyncio.to_thread(certificate, server.port, "RSA") == rsa.certificate
        assert await asyncio.to_thread(certificate, server.port, "ECDSA") == ecdsa.certificate


@pytest.mark.parametrize(
    ("asked", "strict", "shown"),
    [
        pytest.param("mail.example.net", False, "other", id="known name"),
        pytest.param("MAIL.example.NET", False, "other", id="known name in capitals"),
        pytest.param("mail.example.com", False, "usual", id="unknown name"),
        pytest.param(None, False, "usual", id="no name"),
        pytest.param("mail.example.net", True, "other", id="known name, strict"),
        pytest.param("mail.example.com", True, "refused", id="unknown name, strict"),
        pytest.param(None, True, "refused", id="no name, strict"),
    ],
)
async def test_the_certificate_depends_on_the_name_asked_for(
    intermediate: Authority, credential: Credential, asked: str | None, strict: bool, shown: str
) -> None:
    other = intermediate.issue(["mail.example.net"])
    tls = ServerTls(credential, by_name={"mail.example.net": other}, strict_names=strict)

    def certificate(port: int) -> bytes | None:
        with connected(port) as sock, unverified().wrap_socket(sock, server_hostname=asked) as secured:
            return secured.getpeercert(binary_form=True)

    async with ScriptedServer([StartTls(tls)]) as server:
        if shown == "refused":
            with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
                await asyncio.to_thread(certificate, server.port)
        else:
            expected = {"usual": credential, "other": other}[shown]
            assert await asyncio.to_thread(certificate, server.port) == expected.certificate
        await server.finished()
        assert server.sessions[0].server_name == asked


async def test_a_client_that_refuses_the_certificate_is_a_fault_of_the_handshake(credential: Credential) -> None:
    def session(port: int) -> None:
        with connected(port) as sock, pytest.raises(ssl.SSLCertVerificationError):
            ssl.create_default_context().wrap_socket(sock, server_hostname="mail.example.org")

    async with ScriptedServer([StartTls(ServerTls(credential))]) as server:
        await asyncio.to_thread(session, server.port)
        await server.finished()
        assert server.faults[0].reason.startswith("the handshake failed: ")


async def test_commands_sent_before_the_handshake_never_run_inside_tls(credential: Credential) -> None:
    def session(port: int) -> None:
        with connected(port) as sock:
            sock.sendall(b"STARTTLS\r\nEHLO smuggled\r\n")
            read_line(sock)
            with pytest.raises((ssl.SSLError, ConnectionError)):
                unverified().wrap_socket(sock)

    script = [Expect(b"STARTTLS"), Send(b"220 go ahead\r\n"), StartTls(ServerTls(credential)), Expect(b"EHLO")]
    async with ScriptedServer(script) as server:
        await asyncio.to_thread(session, server.port)
        await server.finished()
        assert [fault.step for fault in server.faults] == [2]


async def test_a_server_that_other_machines_could_reach_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^0\.0\.0\.0 is not a loopback address$"):
        ScriptedServer([Hang()], host="0.0.0.0")
