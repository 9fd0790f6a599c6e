"""The POP3 side of the friendly servers: RFC 1939 with CAPA (RFC 2449) and STLS (RFC 2595), up to the login.

Every login is refused, so there is never a mailbox.
"""

from exporter.demo.responder import FRIENDLY, Habits, Next, Reply

# RFC 3206 §4: the login failed for the user's own reasons, not the server's.
_REFUSAL = b"-ERR [AUTH] nobody can log in here\r\n"


class Pop3Responder:
    """One session in POP3's AUTHORIZATION state."""

    def __init__(self, name: str, *, starttls: bool, secured: bool, habits: Habits = FRIENDLY) -> None:
        self._name = name.encode()
        self._starttls = starttls
        self._secured = secured
        self._habits = habits
        # A login has begun, and the next line is its answer.
        self._pending = False

    def greeting(self) -> bytes:
        return b"+OK " + self._name + b" mailprobe demo\r\n"

    def tls_established(self) -> bytes:
        self._secured = True
        return b""

    def dismissal(self) -> bytes:
        return b"-ERR closing the connection\r\n"

    def answer(self, line: bytes) -> Reply:
        if self._pending:
            self._pending = False
            # RFC 5034 §4: a lone asterisk calls the login off.
            return Reply(b"-ERR called off\r\n" if line.strip() == b"*" else _REFUSAL)
        command, _, argument = line.partition(b" ")
        match command.upper():
            case b"CAPA":
                return Reply(b"+OK\r\n" + self._capabilities() + b".\r\n")
            case b"QUIT":
                return Reply(b"+OK bye\r\n", Next.CLOSE)
            case b"STLS" if self._starttls and not self._secured:
                return self._start_tls()
            case b"USER" | b"AUTH" if not self._takes_passwords:
                return Reply(b"-ERR no password without TLS\r\n")
            case b"USER":
                return Reply(b"+OK\r\n")
            case b"AUTH" if argument.upper() == b"PLAIN":
                self._pending = True
                return Reply(b"+ \r\n")
            case b"PASS" | b"AUTH":
                return Reply(_REFUSAL)
            case _:
                return Reply(b"-ERR unknown command\r\n")

    def _start_tls(self) -> Reply:
        # RFC 3206 §4: the code for a trouble that will pass.
        if self._habits.refuses_starttls:
            return Reply(b"-ERR [SYS/TEMP] TLS is not available\r\n")
        return Reply(b"+OK go ahead\r\n", Next.START_TLS)

    @property
    def _takes_passwords(self) -> bool:
        # RFC 8314 §4.1: no password without TLS.
        return self._secured or self._habits.takes_passwords

    def _capabilities(self) -> bytes:
        words = [b"TOP", b"UIDL", b"RESP-CODES", b"AUTH-RESP-CODE"]
        # RFC 2595 §4: not offered again inside TLS.
        if self._starttls and (not self._secured or self._habits.repeats_starttls):
            words.append(b"STLS")
        if self._takes_passwords:
            words += [b"USER", b"SASL PLAIN"]
        return b"".join(word + b"\r\n" for word in words)
