"""The bounds within which the schedule may start sessions."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """How much the monitor asks of the network, of a mail server and of its own machine.

    max_sessions          sessions in flight at all addresses together; one costs about 80 KiB while it lasts
    sessions_per_address  sessions at one address, and at one host, at a time; Postfix allows a client 50 by default,
                          administrators often far fewer, and one is what nobody notices
    min_gap               seconds between the end of a session and the begin of the next one at that address or host
    first_round           seconds within which every target is due once after the start, or after it was configured
    variant_gap           seconds between the end of a variant's session at an address and the begin of the next one
                          there; fail2ban looks back ten minutes (`findtime`) and bans at the fifth line (`maxretry`)
    """

    max_sessions: int = 200
    sessions_per_address: int = 1
    min_gap: float = 2.0
    first_round: float = 60.0
    variant_gap: float = 600.0
