"""A mail host under test: a name and an address, with all its ports served by a real Postfix and a real Dovecot."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from exporter.demo.mint import Credential
from tests.real import postfix
from tests.real.dovecot import PORTS as DOVECOT_PORTS
from tests.real.dovecot import DovecotAddress, RealDovecot
from tests.real.loopback import port_for
from tests.real.postfix import PostfixService, RealPostfix

# By the name of their standard; `loopback.port_for` says where they are served.
POSTFIX_PORTS = (25, 465, 587)
STARTTLS_PORTS = (25, 587, 143, 110, 4190)
ALL_PORTS = (*POSTFIX_PORTS, *DOVECOT_PORTS)


@dataclass(frozen=True, slots=True)
class MailHost:
    """`certificates`: one file for each key type, as `write_certificate` leaves them; without one there is no TLS."""

    name: str
    address: str
    certificates: Sequence[Path]
    auth_before_tls: bool = False

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports that make sense on it: without a certificate there is no implicit TLS."""
        return ALL_PORTS if self.certificates else STARTTLS_PORTS

    def services(self, auth_socket: Path) -> Iterator[PostfixService]:
        """What Postfix serves on it."""
        yield postfix.smtp(self.address, port_for(25), self.certificates)
        yield postfix.submission(
            self.address,
            port_for(587),
            self.certificates,
            auth_socket=auth_socket,
            auth_before_tls=self.auth_before_tls,
        )
        if self.certificates:
            yield postfix.submissions(self.address, port_for(465), self.certificates, auth_socket=auth_socket)


@dataclass(frozen=True, slots=True)
class MailSystem:
    """The servers behind a number of hosts, running."""

    postfix: RealPostfix
    dovecot: RealDovecot


@contextmanager
def serve(
    folder: Path, hosts: Iterable[MailHost], default_certificate: Path, more: Iterable[PostfixService] = ()
) -> Iterator[MailSystem]:
    """Run one Postfix and one Dovecot for all `hosts`, and `more` services of Postfix."""
    hosts = tuple(hosts)
    for name in ("dovecot", "postfix"):
        (folder / name).mkdir(mode=0o755)
    addresses = [DovecotAddress(host.address, host.certificates, host.auth_before_tls) for host in hosts]
    dovecot = RealDovecot(folder / "dovecot", addresses, default_certificate)
    services = [service for host in hosts for service in host.services(dovecot.auth_socket)]
    with dovecot, RealPostfix(folder / "postfix", [*services, *more]) as running:
        yield MailSystem(running, dovecot)


def write_certificate(folder: Path, name: str, credential: Credential) -> Path:
    """One file with the key and behind it the chain, in which form both servers read it; replaces what was there."""
    path = folder / f"{name}.pem"
    path.touch(mode=0o600)
    path.write_bytes(credential.key_pem + credential.chain_pem)
    return path
