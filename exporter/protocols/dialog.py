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
"""

from collections.abc import Generator
from dataclasses import dataclass

from exporter.results import Outcome, Phase


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

Script = Generator[Action, None, None]
