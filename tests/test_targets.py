"""Targets are values: equal where they say the same, and known by a key that goes with them."""

import pickle
from dataclasses import replace

from exporter.targets import TargetKey, Variant
from tests.schedule.world import target

TARGET = target("mail.example.org", 25, address="192.0.2.1")


def test_a_target_has_one_key_for_life() -> None:
    assert TARGET.key == TargetKey("mail.example.org", 25, TARGET.ip_family, "192.0.2.1")
    assert TARGET.key is TARGET.key


def test_a_target_that_is_made_from_another_one_has_the_key_of_its_own() -> None:
    variant = replace(TARGET, variant=Variant.RSA, address="192.0.2.2")
    assert variant.key == TargetKey("mail.example.org", 25, TARGET.ip_family, "192.0.2.2", Variant.RSA)


def test_a_target_that_crosses_a_process_border_is_the_same_and_is_found_by_its_key() -> None:
    arrived = pickle.loads(pickle.dumps(TARGET))
    assert arrived == TARGET
    assert {TARGET.key: "found"}[arrived.key] == "found"
