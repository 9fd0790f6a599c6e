"""By which name the monitor introduces itself, and by which it asks for a server."""

import pytest

from exporter.probe.names import address_literal, is_fully_qualified, tls_server_name


@pytest.mark.parametrize(
    ("name", "worth_saying"),
    [
        ("monitor.example.org", True),
        ("monitor.example.org.", True),
        ("monitor", False),
        ("localhost", False),
        ("localhost.localdomain", False),
        ("monitor.localhost", False),
        ("192.0.2.1", False),
        ("::1", False),
    ],
)
def test_only_a_fully_qualified_name_is_said_in_ehlo(name: str, worth_saying: bool) -> None:
    assert is_fully_qualified(name) is worth_saying


@pytest.mark.parametrize(
    ("address", "literal"), [("192.0.2.1", "[192.0.2.1]"), ("2001:DB8:0::1", "[IPv6:2001:db8::1]")]
)
def test_an_address_is_said_as_a_literal(address: str, literal: str) -> None:
    assert address_literal(address) == literal


@pytest.mark.parametrize(
    ("reference", "sent"),
    [
        ("mail.example.org", "mail.example.org"),
        ("Mail.Example.org.", "mail.example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("192.0.2.1", None),
        ("2001:db8::1", None),
    ],
)
def test_the_server_name_is_in_ascii_and_never_an_address(reference: str, sent: str | None) -> None:
    assert tls_server_name(reference) == sent
