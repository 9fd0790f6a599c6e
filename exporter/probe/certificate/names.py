"""Whether a certificate is issued to the name it was asked for, after RFC 9525.

Only the subjectAltName counts. A name that stands in the common name alone is a fault with a word of its own,
because many clients still accept it and RFC 9525 §2 does not. No public suffix list: a wildcard right under a
top-level domain is the issuing authority's fault, not the server's.
"""

import ipaddress

import idna

from exporter.probe.certificate.facts import Reading
from exporter.results import CertificateFault


def name_fault(reading: Reading, reference: str) -> CertificateFault | None:
    """Compare with the reference identifier, a DNS name (internationalised ones in either form) or an IP literal."""
    if _issued_to(reading.names, reading.addresses, reference):
        return None
    if _issued_to(reading.common_names, reading.common_names, reference):
        return CertificateFault.NAME_ONLY_IN_COMMON_NAME
    if not (reading.names or reading.addresses or reading.common_names):
        return CertificateFault.NO_NAMES
    return CertificateFault.NAME_MISMATCH


def ascii_name(name: str) -> str:
    """The form of a host name that goes over the wire: A-labels (RFC 5890 §2.3.2.1), lower case, no final dot."""
    name = name.rstrip(".")
    try:
        return name.encode("ascii").decode().lower()
    except UnicodeEncodeError:
        pass
    try:
        return idna.encode(name, uts46=True).decode().lower()
    except idna.IDNAError:
        return name.encode("ascii", "replace").decode().lower()


def ip_literal(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that `name` spells, or `None` where it is a name."""
    # IPv6 has a colon, and IPv4 ends in a digit: told of a name without an exception, which costs more at every probe.
    address = name.partition("%")[0]
    if ":" not in address and not address[-1:].isdigit():
        return None
    try:
        return ipaddress.ip_address(address)
    except ValueError:
        return None


def _issued_to(dns_names: tuple[str, ...], addresses: tuple[str, ...], reference: str) -> bool:
    # RFC 9525 §6.4: an IP address is compared with IP addresses, a name with names; never one with the other.
    literal = ip_literal(reference)
    if literal is not None:
        return any(ip_literal(address) == literal for address in addresses)
    wanted = ascii_name(reference)
    return any(_matches(ascii_name(name), wanted) for name in dns_names)


def _matches(presented: str, wanted: str) -> bool:
    if presented == wanted:
        return True
    # RFC 9525 §6.3: the wildcard is the complete left-most label and stands for exactly one label.
    label, _, rest = presented.partition(".")
    _, _, wanted_rest = wanted.partition(".")
    return label == "*" and bool(rest) and rest == wanted_rest
