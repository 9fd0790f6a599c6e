"""Names of hosts: what may be probed, what may be said in EHLO, and when two spellings mean one host.

Syntax only (RFC 1123 §2.1, RFC 5890); whether a name exists is found out by the probe. Names in other scripts are taken
as they are written and measured in the form that DNS carries.
"""

import re

import idna

from exporter.config import address
from exporter.config.fault import quoted
from exporter.config.kind import text
from exporter.targets import IpFamily

# RFC 1035 §2.3.4: 255 octets on the wire are 253 characters of text, and a label has at most 63.
MAX_NAME = 253
MAX_LABEL = 63

# RFC 1123 §2.1 knows no underscore; host names with one exist and resolve, so it is let through.
_LABEL = re.compile("(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
_NAME = re.compile(rf"{_LABEL.pattern}(?:\.{_LABEL.pattern})*")

_HOST = "a host name or an IP address"
_EHLO = "a fully qualified name or an address literal"


def encoded(name: str) -> str | None:
    """`name` as DNS carries it (`xn--…` for other scripts); `None` if DNS cannot."""
    if len(name) > MAX_NAME:
        return None
    if name.isascii():
        return name if _NAME.fullmatch(name) else None
    labels = [_encoded_label(label) for label in name.split(".")]
    whole = ".".join(label or "" for label in labels)
    return whole if all(labels) and len(whole) <= MAX_NAME else None


def _encoded_label(label: str) -> str | None:
    if not label.isascii():
        try:
            # RFC 5891, not the forerunner that Python has built in: it would make ß another domain's ss.
            label = idna.encode(label, uts46=True).decode("ascii")
        except idna.IDNAError:
            return None
    return label if _LABEL.fullmatch(label) else None


def identity(host: str) -> str:
    """What all spellings of a host have in common: letter case, an address' zeros, and the script it is written in."""
    found = address.parsed(host)
    return str(found) if found is not None else (encoded(host) or host).lower()


def literal_family(host: str) -> IpFamily | None:
    """The family of a host that is an IP literal; `None` for a name."""
    found = address.parsed(host)
    return None if found is None else address.family(found)


def host_complaint(host: str) -> str | None:
    """Why `host` cannot be probed, or `None`."""
    if "/" in host:
        return f"must be {_HOST}, not a URL: {quoted(host)}"
    if host.startswith("["):
        return f"must be {_HOST} without brackets, not {quoted(host)}"
    if (found := address.parsed(host)) is not None:
        return address.complaint(found)
    if ":" in host:
        name, _, port = host.rpartition(":")
        hint = f": name port {port} under ports" if port.isdecimal() and name and ":" not in name else ""
        return f"must be {_HOST}, not {quoted(host)}{hint}"
    return _name_complaint(host, _HOST)


def _name_complaint(name: str, what: str) -> str | None:
    if name.endswith("."):
        return f"must be {what} without a dot at its end, not {quoted(name)}"
    if encoded(name) is None:
        rule = f"letters, digits and hyphens, at most {MAX_LABEL} between two dots and {MAX_NAME} in all"
        return f"must be {what}, not {quoted(name)}: {rule}"
    # RFC 3696 §2: no top-level domain is all digits, so this is an address gone wrong.
    if name.rpartition(".")[2].isdecimal():
        return f"must be {what}: {quoted(name)} ends in a number and is no IPv4 address"
    return None


def _server_name_complaint(name: str) -> str | None:
    # RFC 6066 §3: IP literals are not permitted as a TLS server name.
    if address.parsed(name) is not None:
        return f"must be a name, not {quoted(name)}: an IP address is never sent as a TLS server name"
    return _name_complaint(name, "a host name")


def _ehlo_complaint(name: str) -> str | None:
    if name.startswith("["):
        return _address_literal_complaint(name)
    if (found := address.parsed(name)) is not None:
        prefix = "IPv6:" if address.family(found) is IpFamily.IPV6 else ""
        return f"must be {_EHLO}: write [{prefix}{name}]"
    # RFC 5321 §2.3.5 and §4.1.1.1: a fully qualified name, and without SMTPUTF8 an ASCII one.
    if not name.isascii():
        return f"must be {_EHLO} in ASCII" + (f": write {ace}" if (ace := encoded(name)) is not None else "")
    if name.lower() == "localhost" or name.lower().endswith((".localhost", ".localdomain")):
        return f"must be {_EHLO} that others can look up, not {quoted(name)}"
    if "." not in name or "_" in name:
        return f"must be {_EHLO}, not {quoted(name)}"
    return _name_complaint(name, _EHLO)


def _address_literal_complaint(literal: str) -> str | None:
    # RFC 5321 §4.1.3: [192.0.2.1] or [IPv6:2001:db8::1].
    inner = literal.removeprefix("[").removesuffix("]")
    found = address.parsed(inner.removeprefix("IPv6:"))
    if found is not None and address.complaint(found) is None:
        prefix = "IPv6:" if address.family(found) is IpFamily.IPV6 else ""
        if literal == f"[{prefix}{inner.removeprefix('IPv6:')}]":
            return None
    return f"must be {_EHLO} such as [192.0.2.1] or [IPv6:2001:db8::1], not {quoted(literal)}"


_LENGTH = {"minLength": 1, "maxLength": MAX_NAME}

HOST = text(_HOST, host_complaint, _LENGTH)
SERVER_NAME = text("a host name", _server_name_complaint, _LENGTH)
EHLO_NAME = text(_EHLO, _ehlo_complaint, _LENGTH)
