"""How late the event loop is: what blurs every figure that the kernel does not stamp."""

import asyncio
from collections import deque

# The loop is asked twice a second how late it is, and the worst of the last minute is shown.
_LAG_SECONDS = 0.5
_LAG_SAMPLES = 120


class LoopLag:
    """The lateness of the last minute, as long as somebody lets it `watch`."""

    def __init__(self) -> None:
        self._samples: deque[float] = deque(maxlen=_LAG_SAMPLES)

    @property
    def worst(self) -> float:
        """Seconds, the largest of the last minute."""
        return max(self._samples, default=0.0)

    async def watch(self) -> None:
        """Measure until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _LAG_SECONDS
            await asyncio.sleep(_LAG_SECONDS)
            self._samples.append(max(loop.time() - due, 0.0))
