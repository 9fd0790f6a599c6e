"""Listen addresses: how they are written, and what is said when one cannot be had."""

import errno
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from exporter.web.address import ListenAddress, ListenError, bind, open_sockets, parse_address
from tests.ipv6 import ipv6_here


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        (":10125", None, 10125),
        ("127.0.0.1:10125", "127.0.0.1", 10125),
        ("0.0.0.0:10125", "0.0.0.0", 10125),
        ("[::1]:10125", "::1", 10125),
        ("[::]:10125", "::", 10125),
        ("[fe80::1%lo]:10125", "fe80::1%lo", 10125),
        ("localhost:0", "localhost", 0),
        ("monitor-1.example.org:65535", "monitor-1.example.org", 65535),
    ],
)
def test_an_address_is_read_as_other_exporters_write_it(text: str, host: str | None, port: int) -> None:
    address = parse_address(text)
    assert address == ListenAddress(host, port)
    assert str(address) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'listen address "": write HOST:PORT, [IPV6]:PORT or :PORT'),
        ("10125", 'listen address "10125": write HOST:PORT, [IPV6]:PORT or :PORT'),
        ("localhost", 'listen address "localhost": write HOST:PORT, [IPV6]:PORT or :PORT'),
        ("localhost:", 'listen address "localhost:": write HOST:PORT, [IPV6]:PORT or :PORT'),
        ("localhost:http", 'listen address "localhost:http": write HOST:PORT, [IPV6]:PORT or :PORT'),
        ("localhost:+80", 'listen address "localhost:+80": write HOST:PORT, [IPV6]:PORT or :PORT'),
        (" :10125", 'listen address " :10125": write HOST:PORT, [IPV6]:PORT or :PORT'),
        (":10125\n", 'listen address ":10125\n": write HOST:PORT, [IPV6]:PORT or :PORT'),
        (":١٢٣", 'listen address ":١٢٣": write HOST:PORT, [IPV6]:PORT or :PORT'),
        ("*:10125", 'listen address "*:10125": write HOST:PORT, [IPV6]:PORT or :PORT'),
        ("::1:10125", 'listen address "::1:10125": write HOST:PORT, [IPV6]:PORT or :PORT'),
        ("[::1]", 'listen address "[::1]": write HOST:PORT, [IPV6]:PORT or :PORT'),
        ("http://localhost:80", 'listen address "http://localhost:80": write HOST:PORT, [IPV6]:PORT or :PORT'),
        (":65536", 'listen address ":65536": port 65536 is greater than 65535'),
        ("[127.0.0.1]:80", 'listen address "[127.0.0.1]:80": "127.0.0.1" is not an IPv6 address'),
        ("[]:80", 'listen address "[]:80": "" is not an IPv6 address'),
    ],
)
def test_an_address_that_is_none_is_refused_with_the_right_form(text: str, message: str) -> None:
    with pytest.raises(ListenError) as refused:
        parse_address(text)
    assert str(refused.value) == message


@contextmanager
def opened(sockets: list[socket.socket]) -> Iterator[list[socket.socket]]:
    """Close them in the end."""
    try:
        yield sockets
    finally:
        for sock in sockets:
            sock.close()


FAMILIES = {socket.AF_INET, socket.AF_INET6}


@pytest.mark.parametrize(
    ("host", "families"),
    [
        pytest.param(None, FAMILIES, id="no-host-is-both-families"),
        pytest.param("0.0.0.0", {socket.AF_INET}, id="ipv4-wildcard-is-ipv4-alone"),
        pytest.param("127.0.0.1", {socket.AF_INET}, id="ipv4"),
        pytest.param("::", {socket.AF_INET6}, id="ipv6-wildcard-is-ipv6-alone"),
        pytest.param("::1", {socket.AF_INET6}, id="ipv6"),
    ],
)
async def test_an_address_opens_its_families(host: str | None, families: set[socket.AddressFamily]) -> None:
    if socket.AF_INET6 in families and not ipv6_here():
        pytest.skip("this machine has no IPv6 loopback address")
    with opened(await open_sockets([ListenAddress(host, 0)])) as sockets:
        assert {sock.family for sock in sockets} == families
        assert len({sock.getsockname()[1] for sock in sockets}) == 1, "both families are on the same port"


async def test_a_name_opens_every_address_it_stands_for_on_one_port() -> None:
    with opened(await open_sockets([ListenAddress("localhost", 0)])) as sockets:
        assert {sock.getsockname()[0] for sock in sockets} <= {"127.0.0.1", "::1"}
        assert len({sock.getsockname()[1] for sock in sockets}) == 1


async def test_several_addresses_are_opened_in_their_order() -> None:
    wanted = [ListenAddress("127.0.0.1", 0), ListenAddress("127.0.0.2", 0)]
    with opened(await open_sockets(wanted)) as sockets:
        assert [sock.getsockname()[0] for sock in sockets] == ["127.0.0.1", "127.0.0.2"]


async def test_a_port_that_is_taken_is_named() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        with pytest.raises(ListenError) as refused:
            await open_sockets([ListenAddress("127.0.0.1", port)])
    assert str(refused.value) == (
        f"cannot listen at 127.0.0.1:{port}: address already in use (is another mailprobe running?)"
    )


async def test_a_port_taken_in_one_family_alone_refuses_both() -> None:
    other = socket.create_server(("0.0.0.0", 0))
    with closing(other), pytest.raises(ListenError, match="address already in use"):
        await open_sockets([ListenAddress(None, other.getsockname()[1])])


async def test_one_refused_address_closes_the_others() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        with closing(socket.create_server(("127.0.0.2", 0))) as free:
            port = free.getsockname()[1]
        with pytest.raises(ListenError):
            await open_sockets([ListenAddress("127.0.0.2", port), ListenAddress("127.0.0.1", other.getsockname()[1])])
        socket.create_server(("127.0.0.2", port)).close()


async def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(ListenError) as refused:
        await open_sockets([ListenAddress("192.0.2.1", 0)])
    cause = refused.value.__cause__
    assert isinstance(cause, OSError)
    assert cause.errno == errno.EADDRNOTAVAIL
    assert str(refused.value).startswith("cannot listen at 192.0.2.1:0: cannot assign requested address")


async def test_a_name_that_does_not_exist_is_refused() -> None:
    # RFC 6761 §6.4: names under `invalid` never exist; no question leaves the machine.
    with pytest.raises(ListenError, match=r"^cannot listen at nowhere\.invalid:0: "):
        await open_sockets([ListenAddress("nowhere.invalid", 0)])


HERE = (socket.AF_INET, "127.0.0.1")
ELSEWHERE = (socket.AF_INET, "192.0.2.1")


@pytest.mark.parametrize(
    "endpoints",
    [
        pytest.param([ELSEWHERE, HERE], id="one-is-not-here"),
        pytest.param([HERE, ELSEWHERE], id="the-other-is-not-here"),
        pytest.param([HERE, HERE], id="named-twice"),
    ],
)
def test_a_name_with_one_address_that_is_here_is_served_there(
    endpoints: list[tuple[socket.AddressFamily, str]],
) -> None:
    with opened(bind(ListenAddress("somewhere", 0), endpoints)) as [sock]:
        assert sock.getsockname()[0] == "127.0.0.1"
