"""The names of a session: by which we introduce ourselves, and by which we ask for the server.

RFC 5321 §4.1.1.1 wants a fully qualified name in EHLO, or else an address literal; servers refuse `localhost`, bare
words and their own name.
"""

import ipaddress
import socket
from functools import lru_cache

from exporter.probe.certificate.names import ascii_name, ip_literal


def machine_name() -> str | None:
    """This machine's name if it is fully qualified, else `None`. May ask a name server, so call it once."""
    for name in (socket.gethostname(), socket.getfqdn()):
        if is_fully_qualified(name):
            return ascii_name(name)
    return None


def is_fully_qualified(name: str) -> bool:
    """Whether `name` is worth saying in EHLO: it has a domain, and is neither an address nor the loopback's name."""
    name = ascii_name(name)
    if ip_literal(name) is not None or name.split(".")[0] == "localhost":
        return False
    return "." in name and not name.endswith(".localhost")


def address_literal(address: str) -> str:
    """The address literal of RFC 5321 §4.1.3: `[192.0.2.1]` or `[IPv6:2001:db8::1]`."""
    literal = ipaddress.ip_address(address)
    return f"[IPv6:{literal}]" if literal.version == 6 else f"[{literal}]"


# Asked at every probe.
@lru_cache(maxsize=4096)
def tls_server_name(reference: str) -> str | None:
    """What to send as the TLS server name; `None` for an IP literal, which RFC 6066 §3 forbids."""
    return None if ip_literal(reference) is not None else ascii_name(reference)
