"""The ManageSieve side of the friendly servers: RFC 5804 up to the login, which is refused."""

from exporter.demo.responder import FRIENDLY, Habits, Next, Reply


class SieveResponder:
    """One session that never gets past the login."""

    def __init__(self, name: str, *, starttls: bool, secured: bool, habits: Habits = FRIENDLY) -> None:
        self._name = name.encode()
        self._starttls = starttls
        self._secured = secured
        self._habits = habits
        # A login has begun, and the next line is its answer.
        self._pending = False
        # A line that goes on in a literal, up to where the literal begins.
        self._begun = b""

    def greeting(self) -> bytes:
        return self._capabilities()

    def tls_established(self) -> bytes:
        # RFC 5804 §2.2: told again unasked, since nothing from before TLS counts any more.
        self._secured = True
        return self._capabilities()

    def dismissal(self) -> bytes:
        return b'BYE "closing the connection"\r\n'

    def answer(self, line: bytes) -> Reply:
        line, self._begun = self._begun + line, b""
        # RFC 5804 §4: a literal follows without being asked for; of a password in base64 it is one line.
        if line.endswith(b"+}"):
            self._begun = line[: line.rfind(b"{")]
            return Reply(b"")
        if self._pending:
            self._pending = False
            return Reply(b'NO "nobody can log in here"\r\n')
        command, _, argument = line.partition(b" ")
        match command.upper():
            case b"CAPABILITY":
                return Reply(self._capabilities())
            case b"NOOP":
                return Reply(b'OK "done"\r\n')
            case b"LOGOUT":
                return Reply(b'OK "bye"\r\n', Next.CLOSE)
            case b"STARTTLS" if self._starttls and not self._secured:
                return self._start_tls()
            case b"AUTHENTICATE" if not self._takes_passwords:
                # RFC 5804 §1.3: the code for a login that needs encryption.
                return Reply(b'NO (ENCRYPT-NEEDED) "no password without TLS"\r\n')
            case b"AUTHENTICATE" if b" " not in argument.strip():
                self._pending = True
                return Reply(b'""\r\n')
            case b"AUTHENTICATE":
                return Reply(b'NO "nobody can log in here"\r\n')
            case _:
                return Reply(b'NO "unknown command"\r\n')

    def _start_tls(self) -> Reply:
        # RFC 5804 §1.3: the code for a trouble that will pass.
        if self._habits.refuses_starttls:
            return Reply(b'NO (TRYLATER) "TLS is not available"\r\n')
        return Reply(b'OK "go ahead"\r\n', Next.START_TLS)

    @property
    def _takes_passwords(self) -> bool:
        return self._secured or self._habits.takes_passwords

    def _capabilities(self) -> bytes:
        # RFC 5804 §1.7: IMPLEMENTATION, SASL, SIEVE and VERSION are required; no mechanism is told before TLS.
        lines = [b'"IMPLEMENTATION" "mailprobe demo"', b'"SASL" "PLAIN"' if self._takes_passwords else b'"SASL" ""']
        lines += [b'"SIEVE" "fileinto reject"', b'"VERSION" "1.0"']
        # RFC 5804 §2.2: not offered again inside TLS.
        if self._starttls and (not self._secured or self._habits.repeats_starttls):
            lines.append(b'"STARTTLS"')
        return b"".join(line + b"\r\n" for line in lines) + b'OK "' + self._name + b' ready"\r\n'
