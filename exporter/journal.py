"""What the log says about mail servers: one line when a state changes, none for an ordinary probe.

A server that fails is no error of the exporter, so nothing here is logged as one. What a server said had its control
characters made visible by the dialog.
"""

import logging
from collections.abc import Iterable, Mapping

from exporter.judgement.expectation import Judgement
from exporter.judgement.host import BAN_REMARK
from exporter.judgement.vantage import Vantage
from exporter.metrics.state import HostState
from exporter.results import ProbeResult
from exporter.schedule.addresses import MOST_ADDRESSES
from exporter.targets import IpFamily, Target

_logger = logging.getLogger(__name__)


def dialog(result: ProbeResult) -> None:
    """Every line of the session, for who asked for that much."""
    if not _logger.isEnabledFor(logging.DEBUG):
        return
    target = result.target
    for line in result.transcript:
        facts = {
            "host": target.host,
            "port": target.service.port,
            "ip_family": target.ip_family,
            "variant": target.variant,
            "tls": line.secured,
        }
        _logger.debug("%s %s", "sent" if line.sent else "received", line.text, extra={"facts": facts})


def change(target: Target, before: Judgement | None, after: Judgement) -> None:
    """A target is in another state than after the probe before, or was probed for the first time."""
    if before is after or not after.exists or (before is not None and _state(before) == _state(after)):
        return
    facts = {
        "host": target.host,
        "port": target.service.port,
        "ip_family": target.ip_family,
        "address": target.address or None,
        "from": before.outcome if before is not None else None,
        "to": after.outcome,
        "phase": None if after.success else after.phase,
        "detail": after.detail or None,
    }
    _logger.info("target changed state", extra={"facts": facts})


def host_change(before: HostState | None, after: HostState | None) -> None:
    """A ban is suspected, or no longer; a family is lost while the other one answers, or is back."""
    if before is None or after is None or before is after:
        return
    if before.suspected_ban != after.suspected_ban:
        ban = f"all ports were lost at once: {BAN_REMARK}"
        _turned(after.host, before.suspected_ban, after.suspected_ban, ban, "a ban is no longer suspected")
    if before.family_lost != after.family_lost:
        lost = "no port answers over this family, while the other one is well"
        _turned(after.host, before.family_lost, after.family_lost, lost, "this family is no longer the only one lost")


def addresses_left_out(host: str, before: Mapping[IpFamily, int], after: Mapping[IpFamily, int]) -> None:
    """DNS names more addresses than are probed; `before` and `after` say how many of each family are left out."""
    for family, count in after.items():
        if count and not before.get(family):
            facts = {"host": host, "ip_family": family, "probed": MOST_ADDRESSES, "left_out": count}
            _logger.warning(
                "DNS names more addresses than are probed: the highest are left out", extra={"facts": facts}
            )


class Blocks:
    """Which ports this network blocks, as far as it was said.

    A block is news once, however often it is in doubt meanwhile, as an inferred one is whenever a host refuses: it is
    over when the port is known to be let through.
    """

    def __init__(self) -> None:
        # And whether it was said that the block is in doubt.
        self._said: dict[tuple[int, IpFamily], bool] = {}
        self._noted: tuple[Vantage, ...] = ()

    def note(self, vantages: tuple[Vantage, ...]) -> None:
        """Everything that is known of this network now."""
        if vantages is self._noted:
            return
        self._noted = vantages
        known = {(one.port, one.ip_family): one for one in vantages}
        for key, one in known.items():
            facts = {"port": one.port, "ip_family": one.ip_family, "basis": one.basis}
            if not one.ok and key not in self._said:
                self._said[key] = False
                _logger.warning("%s", one.remark, extra={"facts": facts})
            elif one.ok and key in self._said:
                del self._said[key]
                _logger.info("this network lets the port through again", extra={"facts": facts})
        for (port, family), doubted in self._said.items():
            if not doubted and (port, family) not in known:
                self._said[port, family] = True
                facts = {"port": port, "ip_family": family}
                _logger.info("it is no longer known whether this network blocks the port", extra={"facts": facts})


def _turned(
    host: str, before: Iterable[tuple[IpFamily, bool]], after: Iterable[tuple[IpFamily, bool]], began: str, ended: str
) -> None:
    """A line for each family in which something began or ended."""
    earlier, later = dict(before), dict(after)
    for family in IpFamily:
        was, now = earlier.get(family, False), later.get(family, False)
        if was is not now:
            _logger.info(began if now else ended, extra={"facts": {"host": host, "ip_family": family}})


def _state(judgement: Judgement) -> tuple[object, ...]:
    return judgement.outcome, judgement.success
