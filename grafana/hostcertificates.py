"""Panels about the certificates of one host, port by port, and the annotation that marks when one was replaced."""

from grafana.certificate import COLOURED, HOLDS, STALE, URGENCIES
from grafana.dashboard import annotation
from grafana.expression import TARGET, certificate_days, target, urgency, with_certificate
from grafana.panel import (
    FILLED,
    GREEN,
    ORANGE,
    PURPLE,
    RED,
    Object,
    Panel,
    by_name,
    by_pattern,
    instant,
    organize,
    over_time,
    table,
    thresholds,
    time_series,
)

_FINGERPRINT = "fingerprint_sha256"
_ONE = f"by (port, variant, {_FINGERPRINT})"


def certificate_details() -> Panel:
    """All that is known of each."""
    info = target("mailprobe_certificate_info")
    facts = f"by (port, variant, {_FINGERPRINT}, subject, issuer, serial, key_type, key_bits, signature)"
    begins = f"{target('mailprobe_certificate_not_before_timestamp_seconds')} * 1000"
    chain = f"({target('mailprobe_certificate_chain_not_after_timestamp_seconds')} - time()) / 86400"
    observed = f"{target('mailprobe_certificate_observed_timestamp_seconds')} * 1000"
    ordinary = target("mailprobe_certificate_info", _DEFAULT)
    stale = f"{ordinary} * on ({TARGET}) group_left () {target('mailprobe_certificate_stale')}"
    queries = (
        f"max {facts} ({info})",
        f"min {_ONE} ({with_certificate(certificate_days(), _FINGERPRINT)})",
        f"max {_ONE} ({with_certificate(urgency(certificate_days()), _FINGERPRINT)})",
        *(f"min {_ONE} ({with_certificate(_holds(check), _FINGERPRINT)})" for check in ("chain", "name", "dates")),
        f"max {_ONE} ({stale})",
        f"min {_ONE} ({with_certificate(chain, _FINGERPRINT)})",
        f"max {_ONE} ({with_certificate(begins, _FINGERPRINT)})",
        f"max {_ONE} ({with_certificate(observed, _FINGERPRINT)})",
    )
    return table(
        "Certificates by port",
        "The certificate last seen on each port, and by which clients (default: the ordinary probe). Chain, name and "
        "dates are judged separately. Chain ends: days until the first certificate of the path ends. stale: the port "
        "has shown an older one than others of this host.",
        tuple(instant(query, ref=ref, table=True) for ref, query in zip("ABCDEFGHIJ", queries, strict=True)),
        width=24,
        height=9,
        empty="No certificate has been seen",
        transformations=(
            {"id": "merge", "options": {}},
            organize(tuple(_COLUMNS), rename=_COLUMNS, hide=("Time", "Value #A")),
        ),
        overrides=_looks(),
        sort_by="Port",
    )


# What the queries call the columns, and what people read, in their order.
_COLUMNS = {
    "port": "Port",
    "variant": "Client",
    "Value #B": "Days left",
    "Value #C": "State",
    "Value #D": "Chain",
    "Value #E": "Name",
    "Value #F": "Dates",
    "Value #G": "Stale",
    "subject": "Subject",
    "issuer": "Issuer",
    "key_type": "Key",
    "key_bits": "Bits",
    "signature": "Signature",
    "Value #H": "Chain ends",
    "Value #I": "Begins",
    "Value #J": "Seen",
    "serial": "Serial",
    "fingerprint_sha256": "SHA-256",
}


def _looks() -> tuple[Object, ...]:
    """How each column looks."""
    return (
        by_name("Port", custom__width=65),
        by_name("Client", custom__width=70),
        by_pattern("Days left|Chain ends", unit="suffix: d", decimals=0, custom__width=95),
        by_name("State", custom__width=75, custom__align="center", custom__cellOptions=FILLED, mappings=URGENCIES),
        by_pattern(
            "^(Chain|Name|Dates)$",
            custom__width=60,
            custom__align="center",
            custom__cellOptions=COLOURED,
            mappings=HOLDS,
        ),
        by_name("Stale", custom__width=60, custom__align="center", custom__cellOptions=COLOURED, mappings=STALE),
        by_pattern("Subject|Issuer", custom__minWidth=160),
        by_name("Key", custom__width=65),
        by_name("Bits", custom__width=50),
        by_name("Signature", custom__width=150),
        by_pattern("Begins|Seen", unit="dateTimeFromNow", custom__align="left", custom__width=120),
        by_pattern("Serial|SHA-256", custom__width=100),
    )


def _holds(check: str) -> str:
    return target("mailprobe_certificate_valid", f'check="{check}"')


def life_left() -> Panel:
    """Falls by a day each day, and jumps at a renewal; a port that does not jump with the others was not reloaded."""
    return time_series(
        "Days left",
        "Days until the certificate of each port ends. Lines of one host fall together and jump at a renewal; one that "
        "does not jump with the others belongs to a daemon that was not reloaded.",
        (
            over_time(
                f"min by (port) ({certificate_days(_DEFAULT)})",
                legend="{{port}}",
            ),
        ),
        width=14,
        height=8,
        unit="suffix: d",
        decimals=0,
        below_zero=True,
        steps=thresholds(RED, (7, ORANGE), (21, GREEN)),
    )


def reasons() -> Panel:
    """Why a certificate of this host does not hold."""
    return table(
        "Why they do not hold",
        "The reasons for which a client that verifies would refuse the certificate, by port.",
        (instant(f"max by (port, variant, reason) ({target('mailprobe_certificate_error_info')})", table=True),),
        width=10,
        height=8,
        empty="All hold",
        transformations=(
            organize(
                ("port", "variant", "reason"),
                rename={"port": "Port", "variant": "Client", "reason": "Reason"},
                hide=("Time", "Value"),
            ),
        ),
        sort_by="Port",
    )


_DEFAULT = 'variant="default"'


def certificate_changes() -> Object:
    """Marks another certificate than five minutes before, on a port that showed one then.

    Five minutes are the longest default interval, so that the one before was seen by the probe before.
    """
    info = target("mailprobe_certificate_info", _DEFAULT)
    before = f"{info} offset 5m"
    return annotation(
        "Certificate changes",
        f"max by (host, port, {_FINGERPRINT}, subject) (\n"
        f"  {info} unless on ({TARGET}, {_FINGERPRINT}) {before}\n"
        f"  and on ({TARGET}) {before}\n)",
        colour=PURPLE,
        title="Another certificate on port {{port}}",
        text="{{subject}}, SHA-256 {{fingerprint_sha256}}",
    )
