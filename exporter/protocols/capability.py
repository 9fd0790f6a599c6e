"""The lists in which servers say what they can do.

All four protocols list a name and parameters; how a list travels is each protocol's own affair. Which capabilities
should be there is not decided here.
"""

from collections.abc import Iterable

from exporter.protocols.transcript import visible
from exporter.results import Capability

Capabilities = tuple[Capability, ...]

# RFC 4616 and the LOGIN that never became a standard: both hand the password itself to whoever reads the connection.
PASSWORD_MECHANISMS = frozenset({"PLAIN", "LOGIN"})


def capability(name: bytes, *parameters: bytes) -> Capability:
    """A capability from its name and parameters."""
    return Capability(visible(name.upper()), tuple([visible(parameter) for parameter in parameters]))


def lists(capabilities: Capabilities, name: str) -> bool:
    """Whether `name` (in upper case) is in the list."""
    return name in [offered.name for offered in capabilities]


def reveals_password(mechanisms: Iterable[str]) -> bool:
    """Whether one of these SASL mechanisms sends the password as it is."""
    return any(mechanism.upper() in PASSWORD_MECHANISMS for mechanism in mechanisms)
