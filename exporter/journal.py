"""What the log says about mail servers: one line when a state changes, none for an ordinary probe.

A server that fails is no error of the exporter, so nothing here is logged as one. What a server said had its control
characters made visible by the dialog.
"""

import logging
from collections.abc import Iterable

from exporter.judgement.expectation import Judgement
from exporter.judgement.host import BAN_REMARK
from exporter.judgement.vantage import Vantage
from exporter.metrics.state import HostState
from exporter.results import ProbeResult
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
    if not after.exists or (before is not None and _state(before) == _state(after)):
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
    ban = f"all ports were lost at once: {BAN_REMARK}"
    _turned(after.host, before.suspected_ban, after.suspected_ban, ban, "a ban is no longer suspected")
    lost = "no port answers over this family, while the other one is well"
    _turned(after.host, before.family_lost, after.family_lost, lost, "this family is no longer the only one lost")


def vantage_change(before: Iterable[Vantage], after: Iterable[Vantage]) -> None:
    """This network blocks a port, or no longer does."""
    if before is after:
        return
    blocked = {(one.port, one.ip_family) for one in before if not one.ok}
    for one in after:
        facts = {"port": one.port, "ip_family": one.ip_family, "basis": one.basis}
        if not one.ok and (one.port, one.ip_family) not in blocked:
            _logger.warning("%s", one.remark, extra={"facts": facts})
        elif one.ok and (one.port, one.ip_family) in blocked:
            _logger.info("this network lets the port through again", extra={"facts": facts})


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
