"""What one round is worth as a whole, and with which code the command ends."""

import pytest

from exporter.check.verdict import Status, life_left, overall
from exporter.results import CertificateFacts, Outcome, ProbeResult
from exporter.targets import PortState
from tests.check.results import EXPIRED, NOW, certificate, checked, closed, healthy

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
