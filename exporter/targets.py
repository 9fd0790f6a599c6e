"""What is probed: values that say where to connect, how to speak there and what should be found.

Values only. Nothing here reads a file, opens a socket or knows a metric; everything is frozen and can be pickled, so
that a target can cross a process border.
"""

from dataclasses import dataclass, field
from enum import StrEnum


class Protocol(StrEnum):
    """The language of a port; the values are label values."""

    SMTP = "smtp"
    IMAP = "imap"
    POP3 = "pop3"
    SIEVE = "sieve"

    # The enumeration's own is written in Python, and these are in the key by which a dozen tables are asked at every
    # probe.
    __hash__ = str.__hash__


class TlsMode(StrEnum):
    """How TLS comes into a session; the values are label values.

    `IMPLICIT` starts TLS before the greeting, `STARTTLS` upgrades a session whenever the server offers it (also POP3's
    STLS), `NONE` never upgrades.
    """

    NONE = "none"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"

    # As for protocols.
    __hash__ = str.__hash__


class IpFamily(StrEnum):
    """An address family; the values are label values."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"

    # As for protocols.
    __hash__ = str.__hash__


class PortState(StrEnum):
    """The state in which a port should be; `ANY` expects nothing.

    `CLOSED` is met by a refusal and by silence alike. `FILTERED` is met only where the host itself says nothing: by
    silence, or by a router or a packet filter that calls it unreachable. A refusal comes from the host, so it was
    reached; a filter that answers in its place with a reset or with ICMP's `port unreachable` cannot be told from one.
    """

    OPEN = "open"
    CLOSED = "closed"
    FILTERED = "filtered"
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


class Variant(StrEnum):
    """How a handshake is made, for servers that show some clients another certificate; the values are label values.

    `DEFAULT` is the ordinary probe. `NO_SNI` names no server, as most mail servers do when they deliver; `RSA` and
    `ECDSA` take a certificate of that key type only, over TLS 1.2, where the cipher decides it.
    """

    DEFAULT = "default"
    NO_SNI = "no_sni"
    RSA = "rsa"
    ECDSA = "ecdsa"

    # As for protocols.
    __hash__ = str.__hash__


class AddressRule(StrEnum):
    """Which of a name's addresses are probed: the numerically lowest of each family, or each as a target of its own."""

    FIRST = "first"
    ALL = "all"


class TlsVersion(StrEnum):
    """The versions of TLS from the oldest to the newest, in OpenSSL's words, which `TlsFacts.version` repeats."""

    TLS_1_0 = "TLSv1"
    TLS_1_1 = "TLSv1.1"
    TLS_1_2 = "TLSv1.2"
    TLS_1_3 = "TLSv1.3"


@dataclass(frozen=True, slots=True)
class CertificateChecks:
    """Which of the three checks of a certificate must hold (`CertificateVerdict` says what they are); true if any."""

    chain: bool = True
    name: bool = True
    dates: bool = True

    def __bool__(self) -> bool:
        return self.chain or self.name or self.dates


@dataclass(frozen=True, slots=True)
class Service:
    """A port and what is spoken on it."""

    port: int
    protocol: Protocol
    tls: TlsMode


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the administrator declared about a port.

    state                  the state the port should be in
    starttls               judged only where `Service.tls` is `STARTTLS`
    valid_certificate      whether a certificate, where one is seen, must hold
    certificate_checks     which of its checks count then; without `valid_certificate` none does
    greeting_codes         the SMTP greetings that are well; empty: nothing declared, and only 220 is
    capabilities_must      `NAME` or `NAME PARAMETER` in upper case, each of which must be offered
    capabilities_must_not  likewise, none of which may be offered
    min_tls                the oldest version that may be negotiated; `None`: any may
    """

    state: PortState
    starttls: StarttlsRule
    valid_certificate: bool
    auth_before_tls: AuthRule
    certificate_checks: CertificateChecks = CertificateChecks()
    greeting_codes: tuple[int, ...] = ()
    capabilities_must: tuple[str, ...] = ()
    capabilities_must_not: tuple[str, ...] = ()
    min_tls: TlsVersion | None = None


@dataclass(frozen=True, slots=True)
class Timeouts:
    """The limit of each stage in seconds; `total` bounds the whole probe, whatever the other four add up to.

    RFC 5321 §4.5.3.2 lets a mail client wait five minutes for a greeting. A monitor answers sooner: 30 s is longer
    than postscreen's greeting wait (6 s) and than the delays of common tarpits. A connection that takes more than 5
    s has lost its first packet twice (RFC 6298 §2: one second, doubled); an answer or a handshake that takes 10 s
    is one that mail clients show as a failure. The total leaves room for a slow greeting and for all that follows
    it.
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
    variant: Variant = Variant.DEFAULT


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
    address             the one to connect to; empty: the first that the host has
    addresses           with `ALL`, a target without an address stands for those that DNS will name
    family_required     that the host has no address of this family is a failure
    certificate_group   ports of one group should show equally new certificates; None: this one is compared with none
    variants            the other handshakes that are worth making
    variant             the handshake that this probe makes
    reference           known to answer, and probed only to see whether this network lets anybody out
    key                 the identity of the target; made once, since a dozen tables are asked by it at every probe
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
    addresses: AddressRule = AddressRule.FIRST
    family_required: bool = False
    certificate_group: str | None = None
    variants: tuple[Variant, ...] = ()
    variant: Variant = Variant.DEFAULT
    reference: bool = False
    key: TargetKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        key = TargetKey(self.host, self.service.port, self.ip_family, self.address, self.variant)
        object.__setattr__(self, "key", key)

    @property
    def first_family(self) -> bool:
        """This is the first of the host's families, the one on which a name that never had an address is reported."""
        return self.ip_families[0] is self.ip_family

    @property
    def reference_name(self) -> str:
        """The name (or IP literal) that the certificate must be issued to (RFC 9525 §6.1: the reference identifier)."""
        return self.server_name if self.server_name is not None else self.host
