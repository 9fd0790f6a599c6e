"""What a scrape is answered: the lines of the store and the exporter's own metrics as one document.

Prometheus' text format (0.0.4, and 1.0.0, which is the same for our names) and OpenMetrics 1.0.0. A family stands in
one piece, no sample carries a timestamp, and the exporter's own families come last: with OpenMetrics' end mark.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from exporter.metrics.compression import Compression, Passage
from exporter.metrics.negotiation import Format
from exporter.metrics.store import Store


@dataclass(frozen=True, slots=True)
class Rendered:
    """A body with the headers that describe it."""

    content_type: str
    content_encoding: str | None
    body: bytes

    def compressed(self) -> "Rendered":
        """The same in gzip. Safe in another thread, and lets other threads run meanwhile."""
        compression = Compression()
        compression.add([self.body])
        return replace(self, content_encoding="gzip", body=compression.end())


class Exposition:
    """Writes what `store` and `registry` hold."""

    def __init__(self, store: Store, registry: CollectorRegistry) -> None:
        self._store = store
        self._registry = registry
        # The library's own choice by a header that leaves none, since its OpenMetrics writer has no types.
        self._own: dict[Format, Callable[[CollectorRegistry], bytes]] = {
            form: choose_encoder(form.value)[0] for form in Format
        }

    def parts(self, form: Format) -> Iterator[bytes | Passage]:
        """A document in this format, part by part, so that whoever has something else to do can do it in between.

        A family is of one moment, that in which its first part is asked for; two may be of different ones.
        """
        for metric, lines in self._store.families():
            yield metric.openmetrics_header() if form is Format.OPENMETRICS else metric.text_header()
            yield from lines.parts()
        yield self._own[form](self._registry)
