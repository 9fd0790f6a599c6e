"""When another handshake is worth its session, and what its result says."""

from dataclasses import replace

import pytest

from exporter.judgement.variant import (
    NOT_INSTALLED_SECONDS,
    VariantSeen,
    VariantStanding,
    variant_seen,
    variant_target,
    worth_making,
)
from exporter.results import CertificateFacts, Outcome, Phase, ProbeResult
from exporter.targets import Variant
from tests.judgement.sessions import EXPIRED, LEAF, STARTED, ended, healthy, target

NO_SNI, RSA, ECDSA = Variant.NO_SNI, Variant.RSA, Variant.ECDSA
OTHER = replace(LEAF, fingerprint_sha256="0b" * 32, key_type="rsa", not_after=STARTED - 86_400.0)


def of(variant: Variant) -> ProbeResult:
    """A healthy session of a variant, with the certificate that the ordinary probe saw."""
    return healthy(variant_target(target(), variant, 86_400.0))


def refused(variant: Variant, alert: int | None) -> ProbeResult:
    """A handshake that did not come to a certificate."""
    without = replace(of(variant), outcome=Outcome.TLS_HANDSHAKE_FAILED, phase=Phase.TLS, tls=None, verdict=None)
    return replace(without, detail="handshake failure", certificates=(), tls_alert=alert)


def test_a_variant_is_the_same_target_with_a_handshake_and_an_interval_of_its_own() -> None:
    ordinary = replace(target(labels=(("site", "milan"),)), variants=(RSA, ECDSA))
    variant = variant_target(ordinary, RSA, 86_400.0)

    assert variant == replace(ordinary, variant=RSA, variants=(), interval=86_400.0)
    assert variant.key == replace(ordinary.key, variant=RSA)


def test_the_certificate_of_the_ordinary_probe_is_the_same() -> None:
    seen = variant_seen(of(RSA), LEAF)

    assert (seen.variant, seen.standing, seen.observed) == (RSA, VariantStanding.SAME, STARTED)


@pytest.mark.parametrize("ordinary", [LEAF, None], ids=["beside another one", "the ordinary one unknown"])
def test_any_other_certificate_is_different_and_keeps_its_own_verdict(ordinary: CertificateFacts | None) -> None:
    result = replace(of(RSA), certificates=(OTHER,), verdict=EXPIRED)
    seen = variant_seen(result, ordinary)

    assert seen == VariantSeen(RSA, VariantStanding.DIFFERENT, STARTED, (OTHER,), EXPIRED)


def test_a_session_that_failed_after_its_handshake_has_shown_its_certificate() -> None:
    result = replace(of(NO_SNI), outcome=Outcome.REPLY_TIMEOUT, phase=Phase.CAPABILITIES_TLS, detail="too late")
    seen = variant_seen(result, LEAF)

    assert (seen.standing, seen.detail) == (VariantStanding.SAME, "too late")


@pytest.mark.parametrize("variant", [RSA, ECDSA])
@pytest.mark.parametrize(
    ("alert", "standing"),
    [
        pytest.param(40, VariantStanding.NOT_INSTALLED, id="handshake_failure"),
        pytest.param(71, VariantStanding.NOT_INSTALLED, id="insufficient_security"),
        pytest.param(70, VariantStanding.NOT_INSTALLED, id="protocol_version"),
        pytest.param(80, VariantStanding.FAILED, id="internal_error"),
        pytest.param(112, VariantStanding.FAILED, id="unrecognized_name"),
        pytest.param(None, VariantStanding.FAILED, id="none"),
    ],
)
def test_only_a_refusal_for_want_of_something_in_common_means_not_installed(
    variant: Variant, alert: int | None, standing: VariantStanding
) -> None:
    seen = variant_seen(refused(variant, alert), LEAF)

    assert (seen.standing, seen.certificates, seen.verdict) == (standing, (), None)
    assert seen.detail == "handshake failure"


@pytest.mark.parametrize("outcome", [Outcome.CLOSED_EARLY, Outcome.CONNECTION_RESET])
@pytest.mark.parametrize(
    ("variant", "phase", "standing"),
    [
        (RSA, Phase.TLS, VariantStanding.NOT_INSTALLED),
        (ECDSA, Phase.TLS, VariantStanding.NOT_INSTALLED),
        (NO_SNI, Phase.TLS, VariantStanding.FAILED),
        (RSA, Phase.GREETING_FIRST_BYTE, VariantStanding.FAILED),
        (RSA, Phase.STARTTLS, VariantStanding.FAILED),
    ],
)
def test_a_server_that_hangs_up_on_the_handshake_of_a_key_type_has_none(
    variant: Variant, phase: Phase, standing: VariantStanding, outcome: Outcome
) -> None:
    result = replace(refused(variant, None), outcome=outcome, phase=phase)

    assert variant_seen(result, LEAF).standing is standing


def test_a_refusal_without_a_server_name_is_about_something_else() -> None:
    assert variant_seen(refused(NO_SNI, 40), LEAF).standing is VariantStanding.FAILED


@pytest.mark.parametrize("outcome", [Outcome.CONNECT_TIMEOUT, Outcome.GREETING_REJECTED, Outcome.DNS_ERROR])
def test_a_session_that_never_came_to_its_handshake_says_nothing(outcome: Outcome) -> None:
    result = ended(variant_target(target(), ECDSA, 86_400.0), outcome)

    assert variant_seen(result, LEAF).standing is VariantStanding.FAILED


@pytest.mark.parametrize(
    ("key_type", "worth"),
    [
        pytest.param("rsa", {NO_SNI, ECDSA}, id="rsa"),
        pytest.param("ecdsa", {NO_SNI, RSA}, id="ecdsa"),
        pytest.param("ed25519", {NO_SNI, RSA, ECDSA}, id="ed25519"),
        pytest.param(None, {NO_SNI, RSA, ECDSA}, id="malformed"),
    ],
)
def test_a_key_type_is_asked_for_only_where_the_ordinary_certificate_is_of_another(
    key_type: str | None, worth: set[Variant]
) -> None:
    ordinary = replace(healthy(target()), certificates=(replace(LEAF, key_type=key_type),))

    assert {variant for variant in (NO_SNI, RSA, ECDSA) if worth_making(variant, ordinary, None, STARTED)} == worth


@pytest.mark.parametrize("variant", [NO_SNI, RSA, ECDSA])
def test_a_port_that_does_not_come_into_tls_is_left_alone(variant: Variant) -> None:
    assert not worth_making(variant, None, None, STARTED)
    assert not worth_making(variant, ended(target(), Outcome.GREETING_REJECTED_TEMPORARILY), None, STARTED)


@pytest.mark.parametrize(
    ("standing", "at_once", "after_a_week"),
    [
        (VariantStanding.SAME, True, True),
        (VariantStanding.DIFFERENT, True, True),
        (VariantStanding.FAILED, True, True),
        (VariantStanding.NOT_INSTALLED, False, True),
    ],
)
def test_what_is_not_installed_is_not_asked_for_again_within_a_week(
    standing: VariantStanding, at_once: bool, after_a_week: bool
) -> None:
    ordinary, seen = healthy(target()), VariantSeen(RSA, standing, STARTED)

    assert worth_making(RSA, ordinary, seen, STARTED + NOT_INSTALLED_SECONDS - 1.0) is at_once
    assert worth_making(RSA, ordinary, seen, STARTED + NOT_INSTALLED_SECONDS) is after_a_week
