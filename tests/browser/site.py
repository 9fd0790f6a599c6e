"""What the browser looks at: a daemon in a process of its own, probing a well server, a hostile one, a port that comes
and goes, and one that is closed."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from exporter.demo.mint import Authority
from exporter.demo.scripted import Expect, Script, ScriptedServer, Send, StartTls
from exporter.demo.tls import ServerTls
from tests.running import Pages, exporting
from tests.served import WELL, ConfigFile, configuration, entry

# Addresses that no other test takes for its servers, so that each is a host of its own.
WELL_HOST, HOSTILE_HOST, COMING_HOST, CLOSED_HOST = (f"127.0.9.{last}" for last in (1, 2, 3, 4))

# What a server would say to be more than text; it must fit into a common name, which has 64 characters.
HOSTILE = "<script>hacked()</script><img src=x onerror=hacked()>\"'><b>"

# As often as is allowed, so that a test need not wait long for the next look.
OFTEN = ", interval: 10s"


def hostile(tls: ServerTls) -> Script:
    """A server that tries to become part of the page wherever it is heard: greeting, capability, certificate."""
    text = HOSTILE.encode()
    capabilities = b"250-mail.example.org " + text + b"\r\n250-X" + text.replace(b" ", b"") + b" " + text + b"\r\n"
    upgrade = (Send(capabilities + b"250 STARTTLS\r\n"), Expect(b"STARTTLS"), Send(b"220 go\r\n"), StartTls(tls))
    inside = (Expect(b"EHLO "), Send(capabilities + b"250 HELP\r\n"), Expect(b"QUIT"), Send(b"221 bye\r\n"))
    return (Send(b"220 " + text + b"\x1b[2J\r\n"), Expect(b"EHLO "), *upgrade, *inside)


@dataclass(frozen=True)
class Site:
    """The pages, and the port that comes and goes: closed until a test opens it."""

    url: str
    pages: Pages
    coming: int

    def server(self) -> ScriptedServer:
        """What opens the port, for as long as it is entered."""
        return ScriptedServer(WELL, host=COMING_HOST, port=self.coming)


@asynccontextmanager
async def site(folder: Path) -> AsyncIterator[Site]:
    """Everything of it, with the first round over."""
    issuer = Authority.create(HOSTILE, now=datetime.now(UTC))
    tls = ServerTls(issuer.issue([HOSTILE_HOST], common_name=HOSTILE))
    async with AsyncExitStack() as stack:
        well = await stack.enter_async_context(ScriptedServer(WELL, host=WELL_HOST))
        bad = await stack.enter_async_context(ScriptedServer(hostile(tls), host=HOSTILE_HOST))
        # Somebody else's free port would not stay free; one that this process held a moment ago does.
        async with ScriptedServer(WELL, host=COMING_HOST) as coming:
            pass
        file = ConfigFile(folder / "config.yml")
        file.write(
            configuration(
                entry(well, OFTEN),
                entry(bad, OFTEN).replace("tls: none", "tls: starttls"),
                entry(coming, f"{OFTEN}, expect: open"),
                f"  - {{host: {CLOSED_HOST}, ports: [{{port: 9, protocol: smtp, tls: none, expect: open}}]}}\n",
            )
        )
        _, pages = await stack.enter_async_context(exporting(file.path))
        await pages.ready()
        yield Site(pages.url, pages, coming.port)
