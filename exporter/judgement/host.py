"""What the ports of one host mean together: an address family that is dead alone, and what looks like a ban.

A ban is suspected, never known: fail2ban drops or rejects all packets of one client, which to this client is a host
that died, or a server whose services were all stopped within minutes. What speaks for it is that all ports went at one
moment while the rest of the world answered; what speaks against it is said by `suspected_ban`.
"""

from collections.abc import Container, Iterable, Sequence
from typing import Final

from exporter.judgement.reach import Reach
from exporter.schedule.outage import LEAST_PORTS

BAN_REMARK: Final = "perhaps banned there, by fail2ban for instance: see deploy/welcome.md"

# Seconds. A port that was lost this long before the others were last seen open is a matter of its own: a service that
# was given up must not hide a ban for ever. Long enough for whoever takes down a server port by port, for whom half an
# hour is slow, and for the rounds in which that is noticed, nine minutes apart at the most.
EARLIER_MATTER: Final = 3600.0


def family_lost(own: Sequence[Reach], other: Sequence[Reach]) -> bool | None:
    """Whether a host is dead over one address family and well over the other one.

    `own` are all its targets over the family in question, `other` those over the other. True where all that count are
    lost over `own` while one answers over `other`; False where one answers over `own`; `None` where neither is so,
    and as long as a port over `own` was never probed.
    """
    if any(reach.answers for reach in own):
        return False
    all_lost = any(reach.counts for reach in own) and all(reach.lost for reach in own)
    return True if all_lost and any(reach.answers for reach in other) else None


def reached_elsewhere(ports: Sequence[Reach], others: Iterable[Reach]) -> float | None:
    """The newest instant, in Unix seconds, by which another host or a reference came through; for `suspected_ban`.

    `others` are the targets of other hosts and the references, over the family of `ports`. What came through only after
    the newest loss among those of `ports` that are lost together is not heard (`Reach.well_while` says why).
    """
    last_open = _last_open(ports)
    gone = (port for port in ports if _lost_of_late(port, last_open) is not None)
    newest_loss = max((port.last_lost for port in gone if port.last_lost is not None), default=None)
    if newest_loss is None:
        return None
    instants = (other.open_by(newest_loss) for other in others)
    return max((instant for instant in instants if instant is not None), default=None)


def suspected_ban(
    ports: Sequence[tuple[int, Reach]], elsewhere: float | None, blocked: Container[int] = ()
) -> bool | None:
    """Whether the host seems to have shut out this machine.

    ports      the targets of one host over one family, each with its number: a port at two addresses is one port
    elsewhere  the newest instant, in Unix seconds, at which another host or a reference was reached over this family
    blocked    the numbers of the ports of which this machine's own network explains the loss

    True where all ports that count are lost, were open before and went together, and others have answered since. Ports
    are probed one after another, port 25 every five minutes, so they are never seen to go at once; but after a ban
    none comes through. Whoever stops services one by one leaves a port that is seen open after another one was lost.
    A port that was never seen open is left out: it may have come in with a reload, or a new address, in the midst of a
    ban, which is not over because of that.

    `None` where nothing can be said: fewer than two ports count, or none was ever seen open, as after a start of this
    program in the midst of a ban.
    """
    reaches = [reach for _, reach in ports]
    last_open = _last_open(reaches)
    if len({number for number, reach in ports if reach.counts}) < LEAST_PORTS or last_open is None:
        return None
    if any(reach.answers for reach in reaches):
        return False
    losses = [(number, lost) for number, reach in ports if (lost := _lost_of_late(reach, last_open)) is not None]
    numbers = {number for number, _ in losses}
    together = all(lost >= last_open for _, lost in losses)
    if len(numbers) < LEAST_PORTS or not together or all(number in blocked for number in numbers) or elsewhere is None:
        return False
    return elsewhere >= min(lost for _, lost in losses)


def _last_open(ports: Sequence[Reach]) -> float | None:
    """When any of them was seen open last, in Unix seconds."""
    return max((port.last_open for port in ports if port.last_open is not None), default=None)


def _lost_of_late(port: Reach, last_open: float | None) -> float | None:
    """Since when `port` is lost, in Unix seconds; `None`: it is not, or has nothing to do with the others being lost.

    What does not count, or was never seen open, was never there to be lost; the rest may be an earlier matter.
    `last_open`: when any port of the host was seen open last.
    """
    if last_open is None or port.lost_since is None or port.last_open is None or not port.counts:
        return None
    return port.lost_since if port.lost_since > last_open - EARLIER_MATTER else None
