"""Many alerts at once, handed to a real Alertmanager with the shipped configuration: what of them is told, and how.

The alerts are made up, with the labels that the rules give them: the rules themselves hardly ever let two of them meet.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.real.alertmanager import Labels, RealAlertmanager, Webhook, shipped
from tests.real.waiting import wait_until

pytestmark = pytest.mark.real

EXPORTER = {"job": "mailprobe", "instance": "probe.example.org:10125"}
ELSEWHERE = {"job": "mailprobe", "instance": "probe.example.net:10125"}
IPV4, IPV6 = {"ip_family": "ipv4"}, {"ip_family": "ipv6"}
MX1, MX2 = {"host": "mx1.example.org"}, {"host": "mx2.example.org"}
HERE = EXPORTER | IPV4 | MX1
MILAN = HERE | {"vantage": "milan"}


def named(name: str, severity: str, labels: Labels, port: str = "") -> Labels:
    """The labels of an alert."""
    return {"alertname": name, "severity": severity, **labels, **({"port": port} if port else {})}


# What the ports of a host may raise, and what no state of the host as a whole explains. Each host has an alert that is
# told, so that a message that should have held another one has been seen.
OF_PORTS = (
    named("MailPortClosed", "critical", HERE, "587"),
    named("MailServiceFailing", "warning", HERE, "143"),
    named("MailPortFlapping", "warning", HERE, "25"),
)
NOT_OF_PORTS = (
    named("MailPortClosed", "critical", EXPORTER | IPV6 | MX1, "587"),
    named("MailPortClosed", "critical", EXPORTER | IPV4 | MX2, "587"),
    named("MailPortClosed", "critical", ELSEWHERE | IPV4 | MX1, "587"),
    named("MailCertificateEnding", "warning", EXPORTER | MX1),
)


@dataclass(frozen=True, slots=True)
class Inhibition:
    """Alerts at the same time: one that explains others, these, and some that it does not explain."""

    source: Labels
    hidden: Sequence[Labels]
    told: Sequence[Labels]
    source_is_told: bool = True


INHIBITIONS = {
    "a-host-that-is-down-hides-its-ports": Inhibition(
        named("MailHostUnreachable", "critical", HERE), OF_PORTS, NOT_OF_PORTS
    ),
    "a-suspected-ban-hides-the-ports": Inhibition(named("MailSuspectedBan", "critical", HERE), OF_PORTS, NOT_OF_PORTS),
    "a-lost-family-hides-its-ports": Inhibition(named("MailFamilyLost", "critical", HERE), OF_PORTS, NOT_OF_PORTS),
    "a-blocked-vantage-point-hides-the-port-that-it-explains": Inhibition(
        named("MailVantageBlocked", "warning", EXPORTER | IPV4 | {"basis": "references"}, "25"),
        (
            named("MailPortClosed", "critical", HERE, "25"),
            named("MailPortClosed", "critical", EXPORTER | IPV4 | MX2, "25"),
            named("MailPortFlapping", "warning", HERE, "25"),
        ),
        (
            named("MailPortClosed", "critical", HERE, "587"),
            named("MailPortClosed", "critical", EXPORTER | IPV6 | MX1, "25"),
            named("MailPortClosed", "critical", ELSEWHERE | IPV4 | MX2, "25"),
            named("MailStarttlsMissing", "warning", HERE, "25"),
        ),
    ),
    "a-suspected-ban-hides-an-unreachable-host": Inhibition(
        named("MailSuspectedBan", "critical", HERE),
        (named("MailHostUnreachable", "critical", HERE),),
        (
            named("MailHostUnreachable", "critical", EXPORTER | IPV6 | MX1),
            named("MailHostUnreachable", "critical", EXPORTER | IPV4 | MX2),
            named("MailHostUnreachable", "critical", ELSEWHERE | IPV4 | MX1),
        ),
    ),
    "views-that-are-compared-hide-those-of-a-single-network": Inhibition(
        named("MailVantagesCompared", "info", EXPORTER | {"vantage": "milan"}),
        (
            named("MailHostUnreachable", "critical", MILAN),
            named("MailPortClosed", "critical", MILAN | MX2, "587"),
        ),
        (
            named("MailDownEverywhere", "critical", IPV4 | MX1 | {"job": "mailprobe"}),
            named("MailDownHere", "warning", MILAN | MX2),
            named("MailStarttlsMissing", "warning", MILAN | MX2, "587"),
            # Exporters that take no part in the comparison, one of them called as the one that does.
            named("MailPortClosed", "critical", MILAN | {"vantage": "oslo"} | MX2, "587"),
            named("MailPortClosed", "critical", ELSEWHERE | IPV4 | MX2, "25"),
        ),
        source_is_told=False,
    ),
}


def as_set(alerts: Iterable[Labels]) -> set[frozenset[tuple[str, str]]]:
    """Sets of labels, to be compared in any order."""
    return {frozenset(labels.items()) for labels in alerts}


@pytest.mark.parametrize("case", INHIBITIONS.values(), ids=INHIBITIONS)
def test_what_another_alert_explains_is_not_told(case: Inhibition, folder: Path) -> None:
    with Webhook() as webhook, RealAlertmanager(folder, shipped(webhook)) as alertmanager:
        alertmanager.raise_alerts([case.source, *case.hidden, *case.told])
        wait_until(
            lambda: as_set(alertmanager.suppressed()) == as_set(case.hidden), lambda: str(alertmanager.suppressed())
        )
        expected = as_set([case.source, *case.told] if case.source_is_told else case.told)

        def seen() -> set[frozenset[tuple[str, str]]]:
            return as_set(notice.labels for _, notice in webhook.told("firing"))

        wait_until(lambda: seen() >= expected, lambda: str(webhook.messages))
        assert seen() == expected


def test_everything_about_a_host_comes_in_one_message(folder: Path) -> None:
    alerts = [
        named("MailPortClosed", "warning", HERE, "143"),
        named("MailStarttlsMissing", "warning", HERE, "587"),
        named("MailCertificateEnding", "warning", EXPORTER | MX1),
        named("MailPortClosed", "warning", EXPORTER | IPV4 | MX2, "143"),
    ]
    with Webhook() as webhook, RealAlertmanager(folder, shipped(webhook)) as alertmanager:
        alertmanager.raise_alerts(alerts)
        wait_until(lambda: len(webhook.told("firing")) >= len(alerts), lambda: str(webhook.messages))
        counted = {message.group["host"]: len(message.notices) for message in webhook.messages}
    assert (len(webhook.messages), counted) == (2, {MX1["host"]: 3, MX2["host"]: 1})


def test_one_network_that_carries_the_label_of_a_vantage_point_pages(folder: Path) -> None:
    """Nothing is compared there, so its own view is all there is."""
    alerts = [
        named("MailHostUnreachable", "critical", MILAN),
        named("MailPortClosed", "critical", MILAN | MX2, "587"),
    ]
    with Webhook() as webhook, RealAlertmanager(folder, shipped(webhook)) as alertmanager:
        alertmanager.raise_alerts(alerts)
        wait_until(lambda: len(webhook.told("firing")) >= len(alerts), lambda: str(webhook.messages))
        assert {message.receiver for message in webhook.messages} == {"pager"}
        assert as_set(notice.labels for _, notice in webhook.told("firing")) == as_set(alerts)
