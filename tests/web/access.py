"""The web files of `configs`, in a folder with the certificates that they name; and clients to try them with."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from exporter.demo.mint import Authority, Credential, CredentialFiles, self_signed
from exporter.web.access import Access
from exporter.web.application import application
from exporter.web.server import Service, serve
from tests.real.require import require
from tests.web.daemon import StandingDaemon

CONFIGS = Path(__file__).parent / "configs"

USER = "prometheus"
# Of every user in `configs`.
PASSWORD = "open sesame"

NAME = "exporter.example.org"


@dataclass(frozen=True, slots=True)
class Yard:
    """A folder with certificates, and the authorities that made them.

    root       whom clients must trust
    servers    the same, to issue more
    scraper    a client with the first of the names of `good-sans`
    neighbour  one with the second, an address
    visitor    one of the same authority with none of them
    stranger   one that no authority knows, whatever it calls itself
    """

    folder: Path
    root: Path
    servers: Authority
    scraper: CredentialFiles
    neighbour: CredentialFiles
    visitor: CredentialFiles
    stranger: CredentialFiles

    def put(self, name: str) -> Path:
        """One of the files of `configs`, beside the certificates."""
        return Path(shutil.copy(CONFIGS / f"{name}.yml", self.folder))

    def renew(self) -> Credential:
        """A new certificate for the server, in the place of the old one."""
        made = self.servers.issue([NAME])
        made.write(self.folder, "server")
        return made


def yard(folder: Path) -> Yard:
    """Mint everything that the files of `configs` name into `folder`."""
    now = datetime.now(UTC)
    servers, clients = Authority.create("servers", now=now), Authority.create("clients", now=now)
    server = servers.issue([NAME])
    server.write(folder, "server")
    servers.issue([NAME]).write(folder, "other")
    clients.write(folder, "clients")
    key = serialization.load_pem_private_key(server.key_pem, None)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "locked.key").write_bytes(
        key.private_bytes(encoding, form, serialization.BestAvailableEncryption(b"hunter2"))
    )
    return Yard(
        folder,
        servers.write(folder, "root"),
        servers,
        clients.issue(["scraper.example.org"], purposes=["client"]).write(folder, "scraper"),
        clients.issue(["2001:db8:0::0025"], purposes=["client"]).write(folder, "neighbour"),
        clients.issue(["visitor.example.org"], purposes=["client"]).write(folder, "visitor"),
        self_signed(["scraper.example.org"], now=now).write(folder, "stranger"),
    )


@asynccontextmanager
async def served(access: Access, **changes: object) -> AsyncIterator[str]:
    """The pages behind `access` on a free port; `changes` are fields of `Service`."""
    service = Service(["127.0.0.1:0"], access=access, **changes)  # type: ignore[arg-type]  # checked when it runs
    async with serve(application(StandingDaemon()), service) as (url,):
        yield url


@dataclass(frozen=True, slots=True)
class Answer:
    """What curl saw: its exit code, the status, the headers in lower case, the body and what it said of TLS."""

    code: int
    status: int
    headers: dict[str, str]
    body: str
    said: str


async def curl(url: str, *arguments: str, path: str = "/metrics", root: Path | None = None) -> Answer:
    """Ask with the real curl, which knows the server by its name and trusts `root` alone."""
    port = url.rsplit(":", 1)[1].partition("/")[0]
    scheme = url.partition(":")[0]
    trust: Sequence[str] = () if root is None else ("--cacert", str(root))
    process = await asyncio.create_subprocess_exec(
        require("curl", "curl"),
        *("--silent", "--verbose", "--include", "--noproxy", "*", "--max-time", "20"),
        *("--resolve", f"{NAME}:{port}:127.0.0.1", *trust, *arguments, f"{scheme}://{NAME}:{port}{path}"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, said = await process.communicate()
    head, _, body = out.decode().partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    status = int(first.split()[1]) if first else 0
    assert process.returncode is not None
    return Answer(process.returncode, status, headers, body, said.decode())


def client(files: CredentialFiles) -> tuple[str, ...]:
    """The arguments with which curl shows a certificate."""
    return ("--cert", str(files.chain), "--key", str(files.key))
