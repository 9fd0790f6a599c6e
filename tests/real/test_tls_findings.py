"""What real servers show of a way into TLS that was lost, does not work, or was never needed.

No mail server overwrites its own keyword or greeting, speaks in the clear behind its own answer to STARTTLS, or offers
it again inside TLS: devices between and attackers do. Those findings have their tests in `tests/protocols`, from bytes.
"""

import asyncio
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.judgement.security import StarttlsMemory, TlsFinding, tls_findings
from exporter.results import Outcome, Phase, ProbeResult
from exporter.targets import TlsMode
from tests.real.clients import room
from tests.real.dovecot import DovecotAddress, RealDovecot
from tests.real.hosts import GOOD, LAX, PLAIN, Hosts, Issuer
from tests.real.loopback import fresh_address, port_for
from tests.real.mailhost import ALL_PORTS, MailHost, write_certificate
from tests.real.monitor import Monitor
from tests.real.postfix import PostfixService, RealPostfix
from tests.real.require import require_file, require_root
from tests.real.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.real


def first(result: ProbeResult) -> tuple[TlsFinding, ...]:
    """What a first session shows."""
    return tls_findings(result, StarttlsMemory().after(result))


def rewrite(path: Path, before: str, after: str) -> None:
    """Replace one setting in a server's configuration."""
    text = path.read_text()
    assert text.count(before) == 1, text
    path.write_text(text.replace(before, after))
    # Postfix waits for a file that was written within the last two seconds: somebody might still be editing it.
    os.utime(path, (0, 0))


async def lost(monitor: Monitor, host: MailHost, port: int, switch_off: Callable[[], None]) -> None:
    """Probe before and after STARTTLS is switched off, and demand that it is lost since then, and not sooner."""
    target = monitor.target(host, port)
    offered = await monitor.probe(target)
    assert offered.outcome is Outcome.OK, offered.detail
    memory = StarttlsMemory().after(offered)
    assert tls_findings(offered, memory) == ()

    switch_off()

    missed = await monitor.probe(target)
    memory = memory.after(missed)
    assert tls_findings(missed, memory) == (TlsFinding.STARTTLS_LOST,)
    assert memory == StarttlsMemory(last_offered=offered.started, lost_since=missed.started)
    again = await monitor.probe(target)
    assert memory.after(again) == memory
    assert tls_findings(again, memory) == (TlsFinding.STARTTLS_LOST,)


@pytest.mark.parametrize("port", ALL_PORTS)
async def test_a_well_kept_server_shows_nothing(port: int, monitor: Monitor, hosts: Hosts) -> None:
    result = await monitor.probe(monitor.target(hosts.by_name[GOOD], port))

    assert result.outcome is Outcome.OK, result.detail
    assert first(result) == ()


async def test_a_postfix_whose_tls_is_switched_off_has_lost_starttls(folder: Path, issuer: Issuer) -> None:
    certificate = write_certificate(folder, GOOD, issuer.intermediate.issue([GOOD]))
    host = MailHost(GOOD, fresh_address(), [certificate])
    servers = room(folder, "postfix")
    postfix = RealPostfix(
        servers, [PostfixService(host.address, port_for(25), {"smtpd_tls_chain_files": str(certificate)})]
    )
    main = servers / "etc" / "main.cf"
    rewrite(main, "smtpd_tls_security_level = none", "smtpd_use_tls = yes")

    with postfix:

        def switch_off() -> None:
            rewrite(main, "smtpd_use_tls = yes", "smtpd_use_tls = no")
            postfix.reload()

        await lost(Monitor(folder, issuer.root_file, [host]), host, 25, switch_off)


@pytest.mark.parametrize("port", [143, 110, 4190])
async def test_a_dovecot_whose_tls_is_switched_off_has_lost_starttls(port: int, folder: Path, issuer: Issuer) -> None:
    certificate = write_certificate(folder, GOOD, issuer.intermediate.issue([GOOD]))
    host = MailHost(GOOD, fresh_address(), [certificate])
    servers = room(folder, "dovecot")

    with RealDovecot(servers, [DovecotAddress(host.address, host.certificates)], certificate) as dovecot:

        def switch_off() -> None:
            # Of the whole server and of its one address.
            configuration = servers / "dovecot.conf"
            configuration.write_text(configuration.read_text().replace("ssl = yes\n", "ssl = no\n"))
            dovecot.reload()

        await lost(Monitor(folder, issuer.root_file, [host]), host, port, switch_off)


@pytest.mark.parametrize(
    ("port", "options", "outcome", "finding"),
    [
        pytest.param(
            25,
            {"smtpd_tls_chain_files": "{misfit}"},
            Outcome.STARTTLS_REJECTED,
            TlsFinding.STARTTLS_REFUSED,
            id="a key that does not fit: 454",
        ),
        pytest.param(
            587,
            {"smtpd_tls_cert_file": "none"},
            Outcome.TLS_HANDSHAKE_FAILED,
            TlsFinding.STARTTLS_FAILED,
            id="no certificate: 220, and then no cipher that both know",
        ),
    ],
)
async def test_a_postfix_that_offers_what_it_cannot_do_is_found(
    port: int,
    options: dict[str, str],
    outcome: Outcome,
    finding: TlsFinding,
    folder: Path,
    issuer: Issuer,
) -> None:
    credential, other = issuer.intermediate.issue([GOOD]), issuer.intermediate.issue([GOOD])
    misfit = folder / "misfit.pem"
    misfit.write_bytes(other.key_pem + credential.chain_pem)
    options = {name: value.format(misfit=misfit) for name, value in options.items()}
    host = MailHost(GOOD, fresh_address(), [misfit])
    monitor = Monitor(folder, issuer.root_file, [host])
    service = PostfixService(host.address, port_for(port), {"smtpd_tls_security_level": "may", **options})

    with RealPostfix(room(folder, "postfix"), [service]):
        result = await monitor.probe(monitor.target(host, port))

    assert result.outcome is outcome, result.detail
    assert result.findings.starttls_advertised is True
    assert first(result) == (finding,)


async def test_a_pigeonhole_that_offers_starttls_and_refuses_it_is_found(monitor: Monitor, hosts: Hosts) -> None:
    result = await monitor.probe(monitor.target(hosts.by_name[PLAIN], 4190))

    assert (result.outcome, result.phase) == (Outcome.STARTTLS_REJECTED, Phase.STARTTLS)
    assert TlsFinding.STARTTLS_REFUSED in first(result)


@pytest.mark.parametrize("port", [587, 143, 110, 4190])
async def test_a_server_that_takes_passwords_in_the_clear_is_found(port: int, monitor: Monitor, hosts: Hosts) -> None:
    result = await monitor.probe(monitor.target(hosts.by_name[LAX], port))

    assert result.outcome is Outcome.OK, result.detail
    assert first(result) == (TlsFinding.CLEARTEXT_AUTH,)


@pytest.mark.parametrize("tls", [TlsMode.STARTTLS, TlsMode.NONE], ids=str)
async def test_a_dovecot_that_lets_everybody_in_is_found(tls: TlsMode, folder: Path, issuer: Issuer) -> None:
    host = MailHost(GOOD, fresh_address(), [])
    monitor = Monitor(folder, issuer.root_file, [host])
    mailbox = Mailbox(room(folder, "imap"))

    async with await asyncio.start_server(mailbox.serve, host.address, port_for(143)):
        result = await monitor.probe(monitor.target(host, 143, tls=tls))
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await mailbox.ended == 0

    assert (result.outcome, result.phase) == (Outcome.OK, Phase.GOODBYE), result.detail
    assert result.findings.greeting == "Logged in as somebody"
    # It lists no STARTTLS in its greeting, and is not asked for any.
    assert [line.text for line in result.transcript if line.sent] == ["a1 LOGOUT"]
    assert first(result) == (TlsFinding.PREAUTHENTICATED,)


class Mailbox:
    """Dovecot's `imap` for one connection, without a login before it; `ended` is what it ended with.

    It takes whoever starts it for somebody who has logged in already, and greets with PREAUTH. Pipes lie between it
    and the connection, because it refuses to be given a socket, as by inetd.
    """

    def __init__(self, folder: Path) -> None:
        require_root()
        self._program = require_file("/usr/lib/dovecot/imap", "dovecot-imapd")
        self._folder = folder
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._configuration = folder / "dovecot.conf"
        self._configuration.write_text(
            f"base_dir = {folder}\n"
            f"state_dir = {folder}\n"
            f"mail_location = maildir:{folder}/mail\n"
            "mail_uid = nobody\n"
            "mail_gid = nogroup\n"
            "first_valid_uid = 1\n"
        )
        mail = folder / "mail"
        mail.mkdir()
        mail.chmod(0o777)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """What a listening socket calls for its connection."""
        process = await asyncio.create_subprocess_exec(
            *(self._program, "-c", str(self._configuration)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"USER": "somebody", "HOME": str(self._folder)},
        )
        assert process.stdin is not None
        assert process.stdout is not None
        async with asyncio.TaskGroup() as group:
            group.create_task(_copy(reader, process.stdin))
            group.create_task(_copy(process.stdout, writer))
        self.ended.set_result(await process.wait())


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Everything up to the end of the stream, which is then the end of the other one as well."""
    while data := await source.read(4096):
        sink.write(data)
    sink.close()
