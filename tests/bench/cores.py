"""Which processor core does what: the contenders share the first, the mail server has the last one to itself.

Where there is only one, or where the system cannot be told (other than Linux), everything runs anywhere; the server is
a process of its own in any case and never counts.
"""

import os

# As the process was started, before it was pinned anywhere.
_CORES = tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else ()


def use_contenders_core() -> None:
    """Run this process, and those that it starts from now on, where contenders are measured."""
    _pin(0)


def use_servers_core() -> None:
    """Run this process, and those that it starts from now on, where the mail server runs."""
    _pin(-1)


def separate() -> bool:
    """The contenders and the mail server have a core each."""
    return len(_CORES) > 1


def _pin(position: int) -> None:
    if separate():
        os.sched_setaffinity(0, {_CORES[position]})
