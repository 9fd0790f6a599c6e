"""A friendly mail server on one port, and the few ways in which a demo's server is less than friendly.

Real mail clients can talk to it as far as the login. It is a toy all the same: every session is bounded in time, in
silence and in the number of its commands, and `listener` bounds how many there are and where they may come from.
"""

import asyncio
from collections.abc import Mapping
from enum import Enum, auto

from exporter.demo.connection import Connection, HandshakeFailed, LineTooLong, PeerGone
from exporter.demo.imap import ImapResponder
from exporter.demo.pop3 import Pop3Responder
from exporter.demo.responder import FRIENDLY, Habits, Next, Responder
from exporter.demo.scripted import Sleep
from exporter.demo.sieve import SieveResponder
from exporter.demo.smtp import SmtpResponder
from exporter.demo.tls import ServerTls
from exporter.targets import Protocol, Service, TlsMode

# A person who types commands by hand takes no longer; real servers wait five minutes (RFC 5321 §4.5.3.2.7).
IDLE_SECONDS = 60.0
# Five times the longest probe that mailprobe's own limits allow.
SESSION_SECONDS = 300.0
# A login with everything before it takes a client about ten.
COMMANDS = 100

# Longer than any healthy greeting takes and half of postscreen's usual wait of 6 s, so that nobody waits for a demo.
GREETING_DELAY = 3.0


# What somebody between slips in behind a server's answer to STARTTLS.
INJECTION = b"these words are not encrypted\r\n"


class Manner(Enum):
    """How a server receives its clients.

    HESITANT         the first line of the greeting at once and the last one after `GREETING_DELAY`, as postscreen does
    OVERLOADED       421 instead of a greeting, which is an end
    OVERWRITTEN      as seen through a device that writes asterisks over the greeting and X over STARTTLS
    FORGETFUL        offers STARTTLS to its first client and to nobody after it
    REFUSING         offers STARTTLS and refuses it when asked
    BREAKING         agrees to STARTTLS, and no handshake succeeds
    INJECTED         as seen through somebody who adds words in the clear to the answer to STARTTLS
    REPEATING        offers STARTTLS inside TLS again
    CARELESS         takes passwords before TLS
    PREAUTHENTICATED takes everybody for somebody who has logged in
    """

    PROMPT = auto()
    HESITANT = auto()
    OVERLOADED = auto()
    OVERWRITTEN = auto()
    FORGETFUL = auto()
    REFUSING = auto()
    BREAKING = auto()
    INJECTED = auto()
    REPEATING = auto()
    CARELESS = auto()
    PREAUTHENTICATED = auto()


_HABITS: Mapping[Manner, Habits] = {
    Manner.OVERWRITTEN: Habits(is_overwritten=True),
    Manner.REFUSING: Habits(refuses_starttls=True),
    Manner.REPEATING: Habits(repeats_starttls=True),
    Manner.CARELESS: Habits(takes_passwords=True),
    Manner.PREAUTHENTICATED: Habits(preauthenticates=True),
}


class FriendlyServer:
    """The server's side of every connection to one port; `serve` is what a listener calls.

    name             the host name it gives itself
    service          of the well-known port whose part it plays, wherever it listens
    offers_starttls  False: an upgrade that clients expect is gone
    manner           HESITANT, OVERLOADED and OVERWRITTEN on SMTP alone, PREAUTHENTICATED on IMAP alone
    sleep, idle      of tests: how the delay passes, and seconds of silence before a client is sent away
    """

    def __init__(
        self,
        name: str,
        service: Service,
        tls: ServerTls,
        *,
        offers_starttls: bool = True,
        manner: Manner = Manner.PROMPT,
        sleep: Sleep = asyncio.sleep,
        idle: float = IDLE_SECONDS,
    ) -> None:
        self._name = name
        self._service = service
        # A server without a certificate has no cipher in common with anybody.
        self._tls = ServerTls() if manner is Manner.BREAKING else tls
        self._offers_starttls = offers_starttls and service.tls is TlsMode.STARTTLS
        self._manner = manner
        self._habits = _HABITS.get(manner, FRIENDLY)
        self._sleep = sleep
        self._idle = idle

    async def serve(self, connection: Connection) -> None:
        """Talk until either side has had enough."""
        try:
            async with asyncio.timeout(SESSION_SECONDS):
                await self._converse(connection)
        except (PeerGone, HandshakeFailed, TimeoutError):
            # A client that goes, refuses our certificate or stays too long is its own business.
            return

    async def _converse(self, connection: Connection) -> None:
        if self._service.tls is TlsMode.IMPLICIT:
            await connection.start_tls(self._tls)
        responder = self._responder()
        if self._manner is Manner.FORGETFUL:
            self._offers_starttls = False
        if await self._greet(connection, responder):
            for _ in range(COMMANDS):
                if not await self._answer(connection, responder):
                    break
            else:
                await connection.send(responder.dismissal())
        await connection.finish()

    def _responder(self) -> Responder:
        starttls, secured, habits = self._offers_starttls, self._service.tls is TlsMode.IMPLICIT, self._habits
        match self._service.protocol:
            case Protocol.SMTP:
                # RFC 6409 §3.1: port 25 is where other servers bring mail, and users have ports of their own.
                submission = self._service.port != 25
                return SmtpResponder(
                    self._name, submission=submission, starttls=starttls, secured=secured, habits=habits
                )
            case Protocol.IMAP:
                return ImapResponder(self._name, starttls=starttls, secured=secured, habits=habits)
            case Protocol.POP3:
                return Pop3Responder(self._name, starttls=starttls, secured=secured, habits=habits)
            case Protocol.SIEVE:
                return SieveResponder(self._name, starttls=starttls, secured=secured, habits=habits)

    async def _greet(self, connection: Connection, responder: Responder) -> bool:
        """Say hello; False if that was all."""
        if self._manner is Manner.OVERLOADED:
            await connection.send(f"421 4.3.2 {self._name} too many connections, come back later\r\n".encode())
            return False
        if self._manner is Manner.HESITANT:
            # RFC 5321 §4.2: a greeting may have several lines, and only the one without the hyphen ends it.
            await connection.send(f"220-{self._name} please wait to be greeted\r\n".encode())
            await self._sleep(GREETING_DELAY)
        await connection.send(responder.greeting())
        return True

    async def _answer(self, connection: Connection, responder: Responder) -> bool:
        """Read one line and answer it; False if the session is over."""
        try:
            async with asyncio.timeout(self._idle):
                line = await connection.read_line()
        except (TimeoutError, LineTooLong):
            await connection.send(responder.dismissal())
            return False
        reply = responder.answer(line.rstrip(b"\r\n"))
        if reply.data:
            injected = reply.next is Next.START_TLS and self._manner is Manner.INJECTED
            await connection.send(reply.data + (INJECTION if injected else b""))
        if reply.next is Next.START_TLS:
            await connection.start_tls(self._tls)
            if unasked := responder.tls_established():
                await connection.send(unasked)
        return reply.next is not Next.CLOSE
