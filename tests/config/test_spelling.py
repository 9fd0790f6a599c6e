"""Names and addresses are recognised as by asking `ipaddress` each time and looking at every label by itself."""

import ipaddress
import re

import idna
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.config import address
from exporter.config.hostname import MAX_NAME, encoded

LABEL = re.compile("(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")


def plainly_parsed(literal: str) -> address.IpAddress | None:
    try:
        return ipaddress.ip_address(literal)
    except ValueError:
        return None


def plainly_encoded(name: str) -> str | None:
    labels: list[str] = []
    for label in name.split("."):
        try:
            ascii_label = label if label.isascii() else idna.encode(label, uts46=True).decode("ascii")
        except idna.IDNAError:
            return None
        if not LABEL.fullmatch(ascii_label):
            return None
        labels.append(ascii_label)
    whole = ".".join(labels)
    return whole if len(name) <= MAX_NAME and len(whole) <= MAX_NAME else None


LITERALS = st.ip_addresses().map(str) | st.text("0123456789.:abcf%/٣²", max_size=20)
NAMES = st.lists(st.text("aZ0-_ü。\n", max_size=4) | st.text("a-", min_size=60, max_size=65), max_size=5).map(".".join)


@given(LITERALS | NAMES | st.text())
@example("")
@example("::1%eth0")
@example("1.2.3.4٣")
@example("mail1.example.org")
def test_an_address_is_what_ipaddress_takes(literal: str) -> None:
    assert address.parsed(literal) == plainly_parsed(literal)


@given(NAMES | st.text())
@example("a" * 63 + ".b")
@example("a" * 64 + ".b")
@example(".".join(["a" * 49] * 5) + ".bcd")
@example(".".join(["a" * 49] * 5) + ".bcde")
@example("ü。a")
@example("a..b")
@example("a-.b")
@example("a\n")
def test_a_name_is_encoded_label_by_label(name: str) -> None:
    assert encoded(name) == plainly_encoded(name)
