"""One session with one server: connect, dialog, TLS, goodbye. The loop over a dialog's actions and the owner of its
clock.

It never speaks first, has one command in flight, and lives no longer than its total limit. What the actions mean is
written in `protocols.dialog`; where a latency begins and ends, here.
"""

import asyncio
from dataclasses import dataclass

from exporter.probe.certificate.judge import CertificateJudge
from exporter.probe.certificate.names import ascii_name
from exporter.probe.names import address_literal, tls_server_name
from exporter.probe.phase import PhaseClock
from exporter.probe.readiness import DeadlineExceeded
from exporter.probe.record import Record
from exporter.probe.tls import NotTls, TlsClient, TlsError, TlsSession
from exporter.probe.transport import TransportError, connect
from exporter.protocols import open_dialog
from exporter.protocols.dialog import Dialog, Enter, Fail, Finished, NeedData, Send, StartTls
from exporter.protocols.transcript import visible
from exporter.results import Outcome, Phase
from exporter.targets import Timeouts, TlsMode

# The answer to QUIT or LOGOUT is waited for so that the server's log shows an orderly end; two seconds are a courtesy.
_GOODBYE_SECONDS = 2.0

# Enough of what is no TLS to recognise it.
_QUOTED_BYTES = 64

_TIMEOUTS = {
    Phase.CONNECT: Outcome.CONNECT_TIMEOUT,
    Phase.GREETING_FIRST_BYTE: Outcome.GREETING_TIMEOUT,
    Phase.GREETING: Outcome.GREETING_TIMEOUT,
    Phase.TLS: Outcome.TLS_TIMEOUT,
}

# The fields of `Timeouts` that limit something else than a reply.
_LIMITS = {
    Phase.CONNECT: "connect",
    Phase.GREETING_FIRST_BYTE: "greeting",
    Phase.GREETING: "greeting",
    Phase.TLS: "handshake",
}

# After these nothing is known about the port: it was not tried, or not to the end.
_NOT_TRIED = frozenset({Outcome.NO_ROUTE, Outcome.LOCAL_ERROR, Outcome.TOTAL_TIMEOUT})


class _Ended(Exception):
    """The session cannot go on; the reason is in the record."""


@dataclass(frozen=True, slots=True)
class Means:
    """What every session needs and none changes."""

    tls: TlsClient
    judge: CertificateJudge
    machine_name: str | None


class Session:
    """One connection to `address` for the target of `record`, into which everything seen is written."""

    def __init__(self, means: Means, record: Record, address: str, seconds: float) -> None:
        """`seconds`: how long all of it may take."""
        self._means = means
        self._record = record
        self._target = record.target
        self._address = address
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()
        self._end = self._started + seconds
        self._tls: TlsSession | None = None
        # What TLS has to say by itself (the last flight of a handshake, the answer to a key update) waits for the next
        # command, if that comes before anything is read: one segment less, and the server answers both at once.
        self._tls_may_speak = False
        # Of the current phase: how long it took so far, and until when it may last.
        self._clock = PhaseClock(self._started)
        self._deadline = self._started

    async def run(self) -> None:
        """Hold the session from connect to close. Raises nothing for what a server or the network did."""
        record = self._record
        record.address = self._address
        self._limit(Phase.CONNECT)
        try:
            self._connection = await connect(
                self._address,
                self._target.service.port,
                source=self._target.source_address,
                deadline=self._deadline,
            )
        except TransportError as error:
            self._not_connected(error.outcome, error.detail)
            return
        except DeadlineExceeded:
            self._not_connected(self._timeout(), self._timeout_detail())
            return
        record.port_open = True
        record.took(Phase.CONNECT, self._connection.established - self._connection.started)
        try:
            await self._converse()
        finally:
            self._connection.close()
            record.clock = self._connection.clock
            record.duration += self._loop.time() - self._started

    def _not_connected(self, outcome: Outcome, detail: str) -> None:
        record = self._record
        record.port_open = None if outcome in _NOT_TRIED else False
        record.fail(outcome, detail)
        record.duration += self._loop.time() - self._started

    async def _converse(self) -> None:
        service = self._target.service
        self._dialog = open_dialog(service.protocol, service.tls, self._ehlo_name())
        self._clock.arrived(self._connection.established)
        try:
            if service.tls is TlsMode.IMPLICIT:
                await self._handshake()
                self._complete()
            self._await_greeting()
            await self._play(self._dialog)
        except _Ended:
            pass
        except TlsError as error:
            self._record.fail(*self._tls_failure(error))
        except TransportError as error:
            timed_out = error.outcome is Outcome.CONNECT_TIMEOUT
            self._record.fail(self._timeout() if timed_out else error.outcome, error.detail)
        except DeadlineExceeded:
            self._record.fail(self._timeout(), self._timeout_detail())
        finally:
            if self._tls is not None:
                # RFC 8446 §6.1: whoever ends a session says so, however it went; nobody waits for an answer.
                self._connection.say_last(self._tls.close())
            self._record.findings = self._dialog.findings()
            self._record.transcript = self._dialog.transcript

    async def _play(self, dialog: Dialog) -> None:
        while True:
            match dialog.next_action():
                case NeedData():
                    await self._read()
                case Send(data):
                    await self._write(data)
                case Enter(phase):
                    self._complete()
                    self._limit(phase)
                case StartTls():
                    self._complete()
                    self._refuse_plaintext_before_tls()
                    await self._handshake()
                case Fail(outcome, detail):
                    self._record.fail(outcome, detail)
                case Finished():
                    if self._record.failed_in is not self._record.phase:
                        self._complete()
                    return

    def _limit(self, phase: Phase) -> None:
        """A phase begins now."""
        self._record.phase = phase
        now = self._loop.time()
        self._clock.begin(now)
        self._deadline = min(self._end, now + _seconds(self._target.timeouts, phase))

    def _complete(self) -> None:
        """The phase is over; it lasted until its last bytes arrived."""
        self._record.took(self._record.phase, self._clock.elapsed)

    def _await_greeting(self) -> None:
        self._limit(Phase.GREETING_FIRST_BYTE)
        # Both greeting phases count from here: the connection's establishment, or the end of an implicit handshake.
        self._clock.begin_with_last()
        if self._tls is not None:
            self._take(self._tls)

    async def _read(self) -> None:
        if self._tls is not None and self._tls.failed:
            self._take(self._tls)
        if self._tls_may_speak:
            await self._flush()
        segment = await self._connection.receive(self._deadline)
        self._clock.arrived(segment.arrived)
        if not segment.data:
            self._dialog.receive_eof()
        elif self._tls is None:
            self._hand_over(segment.data)
        else:
            self._tls_may_speak = True
            self._take(self._tls, segment.data)

    def _take(self, tls: TlsSession, data: bytes = b"") -> None:
        """Decrypt and hand over; the server's close alert is the end of what it says."""
        self._hand_over(tls.decrypt(data))
        if tls.closed_by_server:
            self._dialog.receive_eof()

    def _hand_over(self, data: bytes) -> None:
        if not data:
            return
        if self._record.phase is Phase.GREETING_FIRST_BYTE:
            self._complete()
            self._record.phase = Phase.GREETING
        self._dialog.receive(data)

    async def _write(self, data: bytes) -> None:
        if self._tls is None:
            await self._send(data)
        else:
            self._tls.encrypt(data)
            await self._flush()

    async def _flush(self) -> None:
        self._tls_may_speak = False
        if self._tls is not None and (data := self._tls.outgoing()):
            await self._send(data)

    async def _send(self, data: bytes) -> None:
        self._clock.sent(await self._connection.send(data, self._deadline))

    def _refuse_plaintext_before_tls(self) -> None:
        # A TLS server waits for the client, so whatever is here already was not encrypted (RFC 3207 §4.2).
        segment = self._connection.receive_now()
        if segment is None:
            return
        if segment.data:
            detail = f"{len(segment.data)} bytes arrived between the answer to STARTTLS and the handshake"
            self._record.fail(Outcome.STARTTLS_PLAINTEXT_INJECTED, detail)
        else:
            self._record.fail(Outcome.CLOSED_EARLY, "closed after the answer to STARTTLS")
        raise _Ended

    async def _handshake(self) -> None:
        self._limit(Phase.TLS)
        server_name = tls_server_name(self._target.reference_name)
        session = self._means.tls.session(server_name, self._target.variant)
        complete = session.handshake()
        while not complete:
            # Nothing where half a record has arrived.
            if data := session.outgoing():
                await self._send(data)
            segment = await self._connection.receive(self._deadline)
            self._clock.arrived(segment.arrived)
            if not segment.data:
                self._record.fail(Outcome.CLOSED_EARLY, "closed during the TLS handshake")
                raise _Ended
            complete = await self._advance(session, segment.data)
        self._tls = session
        self._tls_may_speak = True
        self._examine(session)
        if self._target.service.tls is not TlsMode.IMPLICIT:
            self._dialog.tls_established()
            self._take(session)

    async def _advance(self, session: TlsSession, data: bytes) -> bool:
        try:
            return session.handshake(data)
        except TlsError:
            self._record.tls_alert = session.refusal
            # RFC 8446 §6.2: whoever gives up says why.
            await self._send(session.outgoing())
            raise
        except NotTls:
            implicit = self._target.service.tls is TlsMode.IMPLICIT
            outcome = Outcome.PLAIN_ON_TLS_PORT if implicit else Outcome.STARTTLS_PLAINTEXT_INJECTED
            self._record.fail(outcome, f"no TLS, but {visible(data, _QUOTED_BYTES)}")
            raise _Ended from None

    def _examine(self, session: TlsSession) -> None:
        record, target = self._record, self._target
        record.tls = session.facts()
        chain = session.chain()
        if chain:
            record.certificates, record.verdict = self._means.judge.examine(
                chain, target.reference_name, target.ca_file
            )

    def _tls_failure(self, error: TlsError) -> tuple[Outcome, str]:
        # RFC 8446 §4.4: with TLS 1.3 a server's refusal arrives after the client has finished its own handshake.
        refused = self._tls is None or not self._tls.decrypted_anything
        return Outcome.TLS_HANDSHAKE_FAILED if refused else Outcome.PROTOCOL_ERROR, str(error)

    def _timeout(self) -> Outcome:
        if self._loop.time() >= self._end:
            return Outcome.TOTAL_TIMEOUT
        return _TIMEOUTS.get(self._record.phase, Outcome.REPLY_TIMEOUT)

    def _timeout_detail(self) -> str:
        if self._loop.time() >= self._end:
            return f"not over after {self._target.timeouts.total:g} s"
        return f"not complete within {_seconds(self._target.timeouts, self._record.phase):g} s"

    def _ehlo_name(self) -> str:
        if self._target.ehlo_name is not None:
            return self._target.ehlo_name
        own = self._means.machine_name
        # RFC 5321 §4.1.4: the name must be ours; servers refuse a client that comes with their own.
        if own is not None and own != ascii_name(self._target.host):
            return own
        return address_literal(self._connection.local_address)


def _seconds(timeouts: Timeouts, phase: Phase) -> float:
    if phase is Phase.GOODBYE:
        return _GOODBYE_SECONDS
    seconds: float = getattr(timeouts, _LIMITS.get(phase, "reply"))
    return seconds
