"""Pages that are made once for all who ask for them at the same time.

Thousands of targets take longer than the event loop may stand still, so a page is made in a thread; one at a time, so
that many readers cannot take every thread and the processor with it. And a page that was made within the last second is
handed out again, so that a thousand readers of one page cost little more than one.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final

from exporter.metrics.exposition import Rendered
from exporter.web.page import Snapshot

# Seconds; the script waits as long before it asks for what the stream said has changed, so that it is never handed a
# page from before.
REUSED_FOR: Final = 1.0

# Pages that are kept at once; one of a thousand cells is about 40 KiB when it is compressed, and 500 KiB when not.
MOST_KEPT: Final = 16


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it is sent, for those who take gzip and for those who do not."""

    plain: Rendered
    gzip: Rendered


@dataclass(frozen=True, slots=True)
class _Kept:
    made: float
    page: Page | None


class Renderings:
    """The pages of the last second. Belongs to the event loop; `clock` tells seconds, whatever it begins with."""

    def __init__(self, snapshot: Callable[[], Snapshot], clock: Callable[[], float] = time.monotonic) -> None:
        """`snapshot` is taken on the loop, when a page is made."""
        self._snapshot = snapshot
        self._clock = clock
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._rendering = asyncio.Lock()

    async def page(self, key: Hashable, render: Callable[[Snapshot], str | None]) -> Page | None:
        """What `render` makes, or made for the same `key` within the last second; `None` where it makes nothing."""
        if (kept := self._fresh(key)) is not None:
            return kept.page
        async with self._rendering:
            # Somebody else may have asked for it first.
            if (kept := self._fresh(key)) is not None:
                return kept.page
            made = self._clock()
            page = await asyncio.to_thread(_page, render, self._snapshot())
            self._kept[key] = _Kept(made, page)
            self._kept.move_to_end(key)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
            return page

    def _fresh(self, key: Hashable) -> _Kept | None:
        kept = self._kept.get(key)
        return kept if kept is not None and self._clock() - kept.made < REUSED_FOR else None


def _page(render: Callable[[Snapshot], str | None], snapshot: Snapshot) -> Page | None:
    html = render(snapshot)
    if html is None:
        return None
    plain = Rendered("text/html", None, html.encode())
    return Page(plain, plain.compressed())
