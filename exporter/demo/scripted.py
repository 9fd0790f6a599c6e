"""A mail server that plays a script: it says and does exactly what it was told, right or wrong.

A script is a list of steps, so that any misbehaviour of a server can be written down in a few lines:

    script = [
        Send(b"220 mail.example.org ESMTP\\r\\n"),
        Expect(b"EHLO "),
        Send(b"250-mail.example.org\\r\\n250 STARTTLS\\r\\n"),
        Expect(b"STARTTLS"),
        Send(b"220 go ahead\\r\\n"),
        StartTls(ServerTls(credential)),
        Expect(b"EHLO "),
        …
    ]
    async with ScriptedServer(script) as server:
        …connect to server.port…
        await server.finished()
        assert not server.faults

A script that begins with `StartTls` is a server with implicit TLS. At its end the server closes in good order. What a
client said, and what in a script did not come to pass, is on record. It knows no protocol; for servers that do, see
`servers`.
"""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from exporter.demo.connection import Connection, Exchange, HandshakeFailed, LineTooLong, PeerGone
from exporter.demo.listener import Listener
from exporter.demo.tls import ServerTls


class Step:
    """One of the steps below."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Send(Step):
    """Write `data`; with `cut`, in TCP segments (inside TLS: records) of so many bytes."""

    data: bytes
    cut: int | None = None


@dataclass(frozen=True, slots=True)
class Drip(Step):
    """Write `data` one byte at a time, `pause` seconds after each."""

    data: bytes
    pause: float = 0.0


@dataclass(frozen=True, slots=True)
class Repeat(Step):
    """Write `data` again and again until the client has gone: an endless greeting, a line without an end."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Inject(Step):
    """Write `data` in plain text whatever was agreed; right after a `Send` in plain text, in the same segment."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Answer(Step):
    """Write `data` with the first word of the client's last line in front, which in IMAP is the command's tag."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Expect(Step):
    """Read one line; its beginning must match the regular expression `pattern`, in upper or lower case."""

    pattern: bytes


@dataclass(frozen=True, slots=True)
class StartTls(Step):
    """Do the handshake; the steps behind it run inside TLS."""

    tls: ServerTls


@dataclass(frozen=True, slots=True)
class Delay(Step):
    """Let `seconds` pass, by the server's `sleep`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Wait(Step):
    """Go on when somebody has set `event`."""

    event: asyncio.Event


@dataclass(frozen=True, slots=True)
class Reached(Step):
    """Set `event`, and so tell somebody that the script has come this far."""

    event: asyncio.Event


@dataclass(frozen=True, slots=True)
class Hang(Step):
    """Say nothing more; ends, in good order, when the client has ended its side. Nothing behind it is played."""


@dataclass(frozen=True, slots=True)
class Close(Step):
    """End the connection in good order, or without TLS's close alert; nothing behind it is played."""

    alert: bool = True


@dataclass(frozen=True, slots=True)
class Reset(Step):
    """End the connection with a TCP reset; nothing behind it is played."""


Script = Sequence[Step]
Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """A step that did not come to pass: in which connection (0 is the first), which step (from 0), and why not."""

    session: int
    step: int
    reason: str


@dataclass(slots=True)
class Session:
    """The record of one connection; `log` holds both sides in clear text, in the order written and read."""

    number: int
    log: list[Exchange] = field(default_factory=list)
    tls_version: str | None = None
    server_name: str | None = None
    close_alert_received: bool = False

    @property
    def received(self) -> bytes:
        """Everything the client said."""
        return b"".join(exchange.data for exchange in self.log if not exchange.sent)

    @property
    def received_secured(self) -> bytes:
        """What the client said inside TLS."""
        return b"".join(exchange.data for exchange in self.log if not exchange.sent and exchange.secured)

    @property
    def lines(self) -> list[bytes]:
        """The lines the client said, without their ends."""
        return self.received.splitlines()


class ScriptedServer:
    """`async with ScriptedServer(script) as server:` plays `script` to everybody who connects to `server.port`.

    With several scripts the first connection gets the first one, and so on; the last one is played to all further
    ones. A function is asked for the script of each connection by its number from 0.
    """

    def __init__(
        self,
        script: Script | Callable[[int], Script],
        *more: Script,
        host: str = "127.0.0.1",
        port: int = 0,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._choose = script if callable(script) else _by_turn((script, *more))
        self._sleep = sleep
        self._listener = Listener(self._serve, host, port)
        self._changed = asyncio.Condition()
        self._ended = 0
        self.sessions: list[Session] = []
        self.faults: list[Fault] = []

    @property
    def host(self) -> str:
        """The address it listens on."""
        return self._listener.host

    @property
    def port(self) -> int:
        """The port it listens on, once the context was entered."""
        return self._listener.port

    @property
    def received(self) -> list[bytes]:
        """What was said in each connection, in the order of their beginnings."""
        return [session.received for session in self.sessions]

    async def finished(self, sessions: int = 1) -> None:
        """Wait until as many sessions have ended; only then is their record complete."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._ended >= sessions)

    async def __aenter__(self) -> Self:
        await self._listener.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._listener.__aexit__(kind, error, traceback)

    async def _serve(self, connection: Connection) -> None:
        session = Session(len(self.sessions))
        self.sessions.append(session)
        connection.tap = session.log.append
        player = _Player(connection, self._choose(session.number), self._sleep)
        try:
            reason = await player.play()
        finally:
            session.tls_version = connection.tls_version
            session.server_name = connection.server_name
            session.close_alert_received = connection.close_alert_received
        if reason is not None:
            self.faults.append(Fault(session.number, player.step, reason))
        # The client learns of the end only when its record can be read.
        connection.close()
        async with self._changed:
            self._ended += 1
            self._changed.notify_all()


def _by_turn(scripts: Sequence[Script]) -> Callable[[int], Script]:
    return lambda number: scripts[min(number, len(scripts) - 1)]


class _Mismatch(Exception):
    """The client did not say what the script expects."""


class _Player:
    """Plays one script on one connection; `step` is where it is."""

    def __init__(self, connection: Connection, script: Script, sleep: Sleep) -> None:
        self._connection = connection
        self._script = script
        self._sleep = sleep
        self._line = b""
        self.step = 0

    async def play(self) -> str | None:
        """Play to the end, or to a step that fails; returns why it failed."""
        try:
            for number, step in enumerate(self._script):
                self.step = number
                if await self._take(step):
                    return None
            await self._connection.finish()
        except _Mismatch as mismatch:
            await self._connection.finish()
            return str(mismatch)
        except LineTooLong:
            return "the client's line has no end"
        except PeerGone:
            return "the client has gone"
        except HandshakeFailed as failure:
            return f"the handshake failed: {failure}"
        return None

    async def _take(self, step: Step) -> bool:
        """Play one step; true if it ends the script."""
        match step:
            case Close(alert):
                await self._connection.finish(alert=alert)
                return True
            case Reset():
                self._connection.reset()
                return True
            case Hang():
                await self._connection.read_to_end()
                await self._connection.finish()
                return True
            case Repeat(data):
                await self._repeat(data)
                return True
            case Expect(pattern):
                await self._expect(pattern)
            case StartTls(tls):
                await self._connection.start_tls(tls)
            case Delay(seconds):
                await self._sleep(seconds)
            case Wait(event):
                await event.wait()
            case Reached(event):
                event.set()
            case _:
                await self._write(step)
        return False

    async def _write(self, step: Step) -> None:
        match step:
            case Send(data, None):
                await self._connection.send(data + self._injected_behind())
            case Send(data, int(cut)):
                for start in range(0, len(data), cut):
                    await self._connection.send(data[start : start + cut])
            case Drip(data, pause):
                for start in range(len(data)):
                    await self._connection.send(data[start : start + 1])
                    await self._sleep(pause)
            case Inject(data):
                if not self._sent_already():
                    await self._connection.inject(data)
            case Answer(data):
                tag = self._line.split(maxsplit=1)[:1]
                await self._connection.send(b" ".join((*tag, data)))

    async def _expect(self, pattern: bytes) -> None:
        self._line = await self._connection.read_line()
        if not re.match(pattern, self._line, re.IGNORECASE):
            raise _Mismatch(f"expected {pattern!r}, read {self._line!r}")

    async def _repeat(self, data: bytes) -> None:
        with contextlib.suppress(PeerGone):
            while True:
                await self._connection.send(data)
                # As long as the socket takes everything, sending never waits, and nobody else would get a turn.
                await asyncio.sleep(0)

    def _injected_behind(self) -> bytes:
        """What the step behind this one puts into the same segment."""
        if self._connection.secured:
            return b""
        return b"".join(step.data for step in self._script[self.step + 1 : self.step + 2] if isinstance(step, Inject))

    def _sent_already(self) -> bool:
        before = self._script[self.step - 1] if self.step else None
        return not self._connection.secured and isinstance(before, Send) and before.cut is None
