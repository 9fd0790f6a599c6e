"""The mail server of the benchmarks: one process for all contenders, which is never counted.

Two ports of SMTP with STARTTLS: one that holds whole sessions, and one that falls silent right after the handshake, so
that probes stay in flight. A third port tells how many sessions have fallen silent so far, as a line of digits. Its
certificate comes from an intermediate authority, as those of most mail servers do, and holds for every name in
`DOMAIN`.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from exporter.demo.connection import Connection
from exporter.demo.listener import Listener
from exporter.demo.mint import Authority
from exporter.demo.scripted import Expect, Hang, Reached, Script, ScriptedServer, Send, StartTls
from exporter.demo.servers import FriendlyServer
from exporter.demo.tls import ServerTls
from exporter.targets import Protocol, Service, TlsMode
from tests.bench import cores
from tests.bench.process import ADDRESS
from tests.bench.worker import ask, stop

DOMAIN = "example.org"
_NAME = f"mail.{DOMAIN}"


@dataclass(frozen=True, slots=True)
class Site:
    """Where the server is and whom to trust; the ports are of `ADDRESS`."""

    port: int
    silent_port: int
    count_port: int
    ca_file: str

    @classmethod
    def read(cls, text: str) -> "Site":
        """The site that `text` describes."""
        return cls(**json.loads(text))

    @property
    def text(self) -> str:
        """As the command line of a worker carries it."""
        return json.dumps(asdict(self))


@contextmanager
def mail_server() -> Iterator[Site]:
    """Run the server for the length of the block."""
    with tempfile.TemporaryDirectory(prefix="mailprobe-bench-") as directory:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.mailserver", directory],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            yield Site.read(ask(process, "the mail server", "where?"))
        finally:
            stop(process)


class _Silence:
    """The port that falls silent, and the count of those who heard it."""

    def __init__(self, tls: ServerTls) -> None:
        self._tls = tls
        self._reached: list[asyncio.Event] = []

    def script(self, number: int) -> Script:
        """What is said to the connection `number`."""
        reached = asyncio.Event()
        self._reached.append(reached)
        return [
            Send(f"220 {_NAME} ESMTP\r\n".encode()),
            Expect(b"EHLO "),
            Send(f"250-{_NAME}\r\n250 STARTTLS\r\n".encode()),
            Expect(b"STARTTLS"),
            Send(b"220 go ahead\r\n"),
            StartTls(self._tls),
            Expect(b"EHLO "),
            Reached(reached),
            Hang(),
        ]

    async def tell(self, connection: Connection) -> None:
        """How many sessions have come to the silence so far."""
        await connection.send(f"{sum(event.is_set() for event in self._reached)}\n".encode())
        await connection.finish()


async def _serve(directory: Path) -> None:
    root = Authority.create("Benchmark root", now=datetime.now(UTC))
    tls = ServerTls(root.intermediate("Benchmark intermediate").issue([f"*.{DOMAIN}"]))
    friendly = FriendlyServer(_NAME, Service(25, Protocol.SMTP, TlsMode.STARTTLS), tls)
    silence = _Silence(tls)
    async with (
        Listener(friendly.serve, ADDRESS) as listener,
        ScriptedServer(silence.script, host=ADDRESS) as silent,
        Listener(silence.tell, ADDRESS) as count,
    ):
        site = Site(listener.port, silent.port, count.port, str(root.write(directory)))
        sys.stdout.write(site.text + "\n")
        sys.stdout.flush()
        # Ends with whoever started it.
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    cores.use_servers_core()
    asyncio.run(_serve(Path(sys.argv[1])))
