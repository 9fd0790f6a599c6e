"""The catalogue keeps to Prometheus' rules for names."""

import re
from typing import Never

import pytest

from exporter.metrics.capability import KNOWN
from exporter.metrics.catalogue import CATALOGUE, TARGET_METRICS
from exporter.metrics.metric import Kind, Metric
from exporter.targets import Protocol

ROWS = pytest.mark.parametrize("row", CATALOGUE, ids=lambda row: row.name)

# What is said of a target without having probed it.
OF_THE_CONFIGURATION = {"mailprobe_port_expected_open", "mailprobe_certificate_waived_info"}

# What the design promises, and so what dashboards and rules may rely on.
PROMISED = """
    mailprobe_success mailprobe_port_open mailprobe_port_expected_open mailprobe_outcome_info mailprobe_probes_total
    mailprobe_phase_duration_seconds mailprobe_duration_seconds mailprobe_greeting_latency_seconds
    mailprobe_greeting_code mailprobe_capability_info mailprobe_message_size_limit_bytes mailprobe_starttls_advertised
    mailprobe_tls_established mailprobe_tls_info mailprobe_cleartext_auth_advertised mailprobe_expectation_met
    mailprobe_last_probe_timestamp_seconds mailprobe_last_success_timestamp_seconds mailprobe_interval_seconds
    mailprobe_certificate_not_after_timestamp_seconds mailprobe_certificate_not_before_timestamp_seconds
    mailprobe_certificate_chain_not_after_timestamp_seconds mailprobe_certificate_valid mailprobe_certificate_error_info
    mailprobe_certificate_info mailprobe_certificate_observed_timestamp_seconds mailprobe_dns_addresses
    mailprobe_dns_lookup_duration_seconds mailprobe_missed_rounds_total mailprobe_ip_family_routed mailprobe_build_info
    mailprobe_config_last_reload_successful mailprobe_config_last_reload_success_timestamp_seconds
    mailprobe_web_config_last_reload_successful mailprobe_targets
    mailprobe_probes_in_flight mailprobe_schedule_lag_seconds mailprobe_event_loop_lag_seconds
    mailprobe_first_round_progress_ratio mailprobe_tls_finding_info mailprobe_starttls_lost_timestamp_seconds
    mailprobe_certificates_seen mailprobe_certificate_earliest_not_after_timestamp_seconds mailprobe_certificate_stale
    mailprobe_variant_ports mailprobe_family_lost mailprobe_suspected_ban mailprobe_addresses_probed
    mailprobe_addresses_open mailprobe_vantage_ok mailprobe_certificate_waived_info mailprobe_workers
    mailprobe_worker_restarts_total
"""


def test_the_catalogue_is_what_was_promised() -> None:
    assert sorted(row.name for row in CATALOGUE) == sorted(PROMISED.split())


def test_families_of_openmetrics_do_not_clash() -> None:
    families = [row.family for row in CATALOGUE]
    assert len(families) == len(set(families))


@ROWS
def test_a_name_is_ours_and_carries_its_unit(row: Metric[Never]) -> None:
    assert re.fullmatch(r"mailprobe(_[a-z0-9]+)+", row.name)
    assert (
        row.family.endswith(f"_{row.unit}") if row.unit else not row.family.endswith(("_seconds", "_bytes", "_ratio"))
    )


@ROWS
def test_a_suffix_says_the_kind(row: Metric[Never]) -> None:
    assert row.name.endswith("_total") is (row.kind is Kind.COUNTER)
    assert row.name.endswith("_info") is (row.kind is Kind.INFO)


@ROWS
def test_a_help_is_one_sentence_on_one_line(row: Metric[Never]) -> None:
    assert row.help.endswith(".")
    assert not set(row.help) & set('\n\\"')
    assert "  " not in row.help


@pytest.mark.parametrize("row", TARGET_METRICS, ids=lambda row: row.name)
def test_a_help_says_that_the_value_comes_from_a_schedule(row: Metric[Never]) -> None:
    assert row.name in OF_THE_CONFIGURATION or "scheduled probe" in row.help.lower()


def test_every_protocol_has_its_list_of_capabilities() -> None:
    assert KNOWN.keys() == set(Protocol)
    for names in KNOWN.values():
        assert names
        assert all(name == name.upper() and len(name.encode()) <= 24 for name in names)
