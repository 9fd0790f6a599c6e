"""Keys of the main file that concern the exporter as a whole: a part of the table of keys."""

from exporter.config import kind
from exporter.config.address import literal_of
from exporter.config.allow import ALLOWED
from exporter.config.model import Config
from exporter.config.reference import REFERENCE_HOSTS, REFERENCE_SECONDS
from exporter.config.row import FILE, Group, Key

_CONFIG = Config(targets=())
# Linux has 28232 local ports by default (ip_local_port_range), and a closed session keeps its port for a minute.
_SESSIONS = kind.whole_number("a number of sessions", 1, 10_000)
# Postfix lets one client hold 50 (smtpd_client_connection_count_limit); a monitor that needs more is no monitor.
_SESSIONS_PER_ADDRESS = kind.whole_number("a number of sessions", 1, 50)
# Alerts on the end of a certificate begin a week before it, mostly: it has to be seen once in that time.
_VARIANT_INTERVAL = kind.span(10, 7 * 86_400)
# With longer gaps not even one variant a day could be kept.
_VARIANT_GAP = kind.span(0, 86_400)
# Records of addresses live a day at most, mostly, so that after it nobody is sent to an address that left.
_ADDRESS_GRACE = kind.span(0, 86_400)
# Nobody scrapes less than once an hour and still calls the answer a state.
_PROBE_MAX_AGE = kind.span(0, 3600)

NAMESERVERS = Key(
    "nameservers",
    kind.list_of(literal_of(None), may_be_empty=True),
    FILE,
    "Name servers to ask, as IP addresses.",
    "the system's",
)
MAX_SESSIONS = Key(
    "max_sessions", _SESSIONS, FILE, "Sessions at the same time, of all hosts together.", default=_CONFIG.max_sessions
)
SESSIONS_PER_ADDRESS = Key(
    "sessions_per_address",
    _SESSIONS_PER_ADDRESS,
    FILE,
    "Sessions at one address at the same time.",
    default=_CONFIG.sessions_per_address,
)
MIN_GAP = Key(
    "min_gap", kind.span(0, 3600), FILE, "Pause between two sessions at one address.", default=_CONFIG.min_gap
)
FIRST_ROUND = Key(
    "first_round",
    kind.span(0, 3600),
    FILE,
    "Time over which the first probes after a start are spread.",
    default=_CONFIG.first_round,
)
CERTIFICATE_RETENTION = Key(
    "certificate_retention",
    kind.span(0, 366 * 86_400),
    FILE,
    "How long the last certificate seen stays exposed while probes fail.",
    default=_CONFIG.certificate_retention,
)
CAPABILITY_METRICS = Key(
    "metrics.capabilities",
    kind.TRUTH,
    FILE,
    "Expose one series for each capability that a server offers.",
    default=_CONFIG.capability_metrics,
)
METRICS = Group("metrics", (CAPABILITY_METRICS,), FILE, "Metrics that are not exposed by default.")
REFERENCES = Key(
    "references",
    REFERENCE_HOSTS,
    FILE,
    "Hosts that are known to answer, by well-known port: if none does, it is this network that lets nobody out.",
    "none",
)
REFERENCE_INTERVAL = Key(
    "reference_interval", kind.INTERVAL, FILE, "Time between two probes of a reference.", default=REFERENCE_SECONDS
)
VARIANT_INTERVAL = Key(
    "variant_interval",
    _VARIANT_INTERVAL,
    FILE,
    "Time between two handshakes of one variant at one port.",
    default=_CONFIG.variant_interval,
)
VARIANT_GAP = Key(
    "variant_gap",
    _VARIANT_GAP,
    FILE,
    "Pause between two handshakes of variants at one address.",
    default=_CONFIG.variant_gap,
)
ADDRESS_GRACE = Key(
    "address_grace",
    _ADDRESS_GRACE,
    FILE,
    "How long an address is still probed after it left DNS.",
    default=_CONFIG.address_grace,
)
PROBE_ALLOW = Key(
    "probe_allow",
    ALLOWED,
    FILE,
    "What /probe may ask besides the hosts that are configured: names, suffixes (.example.org) and networks.",
    default=_CONFIG.probe_allow,
)
PROBE_MAX_AGE = Key(
    "probe_max_age",
    _PROBE_MAX_AGE,
    FILE,
    "How old a result may be with which /probe answers instead of a session; a request may ask for less.",
    default=_CONFIG.probe_max_age,
)
STALE_CERTIFICATES = Key(
    "watch.stale_certificates",
    kind.TRUTH,
    FILE,
    "Tell when a port shows an older certificate than another one of its group.",
    default=_CONFIG.watch.stale_certificates,
)
TLS_FINDINGS = Key(
    "watch.tls_findings",
    kind.TRUTH,
    FILE,
    "Tell when STARTTLS is lost, mangled or broken, or passwords or a whole session come before TLS.",
    default=_CONFIG.watch.tls_findings,
)
SUSPECTED_BANS = Key(
    "watch.suspected_bans",
    kind.TRUTH,
    FILE,
    "Tell when all ports of a host are lost at once while others answer.",
    default=_CONFIG.watch.suspected_bans,
)
LOST_FAMILIES = Key(
    "watch.lost_families",
    kind.TRUTH,
    FILE,
    "Tell when no port of a host answers over one address family while one does over the other.",
    default=_CONFIG.watch.lost_families,
)
INFERRED_VANTAGE = Key(
    "watch.inferred_vantage",
    kind.TRUTH,
    FILE,
    "Without references, infer from all hosts failing alike that this network blocks a port.",
    default=_CONFIG.watch.inferred_vantage,
)
WATCH = Group(
    "watch",
    (STALE_CERTIFICATES, TLS_FINDINGS, SUSPECTED_BANS, LOST_FAMILIES, INFERRED_VANTAGE),
    FILE,
    "Which conclusions are drawn from several results.",
)

# fmt: off
KEYS: tuple[Key[object] | Group, ...] = (
    NAMESERVERS, MAX_SESSIONS, SESSIONS_PER_ADDRESS, MIN_GAP, FIRST_ROUND, CERTIFICATE_RETENTION, METRICS,
    REFERENCES, REFERENCE_INTERVAL, VARIANT_INTERVAL, VARIANT_GAP, ADDRESS_GRACE, WATCH, PROBE_ALLOW, PROBE_MAX_AGE,
)
# fmt: on
