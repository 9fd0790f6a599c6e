"""The numbers on top of the overview: what is wrong, each of them a green zero on a good day."""

from grafana.expression import both, certificate_days, count_of, host, not_blocked, target, way_out, with_certificate
from grafana.panel import BLUE, GREEN, ORANGE, RED, Panel, instant, stat, thresholds

BAD_ABOVE_ZERO = thresholds(GREEN, (1, RED))
ODD_ABOVE_ZERO = thresholds(GREEN, (1, ORANGE))

# Whether a port is open as declared has numbers of its own.
UNMET = 'expectation!="open"'


def counts() -> tuple[Panel, ...]:
    """Two lines: what everybody notices, and what is behind it or comes next."""
    return (*port_counts(), *certificate_counts(), *neighbour_counts(), *security_counts())


def port_counts() -> tuple[Panel, ...]:
    """How many hosts there are, and how many ports are not as they should be."""
    is_open, expected = target("mailprobe_port_open"), target("mailprobe_port_expected_open")
    return (
        stat(
            "Hosts",
            "Hosts that are probed, of those chosen above.",
            instant(count_of(f"count by (host) ({target('mailprobe_last_probe_timestamp_seconds')})")),
            steps=thresholds(BLUE),
        ),
        stat(
            "Closed",
            "Ports that should be open and are not, counted for each address family, without those to which the "
            "network of this machine lets nobody out.",
            instant(count_of(not_blocked(both(f"{is_open} == 0", f"{expected} == 1")))),
            steps=BAD_ABOVE_ZERO,
        ),
        stat(
            "Failing",
            "Ports that are open, but whose service does not do what the configuration declares: it refuses the "
            "session, lacks STARTTLS, shows a bad certificate or stays silent.",
            instant(count_of(both(f"{target('mailprobe_success')} == 0", f"{is_open} == 1"))),
            steps=BAD_ABOVE_ZERO,
        ),
        stat(
            "Unexpected",
            "Ports that the configuration declares closed and that accept connections.",
            instant(count_of(both(f"{is_open} == 1", f"{expected} == 0"))),
            steps=ODD_ABOVE_ZERO,
        ),
        stat(
            "No STARTTLS",
            "Ports that were asked for STARTTLS and do not offer it. A port that cannot be asked is not counted.",
            instant(count_of(f"{target('mailprobe_starttls_advertised')} == 0")),
            steps=ODD_ABOVE_ZERO,
        ),
    )


def certificate_counts() -> tuple[Panel, ...]:
    """How many certificates need somebody's attention, and when the next one will."""
    days = certificate_days()
    every_certificate = "count by (host, fingerprint_sha256)"
    joined = with_certificate
    invalid = f"{target('mailprobe_certificate_valid')} == bool 0"
    return (
        stat(
            "Certs ending",
            "Certificates that end within the warning days chosen above, or have ended. One on several ports of a host "
            "counts once.",
            instant(count_of(f"{every_certificate} ({joined(f'{days} < $warning_days', 'fingerprint_sha256')})")),
            steps=ODD_ABOVE_ZERO,
        ),
        stat(
            "Certs invalid",
            "Certificates whose chain, name or dates do not hold for a client that verifies, also where the "
            "configuration does not ask for a valid one, as on port 25.",
            instant(count_of(f"{every_certificate} ({joined(invalid, 'fingerprint_sha256')} == 1)")),
            steps=ODD_ABOVE_ZERO,
        ),
        stat(
            "Next expiry",
            "Days until the next certificate ends; below zero, it has.",
            instant(f"min({days})"),
            steps=thresholds(RED, (7, ORANGE), (21, GREEN)),
            unit="suffix: d",
            noValue="-",
        ),
    )


def neighbour_counts() -> tuple[Panel, ...]:
    """Where it is not the single port: the network of this machine, a ban, a family, an address."""
    probed = target("mailprobe_addresses_probed")
    return (
        stat(
            "Blocked ways",
            "Ports, by address family, on which the network of this machine lets nobody out. What is said of servers "
            "on them is not about the servers.",
            instant(count_of(f"{way_out('mailprobe_vantage_ok')} == 0")),
            steps=ODD_ABOVE_ZERO,
        ),
        stat(
            "Banned?",
            "Hosts, by address family, whose ports were all lost at once while others answer: they may have banned "
            "this machine.",
            instant(count_of(f"{host('mailprobe_suspected_ban')} == 1")),
            steps=BAD_ABOVE_ZERO,
        ),
        stat(
            "Families lost",
            "Hosts that answer over one address family only, although they have addresses of both.",
            instant(count_of(f"{host('mailprobe_family_lost')} == 1")),
            steps=BAD_ABOVE_ZERO,
        ),
        stat(
            "IPs down",
            "Ports that do not answer at one or more of their addresses, where all addresses are probed.",
            instant(count_of(f"{target('mailprobe_addresses_open')} < {probed}")),
            steps=BAD_ABOVE_ZERO,
        ),
    )


def security_counts() -> tuple[Panel, ...]:
    """What nobody notices until it hurts."""
    invalid = target("mailprobe_certificate_valid", 'variant!="default"') + " == 0"
    return (
        stat(
            "Certs stale",
            "Ports that still show an older certificate than other ports of their host: a daemon was not reloaded.",
            instant(count_of(f"{target('mailprobe_certificate_stale')} == 1")),
            steps=ODD_ABOVE_ZERO,
        ),
        stat(
            "Certs of others",
            "Ports with a bad certificate that only some clients are shown: those that take RSA or ECDSA only, or that "
            "name no server.",
            instant(count_of(f"count by (host, port, variant) ({invalid})")),
            steps=ODD_ABOVE_ZERO,
        ),
        stat(
            "TLS findings",
            "Signs of an attack or a fault on the way into TLS, whatever their severity.",
            instant(count_of(target("mailprobe_tls_finding_info"))),
            steps=ODD_ABOVE_ZERO,
        ),
        stat(
            "Unmet",
            "Declared about an open port, and not found by its last probe.",
            instant(count_of(f"{target('mailprobe_expectation_met', UNMET)} == 0")),
            steps=ODD_ABOVE_ZERO,
        ),
    )
