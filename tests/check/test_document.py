"""What `check --json` prints: the same as for people, and null where nothing is known."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from exporter.check import document
from exporter.check.document import as_json
from exporter.check.verdict import Checked
from exporter.judgement.variant import VariantStanding
from exporter.results import Findings, ProbeResult
from exporter.targets import AddressRule, IpFamily, Variant
from tests.check.results import (
    EXPIRED,
    HOST,
    NOW,
    a_round,
    at,
    certificate,
    checked,
    closed,
    healthy,
    other_handshake,
    silent,
)


def data(*results: ProbeResult | Checked, references: Sequence[ProbeResult] = ()) -> dict[str, Any]:
    """What a script reads."""
    read: dict[str, Any] = json.loads(json.dumps(as_json(a_round(*results, references=references), NOW)))
    return read


def test_what_was_found_is_told_and_null_where_nothing_is_known() -> None:
    found = data(healthy(465), closed(587))

    first, second = found["targets"]
    assert found["status"] == "CRITICAL"
    assert (first["port"], first["outcome"], first["success"]) == (465, "ok", True)
    assert first["certificates"][0]["not_after"] == certificate().not_after
    assert first["certificate_verdict"]["faults"] == []
    assert first["tls_session"]["version"] == "TLSv1.3"
    assert first["durations"] == {"connect": 0.01, "greeting": 0.234}
    assert (second["outcome"], second["success"], second["port_open"]) == ("connect_refused", False, False)
    assert second["tls_session"] is None
    assert second["certificate_verdict"] is None
    assert second["capabilities"] is None
    assert [setting["port"] for setting in found["client_settings"]] == [465]


def test_findings_are_told_with_their_severity() -> None:
    found = data(healthy(587, findings=Findings(cleartext_auth=True)), healthy(465))

    assert [target["findings"] for target in found["targets"]] == [
        [{"finding": "cleartext_auth", "severity": "warning"}],
        [],
    ]


def test_stale_is_true_false_or_not_known() -> None:
    found = data(healthy(465), healthy(993, certificates=(certificate(days=5),)), closed(587))

    assert [target["stale"] for target in found["targets"]] == [False, True, None]


def test_every_other_handshake_is_told() -> None:
    seen = (
        other_handshake(Variant.NO_SNI, certificate(days=-3), EXPIRED),
        other_handshake(Variant.RSA, standing=VariantStanding.NOT_INSTALLED, detail="no shared cipher"),
    )

    (target,) = data(checked(healthy(25), *seen))["targets"]

    other, none = target["variants"]
    assert (other["variant"], other["standing"], other["detail"]) == ("no_sni", "different", "")
    assert other["certificates"][0]["not_after"] == certificate(days=-3).not_after
    assert other["certificate_verdict"]["faults"] == ["expired"]
    assert none == {
        "variant": "rsa",
        "standing": "not_installed",
        "detail": "no shared cipher",
        "certificates": [],
        "certificate_verdict": None,
    }


def test_what_this_network_lets_out_is_told_whether_good_or_bad() -> None:
    witness = at(silent(25), host="mx.example.net", reference=True)

    found = data(silent(25), references=[witness])

    assert found["vantages"] == [{"port": 25, "ip_family": "ipv4", "ok": False, "basis": "references"}]
    assert [target["host"] for target in found["targets"]] == [HOST]


def test_what_a_host_has_lost_is_told() -> None:
    whole = data(closed(25), closed(587))["hosts"]
    (family,) = data(healthy(25), at(closed(25), ip_family=IpFamily.IPV6))["hosts"]

    assert [(one["finding"], one["ip_family"]) for one in whole] == [("host_lost", None)]
    assert family == {
        "host": HOST,
        "finding": "family_lost",
        "ip_family": "ipv6",
        "detail": "does not answer over IPv6, while IPv4 does",
    }


def test_addresses_are_counted() -> None:
    results = [
        replace(at(result, address=address, addresses=AddressRule.ALL), address=address)
        for result, address in ((healthy(25), "192.0.2.1"), (closed(25), "192.0.2.2"))
    ]

    found = data(*results)

    assert [target["address"] for target in found["targets"]] == ["192.0.2.1", "192.0.2.2"]
    assert found["addresses"] == [{"host": HOST, "port": 25, "ip_family": "ipv4", "probed": 2, "open": 1}]


def test_every_key_of_the_document_is_described() -> None:
    described = [row.split()[0] for row in (document.__doc__ or "").splitlines() if row[:1].isalpha() and "  " in row]

    assert described == list(data(healthy(465)))
