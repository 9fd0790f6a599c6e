"""The core of every dialog: bytes in, actions out, no I/O.

A dialog is fed what the server sent and asked what to do next. It never waits, never reads a clock and never touches a
socket: whoever drives it does. Two rules hold for this folder: nothing here imports asyncio, ssl, socket, time or
logging, and nothing here knows what should be found, only what was.

How to drive one:

    dialog = smtp.SmtpDialog(ehlo_name="monitor.example.org", tls=TlsMode.STARTTLS)
    while not isinstance(action := dialog.next_action(), Finished):
        Enter(phase)      a stage begins; its time limit starts now, and the stage before it is complete
        Send(data)        write these bytes
        NeedData()        read, then `dialog.receive(data)`, or `dialog.receive_eof()` at the end of the stream
        StartTls()        do the handshake on this connection, then `dialog.tls_established()`
        Fail(…)           the session failed in this stage; go on, since the dialog may still be in step for a goodbye

`dialog.findings()` may be asked for at any time, also after the driver gave up. Bytes that arrived with the positive
answer to STARTTLS are the dialog's: it refuses to go on instead of parsing them as if they had been encrypted (RFC 3207
§4.2, RFC 9051 §6.2.1).

A protocol is a script, a generator that yields actions; its reads yield `NeedData` until they have what they want. What
ends a session early is a `Fault`, raised wherever it is noticed and turned into `Fail` in one place. A fault in step
(the server refused in good form) still gets a goodbye; one out of step (what arrived cannot be matched to what was
asked) does not.

Complete lines that wait when we are about to speak belong to no command: the dialog is out of step, and the next answer
could be somebody else's. Excepted is what a protocol lets a server say unasked. A goodbye is sent all the same: nothing
depends on its answer.
"""

from abc import ABC, abstractmethod
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import ClassVar, Final, TypeVar

from exporter.protocols.capability import Capabilities, lists
from exporter.protocols.greeting import speaker
from exporter.protocols.lines import LimitExceeded, LineBuffer
from exporter.protocols.transcript import Transcript, visible
from exporter.results import Findings, Outcome, Phase, TranscriptLine
from exporter.targets import TlsMode


@dataclass(frozen=True, slots=True)
class Enter:
    """A stage begins."""

    phase: Phase


@dataclass(frozen=True, slots=True)
class Send:
    """Bytes for the server."""

    data: bytes


@dataclass(frozen=True, slots=True)
class NeedData:
    """Nothing to do before the server has said more."""


@dataclass(frozen=True, slots=True)
class StartTls:
    """The server is ready: hand the connection to TLS now."""


@dataclass(frozen=True, slots=True)
class Fail:
    """The session failed. The first one counts; a goodbye may still follow."""

    outcome: Outcome
    detail: str


@dataclass(frozen=True, slots=True)
class Finished:
    """Nothing more to say; close the connection."""


Action = Enter | Send | NeedData | StartTls | Fail | Finished

# Both are said at every wait; one of each is enough.
_NEED_DATA: Final = NeedData()
_FINISHED: Final = Finished()

Script = Generator[Action, None, None]

T = TypeVar("T")

# A part of a script that comes back with something.
Reading = Generator[Action, None, T]

# A quotation inside a detail: enough to recognise a line, short enough for a log.
QUOTE_LIMIT = 120


def quoted(data: bytes) -> str:
    """What a server sent, as a detail shows it."""
    return f"<{visible(data, QUOTE_LIMIT)}>"


class Fault(Exception):
    """The session cannot go on; `in_step` says whether a goodbye would still be understood."""

    def __init__(self, outcome: Outcome, detail: str, *, in_step: bool = False) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.detail = detail
        self.in_step = in_step


class Dialog(ABC):
    """One session, from the greeting to the goodbye; the protocols fill in the steps.

    With `secured` the handshake is done before the first byte. `tls` says whether an offered upgrade is taken.
    """

    starttls_name: ClassVar[str] = "STARTTLS"

    def __init__(self, *, tls: TlsMode, secured: bool) -> None:
        self._tls = tls
        self._secured = secured
        self._lines = LineBuffer()
        self._transcript = Transcript()
        self._findings = Findings()
        self._awaited = "the greeting"
        self._last_words = b""
        self._leftover = b""
        self._script = self._run()

    def next_action(self) -> Action:
        """What to do next. While nothing has happened the answer stays the same."""
        return next(self._script, _FINISHED)

    def receive(self, data: bytes) -> None:
        """Take what the server sent; inside TLS, decrypted. Not between StartTls and `tls_established()`."""
        self._lines.feed(data)

    def receive_eof(self) -> None:
        """The server will send no more."""
        self._lines.closed = True

    def tls_established(self) -> None:
        """The handshake that StartTls asked for is done."""
        self._leftover = self._lines.unread
        self._secured = True

    def findings(self) -> Findings:
        """What is known so far."""
        return self._findings

    @property
    def transcript(self) -> tuple[TranscriptLine, ...]:
        """What was said so far, safe to show."""
        return self._transcript.lines()

    @property
    def unread(self) -> bytes:
        """What arrived and was not used: half a line, or what made no sense."""
        return self._lines.unread

    @abstractmethod
    def _greeting(self) -> Reading[Capabilities | None]:
        """Read the greeting; what it announces, or `None` where capabilities must be asked for."""

    @abstractmethod
    def _capabilities(self, phase: Phase) -> Reading[Capabilities | None]:
        """Enter `phase` and get the list; `None` where the server has none."""

    @abstractmethod
    def _request_tls(self) -> Script:
        """Enter `Phase.STARTTLS`, ask for the upgrade and read a positive answer."""

    @abstractmethod
    def _leave(self) -> Script:
        """Say goodbye and read the answer."""

    @abstractmethod
    def _cleartext_auth(self, listed: Capabilities) -> bool | None:
        """Whether a password would be accepted now, before TLS."""

    def _message_size_limit(self, listed: Capabilities) -> int | None:
        """The bytes that a message may have at most, where the protocol has a word for it."""
        return None

    def _comes_unasked(self, line: bytes) -> bool:
        """Whether a server may say this when nobody asked."""
        return False

    def _run(self) -> Script:
        # The exceptions themselves are let go: kept, they would hold this frame, and it them.
        fail, in_step = None, True
        try:
            yield from self._session()
        except LimitExceeded as limit:
            fail, in_step = Fail(Outcome.REPLY_TOO_LONG, f"{limit} instead of {self._awaited}"), False
        except Fault as fault:
            fail, in_step = Fail(fault.outcome, fault.detail), fault.in_step
        if fail is not None:
            yield fail
        if in_step:
            yield Enter(Phase.GOODBYE)
            # Exchange closes right after QUIT: whatever happens now says nothing about the service.
            with suppress(Fault, LimitExceeded):
                yield from self._leave()

    def _session(self) -> Script:
        announced = yield from self._greeting()
        if announced is None:
            yield from self._learn()
        else:
            self._note(announced)
        # RFC 9051 §7.1.4: whoever is authenticated already cannot ask for TLS any more.
        if self._tls is TlsMode.STARTTLS and self._findings.starttls_advertised and not self._findings.preauthenticated:
            yield from self._upgrade()
            # RFC 3207 §4.2, RFC 9051 §6.2.1, RFC 2595 §4, RFC 5804 §2.2: what was said before TLS counts no more.
            yield from self._learn()

    def _learn(self) -> Script:
        self._note((yield from self._capabilities(Phase.CAPABILITIES_TLS if self._secured else Phase.CAPABILITIES)))

    def _note(self, listed: Capabilities | None) -> None:
        """Keep a list; `None` is a server that answered and has no such list, and so no upgrade either."""
        capabilities = listed or ()
        offered = lists(capabilities, self.starttls_name)
        limit = self._message_size_limit(capabilities)
        if self._secured:
            self._findings = replace(
                self._findings,
                capabilities_tls=capabilities,
                starttls_offered_again=offered,
                message_size_limit=limit,
            )
        else:
            self._findings = replace(
                self._findings,
                capabilities=capabilities,
                starttls_advertised=offered,
                cleartext_auth=None if listed is None else self._cleartext_auth(listed),
                message_size_limit=limit,
            )

    def _upgrade(self) -> Script:
        yield from self._request_tls()
        self._refuse_plaintext(self._lines.unread)
        while not self._secured:
            yield StartTls()
        self._refuse_plaintext(self._leftover)

    def _refuse_plaintext(self, leftover: bytes) -> None:
        # RFC 9051 §6.2.1: these bytes were not protected by TLS and must never be taken for what was.
        if leftover:
            detail = f"{len(leftover)} bytes in the clear after {self._awaited}: {quoted(leftover)}"
            raise Fault(Outcome.STARTTLS_PLAINTEXT_INJECTED, detail)

    def _command(self, line: str, phase: Phase | None = None) -> Script:
        """Send one command, at the beginning of `phase` where it is given; the next reply belongs to it."""
        surplus = [waiting for waiting in self._lines.whole_lines() if not self._comes_unasked(waiting)]
        if surplus:
            raise Fault(Outcome.PROTOCOL_ERROR, f"the server spoke before {line} was sent: {quoted(surplus[0])}")
        if phase is not None:
            yield Enter(phase)
        yield self._say(line)

    def _say(self, line: str) -> Send:
        self._awaited = f"the answer to {line}"
        data = line.encode("ascii")
        self._transcript.add(data, sent=True, secured=self._secured)
        return Send(data + b"\r\n")

    def _line(self) -> Reading[bytes]:
        """One line without its end; a fault at the end of the stream."""
        while (line := self._lines.take_line()) is None:
            yield from self._more()
        self._transcript.add(line, sent=False, secured=self._secured)
        return line

    def _octets(self, count: int) -> Reading[bytes]:
        """A literal's bytes; a fault at the end of the stream."""
        while (octets := self._lines.take_octets(count)) is None:
            yield from self._more()
        self._transcript.add(octets, sent=False, secured=self._secured)
        return octets

    def _nonsense(self, line: bytes, outcome: Outcome) -> Fault:
        """The fault of a line that this protocol does not know."""
        language = speaker(line)
        hint = f", which is {language}" if language else ""
        return Fault(outcome, f"{quoted(line)} instead of {self._awaited}{hint}")

    def _more(self) -> Script:
        if self._lines.closed:
            said = self._last_words or self._lines.unread
            detail = f"closed instead of {self._awaited}" + (f", after {quoted(said)}" if said else "")
            raise Fault(Outcome.CLOSED_EARLY, detail)
        yield _NEED_DATA
