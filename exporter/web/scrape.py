"""The answers to scrapes: rendered once for all who wait for the same one.

An answer is never older than its question. But who came before it was made takes it too, so that five hundred scrapers
cost the processor, and hold in memory, little more than one. It is made in pieces, and compressed in another thread, so
that probes go on meanwhile. What was compressed for the answer before and is as it was is not compressed again.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from exporter.metrics.compression import Compression, Passage
from exporter.metrics.exposition import Rendered
from exporter.metrics.negotiation import Format, chosen_format

# Bytes that are compressed at a time. That takes less than a millisecond, so that what is no longer, some fifteen
# thousand series, is not worth a thread; and more of a document is never held uncompressed.
_BATCH: Final = 2 * 1024 * 1024

# Seconds for which an answer is kept for those who came before it was made; five hundred are let in meanwhile.
_KEPT: Final = 2.0

# Seconds at a stretch for which an answer is made while probes wait. By so much may they be wrong where the kernel does
# not tell when something arrived.
_HELD: Final = 0.002

_Kind = tuple[Format, bool]


@dataclass(frozen=True, slots=True)
class _Made:
    at: float
    rendered: Rendered


class Scrapes:
    """The answers of the last moments, by format and encoding. Belongs to the event loop."""

    def __init__(self, pieces: Callable[[Format], Iterator[bytes | Passage]]) -> None:
        """`pieces` are those of an answer in a format, not compressed."""
        self._pieces = pieces
        self._made: dict[_Kind, _Made] = {}
        self._making = asyncio.Lock()

    async def answer(self, accept: str, *, gzip: bool, asked: float) -> Rendered:
        """What holds at some moment after `asked`, in seconds of the event loop's clock."""
        kind = (chosen_format(accept), gzip)
        if (made := self._since(kind, asked)) is not None:
            return made
        async with self._making:
            # Somebody else may have had it made meanwhile.
            if (made := self._since(kind, asked)) is not None:
                return made
            now = asyncio.get_running_loop().time()
            async with aclosing(self._paced(kind[0])) as pieces:
                rendered = await (_compressed(kind[0], pieces) if gzip else _plain(kind[0], pieces))
            return self._keep(kind, now, rendered)

    async def _paced(self, form: Format) -> AsyncGenerator[bytes | Passage, None]:
        """The pieces of a document, with a turn for others every so often."""
        clock = asyncio.get_running_loop().time
        pause = clock() + _HELD
        for piece in self._pieces(form):
            yield piece
            if clock() >= pause:
                await asyncio.sleep(0)
                pause = clock() + _HELD

    def _since(self, kind: _Kind, asked: float) -> Rendered | None:
        made = self._made.get(kind)
        return made.rendered if made is not None and made.at >= asked else None

    def _keep(self, kind: _Kind, at: float, rendered: Rendered) -> Rendered:
        self._made[kind] = _Made(at, rendered)
        # By its time: a timer that named the answer would keep it when another one has long taken its place.
        asyncio.get_running_loop().call_later(_KEPT, self._forget, kind, at)
        return rendered

    def _forget(self, kind: _Kind, at: float) -> None:
        made = self._made.get(kind)
        if made is not None and made.at <= at:
            del self._made[kind]


async def _plain(form: Format, pieces: AsyncIterator[bytes | Passage]) -> Rendered:
    # One buffer that grows: to hold all pieces and join them at the end touches twice the memory and takes more than
    # twice the time (measured on 100,000 series: 8 against 22 ms).
    document = BytesIO()
    async for piece in pieces:
        document.write(piece.text() if isinstance(piece, Passage) else piece)
    return Rendered(form.value, None, document.getvalue())


async def _compressed(form: Format, pieces: AsyncIterator[bytes | Passage]) -> Rendered:
    compression = Compression()
    batch: list[bytes | Passage] = []
    size = 0
    async for piece in pieces:
        batch.append(piece)
        size += _left(piece)
        if size >= _BATCH:
            await asyncio.to_thread(compression.add, batch)
            batch, size = [], 0
    compression.add(batch)
    return Rendered(form.value, "gzip", compression.end())


def _left(piece: bytes | Passage) -> int:
    """The bytes of `piece` that are still to be compressed. They are put together here, while others have turns."""
    if isinstance(piece, Passage):
        return 0 if piece.segment is not None else len(piece.text())
    return len(piece)
