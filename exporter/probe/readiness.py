"""Waiting for one non-blocking socket on the asyncio loop, until a deadline.

A socket is watched for reading once and for the whole session, and has one timer that is moved only when it would
come too late: a watch and a timer for each of the dozen reads of a probe cost more than the reads.
"""

import asyncio
import socket


class DeadlineExceeded(Exception):
    """The deadline that was handed in has passed."""


class Readiness:
    """One socket and the one task that waits for it. End it with `close`, before the socket is closed."""

    def __init__(self, sock: socket.socket) -> None:
        self._descriptor = sock.fileno()
        self._loop = asyncio.get_running_loop()
        self._watched = False
        self._waiter: asyncio.Future[None] | None = None
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None

    async def readable(self, deadline: float) -> None:
        """Return when there may be something to read; DeadlineExceeded at `deadline` on the loop's clock."""
        if not self._watched:
            self._loop.add_reader(self._descriptor, self._settle)
            self._watched = True
        await self._wait(deadline)

    async def writable(self, deadline: float) -> None:
        """Return when there may be room to write, or a connection was made or refused; else DeadlineExceeded."""
        # What can be read does not matter now, and would wake the loop again and again.
        self._unwatch()
        self._loop.add_writer(self._descriptor, self._settle)
        try:
            await self._wait(deadline)
        finally:
            self._loop.remove_writer(self._descriptor)

    def close(self) -> None:
        """Wait for nothing any more."""
        self._unwatch()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _wait(self, deadline: float) -> None:
        self._deadline = deadline
        if self._timer is None or self._timer.when() > deadline:
            self._set_timer()
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._deadline, self._expire)

    def _settle(self) -> None:
        if self._waiter is None:
            # Nobody is there to read it, and the loop would tell again and again.
            self._unwatch()
        elif not self._waiter.done():
            self._waiter.set_result(None)

    def _expire(self) -> None:
        self._timer = None
        if self._waiter is None or self._waiter.done():
            return
        if self._loop.time() < self._deadline:
            self._set_timer()
        else:
            self._waiter.set_exception(DeadlineExceeded())

    def _unwatch(self) -> None:
        if self._watched:
            self._loop.remove_reader(self._descriptor)
            self._watched = False
