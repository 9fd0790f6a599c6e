"""What the exporter says about itself."""

from prometheus_client import CollectorRegistry

from exporter.metrics.own import OwnMetrics, private_registry


def own() -> tuple[OwnMetrics, CollectorRegistry]:
    registry = CollectorRegistry()
    return OwnMetrics(registry, "1.2.3"), registry


def test_the_version_is_known_from_the_start_and_nothing_else() -> None:
    _, registry = own()
    assert [
        (sample.name, sample.labels, sample.value) for family in registry.collect() for sample in family.samples
    ] == [("mailprobe_build_info", {"version": "1.2.3"}, 1)]


def test_a_failed_reload_keeps_the_time_of_the_last_good_one() -> None:
    metrics, registry = own()
    metrics.reload(True, 1000.0)
    assert registry.get_sample_value("mailprobe_config_last_reload_successful") == 1
    metrics.reload(False, 2000.0)
    assert registry.get_sample_value("mailprobe_config_last_reload_successful") == 0
    assert registry.get_sample_value("mailprobe_config_last_reload_success_timestamp_seconds") == 1000
    metrics.reload(True, 3000.0)
    assert registry.get_sample_value("mailprobe_config_last_reload_success_timestamp_seconds") == 3000


def test_a_first_reload_that_fails_has_no_time() -> None:
    metrics, registry = own()
    metrics.reload(False, 1000.0)
    assert registry.get_sample_value("mailprobe_config_last_reload_success_timestamp_seconds") is None


def test_the_daemon_is_asked_at_every_scrape() -> None:
    metrics, registry = own()
    in_flight = iter((3, 5))
    metrics.observe(
        targets=lambda: 40,
        in_flight=lambda: next(in_flight),
        lag=lambda: 0.5,
        loop_lag=lambda: 0.25,
        first_round_progress=lambda: (30, 40),
    )
    seen = {sample.name: sample.value for family in registry.collect() for sample in family.samples}
    assert seen == {
        "mailprobe_build_info": 1,
        "mailprobe_targets": 40,
        "mailprobe_probes_in_flight": 3,
        "mailprobe_schedule_lag_seconds": 0.5,
        "mailprobe_event_loop_lag_seconds": 0.25,
        "mailprobe_first_round_progress_ratio": 0.75,
    }
    assert registry.get_sample_value("mailprobe_probes_in_flight") == 5


def test_the_file_of_users_is_told_only_where_there_is_one() -> None:
    metrics, registry = own()
    name = "mailprobe_web_config_last_reload_successful"
    assert registry.get_sample_value(name) is None
    readings = iter((True, False))
    metrics.observe_access(lambda: next(readings))
    assert [registry.get_sample_value(name) for _ in range(2)] == [1, 0]


def test_the_processes_that_probe_are_told_only_where_there_are_any() -> None:
    metrics, registry = own()
    names = ("mailprobe_workers", "mailprobe_worker_restarts_total")
    assert [registry.get_sample_value(name) for name in names] == [None, None]
    metrics.observe_workers(alive=lambda: 2, restarts=lambda: 5)
    assert [registry.get_sample_value(name) for name in names] == [2, 5]


def test_a_round_of_nothing_is_complete() -> None:
    metrics, registry = own()
    metrics.observe(
        targets=lambda: 0,
        in_flight=lambda: 0,
        lag=lambda: 0.0,
        loop_lag=lambda: 0.0,
        first_round_progress=lambda: (0, 0),
    )
    assert registry.get_sample_value("mailprobe_first_round_progress_ratio") == 1
    assert registry.get_sample_value("mailprobe_targets") == 0


def test_the_private_registry_tells_of_the_process_and_the_interpreter() -> None:
    names = {family.name for family in private_registry().collect()}
    assert {"process_resident_memory_bytes", "python_info", "python_gc_collections"} <= names
