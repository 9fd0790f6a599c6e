"""What a friendly mail server is made of, whatever its protocol: lines come in, replies go out.

The responders (`smtp`, `imap`, `pop3`, `sieve`) do no I/O. Mail clients can connect, upgrade to TLS, ask for
capabilities and try to log in; every login is refused, and no message is taken or given.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol


class Next(Enum):
    """What the server does after a reply was sent."""

    READ = auto()
    START_TLS = auto()
    CLOSE = auto()


@dataclass(frozen=True, slots=True)
class Habits:
    """What a server does that none should, or that is done to it on the way.

    takes_passwords    before TLS as well, where there are logins at all
    refuses_starttls   when it is asked for what it offers
    repeats_starttls   offers it inside TLS again
    preauthenticates   IMAP alone: everybody is taken for somebody who has logged in
    is_overwritten     SMTP alone: a device between writes asterisks over the greeting and X over STARTTLS
    """

    takes_passwords: bool = False
    refuses_starttls: bool = False
    repeats_starttls: bool = False
    preauthenticates: bool = False
    is_overwritten: bool = False


FRIENDLY = Habits()


@dataclass(frozen=True, slots=True)
class Reply:
    """Bytes for the client, and what comes next."""

    data: bytes
    next: Next = Next.READ


class Responder(Protocol):
    """The server's side of one session."""

    def greeting(self) -> bytes:
        """What is said first."""

    def answer(self, line: bytes) -> Reply:
        """The reply to a line (without its end)."""

    def tls_established(self) -> bytes:
        """TLS was established after `START_TLS`; returns what is said unasked inside it."""

    def dismissal(self) -> bytes:
        """The last word to a client that has to go."""
