"""What a host of the demo is made of: its ports, what becomes of those who connect to them, and what there is to see.

Values only; `roster` has the hosts themselves, and `hosts` runs them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from exporter.demo.servers import Manner
from exporter.targets import PortState

DOMAIN = "mail.example"
PORT_OFFSET = 10_000


@dataclass(frozen=True, slots=True)
class Period:
    """When a certificate begins and ends, in days from now."""

    begins: float
    ends: float


FRESH = Period(begins=-1, ends=89)
NEARLY_OVER = Period(begins=-85, ends=5)
OVER = Period(begins=-93, ends=-3)
LAST_YEARS = Period(begins=20 - 365, ends=20)


class Door(Enum):
    """What becomes of a connection.

    OPEN    a server takes it
    CLOSED  nothing listens: it is refused
    SILENT  it is never answered, as if a packet filter dropped it
    """

    OPEN = auto()
    CLOSED = auto()
    SILENT = auto()


class Second(Enum):
    """The second certificate of a port, which not every client is shown.

    NONE         there is none
    EXPIRED_RSA  to whoever takes no ECDSA: one that is `OVER`
    UNNAMED      to whoever names no server: one to another name
    """

    NONE = auto()
    EXPIRED_RSA = auto()
    UNNAMED = auto()


@dataclass(frozen=True, slots=True)
class Port:
    """One port of a demo's host, by its well-known number.

    expect    the state that the configuration declares
    settings  what else it says, as the inside of a YAML flow mapping
    """

    number: int
    certificate: Period = FRESH
    second: Second = Second.NONE
    offers_starttls: bool = True
    manner: Manner = Manner.PROMPT
    door: Door = Door.OPEN
    expect: PortState = PortState.OPEN
    settings: str = ""

    @property
    def at(self) -> int:
        """The number that it has in the demo."""
        # References are asked on well-known ports, so what they stand for must be one.
        return self.number if self.door is Door.SILENT else PORT_OFFSET + self.number


@dataclass(frozen=True, slots=True)
class Sight:
    """What is to be seen at a host: one sentence, and a PromQL query that has a result because of it.

    In the query `{host}` stands for the name of the host.
    """

    fault: str
    query: str


@dataclass(frozen=True, slots=True)
class Host:
    """A host of the demo: what it is called, what is wrong with it, and how.

    addresses  IPv4 addresses; the servers are on the first, and all are probed
    has_ipv6   it has the IPv6 loopback address as well, on which nothing listens
    bans       closes all its ports for ever as soon as each had a visitor
    """

    label: str
    sights: tuple[Sight, ...]
    ports: tuple[Port, ...]
    addresses: int = 1
    has_ipv6: bool = False
    bans: bool = False

    @property
    def name(self) -> str:
        """The host name."""
        return f"{self.label}.{DOMAIN}"


def same(numbers: Sequence[int], certificate: Period = FRESH) -> tuple[Port, ...]:
    """Ports that differ in nothing but their number."""
    return tuple(Port(number, certificate) for number in numbers)
