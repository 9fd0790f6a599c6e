"""Mail servers for a running daemon, and the configuration that names them."""

from pathlib import Path

from exporter.demo.scripted import Expect, Script, ScriptedServer, Send

GREETING = Send(b"220 mail.example.org ESMTP\r\n")
DIALOG = (Expect(b"EHLO "), Send(b"250 mail.example.org\r\n"), Expect(b"QUIT"), Send(b"221 bye\r\n"))
WELL: Script = (GREETING, *DIALOG)


def entry(server: ScriptedServer, settings: str = "", name: str | None = None) -> str:
    """A server as an entry of the list of hosts, by its address or by `name`; `settings` are further ones of its port.

    Servers of one test listen on different loopback addresses, so that each is a host of its own.
    """
    port = f"{{port: {server.port}, protocol: smtp, tls: none{settings}}}"
    return f"  - {{host: {name or server.host}, ports: [{port}]}}\n"


def configuration(*entries: str, defaults: str = "ehlo_name: monitor.example.org") -> str:
    """Everybody is probed at once, and nobody waits for anybody."""
    return f"min_gap: 0s\nfirst_round: 0s\ndefaults: {{ip_families: [ipv4], {defaults}}}\nhosts:\n{''.join(entries)}"


class ConfigFile:
    """A configuration that a daemon reads."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, text: str) -> None:
        """Replace what is in it."""
        self.path.write_text(text)

    def name(self, *entries: str) -> None:
        """Name these hosts in it and no others."""
        self.write(configuration(*entries))


def of(server: ScriptedServer) -> dict[str, object]:
    """The labels of the target that a server is."""
    return {"host": server.host, "port": server.port}
