"""Whom `/probe` may ask besides what is configured: names, everything below a name, and networks.

Form and rule; what a name leads to is found out elsewhere, and asked about here by its address. Networks that are not
of the public Internet are open only where they are named as such: other people's requests, and other people's DNS, must
not lead into the administrator's own network.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from exporter.config import address
from exporter.config.fault import quoted
from exporter.config.hostname import MAX_NAME, host_complaint, identity
from exporter.config.kind import list_of, text

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Far more than anybody keeps by hand, and few enough to be gone through at each request.
MAX_ENTRIES = 1000

_WHAT = "a name, a suffix such as .example.org, or a network such as 192.0.2.0/24"

# RFC 4291 §2.4: every other address of IPv6 is reserved, local, or a group.
_UNICAST = ipaddress.IPv6Network("2000::/3")
# RFC 6052 §2.1: an IPv4 address in the last 32 bits, which a gateway connects to.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the entries of the list mean, in the form in which hosts are compared."""

    names: frozenset[str] = frozenset()
    suffixes: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, entries: Iterable[str]) -> "Allowed":
        """Read entries that were found to be without fault."""
        names: set[str] = set()
        suffixes: list[str] = []
        networks: list[Network] = []
        for entry in entries:
            if entry.startswith("."):
                suffixes.append("." + identity(entry[1:]))
            elif "/" in entry or address.parsed(entry) is not None:
                networks.append(ipaddress.ip_network(entry))
            else:
                names.add(identity(entry))
        return cls(frozenset(names), tuple(suffixes), tuple(networks))

    def may_ask(self, host: str) -> bool:
        """Whether it is worth looking up where `host` leads; of an address, whether it is allowed itself."""
        if address.parsed(host) is not None:
            return self.admits(host, host)
        return self._names(host) or bool(self.networks)

    def admits(self, host: str, literal: str) -> bool:
        """Whether a session at the address `literal` is allowed, to which `host` led."""
        # A zone says through which interface, not where to.
        found = ipaddress.ip_address(literal.partition("%")[0])
        named = address.parsed(host) is None and self._names(host)
        return all(self._open(one, named=named) for one in (found, *_behind(found)))

    def _names(self, host: str) -> bool:
        name = identity(host)
        return name in self.names or name.endswith(self.suffixes)

    def _open(self, found: address.IpAddress, *, named: bool) -> bool:
        around = [network for network in self.networks if found in network]
        if _is_public(found):
            return named or bool(around)
        # Not `0.0.0.0/0`, by which somebody meant the Internet.
        return any(not _spans_public(network) for network in around)


def _behind(found: address.IpAddress) -> tuple[address.IpAddress, ...]:
    """The IPv4 address to which a gateway would connect on behalf of whoever connects to this one."""
    if isinstance(found, ipaddress.IPv4Address):
        return ()
    if found in _NAT64:
        return (ipaddress.IPv4Address(int(found) & 0xFFFF_FFFF),)
    if found.sixtofour is not None:
        return (found.sixtofour,)
    return () if found.teredo is None else (found.teredo[1],)


def _is_public(found: address.IpAddress) -> bool:
    if isinstance(found, ipaddress.IPv6Address):
        return found in _NAT64 or (found in _UNICAST and found.is_global)
    return found.is_global and not found.is_multicast


def _spans_public(network: Network) -> bool:
    """Whether any address of the network is of the public Internet, told by whether it is all of one special kind."""
    if isinstance(network, ipaddress.IPv6Network):
        return network.is_global and network.overlaps(_UNICAST)
    return network.is_global and not network.is_multicast


def _complaint(entry: str) -> str | None:
    if "/" in entry:
        return _network_complaint(entry)
    if (found := address.parsed(entry)) is not None:
        return address.complaint(found)
    if entry.startswith("*."):
        return f"must be {_WHAT}, not {quoted(entry)}: write {quoted(entry[1:])}"
    if entry.startswith(".") and address.parsed(entry[1:]) is not None:
        return f"must be {_WHAT}, not {quoted(entry)}"
    return host_complaint(entry.removeprefix("."))


def _network_complaint(entry: str) -> str | None:
    literal, _, length = entry.partition("/")
    found = address.parsed(literal)
    # Only the length as a number: a mask, of which there are two kinds, is easily the other one.
    if found is None or not (length.isascii() and length.isdecimal() and int(length[:4]) <= found.max_prefixlen):
        return f"must be {_WHAT}, not {quoted(entry)}"
    if isinstance(found, ipaddress.IPv6Address) and found.scope_id is not None:
        return f"must be {_WHAT} without a zone, not {quoted(entry)}"
    network = ipaddress.ip_network(entry, strict=False)
    return None if network.network_address == found else f"{entry} is an address in a network: write {network}"


ALLOWED = list_of(
    text(_WHAT, _complaint, {"minLength": 1, "maxLength": MAX_NAME + 1}), may_be_empty=True, at_most=MAX_ENTRIES
)
