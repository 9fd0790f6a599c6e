"""The hosts of the demo, in the order in which they are shown: each is one thing that goes wrong with mail servers.

Where a fault needs time to be seen, it is there after the second probe at the latest.
"""

from exporter.demo.host import LAST_YEARS, NEARLY_OVER, OVER, Door, Host, Port, Second, Sight, same
from exporter.demo.servers import Manner
from exporter.targets import PortState

# Not watched: known to answer, and cut off from this machine like every other host's port of that number. Of the
# well-known ports it is one of the two that need no privileges; Dovecot may well be on the other.
REFERENCE = Host("reference", (), (Port(2525, door=Door.SILENT),))

HOSTS = (
    Host(
        "healthy",
        (
            Sight(
                "Nothing is wrong: all nine ports are open, encrypt, and show a certificate that is valid for months.",
                'mailprobe_success{{host="{host}"}} == 1',
            ),
        ),
        same((25, 465, 587, 2525, 110, 995, 143, 993, 4190)),
    ),
    Host(
        "expiring",
        (
            Sight(
                "The certificate ends within five days, and nobody has renewed it.",
                'mailprobe_certificate_not_after_timestamp_seconds{{host="{host}"}} - time() < 7 * 86400',
            ),
        ),
        same((25, 465, 587, 993), NEARLY_OVER),
    ),
    Host(
        "expired",
        (
            Sight(
                "The certificate ended three days ago; its users see warnings, other servers still bring mail.",
                'mailprobe_certificate_valid{{host="{host}", check="dates"}} == 0',
            ),
        ),
        same((25, 465, 587, 993), OVER),
    ),
    Host(
        "closed",
        (
            Sight(
                "Nothing listens on the submission port 587: connections are refused.",
                'mailprobe_port_open{{host="{host}", port="10587"}} == 0',
            ),
        ),
        (Port(25), Port(465), Port(587, door=Door.CLOSED), Port(993)),
    ),
    Host(
        "stripped",
        (
            Sight(
                "Ports 25 and 587 do not offer STARTTLS, so mail goes over them in plain text.",
                'mailprobe_starttls_advertised{{host="{host}"}} == 0',
            ),
            Sight(
                "On 587 it was offered when the demo began: somebody on the way may be taking it out.",
                'mailprobe_tls_finding_info{{host="{host}", finding="starttls_lost"}}',
            ),
        ),
        (Port(25, offers_starttls=False), Port(465), Port(587, manner=Manner.FORGETFUL)),
    ),
    Host(
        "slow",
        (
            Sight(
                "Port 25 greets like postscreen: the first line at once, the last one three seconds later.",
                'mailprobe_phase_duration_seconds{{host="{host}", phase="greeting"}} > 2',
            ),
        ),
        (Port(25, manner=Manner.HESITANT), Port(587)),
    ),
    Host(
        "forgotten",
        (
            Sight(
                "The certificate was renewed on 465, but 993 still shows last year's, which ends within twenty days.",
                'mailprobe_certificate_stale{{host="{host}"}} == 1',
            ),
        ),
        (Port(465), Port(993, LAST_YEARS)),
    ),
    Host(
        "overloaded",
        (
            Sight(
                "Port 25 turns everybody away with 421: too many connections.",
                'mailprobe_outcome_info{{host="{host}", outcome="greeting_rejected_temporarily"}} == 1',
            ),
        ),
        (Port(25, manner=Manner.OVERLOADED), Port(587)),
    ),
    Host(
        "surprising",
        (
            Sight(
                "Port 110 is open and should be closed, and 587 lacks a capability that should be there.",
                'mailprobe_expectation_met{{host="{host}"}} == 0',
            ),
        ),
        (Port(25), Port(110, expect=PortState.CLOSED), Port(587, settings="capabilities: {must: [CHUNKING]}")),
    ),
    Host(
        "twofaced",
        (
            Sight(
                "Behind the good ECDSA certificate on 465 is an RSA one for older clients, which has expired.",
                'mailprobe_certificate_valid{{host="{host}", variant="rsa", check="dates"}} == 0',
            ),
            Sight(
                "Port 25 shows a certificate to another name to whoever names no server in the handshake.",
                'mailprobe_certificate_valid{{host="{host}", variant="no_sni", check="name"}} == 0',
            ),
        ),
        (
            Port(25, second=Second.UNNAMED, settings="variants: [no_sni]"),
            Port(465, second=Second.EXPIRED_RSA, settings="variants: [rsa]"),
        ),
    ),
    Host(
        "limping",
        (
            Sight(
                "The name has two addresses, and one of them is dead.",
                'mailprobe_addresses_open{{host="{host}"}} < mailprobe_addresses_probed{{host="{host}"}}',
            ),
        ),
        same((465, 993)),
        addresses=2,
    ),
    Host(
        "lopsided",
        (
            Sight(
                "Nothing answers over IPv6, and most users do not notice because IPv4 is well.",
                'mailprobe_family_lost{{host="{host}", ip_family="ipv6"}} == 1',
            ),
        ),
        same((465, 993)),
        has_ipv6=True,
    ),
    Host(
        "blocked",
        (
            Sight(
                "Port 2525 is silent, but so is another host's that is known to answer: this network lets nobody out.",
                'mailprobe_vantage_ok{{port="2525", ip_family="ipv4"}} == 0',
            ),
        ),
        (Port(465), Port(2525, door=Door.SILENT)),
    ),
    Host(
        "banning",
        (
            Sight(
                "Soon after the demo began all its ports went at one moment, and no other host's did: perhaps a ban.",
                'mailprobe_suspected_ban{{host="{host}"}} == 1',
            ),
        ),
        same((465, 143, 993)),
        bans=True,
    ),
    Host(
        "rewritten",
        (
            Sight(
                "A device on the way to 25 writes X over STARTTLS, and asterisks over the greeting.",
                'mailprobe_tls_finding_info{{host="{host}", finding=~"starttls_mangled|greeting_masked"}}',
            ),
            Sight(
                "Somebody on the way to 587 slips in words where TLS begins.",
                'mailprobe_tls_finding_info{{host="{host}", finding="starttls_plaintext_injected"}}',
            ),
        ),
        (Port(25, manner=Manner.OVERWRITTEN), Port(587, manner=Manner.INJECTED)),
    ),
    Host(
        "balking",
        (
            Sight(
                "Port 25 offers STARTTLS and refuses it, and on 587 no handshake succeeds.",
                'mailprobe_tls_finding_info{{host="{host}", finding=~"starttls_refused|starttls_failed"}}',
            ),
        ),
        (Port(25, manner=Manner.REFUSING), Port(587, manner=Manner.BREAKING)),
    ),
    Host(
        "careless",
        (
            Sight(
                "Port 110 takes passwords before TLS.",
                'mailprobe_tls_finding_info{{host="{host}", finding="cleartext_auth"}}',
            ),
            Sight(
                "Port 143 takes everybody for somebody who has logged in, before TLS.",
                'mailprobe_tls_finding_info{{host="{host}", finding="preauthenticated"}}',
            ),
            Sight(
                "Port 587 offers STARTTLS again inside TLS.",
                'mailprobe_tls_finding_info{{host="{host}", finding="starttls_offered_again"}}',
            ),
        ),
        (
            Port(110, manner=Manner.CARELESS),
            Port(143, manner=Manner.PREAUTHENTICATED),
            Port(587, manner=Manner.REPEATING),
        ),
    ),
)
