"""One SMTP session, held by mailprobe and held by asyncio's streams: greeting, EHLO, STARTTLS, EHLO, QUIT.

Both verify the certificate, for a different name in every session, and both fail loudly if anything is not as it should
be. Names are resolved by neither. They differ in what they do besides:

- mailprobe reads every fact of every certificate, stamps each phase, limits each stage and keeps a transcript. Its
  verdict on a chain is remembered until a date in it passes, so that later sessions with that chain and name cost no
  verification; `forget` makes it begin anew.
- asyncio's streams do the least that a probe can: one time limit, one verifying context for all sessions (a context
  for each would cost many times the session), the reading of the certificate's end.
- Each uses the OpenSSL it comes with, pyOpenSSL's and the interpreter's. They need not be the same version, and the
  ratio contains that difference.
"""

import asyncio
import ssl
from contextlib import nullcontext, suppress
from dataclasses import replace
from typing import Protocol as Interface

from exporter.probe.certificate.judge import CertificateJudge
from exporter.probe.certificate.trust import TrustStores
from exporter.probe.prober import Prober
from exporter.probe.session import Means
from exporter.probe.tls import TlsClient
from exporter.results import Outcome, ProbeResult, Resolution
from exporter.targets import (
    AuthRule,
    Expectation,
    IpFamily,
    PortState,
    Protocol,
    Service,
    StarttlsRule,
    Target,
    Timeouts,
    TlsMode,
)
from tests.bench.mailserver import DOMAIN, Site
from tests.bench.process import ADDRESS
from tests.bench.ratio import BenchmarkFailed

# Longer than any turn: no benchmark measures time limits that were met.
_PATIENCE_SECONDS = 600.0
_EHLO_NAME = "monitor.example.org"


class SessionFailed(BenchmarkFailed):
    """A session did not go as every session here must."""


class Sessions(Interface):
    """A way of holding sessions."""

    async def hold(self, number: int, port: int, mode: TlsMode) -> None:
        """Hold one from connect to close, with the host of this number; raises SessionFailed."""


def host(number: int) -> str:
    """The name of a host."""
    return f"host{number}.{DOMAIN}"


def target(number: int, port: int, mode: TlsMode) -> Target:
    """The target of one session with that host."""
    return Target(
        host(number),
        Service(port, Protocol.SMTP, mode),
        IpFamily.IPV4,
        Expectation(PortState.OPEN, StarttlsRule.OPTIONAL, True, AuthRule.ALLOWED),
        timeouts=Timeouts(reply=_PATIENCE_SECONDS, total=_PATIENCE_SECONDS),
        ip_families=(IpFamily.IPV4,),
        ehlo_name=_EHLO_NAME,
    )


class ByMailprobe:
    """Sessions of `exporter.probe`."""

    def __init__(self, site: Site) -> None:
        self._ca_file = site.ca_file
        self._stores = TrustStores([site.ca_file])
        self._judge = CertificateJudge(self._stores)
        self._prober = Prober(_Loopback(), Means(TlsClient(), self._judge, None))
        self._targets: dict[tuple[int, int, TlsMode], Target] = {}

    async def hold(self, number: int, port: int, mode: TlsMode) -> None:
        await self.probe(self.target(number, port, mode))

    async def probe(self, target: Target) -> ProbeResult:
        """One session and everything that was seen in it."""
        result = await self._prober(target, lambda host, address: nullcontext())
        sound = result.verdict is not None and result.verdict.valid
        if result.outcome is not Outcome.OK or sound is not (target.service.tls is TlsMode.STARTTLS):
            raise SessionFailed(f"{result.outcome}: {result.detail or result.verdict}")
        return result

    def target(self, number: int, port: int, mode: TlsMode) -> Target:
        """A target, made once, as by reading a configuration."""
        key = (number, port, mode)
        if key not in self._targets:
            self._targets[key] = replace(target(*key), ca_file=self._ca_file)
        return self._targets[key]

    def forget(self) -> None:
        """Forget all verdicts, and so verify every chain anew."""
        self._judge.trust(self._stores)


class ByStreams:
    """Sessions of asyncio's streams, with `start_tls` and the standard library's verifying context."""

    def __init__(self, site: Site) -> None:
        self._context = ssl.create_default_context(cafile=site.ca_file)

    async def hold(self, number: int, port: int, mode: TlsMode) -> None:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            reader, writer = await asyncio.open_connection(ADDRESS, port)
            try:
                await self._converse(reader, writer, host(number), mode)
            finally:
                writer.close()
            # Whatever happens now says nothing about the session.
            with suppress(OSError):
                await writer.wait_closed()

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str, mode: TlsMode
    ) -> None:
        await _reply(reader, b"220")
        await _command(reader, writer, f"EHLO {_EHLO_NAME}", b"250")
        if mode is TlsMode.STARTTLS:
            await _command(reader, writer, "STARTTLS", b"220")
            await writer.start_tls(self._context, server_hostname=name)
            certificate = writer.get_extra_info("peercert")
            ssl.cert_time_to_seconds(certificate["notAfter"])
            await _command(reader, writer, f"EHLO {_EHLO_NAME}", b"250")
        await _command(reader, writer, "QUIT", b"221")


class _Loopback:
    """A resolver that knows every name."""

    def __init__(self) -> None:
        self._resolution = Resolution(Outcome.OK, (ADDRESS,), None, 0.0)

    async def resolve(self, host: str, families: frozenset[IpFamily]) -> Resolution:
        return self._resolution


async def _command(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: str, code: bytes) -> None:
    writer.write(line.encode() + b"\r\n")
    await writer.drain()
    await _reply(reader, code)


async def _reply(reader: asyncio.StreamReader, code: bytes) -> None:
    """Read one reply, in as many lines as it has (RFC 5321 §4.2.1)."""
    while True:
        line = await reader.readline()
        if not line.startswith(code):
            raise SessionFailed(f"{line!r} instead of {code!r}")
        if line[3:4] != b"-":
            return
