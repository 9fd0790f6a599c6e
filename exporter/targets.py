"""What is probed: values that say where to connect, how to speak there and what should be found.

Values only. Nothing here reads a file, opens a socket or knows a metric; everything is frozen and can be pickled, so
that a target can cross a process border.
"""

from dataclasses import dataclass
from enum import StrEnum


class Protocol(StrEnum):
    """The language of a port; the values are label values."""

    SMTP = "smtp"
    IMAP = "imap"
    POP3 = "pop3"
    SIEVE = "sieve"


class TlsMode(StrEnum):
    """How TLS comes into a session; the values are label values.

    `IMPLICIT` starts TLS before the greeting, `STARTTLS` upgrades a session whenever the server offers it (also POP3's
    STLS), `NONE` never upgrades.
    """

    NONE = "none"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


class IpFamily(StrEnum):
    """An address family; the values are label values."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"


class PortState(StrEnum):
    """The state in which a port should be. `CLOSED` is met by a refusal and by silence alike; `ANY` expects nothing."""

    OPEN = "open"
    CLOSED = "closed"
    ANY = "any"


class StarttlsRule(StrEnum):
    """Whether the upgrade must, may or must not be offered."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    FORBIDDEN = "forbidden"


class AuthRule(StrEnum):
    """Whether passwords may be accepted before TLS (RFC 8314 §4.1 wants them forbidden)."""

    FORBIDDEN = "forbidden"
    ALLOWED = "allowed"


@dataclass(frozen=True, slots=True)
class Service:
    """A port and what is spoken on it."""

    port: int
    protocol: Protocol
    tls: TlsMode


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the administrator declared about a port.

    `starttls` is judged only where `Service.tls` is `STARTTLS`; `valid_certificate` only where a certificate was seen.
    """

    state: PortState
    starttls: StarttlsRule
    valid_certificate: bool
    auth_before_tls: AuthRule


@dataclass(frozen=True, slots=True)
class Timeouts:
    """The limit of each stage in seconds; `total` bounds the whole probe, whatever the other five add up to.

    RFC 5321 §4.5.3.2 lets a mail client wait five minutes for a greeting. A monitor answers sooner: 30 s is longer than
    postscreen's greeting wait (6 s) and than the delays of common tarpits.
    """

    connect: float = 5.0
    greeting: float = 30.0
    reply: float = 10.0
    handshake: float = 10.0
    total: float = 60.0


@dataclass(frozen=True, slots=True)
class TargetKey:
    """What tells one target from another; two entries of a configuration with one key are a fault."""

    host: str
    port: int
    ip_family: IpFamily
    address: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """One port of one host over one address family, with everything a probe needs to know.

    host                as written in the configuration: a name, or an IP literal without brackets
    ip_families         all families that are configured for the host, in their order
    interval            seconds between two probes while nothing is wrong
    ehlo_name           None: the machine's own name or address literal, found by the probe
    server_name         both the TLS server name and the name the certificate must carry; None: `host`
    ca_file             PEM file with the trusted roots; None: the system's
    source_address      local address of the connection; None: the system's choice
    labels              the user's own, sorted by name
    """

    host: str
    service: Service
    ip_family: IpFamily
    expectation: Expectation
    ip_families: tuple[IpFamily, ...] = (IpFamily.IPV4, IpFamily.IPV6)
    interval: float = 120.0
    timeouts: Timeouts = Timeouts()
    ehlo_name: str | None = None
    server_name: str | None = None
    ca_file: str | None = None
    source_address: str | None = None
    labels: tuple[tuple[str, str], ...] = ()
    address: str = ""

    @property
    def key(self) -> TargetKey:
        """The identity of the target."""
        return TargetKey(self.host, self.service.port, self.ip_family, self.address)

    @property
    def first_family(self) -> bool:
        """This is the first of the host's families, the one on which a name that never had an address is reported."""
        return self.ip_families[0] is self.ip_family

    @property
    def reference_name(self) -> str:
        """The name (or IP literal) that the certificate must be issued to (RFC 9525 §6.1: the reference identifier)."""
        return self.server_name if self.server_name is not None else self.host
