"""The IMAP side of the friendly servers: RFC 9051 up to the login, which is refused.

Literals are refused as well, which a server may do.
"""

from exporter.demo.responder import FRIENDLY, Habits, Next, Reply


class ImapResponder:
    """RFC 9051, not authenticated: LOGINDISABLED before TLS, and every login refused inside it."""

    def __init__(self, name: str, *, starttls: bool, secured: bool, habits: Habits = FRIENDLY) -> None:
        self._name = name.encode()
        self._starttls = starttls
        self._secured = secured
        self._habits = habits
        # The tag of a login that has begun.
        self._pending: bytes | None = None

    def greeting(self) -> bytes:
        # RFC 9051 §7.1.4: PREAUTH, for whom no login is needed any more.
        word = b"PREAUTH" if self._habits.preauthenticates else b"OK"
        return b"* " + word + b" [CAPABILITY " + self._capabilities() + b"] " + self._name + b" mailprobe demo\r\n"

    def tls_established(self) -> bytes:
        self._secured = True
        return b""

    def dismissal(self) -> bytes:
        return b"* BYE closing the connection\r\n"

    def answer(self, line: bytes) -> Reply:
        if self._pending is not None:
            tag, self._pending = self._pending, None
            # RFC 9051 §6.2.2: a lone asterisk calls the login off.
            return Reply(tag + (b" BAD called off\r\n" if line.strip() == b"*" else self._refusal))
        tag, command, argument = [*line.split(maxsplit=2), b"", b"", b""][:3]
        if not tag or not command:
            return Reply(b"* BAD a tag and a command are missing\r\n")
        # RFC 9051 §4.3: a server may refuse a literal instead of asking for it.
        if line.endswith(b"}"):
            return Reply(tag + b" BAD no literals here\r\n")
        return self._command(tag, command.upper(), argument)

    def _command(self, tag: bytes, command: bytes, argument: bytes) -> Reply:
        match command:
            case b"CAPABILITY":
                return Reply(b"* CAPABILITY " + self._capabilities() + b"\r\n" + tag + b" OK done\r\n")
            case b"NOOP":
                return Reply(tag + b" OK done\r\n")
            case b"ID":
                return Reply(b"* ID NIL\r\n" + tag + b" OK done\r\n")
            case b"LOGOUT":
                return Reply(b"* BYE until next time\r\n" + tag + b" OK done\r\n", Next.CLOSE)
            # RFC 9051 §6.2: these three belong to the state before a login.
            case b"STARTTLS" | b"LOGIN" | b"AUTHENTICATE" if self._habits.preauthenticates:
                return Reply(tag + b" BAD you are logged in already\r\n")
            case b"STARTTLS" if self._starttls and not self._secured:
                return self._start_tls(tag)
            case b"LOGIN" | b"AUTHENTICATE" if not self._takes_passwords:
                # RFC 5530 §3: the code for a login that needs encryption.
                return Reply(tag + b" NO [PRIVACYREQUIRED] no password without TLS\r\n")
            case b"AUTHENTICATE" if b" " not in argument:
                self._pending = tag
                return Reply(b"+ \r\n")
            case b"LOGIN" | b"AUTHENTICATE":
                return Reply(tag + self._refusal)
            case _:
                return Reply(tag + b" BAD unknown command\r\n")

    def _start_tls(self, tag: bytes) -> Reply:
        # RFC 5530 §3: the code for something that is not there for now.
        if self._habits.refuses_starttls:
            return Reply(tag + b" NO [UNAVAILABLE] TLS is not available\r\n")
        return Reply(tag + b" OK go ahead\r\n", Next.START_TLS)

    @property
    def _takes_passwords(self) -> bool:
        # RFC 9051 §6.2.3: no plain text login before TLS.
        return self._secured or self._habits.takes_passwords

    @property
    def _refusal(self) -> bytes:
        return b" NO [AUTHENTICATIONFAILED] nobody can log in here\r\n"

    def _capabilities(self) -> bytes:
        words = [b"IMAP4rev1", b"ID", b"SASL-IR"]
        if not self._habits.preauthenticates:
            # RFC 9051 §6.2.1: not offered again inside TLS.
            if self._starttls and (not self._secured or self._habits.repeats_starttls):
                words.append(b"STARTTLS")
            words.append(b"AUTH=PLAIN" if self._takes_passwords else b"LOGINDISABLED")
        return b" ".join(words)
