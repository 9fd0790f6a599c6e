"""The table of keys: name, kind, where it may stand, help. The loader, the JSON schema and `config show` all read it.

A key that is not in this table does not exist; there is no second list. The rows for the exporter as a whole are in
`daemon`.
"""

from collections.abc import Mapping
from functools import cache

from exporter.config import daemon, kind
from exporter.config.address import literal_of
from exporter.config.capability import CAPABILITIES
from exporter.config.certificate import CHECKS, GROUP
from exporter.config.hostname import EHLO_NAME, HOST, SERVER_NAME
from exporter.config.label import LABELS
from exporter.config.row import ALL_LEVELS, FILE, HOST_LEVELS, PORT_LEVELS, Entry, Group, Key, Level, Part
from exporter.config.truststore import TRUST_STORE
from exporter.targets import (
    AddressRule,
    AuthRule,
    IpFamily,
    PortState,
    Protocol,
    StarttlsRule,
    Timeouts,
    TlsMode,
    TlsVersion,
    Variant,
)

PORT_NUMBER = kind.whole_number("a port number", 1, 65535)
PATTERN = kind.text("the path or the pattern of a file", lambda pattern: None, {"minLength": 1})

# Both always: a host that is well over IPv4 and dead over IPv6 is slow for half of its peers.
FAMILIES = (IpFamily.IPV4, IpFamily.IPV6)

# What needs no escape in a URL.
MODULE_NAME = "^[a-zA-Z0-9_.-]{1,64}$"

_TIMEOUTS = Timeouts()
_ENTRY = {"anyOf": [HOST.schema, {"$ref": "#/$defs/host"}]}
_PORT_ENTRY = {"anyOf": [PORT_NUMBER.schema, {"$ref": "#/$defs/port"}]}
# Five minutes is what RFC 5321 §4.5.3.2 lets a client wait for a greeting: nobody waits longer for a first word.
_STAGE = kind.span(0.1, 300)
# RFC 5321 §4.2.1: the first digit of a reply code is 2 to 5. Greetings are 220, 421 and 554 (§4.3.1 and §3.8) and 521
# (RFC 7504 §3); ten leave room for what servers make up.
_REPLY_CODES = kind.list_of(kind.whole_number("a reply code", 200, 599), may_be_empty=False, at_most=10)
# The default is the ordinary probe, which is always made.
_FURTHER: tuple[Variant, ...] = tuple(variant for variant in Variant if variant is not Variant.DEFAULT)

DEFAULTS = Part(
    "defaults",
    FILE,
    "Settings for every host, and under `ports` for a port of every host.",
    {"$ref": "#/$defs/defaults"},
)
DEFAULT_PORTS = Part(
    "ports",
    frozenset({Level.DEFAULTS}),
    "Settings for one port of every host, by its number.",
    {
        "type": "object",
        "propertyNames": {"pattern": "^[1-9][0-9]{0,4}$"},
        "additionalProperties": {"$ref": "#/$defs/port_defaults"},
    },
)
HOSTS_FILES = Part(
    "hosts_files",
    FILE,
    "Further files with a list of hosts each; patterns start from the folder of this file.",
    {"type": "array", "items": PATTERN.schema},
)
HOSTS = Part(
    "hosts",
    frozenset({Level.FILE, Level.HOSTS_FILE}),
    "The hosts: a name or an IP address alone, or a mapping with `host`.",
    {"type": "array", "items": _ENTRY},
)
PORTS = Part(
    "ports",
    frozenset({Level.HOST}),
    "The ports, which should be open unless `expect` says otherwise. Without it the eight common ones are looked at, "
    "and nothing is expected of them.",
    {"type": "array", "items": _PORT_ENTRY, "minItems": 1},
)

MODULES = Part(
    "modules",
    FILE,
    "What a request of /probe may choose from by name: settings of a port, for whatever target it is asked about.",
    {
        "type": "object",
        "propertyNames": {"pattern": MODULE_NAME},
        "additionalProperties": {"$ref": "#/$defs/module"},
    },
)

HOST_NAME = Key("host", HOST, frozenset({Level.HOST}), "The name or IP address to probe; also the value of the label.")
PORT = Key(
    "port",
    PORT_NUMBER,
    frozenset({Level.PORT, Level.MODULE}),
    "The port's number; of a module, the one for targets that name none.",
)
LABEL_SET = Key("labels", LABELS, HOST_LEVELS, "Labels for all series of a host, merged by name.", "none")
IP_FAMILIES = Key(
    "ip_families",
    kind.list_of(kind.choice(IpFamily), may_be_empty=False),
    HOST_LEVELS | {Level.MODULE},
    "The address families to probe. A family without addresses is left out by itself.",
    default=FAMILIES,
)
REQUIRE_FAMILIES = Key(
    "require_families",
    kind.list_of(kind.choice(IpFamily), may_be_empty=True),
    HOST_LEVELS,
    "Those of the families that must have an address; without one the probe fails.",
    "none",
)
ADDRESSES = Key(
    "addresses",
    kind.choice(AddressRule),
    HOST_LEVELS,
    "Which addresses of a name are probed: the numerically first of each family, or all, each by itself.",
    default=AddressRule.FIRST,
)
INTERVAL = Key(
    "interval",
    kind.INTERVAL,
    ALL_LEVELS,
    "Time between two probes of a port.",
    "300s for port 25, 120s for all others",
)
CONNECT = Key("timeouts.connect", _STAGE, ALL_LEVELS, "For the TCP connection.", default=_TIMEOUTS.connect)
GREETING = Key("timeouts.greeting", _STAGE, ALL_LEVELS, "For the whole greeting.", default=_TIMEOUTS.greeting)
REPLY = Key("timeouts.reply", _STAGE, ALL_LEVELS, "For each reply.", default=_TIMEOUTS.reply)
HANDSHAKE = Key("timeouts.handshake", _STAGE, ALL_LEVELS, "For the TLS handshake.", default=_TIMEOUTS.handshake)
TOTAL = Key("timeouts.total", kind.span(0.1, 600), ALL_LEVELS, "For the whole probe.", default=_TIMEOUTS.total)
TIMEOUTS = Group(
    "timeouts", (CONNECT, GREETING, REPLY, HANDSHAKE, TOTAL), ALL_LEVELS, "The time limit of each stage of a probe."
)
EHLO = Key(
    "ehlo_name",
    EHLO_NAME,
    ALL_LEVELS,
    "What the probe calls itself in EHLO.",
    "the machine's own name, or its address",
)
CA_FILE = Key(
    "ca_file",
    TRUST_STORE,
    ALL_LEVELS,
    "PEM file with the trusted roots; a relative path starts from the folder of this file.",
    "the system's roots",
)
SOURCE_IPV4 = Key(
    "source_address.ipv4", literal_of(IpFamily.IPV4), ALL_LEVELS, "For connections over IPv4.", "the system's choice"
)
SOURCE_IPV6 = Key(
    "source_address.ipv6", literal_of(IpFamily.IPV6), ALL_LEVELS, "For connections over IPv6.", "the system's choice"
)
SOURCES = {IpFamily.IPV4: SOURCE_IPV4, IpFamily.IPV6: SOURCE_IPV6}
SOURCE_ADDRESS = Group(
    "source_address", (SOURCE_IPV4, SOURCE_IPV6), ALL_LEVELS, "The local address that connections come from."
)
SERVER = Key(
    "server_name",
    SERVER_NAME,
    frozenset({Level.HOST, Level.PORT, Level.MODULE}),
    "The TLS server name to ask for, which the certificate must carry.",
    "the host",
)
EXPECT = Key(
    "expect",
    kind.choice(PortState),
    ALL_LEVELS,
    "The state in which a port should be. A closed one may refuse or be silent, a filtered one must not answer.",
    "open for a port that is named, any for a host without ports",
)
STARTTLS = Key(
    "starttls",
    kind.choice(StarttlsRule),
    ALL_LEVELS,
    "Whether the upgrade to TLS must, may or must not be offered.",
    "required",
)
VALID_CERTIFICATE = Key(
    "valid_certificate",
    CHECKS,
    ALL_LEVELS,
    "Whether a bad certificate makes a probe fail, or which of its checks (chain, name, dates) do.",
    "true, and false for port 25",
)
AUTH_BEFORE_TLS = Key(
    "auth_before_tls",
    kind.choice(AuthRule),
    ALL_LEVELS,
    "Whether passwords may be accepted before TLS.",
    AuthRule.FORBIDDEN.value,
)
CERTIFICATE_GROUP = Key(
    "certificate_group",
    GROUP,
    ALL_LEVELS,
    "Ports of one group should show equally new certificates: the name of a group or of a host; none to compare none.",
    "the host",
)
VARIANTS = Key(
    "variants",
    kind.list_of(kind.choice(_FURTHER), may_be_empty=True),
    ALL_LEVELS,
    "Further handshakes, in which a server may show another certificate; an empty list for none.",
    "[no_sni, rsa, ecdsa] for port 25, [rsa, ecdsa] for all others",
)
MIN_TLS = Key(
    "min_tls", kind.choice(TlsVersion), ALL_LEVELS, "The oldest version of TLS that may be negotiated.", "any version"
)
GREETING_CODES = Key(
    "greeting_codes",
    _REPLY_CODES,
    ALL_LEVELS,
    "The codes of an SMTP greeting that are well: 554 for a host that should refuse, 421 to tolerate overload.",
    "220",
)
CAPABILITIES_MUST = Key(
    "capabilities.must", CAPABILITIES, ALL_LEVELS, "Those that must be offered: a name, or a name and one parameter."
)
CAPABILITIES_MUST_NOT = Key(
    "capabilities.must_not", CAPABILITIES, ALL_LEVELS, "Those that must not be offered, likewise."
)
CAPABILITY_RULES = Group(
    "capabilities",
    (CAPABILITIES_MUST, CAPABILITIES_MUST_NOT),
    ALL_LEVELS,
    "What the server must, or must not, offer inside TLS; where the session has no TLS, before it.",
)
PROTOCOL = Key(
    "protocol",
    kind.choice(Protocol),
    PORT_LEVELS,
    "What is spoken on the port.",
    "that of the well-known port",
)
TLS = Key(
    "tls",
    kind.choice(TlsMode),
    PORT_LEVELS,
    "How TLS comes into the session.",
    "that of the well-known port",
)

# fmt: off
TABLE: tuple[Entry, ...] = (
    DEFAULTS, HOSTS_FILES, HOSTS, MODULES,
    *daemon.KEYS,
    HOST_NAME, PORT, PORTS, DEFAULT_PORTS, LABEL_SET, IP_FAMILIES, REQUIRE_FAMILIES, ADDRESSES,
    PROTOCOL, TLS, EXPECT, STARTTLS, VALID_CERTIFICATE, CERTIFICATE_GROUP, VARIANTS, AUTH_BEFORE_TLS, MIN_TLS,
    GREETING_CODES, CAPABILITY_RULES, INTERVAL, TIMEOUTS, EHLO, SERVER, CA_FILE, SOURCE_ADDRESS,
)
# fmt: on

REQUIRED = {Level.HOST: HOST_NAME, Level.PORT: PORT}


@cache
def at_level(level: Level) -> Mapping[str, Entry]:
    """The keys that may stand in one kind of mapping, by name, in the order of the table."""
    return {entry.name: entry for entry in TABLE if level in entry.levels}


def levels_of(name: str) -> tuple[Level, ...]:
    """Where a key of this name may stand."""
    return tuple(level for level in Level if any(entry.name == name and level in entry.levels for entry in TABLE))
