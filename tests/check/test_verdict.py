"""What one round is worth as a whole, and with which code the command ends."""

from dataclasses import replace

import pytest

from exporter.check.verdict import Checked, Status, life_left, overall, status
from exporter.judgement.security import SEVERITY, Severity, TlsFinding
from exporter.judgement.variant import VariantStanding
from exporter.results import CertificateFacts, CertificateFault, CertificateVerdict, Outcome, ProbeResult
from exporter.targets import CertificateChecks, PortState, Variant
from tests.check.results import EXPIRED, NOW, at, certificate, checked, closed, healthy, other_handshake

ENDING = healthy(993, certificates=(certificate(days=10, life=90),))
BROKEN = healthy(995, outcome=Outcome.INTERNAL_ERROR)
LEFT_ALONE = closed(143, PortState.ANY)

ROUNDS: dict[str, tuple[list[ProbeResult], Status]] = {
    "all well": ([healthy(465), healthy(587)], Status.OK),
    "one closed": ([healthy(465), closed(587)], Status.CRITICAL),
    "one closed that nobody promised": ([healthy(465), LEFT_ALONE], Status.OK),
    "nothing promised and nothing there": ([LEFT_ALONE], Status.CRITICAL),
    "a certificate that ends soon": ([healthy(465), ENDING], Status.WARNING),
    "an expired certificate": ([healthy(465, verdict=EXPIRED)], Status.CRITICAL),
    "a fault of our own": ([healthy(465), BROKEN], Status.UNKNOWN),
    "a failure is worse than not knowing": ([BROKEN, closed(587)], Status.CRITICAL),
    "not knowing is worse than a warning": ([BROKEN, ENDING], Status.UNKNOWN),
    "nothing was probed": ([], Status.UNKNOWN),
}


@pytest.mark.parametrize("case", ROUNDS)
def test_the_worst_port_decides_the_code(case: str) -> None:
    results, status = ROUNDS[case]

    assert overall([checked(result) for result in results], NOW) is status


WRONG_NAME = CertificateVerdict(True, False, True, (CertificateFault.NAME_MISMATCH,))
WELL = healthy(465)
NOT_CHECKED = at(WELL, expectation=replace(WELL.target.expectation, valid_certificate=False))
NAME_NOT_CHECKED = at(
    WELL, expectation=replace(WELL.target.expectation, certificate_checks=CertificateChecks(name=False))
)

CASES: dict[str, tuple[Checked, Status | None]] = {
    "not stale": (replace(checked(WELL), stale=False), Status.OK),
    "stale": (replace(checked(WELL), stale=True), Status.WARNING),
    "stale and broken": (replace(checked(BROKEN), stale=True), Status.UNKNOWN),
    "another certificate that is well": (checked(WELL, other_handshake(Variant.RSA, certificate(days=60))), Status.OK),
    "another certificate that ends soon": (
        checked(WELL, other_handshake(Variant.RSA, certificate(days=10))),
        Status.WARNING,
    ),
    "another certificate that has ended": (
        checked(WELL, other_handshake(Variant.RSA, certificate(days=-3), EXPIRED)),
        Status.CRITICAL,
    ),
    "another certificate that nobody checks": (
        checked(NOT_CHECKED, other_handshake(Variant.NO_SNI, certificate(days=60), WRONG_NAME)),
        Status.OK,
    ),
    "another certificate with a name that nobody checks": (
        checked(NAME_NOT_CHECKED, other_handshake(Variant.NO_SNI, certificate(days=60), WRONG_NAME)),
        Status.OK,
    ),
    "another certificate with a name that should be checked": (
        checked(WELL, other_handshake(Variant.NO_SNI, certificate(days=60), WRONG_NAME)),
        Status.CRITICAL,
    ),
    "another certificate without a way to a root": (
        checked(WELL, other_handshake(Variant.RSA, certificate(days=60), replace(WRONG_NAME, chain_valid=False))),
        Status.CRITICAL,
    ),
    "no other certificate": (
        checked(WELL, other_handshake(Variant.RSA, standing=VariantStanding.NOT_INSTALLED)),
        Status.OK,
    ),
    "another handshake that failed": (
        checked(WELL, other_handshake(Variant.RSA, standing=VariantStanding.FAILED, detail="closed")),
        Status.OK,
    ),
    "a finding at a port that promised nothing and is closed": (
        replace(checked(LEFT_ALONE), findings=(TlsFinding.GREETING_MASKED,)),
        None,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_was_found_beside_the_session_counts(case: str) -> None:
    one, wanted = CASES[case]

    assert status(one, NOW) is wanted


@pytest.mark.parametrize("finding", TlsFinding)
def test_a_finding_counts_by_its_severity(finding: TlsFinding) -> None:
    wanted = {Severity.CRITICAL: Status.CRITICAL, Severity.WARNING: Status.WARNING, Severity.INFO: Status.OK}

    assert status(replace(checked(WELL), findings=(finding,)), NOW) is wanted[SEVERITY[finding]]


def test_several_findings_count_as_the_worst_of_them() -> None:
    found = (TlsFinding.CLEARTEXT_AUTH, TlsFinding.STARTTLS_LOST, TlsFinding.GREETING_MASKED)

    assert status(replace(checked(WELL), findings=found), NOW) is Status.CRITICAL
    assert status(replace(checked(closed(587)), findings=found[2:]), NOW) is Status.CRITICAL


@pytest.mark.parametrize(
    ("facts", "left"),
    [
        (certificate(days=45, life=90), 0.5),
        (certificate(days=-9, life=90), -0.1),
        (certificate(days=1, life=0), None),
        (CertificateFacts(0, "", None, NOW), None),
    ],
    ids=["half", "ended", "never lived", "no begin"],
)
def test_what_is_left_of_a_certificate_is_a_share_of_its_life(facts: CertificateFacts, left: float | None) -> None:
    assert life_left(facts, NOW) == (None if left is None else pytest.approx(left))
