"""The file that takes post-quantum key exchange out of handshakes: that alone, and nobody else is harmed by it."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from exporter.config.wellknown import WELL_KNOWN
from exporter.demo.listener import Listener
from exporter.demo.servers import FriendlyServer
from exporter.demo.tls import ServerTls
from tests.deploy.rules import ROOT
from tests.running import ENVIRONMENT, FREE_PORT, started, until
from tests.web.access import NAME, curl, yard

FILE = ROOT / "deploy" / "classical-groups.cnf"
CLASSICAL = {**ENVIRONMENT, "OPENSSL_CONF": str(FILE)}

# By IANA's registry "TLS Supported Groups": those of ML-KEM with a curve, and the one that older OpenSSLs do not know.
HYBRIDS = {0x11EB, 0x11EC, 0x11ED, 0x11EE}
CURVE_SM2 = 41

SUPPORTED_GROUPS, KEY_SHARE = 10, 51

# What is left for TCP's content in an IPv6 packet of 1,500 bytes with time stamps.
SEGMENT = 1428


class Hello:
    """A ClientHello as it arrived (RFC 8446 §4.1.2), in one record."""

    def __init__(self, record: bytes) -> None:
        self.size = len(record)
        self._rest = record[5 + 4 + 2 + 32 :]
        self._vector(1)
        self._vector(2)
        self._vector(1)
        self.extensions = dict(self._extensions())

    @property
    def groups(self) -> set[int]:
        """Every group that the client supports (RFC 8446 §4.2.7)."""
        named = self.extensions[SUPPORTED_GROUPS][2:]
        return {int.from_bytes(named[at : at + 2], "big") for at in range(0, len(named), 2)}

    def _vector(self, width: int) -> bytes:
        size = int.from_bytes(self._rest[:width], "big")
        taken, self._rest = self._rest[width : width + size], self._rest[width + size :]
        assert len(taken) == size
        return taken

    def _extensions(self) -> Iterator[tuple[int, bytes]]:
        self._rest = self._vector(2)
        while self._rest:
            kind, self._rest = int.from_bytes(self._rest[:2], "big"), self._rest[2:]
            yield kind, self._vector(2)


async def hello(environment: Mapping[str, str], tmp_path: Path) -> Hello:
    """What `mailprobe check` says first to a port with implicit TLS."""
    arrived: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readexactly(5)
        arrived.set_result(head + await reader.readexactly(int.from_bytes(head[3:], "big")))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1")
    async with server:
        file = configuration(tmp_path, server.sockets[0].getsockname()[1])
        async with started("check", f"--config.file={file}", environment=environment) as running:
            await running.exit_code()
        return Hello(await arrived)


def configuration(tmp_path: Path, port: int) -> Path:
    file = tmp_path / "config.yml"
    ports = [{"port": port, "protocol": "smtp", "tls": "implicit"}]
    hosts = [{"host": "127.0.0.1", "server_name": NAME, "ports": ports}]
    file.write_text(json.dumps({"first_round": "0s", "hosts": hosts}))
    return file


async def test_the_file_takes_the_hybrids_out_of_a_handshake_and_no_other_group_that_mail_servers_have(
    tmp_path: Path,
) -> None:
    usual, classical = await hello(ENVIRONMENT, tmp_path), await hello(CLASSICAL, tmp_path)

    assert usual.groups & HYBRIDS
    assert classical.groups == usual.groups - HYBRIDS - {CURVE_SM2}
    assert classical.extensions.keys() == usual.extensions.keys()
    different = {kind for kind, content in classical.extensions.items() if content != usual.extensions[kind]}
    assert different == {SUPPORTED_GROUPS, KEY_SHARE}


async def test_with_the_file_a_first_message_fits_one_packet(tmp_path: Path) -> None:
    assert (await hello(ENVIRONMENT, tmp_path)).size > SEGMENT
    assert (await hello(CLASSICAL, tmp_path)).size < SEGMENT


@pytest.mark.real
async def test_with_the_file_servers_are_probed_and_pages_are_served_over_tls(tmp_path: Path) -> None:
    ground = yard(tmp_path)
    credential = ground.renew()
    server = FriendlyServer(NAME, WELL_KNOWN[465].service, ServerTls(credential))
    async with Listener(server.serve) as listener:
        words = (
            f"--config.file={configuration(tmp_path, listener.port)}",
            f"--web.config.file={ground.put('good-tls')}",
            f"--web.listen-address={FREE_PORT}",
        )
        async with started("run", *words, environment=CLASSICAL) as running:
            url = await running.url()
            last = ""

            async def probed() -> bool:
                nonlocal last
                last = (await curl(url, root=ground.root)).body
                return "\nmailprobe_outcome_info{" in last

            await until(probed)

    assert 'outcome="ok"' in last
    assert 'group="x25519"' in last.lower()
