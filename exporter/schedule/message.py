"""What the first process and a worker say to each other about probes, as plain values.

A message is its kind, the number of the probe it is about (0 where it is about none) and what the kind says below. A
number is given by the first process and used once. How messages travel is the business of `link`.
"""

from dataclasses import dataclass
from typing import Any, Final

from exporter.probe.certificate.trust import TrustStores

Message = tuple[int, int, Any]

# To a worker.
SETTLE: Final = 0  # Settings, to be used from now on; always the first message
PROBE: Final = 1  # slot and Target; with None for the target, the one that was in this slot the last time
GRANT: Final = 2  # the session that was asked for may begin
CANCEL: Final = 3  # nobody waits for this probe any more
PING: Final = 4  # say something

# From a worker.
ASK: Final = 5  # host and address of a session that wants its turn; the one before it, if any, is over
RESULT: Final = 6  # a ProbeResult, packed by `parcel`; the session is over
LOG: Final = 7  # name of the logger, level, text and facts of an event
PONG: Final = 8  # the answer to PING


@dataclass(frozen=True, slots=True)
class Settings:
    """What a worker must know beside its targets.

    nameservers   as IP literals; empty: those of the system
    machine_name  the name for EHLO where the configuration has none; None: there is no good one
    log_level     events below are not worth being sent, as a number of `logging`
    """

    stores: TrustStores
    nameservers: tuple[str, ...]
    machine_name: str | None
    log_level: int
