"""The sessions of the schedule that are under way, and how late they began."""

import asyncio
from collections import deque
from types import TracebackType
from typing import Final

from exporter.schedule.entry import Entry
from exporter.schedule.pacing import Pacing, Visit

# `lag` is the mean over this many sessions: enough to be calm, few enough to tell of the last minutes.
_LAG_SESSIONS: Final = 100


class Sessions:
    """Every session gets its place from `pacing`; its entry notes where it is."""

    def __init__(self, pacing: Pacing) -> None:
        self._pacing = pacing
        self._lags: deque[float] = deque(maxlen=_LAG_SESSIONS)
        self.entries: set[Entry] = set()

    @property
    def lag(self) -> float:
        """Seconds by which sessions began after they were due, the mean of the last hundred; 0 before the first."""
        return sum(self._lags) / len(self._lags) if self._lags else 0.0

    def hold(self, entry: Entry, due: float | None, host: str, address: str) -> "_Session":
        """A place for one session; `due`: when its probe was to begin, `None` where it may have waited for hours."""
        # The many addresses of one host are many guests: they need not queue up behind one name.
        visit = self._pacing.hold(address if entry.target.address else host, address)
        return _Session(self, entry, due, visit)

    def begun(self, entry: Entry, due: float | None, visit: Visit) -> None:
        """Note that it is the turn of this one."""
        if due is not None:
            self._lags.append(max(0.0, asyncio.get_running_loop().time() - due))
        self.entries.add(entry)
        entry.visit = visit
        entry.address = visit.address


class _Session:
    """A class and no generator, like `Visit`: there is one at every probe."""

    __slots__ = ("_due", "_entry", "_sessions", "_visit")

    def __init__(self, sessions: Sessions, entry: Entry, due: float | None, visit: Visit) -> None:
        self._sessions = sessions
        self._entry = entry
        self._due = due
        self._visit = visit

    async def __aenter__(self) -> None:
        visit = self._visit
        await visit.pacing.begin(visit)
        self._sessions.begun(self._entry, self._due, visit)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._sessions.entries.discard(self._entry)
        self._visit.pacing.end(self._visit)
