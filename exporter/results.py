"""What was seen: values that a probe hands on.

Values only, frozen and picklable. Unknown is `None`; `None` is no sample, and no sample is never zero. What a result
means (success, expectations) is decided in `judgement`, not here.
"""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import TypeVar

from exporter.targets import IpFamily, Target

_Part = TypeVar("_Part")

# Decimals of a duration in seconds. The clocks are no finer, and what is shown for longer than a probe lasts should not
# end in noise.
MICROSECONDS = 6


class Phase(StrEnum):
    """The stages of a probe in their order; the values are label values.

    With implicit TLS, `TLS` comes before the greeting, and capabilities that are asked for inside TLS are always
    `CAPABILITIES_TLS`.
    """

    RESOLVE = "resolve"
    CONNECT = "connect"
    GREETING_FIRST_BYTE = "greeting_first_byte"
    GREETING = "greeting"
    CAPABILITIES = "capabilities"
    STARTTLS = "starttls"
    TLS = "tls"
    CAPABILITIES_TLS = "capabilities_tls"
    GOODBYE = "goodbye"

    # The enumeration's own is written in Python; phases and outcomes are looked up dozens of times at every probe.
    __hash__ = str.__hash__


class Outcome(StrEnum):
    """How a probe ended; the values are label values, and the list is closed.

    A probe itself never yields `CLOSED_AS_EXPECTED`, `UNEXPECTED_OPEN`, `STARTTLS_MISSING` or `EXPECTATION_FAILED`:
    they compare what was seen with what should be, which is the work of `judgement`.
    """

    OK = "ok"
    CLOSED_AS_EXPECTED = "closed_as_expected"
    UNEXPECTED_OPEN = "unexpected_open"
    DNS_NXDOMAIN = "dns_nxdomain"
    DNS_ERROR = "dns_error"
    DNS_NO_ADDRESS = "dns_no_address"
    NO_ROUTE = "no_route"
    LOCAL_ERROR = "local_error"
    CONNECT_REFUSED = "connect_refused"
    CONNECT_TIMEOUT = "connect_timeout"
    NETWORK_UNREACHABLE = "network_unreachable"
    CONNECTION_RESET = "connection_reset"
    GREETING_TIMEOUT = "greeting_timeout"
    GREETING_REJECTED_TEMPORARILY = "greeting_rejected_temporarily"
    GREETING_REJECTED = "greeting_rejected"
    GREETING_INVALID = "greeting_invalid"
    EHLO_REJECTED = "ehlo_rejected"
    REPLY_TIMEOUT = "reply_timeout"
    STARTTLS_MISSING = "starttls_missing"
    STARTTLS_REJECTED = "starttls_rejected"
    STARTTLS_PLAINTEXT_INJECTED = "starttls_plaintext_injected"
    TLS_ON_PLAIN_PORT = "tls_on_plain_port"
    PLAIN_ON_TLS_PORT = "plain_on_tls_port"
    TLS_HANDSHAKE_FAILED = "tls_handshake_failed"
    TLS_TIMEOUT = "tls_timeout"
    PROTOCOL_ERROR = "protocol_error"
    REPLY_TOO_LONG = "reply_too_long"
    CLOSED_EARLY = "closed_early"
    EXPECTATION_FAILED = "expectation_failed"
    TOTAL_TIMEOUT = "total_timeout"
    INTERNAL_ERROR = "internal_error"

    # As for phases.
    __hash__ = str.__hash__


class LatencyClock(StrEnum):
    """Whose clock stamped what was received: the kernel's is not delayed by a busy event loop."""

    KERNEL = "kernel"
    LOOP = "loop"


@dataclass(frozen=True, slots=True)
class Resolution:
    """What DNS (or the hosts file) said about a host, for both families at once.

    A family that was not asked for has `None`; one without addresses an empty tuple. `outcome` is `OK` as soon as
    one address of any family is known, else one of the three `DNS_…` outcomes or `LOCAL_ERROR`. `failed` names the
    families whose own lookup failed: of them it is not known whether they have addresses.
    """

    outcome: Outcome
    ipv4: tuple[str, ...] | None
    ipv6: tuple[str, ...] | None
    duration: float
    detail: str = ""
    failed: tuple[IpFamily, ...] = ()

    def addresses(self, family: IpFamily) -> tuple[str, ...]:
        """The addresses of `family` in the order of the answer; empty where there are none or none were asked for."""
        found = self.ipv4 if family is IpFamily.IPV4 else self.ipv6
        return found or ()

    def repeats(self, last: "Resolution") -> bool:
        """Whether it says what `last` said; how long it took is no part of that."""
        return (
            self.outcome is last.outcome
            and self.ipv4 == last.ipv4
            and self.ipv6 == last.ipv6
            and self.detail == last.detail
            and self.failed == last.failed
        )


@dataclass(frozen=True, slots=True)
class Capability:
    """One line of what a server offers: `name` in upper case, `parameters` as sent."""

    name: str
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Findings:
    """What a dialog learnt about a server; `None` is whatever the session did not come to.

    greeting_code        the three digits of an SMTP greeting; the other protocols have none
    greeting             the text of the greeting, for people and never for a label
    capabilities         before TLS; `None` where the session was encrypted from the start or never got that far
    capabilities_tls     inside TLS
    starttls_advertised  of the unencrypted session: offered or not; `None` where it could not be asked
    starttls_offered_again  offered once more inside TLS, which RFC 3207 §4.2 forbids
    cleartext_auth       passwords are accepted before TLS
    preauthenticated     IMAP's PREAUTH greeting, which makes STARTTLS impossible
    message_size_limit   bytes, from SMTP's SIZE (RFC 1870); `None` also for 'no fixed limit'
    """

    greeting_code: int | None = None
    greeting: str | None = None
    capabilities: tuple[Capability, ...] | None = None
    capabilities_tls: tuple[Capability, ...] | None = None
    starttls_advertised: bool | None = None
    starttls_offered_again: bool | None = None
    cleartext_auth: bool | None = None
    preauthenticated: bool | None = None
    message_size_limit: int | None = None

    def beside(self, last: "Findings") -> "Findings":
        """The same, in which what is equal in `last` is the very object that is there."""
        if self is last or self == last:
            return last
        before, inside = self.capabilities, self.capabilities_tls
        return Findings(
            greeting_code=self.greeting_code,
            greeting=self.greeting,
            capabilities=last.capabilities if before == last.capabilities else _common(before),
            capabilities_tls=last.capabilities_tls if inside == last.capabilities_tls else _common(inside),
            starttls_advertised=self.starttls_advertised,
            starttls_offered_again=self.starttls_offered_again,
            cleartext_auth=self.cleartext_auth,
            preauthenticated=self.preauthenticated,
            message_size_limit=self.message_size_limit,
        )

    def repeats(self, last: "Findings") -> bool:
        """Whether it says what `last` said, which it is `beside`; a greeting may hold the time, and is left aside."""
        return self is last or (
            self.capabilities is last.capabilities
            and self.capabilities_tls is last.capabilities_tls
            and self.greeting_code == last.greeting_code
            and self.starttls_advertised is last.starttls_advertised
            and self.starttls_offered_again is last.starttls_offered_again
            and self.cleartext_auth is last.cleartext_auth
            and self.preauthenticated is last.preauthenticated
            and self.message_size_limit == last.message_size_limit
        )


class CertificateFault(StrEnum):
    """Why a certificate does not hold; the values are label values, and the list is closed."""

    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    SELF_SIGNED = "self_signed"
    UNTRUSTED_ROOT = "untrusted_root"
    ISSUER_MISSING = "issuer_missing"
    BAD_SIGNATURE = "bad_signature"
    WRONG_PURPOSE = "wrong_purpose"
    WEAK_KEY = "weak_key"
    WEAK_SIGNATURE = "weak_signature"
    CHAIN_INVALID = "chain_invalid"
    NAME_MISMATCH = "name_mismatch"
    NAME_ONLY_IN_COMMON_NAME = "name_only_in_common_name"
    NO_NAMES = "no_names"
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """One certificate as it was sent. Instants are Unix seconds; `None` is what a malformed certificate did not yield.

    position   0 is the server's own certificate, then in the order sent
    key_type   rsa, ecdsa, ed25519, ed448, dsa or other
    """

    position: int
    fingerprint_sha256: str
    not_before: float | None
    not_after: float | None
    subject: str | None = None
    issuer: str | None = None
    serial: str | None = None
    key_type: str | None = None
    key_bits: int | None = None
    signature: str | None = None
    dns_names: tuple[str, ...] = ()
    ip_addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CertificateVerdict:
    """What the chain is worth to a client that asks for `reference_name`; the three checks are independent.

    chain_valid       leads to a trusted root, whatever the dates say
    name_valid        issued to the reference name (RFC 9525)
    dates_valid       every certificate of the path is inside its dates
    chain_not_after   the earliest end in the verified path; `None` where there is none
    """

    chain_valid: bool
    name_valid: bool
    dates_valid: bool
    faults: tuple[CertificateFault, ...] = ()
    chain_not_after: float | None = None

    @property
    def valid(self) -> bool:
        """All three checks hold."""
        return self.chain_valid and self.name_valid and self.dates_valid


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """What was negotiated, in OpenSSL's words: `TLSv1.3`, `TLS_AES_256_GCM_SHA384`, `X25519` (`None`: not told)."""

    version: str
    cipher: str
    group: str | None = None


@dataclass(frozen=True, slots=True)
class TranscriptLine:
    """One line of the dialog as people read it, control characters made visible. `sent` is ours, else the server's."""

    sent: bool
    text: str
    secured: bool = False


@dataclass(frozen=True, slots=True)
class Durations:
    """Seconds of each phase that was completed, in their order. To be gone through as pairs of a phase and its seconds.

    Sessions that went the same way share their phases, and numbers are `packed`, in eight bytes each: a fifth of pairs.
    """

    phases: tuple[Phase, ...] = ()
    packed: bytes = b""

    @classmethod
    def of(cls, pairs: Iterable[tuple[Phase, float]]) -> "Durations":
        """From such pairs."""
        kept = tuple(pairs)
        return cls(_way(tuple([phase for phase, _ in kept])), array("d", [seconds for _, seconds in kept]).tobytes())

    @property
    def seconds(self) -> tuple[float, ...]:
        """Of each of the phases."""
        return tuple(memoryview(self.packed).cast("d"))

    def __iter__(self) -> Iterator[tuple[Phase, float]]:
        return zip(self.phases, self.seconds, strict=True)


# Sessions end in a few ways, and in a few orders of their phases.
@lru_cache(maxsize=1024)
def _way(phases: tuple[Phase, ...]) -> tuple[Phase, ...]:
    return phases


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """One probe of one target.

    started       wall clock, Unix seconds, when the probe began
    duration      seconds on the monotonic clock, the waiting for a slot not counted
    outcome       how the session went, before anybody's expectations
    phase         where it ended; of a failure, where it happened
    detail        free text for logs, the status page and `check`; never for a label
    address       the one that was connected to
    port_open     the TCP connection was established; `None` where it was never tried to an end
    tls_alert     the alert with which the server refused the handshake, by its number (RFC 8446 §6); only handshakes
                  other than the ordinary one look for it
    """

    target: Target
    started: float
    duration: float
    outcome: Outcome
    phase: Phase
    detail: str = ""
    resolution: Resolution | None = None
    address: str | None = None
    port_open: bool | None = None
    durations: Durations = Durations()
    clock: LatencyClock = LatencyClock.LOOP
    findings: Findings = Findings()
    tls: TlsFacts | None = None
    certificates: tuple[CertificateFacts, ...] = ()
    verdict: CertificateVerdict | None = None
    transcript: tuple[TranscriptLine, ...] = ()
    tls_alert: int | None = None

    def beside(self, last: "ProbeResult | None") -> "ProbeResult":
        """The same, in which what is equal in `last`, the result before it, is the very object that is there.

        Of a target that is well that is nearly everything. It is compared once, here; whoever asks later whether a part
        is another one compares identities. And what was remembered stays where it is: to keep the new parts and to let
        the old ones go means to touch memory that nobody has touched since the last probe. Without a `last`, only what
        many servers have in common is shared.
        """
        if last is None:
            return replace(self, findings=self.findings.beside(_NO_FINDINGS), tls=_common(self.tls))
        return ProbeResult(
            target=self.target,
            started=self.started,
            duration=self.duration,
            outcome=self.outcome,
            phase=self.phase,
            detail=_kept(self.detail, last.detail),
            resolution=self.resolution,
            address=_kept(self.address, last.address),
            port_open=self.port_open,
            durations=self.durations,
            clock=self.clock,
            findings=self.findings.beside(last.findings),
            tls=last.tls if self.tls == last.tls else _common(self.tls),
            certificates=_kept(self.certificates, last.certificates),
            verdict=_kept(self.verdict, last.verdict),
            transcript=_kept(self.transcript, last.transcript),
            tls_alert=self.tls_alert,
        )

    def repeats(self, last: "ProbeResult") -> bool:
        """Whether it says what `last` said, which it is `beside`, of the same target.

        Its times, its clock, its dialog and the words of the greeting are left aside.
        """
        return (
            self.outcome is last.outcome
            and self.phase is last.phase
            and self.findings.repeats(last.findings)
            and self.certificates is last.certificates
            and self.verdict is last.verdict
            and self.tls is last.tls
            and self.port_open is last.port_open
            and self.detail is last.detail
            and self.address is last.address
            and self.tls_alert == last.tls_alert
            and (self.target is last.target or self.target == last.target)
            and (self.resolution is last.resolution or _repeated(self.resolution, last.resolution))
        )


_NO_FINDINGS = Findings()


# Most servers speak in a few hundred lists; what one makes up anew at every probe passes through. An entry is 2 KiB.
@lru_cache(maxsize=1024)
def _common(part: _Part) -> _Part:
    return part


def _kept(new: _Part, last: _Part) -> _Part:
    return last if new is last or new == last else new


def _repeated(new: Resolution | None, last: Resolution | None) -> bool:
    return new is not None and last is not None and new.repeats(last)
