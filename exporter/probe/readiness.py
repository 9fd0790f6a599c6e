"""Waiting for one non-blocking socket on the asyncio loop, until a deadline.

A task that waits for a future goes on one turn of the loop after the event: a second `select`, which tells of the same
event again, since nothing has been read yet. Here the callback of the event resumes the task itself. For the same
reason a socket is watched for reading once and for the whole session, and has one timer that is moved only when it
would come too late: a watch and a timer for each of the dozen waits of a probe cost more than the reads.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Generator
from contextvars import Context

from exporter.probe.watch import READ, WRITE, watch

# The first timer comes no later than this, whatever is waited for: most sessions are over by then, and a short wait
# behind a long one, the goodbye's behind the greeting's, finds a timer that is early enough.
_FIRST_TIMER_SECONDS = 2.0


class DeadlineExceeded(Exception):
    """The deadline that was handed in has passed."""


class Readiness:
    """One socket and the one task that waits for it. End it with `close`, before the socket is closed."""

    def __init__(self, sock: socket.socket) -> None:
        self._descriptor = sock.fileno()
        self._loop = asyncio.get_running_loop()
        self._watch = watch()
        self.heard = self._loop.time()
        # What is watched for; 0: nothing.
        self._watched = 0
        self._wait = _Wait(self._loop)
        # Another one, since nothing that happens to the socket may end it.
        self._turn = _Wait(self._loop)
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    def readable(self, deadline: float) -> Awaitable[None]:
        """Return when there may be something to read; DeadlineExceeded at `deadline` on the loop's clock."""
        self._watch_for(READ)
        self._expire_at(deadline)
        return self._wait

    def writable(self, deadline: float) -> Awaitable[None]:
        """Return when there may be room to write, or a connection was made or refused; else DeadlineExceeded."""
        self._watch_for(WRITE)
        self._expire_at(deadline)
        return self._wait

    def turn(self) -> Awaitable[None]:
        """Return when it is time to speak, in this turn of the loop or in the next, and whatever the socket is like."""
        self._watch.afterwards(self._turn.end)
        return self._turn

    def close(self) -> None:
        """Wait for nothing any more."""
        self._unwatch()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def settle(self) -> None:
        """Called when the socket is ready."""
        if not self._wait.end():
            # Nobody is there to read it, and the loop would tell again and again.
            self._unwatch()

    def _expire_at(self, deadline: float) -> None:
        self._deadline = deadline
        if self._timer is None:
            self._set_timer(min(deadline, self._loop.time() + _FIRST_TIMER_SECONDS))
        elif self._timer_at > deadline:
            self._timer.cancel()
            self._set_timer(deadline)

    def _set_timer(self, instant: float) -> None:
        self._timer_at = instant
        self._timer = self._loop.call_at(instant, self._expire)

    def _expire(self) -> None:
        self._timer = None
        # What arrived in time, and only waits for others, counts.
        self._watch.look()
        if not self._wait.pending or self._timer is not None:
            return
        if self._loop.time() < self._deadline:
            self._set_timer(self._deadline)
        else:
            self._wait.end(DeadlineExceeded())

    def _watch_for(self, event: int) -> None:
        if self._watched == event:
            return
        if self._watched:
            self._watch.change(self._descriptor, event, self)
        else:
            self._watch.enter(self._descriptor, event, self)
        self._watched = event

    def _unwatch(self) -> None:
        if self._watched:
            self._watch.strike(self._descriptor)
            self._watched = 0


class _Wait:
    """To a task a future (`asyncio.isfuture` says what makes one), but it resumes the task in the call that ends it.

    It serves one task any number of times. Only the loop's own callbacks may end it: a task cannot be resumed from
    within another one.
    """

    # Set while a task is handed a future to wait for, and taken back by the task.
    _asyncio_future_blocking = False

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._resume: Callable[[_Wait], object] | None = None
        self._context: Context | None = None
        self._error: BaseException | None = None

    def __await__(self) -> Generator["_Wait", None, None]:
        self._asyncio_future_blocking = True
        yield self

    @property
    def pending(self) -> bool:
        """A task waits, and has not been told to end."""
        return self._resume is not None

    def end(self, error: Exception | None = None) -> bool:
        """Resume the task now, with `error` raised where it waits; False where none waits."""
        resume, context = self._resume, self._context
        if resume is None or context is None:
            return False
        self._resume = None
        self._error = error
        context.run(resume, self)
        return True

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Asked by the task."""
        return self._loop

    def add_done_callback(self, resume: Callable[["_Wait"], object], *, context: Context) -> None:
        """Called by the task when it has come to a halt."""
        self._resume, self._context = resume, context

    def result(self) -> None:
        """Asked by the task as it is resumed."""
        error, self._error = self._error, None
        if error is not None:
            raise error

    def cancel(self, msg: object = None) -> bool:
        """Called when the task is cancelled, perhaps by another one: it is resumed in the loop's next turn."""
        if self._resume is None:
            return False
        resume, self._resume = self._resume, None
        self._error = asyncio.CancelledError() if msg is None else asyncio.CancelledError(msg)
        self._loop.call_soon(resume, self, context=self._context)
        return True
