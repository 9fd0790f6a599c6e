"""What the pages need from the running daemon, and nothing more of it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from exporter.judgement.vantage import Vantage
from exporter.metrics.compression import Passage
from exporter.metrics.negotiation import Format
from exporter.metrics.state import HostState, TargetState
from exporter.web.events import Changes


class DaemonView(Protocol):
    """The daemon as its HTTP side sees it. All but `reload` answers from memory, at once."""

    @property
    def version(self) -> str:
        """Of this program."""

    @property
    def changes(self) -> Changes:
        """What was probed, each target when its result is in the store, and every time the targets are others."""

    def now(self) -> float:
        """Unix seconds, on the clock that stamped the results."""

    def metrics(self, form: Format) -> Iterator[bytes | Passage]:
        """All metrics as a document in this format, in pieces; what happens in between may show in the later ones."""

    def states(self) -> Iterable[TargetState]:
        """Every configured target with its latest state, in the order of the configuration."""

    def hosts(self) -> Sequence[HostState]:
        """Every configured host with its latest state, in the order of the configuration."""

    def vantages(self) -> Sequence[Vantage]:
        """The ports of which it is known whether this network lets anybody out to them."""

    def ready(self) -> tuple[int, int]:
        """How many targets of the first round were probed, of how many. Once all were, that does not change again."""

    async def reload(self) -> str | None:
        """Read the configuration again. `None`: it is in force; else its faults, one per line, and the old one is."""

    def config_text(self) -> str:
        """The configuration in force as YAML, with secrets masked."""
