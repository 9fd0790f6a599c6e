"""Keeps the sessions of variants apart: one at a time at an address, and a long gap after each.

An ordinary session leaves a polite entry in a server's log. One that asks for a certificate the server may not have can
leave a line that fail2ban's aggressive mode counts, and to fail2ban fifty names on one address are one guest as well.
Whoever comes first goes first, and the next one waits until the gap is over.

Not here: the places that every session needs (`pacing`), and whether a variant is worth its session.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

# Addresses that are remembered without a look at who could be forgotten; each is a few hundred bytes.
_FEW: Final = 64


class _Lane:
    """One address. `free`: the loop's time from which the next session may begin; `turns`: who is here or waits."""

    __slots__ = ("free", "lock", "turns")

    def __init__(self) -> None:
        # Taken in the order of arrival.
        self.lock = asyncio.Lock()
        self.free = 0.0
        self.turns = 0


class Spacing:
    """Gives out the turns. `gap`: seconds, of every session that ends from now on."""

    def __init__(self, gap: float) -> None:
        self.gap = gap
        self._waiting = 0
        self._lanes: dict[str, _Lane] = {}
        self._full_at = _FEW

    @property
    def waiting(self) -> int:
        """Probes that wait for their turn."""
        return self._waiting

    @asynccontextmanager
    async def turn(self) -> AsyncIterator["Turn"]:
        """A turn that is at no address yet, and is given up at the end."""
        async with AsyncExitStack() as stack:
            yield Turn(self, stack)

    @asynccontextmanager
    async def hold(self, address: str) -> AsyncIterator[None]:
        """Enter when nobody else is at `address` and the last gap there is over."""
        lane = self._lane(address)
        lane.turns += 1
        self._waiting += 1
        begun = False
        try:
            async with lane.lock:
                await asyncio.sleep(lane.free - asyncio.get_running_loop().time())
                self._waiting -= 1
                begun = True
                yield
        finally:
            self._waiting -= int(not begun)
            lane.turns -= 1

    def rest(self, address: str) -> None:
        """A session at `address` is over: its gap begins."""
        self._lane(address).free = asyncio.get_running_loop().time() + self.gap

    def _lane(self, address: str) -> _Lane:
        lane = self._lanes.get(address)
        if lane is None:
            if len(self._lanes) >= self._full_at:
                self._tidy()
            lane = self._lanes[address] = _Lane()
        return lane

    def _tidy(self) -> None:
        """Addresses come and go for as long as the daemon lives; and in its first hour, there are very many."""
        now = asyncio.get_running_loop().time()
        self._lanes = {name: lane for name, lane in self._lanes.items() if lane.turns or lane.free > now}
        # As many again must come before all are gone through again.
        self._full_at = max(_FEW, 2 * len(self._lanes))


class Turn:
    """The right to hold one session, at one address at a time."""

    def __init__(self, spacing: Spacing, stack: AsyncExitStack) -> None:
        self._spacing = spacing
        self._stack = stack
        self._address: str | None = None

    async def at(self, address: str) -> None:
        """Wait for it at `address`; one that was held elsewhere is given up first, so nobody waits in a circle."""
        if address == self._address:
            return
        await self._stack.aclose()
        self._address = None
        await self._stack.enter_async_context(self._spacing.hold(address))
        self._address = address

    def used(self) -> None:
        """The session is over."""
        if self._address is not None:
            self._spacing.rest(self._address)
