"""Which processor core does what: the contenders share the first, the mail server has the last one to itself.

Where there is only one, or where the system cannot be told (other than Linux), everything runs anywhere; the server is
a process of its own in any case and never counts.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

# As the process was started, before it was pinned anywhere.
_CORES = tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else ()


def use_contenders_core() -> None:
    """Run this process, and those that it starts from now on, where contenders are measured."""
    _pin(0)


def use_servers_core() -> None:
    """Run this process, and those that it starts from now on, where the mail server runs."""
    _pin(-1)


@contextmanager
def servers_core() -> Iterator[None]:
    """This process, and what it starts in the block, runs where the mail server does; then anywhere again."""
    use_servers_core()
    try:
        yield
    finally:
        if separate():
            os.sched_setaffinity(0, _CORES)


@contextmanager
def contenders_core() -> Iterator[None]:
    """What is started in the block runs where contenders are measured, and this process where the mail server runs."""
    use_contenders_core()
    try:
        yield
    finally:
        use_servers_core()


def separate() -> bool:
    """The contenders and the mail server have a core each."""
    return len(_CORES) > 1


def _pin(position: int) -> None:
    if separate():
        os.sched_setaffinity(0, {_CORES[position]})
