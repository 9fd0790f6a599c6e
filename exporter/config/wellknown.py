"""The well-known mail ports: what is spoken there, and what should be found unless the administrator says otherwise.

Numbers and names are from IANA's Service Name and Transport Protocol Port Number Registry; what should be found is from
the RFCs named at each row. Articles that call 465 deprecated, or call 587 SMTPS, are mistaken: RFC 8314 §3.3 and §7.3.
"""

from dataclasses import dataclass

from exporter.targets import AuthRule, Expectation, PortState, Protocol, Service, StarttlsRule, TlsMode, Variant

# Often enough to see an outage before its users report it; one session in two minutes is far below any server's limit.
INTERVAL = 120.0
# Port 25 is guarded by rate limits, tarpits and block lists, and other servers retry for days: it needs no haste.
SMTP_INTERVAL = 300.0
# Any server with TLS may have a certificate of each key type.
KEY_TYPES = (Variant.RSA, Variant.ECDSA)
# Mail programs name the server in the handshake; servers that deliver mostly do not, and it is port 25 they come to.
SMTP_VARIANTS = (Variant.NO_SNI, *KEY_TYPES)


@dataclass(frozen=True, slots=True)
class WellKnownPort:
    """A row of the table; `interval` in seconds, `variants` the further handshakes."""

    service: Service
    expectation: Expectation
    interval: float = INTERVAL
    variants: tuple[Variant, ...] = KEY_TYPES


# RFC 8314 §4.1 wants no password in the clear and §4.4 wants valid certificates of whoever serves mail users.
_UPGRADED = Expectation(
    PortState.OPEN, StarttlsRule.REQUIRED, valid_certificate=True, auth_before_tls=AuthRule.FORBIDDEN
)
_IMPLICIT = Expectation(
    PortState.OPEN, StarttlsRule.OPTIONAL, valid_certificate=True, auth_before_tls=AuthRule.FORBIDDEN
)
_CLEARTEXT = Expectation(
    PortState.OPEN, StarttlsRule.OPTIONAL, valid_certificate=False, auth_before_tls=AuthRule.FORBIDDEN
)
# RFC 3207 §4: a public server may not insist on STARTTLS, but nothing is encrypted unless it offers it. Other servers
# mostly do not verify (RFC 7672 §1.3), so that a bad certificate there stops no mail.
_RELAY = Expectation(PortState.OPEN, StarttlsRule.REQUIRED, valid_certificate=False, auth_before_tls=AuthRule.FORBIDDEN)

WELL_KNOWN: dict[int, WellKnownPort] = {
    row.service.port: row
    for row in (
        # smtp: RFC 5321, STARTTLS by RFC 3207.
        WellKnownPort(Service(25, Protocol.SMTP, TlsMode.STARTTLS), _RELAY, SMTP_INTERVAL, SMTP_VARIANTS),
        # submissions: RFC 8314 §3.3 and §7.3, which recommend it for submission.
        WellKnownPort(Service(465, Protocol.SMTP, TlsMode.IMPLICIT), _IMPLICIT),
        # submission: RFC 6409 §3.1, STARTTLS by RFC 3207.
        WellKnownPort(Service(587, Protocol.SMTP, TlsMode.STARTTLS), _UPGRADED),
        # In no registry as a mail port (IANA lists another service); providers offer it where networks block 587.
        WellKnownPort(Service(2525, Protocol.SMTP, TlsMode.STARTTLS), _UPGRADED),
        # pop3: RFC 1939, STLS by RFC 2595 §4.
        WellKnownPort(Service(110, Protocol.POP3, TlsMode.STARTTLS), _UPGRADED),
        # pop3s: RFC 8314 §3.1.
        WellKnownPort(Service(995, Protocol.POP3, TlsMode.IMPLICIT), _IMPLICIT),
        # imap: RFC 9051, STARTTLS first by RFC 2595 §3.
        WellKnownPort(Service(143, Protocol.IMAP, TlsMode.STARTTLS), _UPGRADED),
        # imaps: RFC 8314 §3.2.
        WellKnownPort(Service(993, Protocol.IMAP, TlsMode.IMPLICIT), _IMPLICIT),
        # sieve: RFC 5804, STARTTLS by its §2.2.
        WellKnownPort(Service(4190, Protocol.SIEVE, TlsMode.STARTTLS), _UPGRADED),
    )
}

# What a host gets that names no ports: every mail host may have these; sieve only those that say so.
COMMON_PORTS = tuple(sorted(WELL_KNOWN.keys() - {4190}))


def expectation_for(service: Service) -> Expectation:
    """What should be found where `service` is spoken: of the table if it is a row there, else by its way into TLS."""
    row = WELL_KNOWN.get(service.port)
    if row is not None and row.service == service:
        return row.expectation
    return {TlsMode.STARTTLS: _UPGRADED, TlsMode.IMPLICIT: _IMPLICIT, TlsMode.NONE: _CLEARTEXT}[service.tls]


def interval_for(port: int) -> float:
    """Seconds between two probes of `port`."""
    row = WELL_KNOWN.get(port)
    return INTERVAL if row is None else row.interval


def variants_for(port: int) -> tuple[Variant, ...]:
    """The further handshakes that are worth making where `port` has TLS."""
    row = WELL_KNOWN.get(port)
    return KEY_TYPES if row is None else row.variants
