"""IP literals: what `ipaddress` accepts, less what is no address of a mail host."""

import ipaddress
from functools import lru_cache

from exporter.config.fault import quoted
from exporter.config.kind import Kind, text
from exporter.targets import IpFamily

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def parsed(literal: str) -> IpAddress | None:
    """The address, or `None` if `literal` is none."""
    # Most hosts have names, and `ipaddress` takes long to refuse one; IPv6 has colons, and IPv4 ends in a digit.
    return _parsed(literal) if ":" in literal or literal[-1:].isdecimal() else None


# Several questions in a row are about one host.
@lru_cache(maxsize=16)
def _parsed(literal: str) -> IpAddress | None:
    try:
        return ipaddress.ip_address(literal)
    except ValueError:
        return None


def family(address: IpAddress) -> IpFamily:
    """The family of an address."""
    return IpFamily.IPV4 if address.version == 4 else IpFamily.IPV6


def complaint(address: IpAddress) -> str | None:
    """Why no session can be opened with `address` as a host, or `None`."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return "must be an address without a zone: link-local addresses are not probed"
        if address.ipv4_mapped is not None:
            return f"is an IPv4 address inside an IPv6 one: write {address.ipv4_mapped}"
    if address.is_multicast or address.is_unspecified:
        return f"must be the address of one host, not {address}"
    return None


def literal_of(wanted: IpFamily | None) -> Kind[str]:
    """An IP literal of one family, or of either."""
    what = {IpFamily.IPV4: "an IPv4 address", IpFamily.IPV6: "an IPv6 address", None: "an IP address"}[wanted]
    schema = {"format": wanted.value} if wanted else {"anyOf": [{"format": member.value} for member in IpFamily]}

    def wrong(found: str) -> str | None:
        address = parsed(found)
        if address is None or wanted not in {None, family(address)}:
            return f"must be {what}, not {quoted(found)}"
        return complaint(address)

    return text(what, wrong, schema)
