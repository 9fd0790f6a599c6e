"""The load target: a mail server at every address of 127.0.0.0/8, fast enough not to be what is measured.

One process and one epoll loop, on a core that no contender has, with the interpreter's own OpenSSL: that of Debian's
mail servers, with X25519 for every client, since a key agreement that only one contender knows would be compared with
one that both know. Each port speaks SMTP and has a chain of its own (`CHAINS`), or no TLS (`plain`). It tells how many
sessions it has seen to their end and what processor time it took, so that a run can show that it had some to spare.

At the port `delayed` the greeting comes `DELAY` after the connection was accepted, as exactly as a process can that
does not sleep through the last two milliseconds. How late it really was is kept for each address, and told: as a
`witness` saw it, so that this process' own lateness does not count, or by its own clock where that is not permitted.

At the ports `regional` and `distant` everything that is said arrives late by the distance of the address, which is
anything between the two of `DISTANCES`: servers in the same part of the world, or all over it, of which no two answer
at the same time. Connecting alone is as quick as ever.

At the ports `mute` and `held` it falls silent when told to: before the greeting, and after the handshake.
"""

import json
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from heapq import heappop, heappush
from pathlib import Path
from select import EPOLLIN, epoll
from typing import Any, Final
from zlib import crc32

from exporter.demo.mint import Authority, KeyKind
from tests.bench import cores
from tests.bench.witness import Witness
from tests.bench.worker import ask, stop

DOMAIN: Final = "example.org"

# Of the root, the intermediate and the server, by port.
CHAINS: Final[dict[str, tuple[KeyKind, KeyKind, KeyKind]]] = {
    "p256": ("ecdsa-p256", "ecdsa-p256", "ecdsa-p256"),
    "rsa": ("rsa-2048", "rsa-2048", "rsa-2048"),
    # As Let's Encrypt issues them.
    "p384": ("ecdsa-p384", "ecdsa-p384", "ecdsa-p256"),
}
PLAIN: Final = "plain"
DELAYED: Final = "delayed"
REGIONAL: Final = "regional"
DISTANT: Final = "distant"
MUTE: Final = "mute"
HELD: Final = "held"

DELAY: Final = 0.05

# Seconds to the nearest server and back, and to the farthest one: between the cities of one country and its neighbours,
# and to the other side of the world.
DISTANCES: Final = {REGIONAL: (0.005, 0.04), DISTANT: (0.01, 0.16)}

# A process that sleeps is woken late; the last of the wait is not slept through.
_AWAKE_SECONDS: Final = 0.002

# OpenSSL 3.5 prefers a hybrid of X25519 and ML-KEM; before it, X25519 is what it takes unasked, and what the `ssl` of
# some Pythons that came with it cannot name.
_HYBRID_FROM: Final = (3, 5)

# Where distributions that the programs run on keep their roots; an installation has some hundred and fifty.
_SYSTEM_ROOTS: Final = Path("/etc/ssl/certs/ca-certificates.crt")

_GREETING: Final = b"220 %s ESMTP Postfix\r\n"
_EHLO: Final = (
    b"250-%s\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250-ETRN\r\n@250-ENHANCEDSTATUSCODES\r\n"
    b"250-8BITMIME\r\n250-DSN\r\n250-SMTPUTF8\r\n250 CHUNKING\r\n"
)
_EHLO_PLAIN: Final = _EHLO.replace(b"@", b"")
_EHLO_STARTTLS: Final = _EHLO.replace(b"@", b"250-STARTTLS\r\n")
_EHLO_TLS: Final = _EHLO.replace(b"@", b"250-AUTH PLAIN LOGIN\r\n")


@dataclass(frozen=True, slots=True)
class Crowd:
    """Ports by name, the file with the system's roots and those of `CHAINS`, and whether greetings have a witness."""

    ports: dict[str, int]
    roots: str
    witnessed: bool


@dataclass(frozen=True, slots=True)
class Account:
    """What the server did so far: whole sessions, seconds of processor time; and those it now lets wait in silence."""

    sessions: int
    cpu: float
    silent: int


@dataclass(frozen=True, slots=True)
class Greeting:
    """The last one at an address: when, by the monotonic clock, and how many seconds after the connection stood."""

    moment: float
    delay: float


class Running:
    """The server, as long as it runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.crowd = Crowd(**self._told("where"))

    def account(self) -> Account:
        """What it did so far."""
        return Account(**self._told("account"))

    def greetings(self) -> dict[str, Greeting]:
        """The last greeting at each address of the port `delayed`."""
        return {address: Greeting(*told) for address, told in self._told("greetings").items()}

    def fall_silent(self) -> None:
        """From now on `mute` does not greet, and `held` says nothing after the handshake."""
        self._told("silence")

    def end_silence(self) -> None:
        """Speak again, and hang up on those who wait."""
        self._told("speech")

    def _told(self, question: str) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(ask(self._process, "the load target", question))
        return answer


@contextmanager
def crowd() -> Iterator[Running]:
    """Run the server for the length of the block."""
    with tempfile.TemporaryDirectory(prefix="mailprobe-bench-") as directory:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.crowd", directory],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            yield Running(process)
        finally:
            stop(process)


class _Session:
    """One connection."""

    __slots__ = (
        "_context",
        "_ended",
        "_handshaking",
        "_name",
        "_pending",
        "_silent_after_tls",
        "distance",
        "silent",
        "sock",
    )

    def __init__(self, sock: socket.socket, context: ssl.SSLContext | None, *, silent_after_tls: bool) -> None:
        self.sock = sock
        self._name = _own_name(sock)
        self.silent = False
        # Seconds until what either side says arrives at the other.
        self.distance = 0.0
        self._context = context
        self._silent_after_tls = silent_after_tls
        self._handshaking = False
        self._pending = b""
        self._ended = False

    def greet(self) -> None:
        """Speak first; one that is gone meanwhile is told by the loop."""
        with suppress(OSError):
            self.sock.send(_GREETING % self._name)

    def take(self) -> bool | None:
        """Read what there is and answer it: True at the end of a whole session, False at that of another one."""
        try:
            if self._handshaking:
                assert isinstance(self.sock, ssl.SSLSocket)
                self.sock.do_handshake()
                self._handshaking = False
            while True:
                data = self.sock.recv(4096)
                if not data:
                    return self._ended
                *lines, self._pending = (self._pending + data).split(b"\n")
                for line in lines:
                    self._answer(line)
        except (BlockingIOError, ssl.SSLWantReadError):
            return None
        except OSError:
            return self._ended

    def _answer(self, line: bytes) -> None:
        secured = isinstance(self.sock, ssl.SSLSocket)
        if secured and self._silent_after_tls:
            self.silent = True
        elif line.startswith(b"EHLO "):
            open_answer = _EHLO_PLAIN if self._context is None else _EHLO_STARTTLS
            self.sock.send((_EHLO_TLS if secured else open_answer) % self._name)
        elif line.startswith(b"STARTTLS") and self._context is not None:
            self.sock.send(b"220 2.0.0 Ready to start TLS\r\n")
            self.sock = self._context.wrap_socket(self.sock, server_side=True, do_handshake_on_connect=False)
            self._handshaking = True
            self.sock.do_handshake()
        elif line.startswith(b"QUIT"):
            self.sock.send(b"221 2.0.0 Bye\r\n")
            self._ended = True


class _Server:
    """The loop over all ports."""

    def __init__(
        self, listeners: dict[str, socket.socket], contexts: dict[str, ssl.SSLContext], witness: Witness | None
    ) -> None:
        self._witness = witness
        self._silence = False
        self._listeners = {listener.fileno(): (name, listener) for name, listener in listeners.items()}
        self._contexts = contexts
        self._sessions: dict[int, _Session] = {}
        self._poll = epoll()
        self._waiting: deque[tuple[float, float, socket.socket]] = deque()
        # When what distant ones said arrives, by descriptor, and whether it is the greeting that is due then.
        self._under_way: list[tuple[float, int, bool]] = []
        self._greetings: dict[str, Greeting] = {}
        self._whole = 0
        for number in self._listeners:
            self._poll.register(number, EPOLLIN)
        if witness is not None:
            self._poll.register(witness.fileno(), EPOLLIN)

    def run(self, site: Crowd) -> None:
        """Serve until the standard input ends."""
        self._poll.register(sys.stdin.fileno(), EPOLLIN)
        while True:
            for number, _ in self._poll.poll(self._patience()):
                if number == sys.stdin.fileno():
                    question = sys.stdin.readline()
                    if not question:
                        return
                    sys.stdout.write(json.dumps(self._answer(question.strip(), site)) + "\n")
                    sys.stdout.flush()
                elif self._witness is not None and number == self._witness.fileno():
                    now = time.monotonic()
                    for address, delay in self._witness.greetings():
                        self._greetings[address] = Greeting(now, delay)
                elif number in self._listeners:
                    self._accept(*self._listeners[number])
                # It may have been hung up on since the poll.
                elif number in self._sessions:
                    self._hear(number)
                self._greet_due()
            self._greet_due()
            self._serve_arrived()

    def _patience(self) -> float:
        now = time.monotonic()
        patience = 1.0
        if self._waiting:
            patience = self._waiting[0][0] - _AWAKE_SECONDS - now
        if self._under_way:
            patience = min(patience, self._under_way[0][0] - now)
        return max(0.0, patience)

    def _answer(self, question: str, site: Crowd) -> dict[str, Any]:
        match question:
            case "where":
                return asdict(site)
            case "account":
                silent = sum(session.silent for session in self._sessions.values())
                return asdict(Account(self._whole, time.process_time(), silent))
            case "greetings":
                return {address: (found.moment, found.delay) for address, found in self._greetings.items()}
            case "silence":
                self._silence = True
                return {}
            case "speech":
                self._silence = False
                for number in [number for number, session in self._sessions.items() if session.silent]:
                    self._end(number, whole=False)
                return {}
            case _:
                raise ValueError(question)

    def _accept(self, name: str, listener: socket.socket) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except BlockingIOError:
                return
            now = time.monotonic()
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            session = _Session(sock, self._contexts.get(name), silent_after_tls=self._silence and name == HELD)
            self._sessions[sock.fileno()] = session
            if name in DISTANCES:
                session.distance = _distance(sock.getsockname()[0], *DISTANCES[name])
                heappush(self._under_way, (now + session.distance, sock.fileno(), True))
                continue
            self._poll.register(sock.fileno(), EPOLLIN)
            if name == DELAYED:
                self._waiting.append((now + DELAY, now, sock))
            elif self._silence and name == MUTE:
                session.silent = True
            else:
                session.greet()

    def _greet_due(self) -> None:
        while self._waiting and (now := time.monotonic()) >= self._waiting[0][0]:
            _, accepted, sock = self._waiting.popleft()
            if sock.fileno() >= 0:
                if self._witness is None:
                    self._greetings[sock.getsockname()[0]] = Greeting(now, now - accepted)
                # Gone meanwhile: its end is told by the loop.
                with suppress(OSError):
                    sock.send(_GREETING % _own_name(sock))

    def _hear(self, number: int) -> None:
        session = self._sessions[number]
        if session.distance:
            self._poll.unregister(number)
            heappush(self._under_way, (time.monotonic() + session.distance, number, False))
        else:
            self._serve(number)

    def _serve_arrived(self) -> None:
        while self._under_way and self._under_way[0][0] <= time.monotonic():
            _, number, greeting = heappop(self._under_way)
            self._poll.register(number, EPOLLIN)
            if greeting:
                self._sessions[number].greet()
            else:
                self._serve(number)

    def _serve(self, number: int) -> None:
        ended = self._sessions[number].take()
        if ended is not None:
            self._end(number, whole=ended)

    def _end(self, number: int, *, whole: bool) -> None:
        self._whole += whole
        self._poll.unregister(number)
        self._sessions.pop(number).sock.close()


def _own_name(sock: socket.socket) -> bytes:
    """The name by which the host introduces itself that is connected here: each has its own."""
    return f"mx-{sock.getsockname()[0].replace('.', '-')}.{DOMAIN}".encode()


def _distance(address: str, nearest: float, farthest: float) -> float:
    """Seconds from here to a host and back."""
    return nearest + (farthest - nearest) * crc32(address.encode()) / 2**32


def _context(directory: Path, name: str, kinds: tuple[KeyKind, KeyKind, KeyKind]) -> tuple[ssl.SSLContext, bytes]:
    root = Authority.create(f"Benchmark root {name}", now=datetime.now(UTC), key=kinds[0])
    leaf = root.intermediate(f"Benchmark intermediate {name}", key=kinds[1]).issue([f"*.{DOMAIN}"], key=kinds[2])
    files = leaf.write(directory, name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.chain, files.key)
    if ssl.OPENSSL_VERSION_INFO >= _HYBRID_FROM:
        context.set_ecdh_curve("X25519")
    return context, root.pem


def _listen() -> socket.socket:
    listener = socket.create_server(("0.0.0.0", 0), backlog=4096)
    listener.setblocking(False)
    return listener


def _serve(directory: Path) -> None:
    made = {name: _context(directory, name, kinds) for name, kinds in CHAINS.items()}
    contexts = {name: context for name, (context, _) in made.items()}
    contexts |= dict.fromkeys((DELAYED, REGIONAL, DISTANT, MUTE, HELD), contexts["p256"])
    roots = directory / "roots.pem"
    public = _SYSTEM_ROOTS.read_bytes() if _SYSTEM_ROOTS.exists() else b""
    roots.write_bytes(public + b"".join(pem for _, pem in made.values()))
    listeners = {name: _listen() for name in (*CHAINS, PLAIN, DELAYED, REGIONAL, DISTANT, MUTE, HELD)}
    ports = {name: listener.getsockname()[1] for name, listener in listeners.items()}
    try:
        witness = Witness(ports[DELAYED])
    except PermissionError:
        witness = None
    _Server(listeners, contexts, witness).run(Crowd(ports, str(roots), witness is not None))


if __name__ == "__main__":
    cores.use_servers_core()
    _serve(Path(sys.argv[1]))
