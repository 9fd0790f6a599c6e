"""How a port stands, in one word."""

import pytest

from exporter.metrics.state import TargetState
from exporter.results import CertificateFault, Findings, Outcome, Phase, Resolution
from exporter.targets import PortState
from exporter.web.standing import Standing, standing
from tests.web.daemon import answered, failed, faulty, seen, target

SHOULD_BE_CLOSED = target(state=PortState.CLOSED)
MAY_BE_CLOSED = target(state=PortState.ANY)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        pytest.param(TargetState(target()), Standing.PENDING, id="before-the-first-probe"),
        pytest.param(seen(answered(target())), Standing.OK, id="all-met"),
        pytest.param(seen(answered(MAY_BE_CLOSED)), Standing.OK, id="open-where-anything-goes"),
        pytest.param(seen(failed(target(), Outcome.CONNECT_REFUSED, Phase.CONNECT)), Standing.FAILING, id="refused"),
        pytest.param(
            seen(answered(target(), verdict=faulty(CertificateFault.EXPIRED))), Standing.FAILING, id="expired"
        ),
        pytest.param(
            seen(answered(target(), findings=Findings(starttls_advertised=False))), Standing.FAILING, id="no-starttls"
        ),
        pytest.param(
            seen(failed(target(), Outcome.DNS_NXDOMAIN, Phase.RESOLVE, port_open=None)), Standing.FAILING, id="no-name"
        ),
        pytest.param(seen(answered(SHOULD_BE_CLOSED)), Standing.FAILING, id="open-and-should-not"),
        pytest.param(
            seen(failed(SHOULD_BE_CLOSED, Outcome.CONNECT_TIMEOUT, Phase.CONNECT)),
            Standing.CLOSED,
            id="closed-as-wanted",
        ),
        pytest.param(
            seen(failed(MAY_BE_CLOSED, Outcome.CONNECT_REFUSED, Phase.CONNECT)),
            Standing.CLOSED,
            id="closed-where-anything-goes",
        ),
        pytest.param(
            seen(answered(target(), outcome=Outcome.INTERNAL_ERROR, phase=Phase.TLS)), Standing.UNKNOWN, id="our-fault"
        ),
        pytest.param(
            seen(failed(target(), Outcome.NO_ROUTE, Phase.CONNECT, port_open=None)), Standing.LEFT_OUT, id="no-route"
        ),
        pytest.param(
            seen(
                failed(
                    target(),
                    Outcome.DNS_NO_ADDRESS,
                    Phase.RESOLVE,
                    port_open=None,
                    resolution=Resolution(Outcome.OK, (), ("2001:db8::25",), 0.01),
                )
            ),
            Standing.LEFT_OUT,
            id="no-address-in-this-family",
        ),
    ],
)
def test_a_target_stands_by_its_last_probe(state: TargetState, expected: Standing) -> None:
    assert standing(state) is expected


def test_the_words_are_for_people() -> None:
    assert [which.words for which in Standing] == ["failing", "ok", "closed", "not yet probed", "unknown", "left out"]
