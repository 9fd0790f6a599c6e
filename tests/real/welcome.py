"""What the page on letting the monitor in holds for a test: its snippets, with other addresses, and its table.

A snippet is a fenced block with a comment above it that names it: `<!-- tried: NAME -->`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_FILE = Path(__file__).parents[2] / "deploy" / "welcome.md"

# The monitor's addresses on the page, from the ranges for documentation (RFC 5737 §3, RFC 3849 §2).
IPV4, IPV6 = "192.0.2.10", "2001:db8::10"

_NAMED = re.compile(r"^<!-- tried: (?P<name>[a-z0-9-]+) -->\n```\w+\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def page() -> str:
    """The whole text."""
    return _FILE.read_text()


def names() -> list[str]:
    """The names of all snippets, in their order."""
    return [found["name"] for found in _NAMED.finditer(page())]


def blocks() -> int:
    """How many fenced blocks the page has, named or not."""
    return len(re.findall("^ *```", page(), re.MULTILINE)) // 2


def snippet(name: str, *, monitor: str = IPV4) -> str:
    """The snippet `name`, for a monitor at the IPv4 address `monitor`; its IPv6 address stays the page's."""
    (text,) = (found["text"] for found in _NAMED.finditer(page()) if found["name"] == name)
    return text.replace(IPV4, monitor)


def commands(name: str, program: str, *, monitor: str) -> list[list[str]]:
    """The arguments of each call of `program` in a snippet that shows a root shell."""
    prompt = f"# {program} "
    lines = snippet(name, monitor=monitor).splitlines()
    assert all(line.startswith(prompt) for line in lines)
    return [line.removeprefix(prompt).split() for line in lines]


def parameters(name: str, *, monitor: str, folder: Path) -> dict[str, str]:
    """The parameters of a snippet of Postfix' main.cf, its files looked for in `folder` instead of /etc/postfix."""
    lines = (line.partition(" = ") for line in snippet(name, monitor=monitor).splitlines())
    return {parameter: value.replace("/etc/postfix", str(folder)) for parameter, _, value in lines}


@dataclass(frozen=True, slots=True)
class LogRow:
    """A row of the page's table of logs."""

    ports: tuple[int, ...]
    sessions: int
    lines_each: int
    lines: int


def log_table() -> Mapping[str, LogRow]:
    """The table, by server."""
    text = page()
    table = text[text.index("<!-- logs -->") : text.index("<!-- /logs -->")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line[0] == "|"]
    return {
        server: LogRow(tuple(map(int, ports.split(", "))), number(sessions), number(each), number(lines))
        for server, ports, sessions, each, lines in rows[2:]
    }


def number(text: str) -> int:
    """A number as the page writes it."""
    return int(text.replace(",", ""))
