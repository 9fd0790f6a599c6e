"""In one word, how a port stands: what the status page counts and colours."""

from enum import StrEnum

from exporter.metrics.state import TargetState
from exporter.results import Outcome


class Standing(StrEnum):
    """The values are used in addresses (`/?state=failing`) and as style classes; `words` is for people."""

    FAILING = "failing"
    OK = "ok"
    CLOSED = "closed"
    PENDING = "pending"
    UNKNOWN = "unknown"
    LEFT_OUT = "left-out"

    @property
    def words(self) -> str:
        """As it is written on the page."""
        return "not yet probed" if self is Standing.PENDING else self.value.replace("-", " ")


def standing(state: TargetState) -> Standing:
    """How the target stands by its last probe.

    CLOSED is a port that is closed and may be. LEFT_OUT has no samples, since its family has no address or no route.
    UNKNOWN is a probe that went wrong through no fault of the server.
    """
    judgement, result = state.judgement, state.result
    if judgement is None or result is None:
        return Standing.PENDING
    if not judgement.exists:
        return Standing.LEFT_OUT
    if judgement.success is not None:
        good = Standing.CLOSED if judgement.outcome is Outcome.CLOSED_AS_EXPECTED else Standing.OK
        return good if judgement.success else Standing.FAILING
    return Standing.CLOSED if result.port_open is False else Standing.UNKNOWN
