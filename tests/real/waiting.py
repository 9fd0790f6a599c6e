"""Waiting for other processes: they log and exit in their own time, and nothing but looking again tells when."""

import time
from collections.abc import Callable

# Longer than any step of a mail server takes on a busy machine; reached only when a test is about to fail.
PATIENCE_SECONDS = 20.0
_LOOK_AGAIN_SECONDS = 0.01


def wait_until(condition: Callable[[], bool], what: Callable[[], str], patience: float = PATIENCE_SECONDS) -> None:
    """Return as soon as `condition` holds; AssertionError with `what` after `patience` seconds."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience:g} s in vain: {what()}")
        time.sleep(_LOOK_AGAIN_SECONDS)
