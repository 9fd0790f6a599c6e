"""The SMTP side of the friendly servers: RFC 5321 with STARTTLS (RFC 3207), for other servers or for submission.

It takes no mail and lets nobody in.
"""

import re

from exporter.demo.responder import FRIENDLY, Habits, Next, Reply

# AUTH LOGIN, which no RFC describes, asks for the user's name and then for the password, both in base64.
_LOGIN_PROMPTS = (b"334 VXNlcm5hbWU6\r\n", b"334 UGFzc3dvcmQ6\r\n")

# What Cisco's inspection leaves of a greeting, and what it makes of STARTTLS: in place, so that no length changes.
_MASKED = re.compile(rb"[^20]")
_OVERWRITTEN = b"XXXXXXXA"


class SmtpResponder:
    """RFC 5321 with STARTTLS (RFC 3207); `submission` is RFC 6409's kind, which wants a password."""

    def __init__(
        self, name: str, *, submission: bool, starttls: bool, secured: bool, habits: Habits = FRIENDLY
    ) -> None:
        self._name = name.encode()
        self._submission = submission
        self._starttls = starttls
        self._secured = secured
        self._habits = habits
        # What is still to be asked in a login that has begun.
        self._prompts: list[bytes] = []

    def greeting(self) -> bytes:
        text = self._name + b" ESMTP mailprobe demo"
        return b"220 " + (_MASKED.sub(b"*", text) if self._habits.is_overwritten else text) + b"\r\n"

    def tls_established(self) -> bytes:
        self._secured = True
        return b""

    def dismissal(self) -> bytes:
        return b"421 4.4.2 " + self._name + b" closing the connection\r\n"

    def answer(self, line: bytes) -> Reply:
        if self._prompts:
            return self._next_prompt(line)
        verb, _, argument = line.partition(b" ")
        match verb.upper():
            case b"EHLO" | b"HELO" if not argument.strip():
                return Reply(b"501 5.5.4 a name is missing\r\n")
            case b"EHLO":
                return Reply(self._capabilities())
            case b"HELO":
                return Reply(b"250 " + self._name + b"\r\n")
            case b"NOOP" | b"RSET":
                return Reply(b"250 2.0.0 ok\r\n")
            case b"QUIT":
                return Reply(b"221 2.0.0 bye\r\n", Next.CLOSE)
            # A device that hides the offer lets nobody ask for it either.
            case b"STARTTLS" if self._starttls and not self._secured and not self._habits.is_overwritten:
                return self._start_tls(argument)
            case b"AUTH" if self._offers_login:
                return self._login(argument)
            case b"MAIL":
                return Reply(self._refusal_of_mail())
            case b"RCPT" | b"DATA":
                return Reply(b"503 5.5.1 MAIL first\r\n")
            case _:
                return Reply(b"502 5.5.2 unknown command\r\n")

    @property
    def _offers_login(self) -> bool:
        # RFC 4954 §4: no password in plain text without TLS.
        return self._submission and (self._secured or self._habits.takes_passwords)

    def _capabilities(self) -> bytes:
        keyword = _OVERWRITTEN if self._habits.is_overwritten else b"STARTTLS"
        # RFC 3207 §4.2: not offered again inside TLS.
        offered = self._starttls and (not self._secured or self._habits.repeats_starttls)
        keywords = [keyword] if offered else []
        keywords += [b"AUTH PLAIN LOGIN"] if self._offers_login else []
        keywords += [b"PIPELINING", b"SIZE 52428800", b"8BITMIME", b"ENHANCEDSTATUSCODES"]
        lines = [self._name, *keywords]
        return b"".join(b"250-" + line + b"\r\n" for line in lines) + b"250 SMTPUTF8\r\n"

    def _start_tls(self, argument: bytes) -> Reply:
        # RFC 3207 §4: no argument is allowed.
        if argument.strip():
            return Reply(b"501 5.5.4 no argument is allowed\r\n")
        # RFC 3207 §4: the code of a server that cannot do it at the moment.
        if self._habits.refuses_starttls:
            return Reply(b"454 4.7.0 TLS is not available\r\n")
        return Reply(b"220 2.0.0 go ahead\r\n", Next.START_TLS)

    def _login(self, argument: bytes) -> Reply:
        mechanism, _, initial = argument.partition(b" ")
        match mechanism.upper():
            case b"PLAIN":
                self._prompts = [] if initial else [b"334 \r\n"]
            case b"LOGIN":
                self._prompts = list(_LOGIN_PROMPTS[1:] if initial else _LOGIN_PROMPTS)
            case _:
                return Reply(b"504 5.5.4 unknown mechanism\r\n")
        return Reply(self._prompts[0]) if self._prompts else Reply(self._refusal_of_login())

    def _next_prompt(self, line: bytes) -> Reply:
        # RFC 4954 §4: a lone asterisk calls the login off.
        if line.strip() == b"*":
            self._prompts.clear()
            return Reply(b"501 5.7.0 called off\r\n")
        del self._prompts[0]
        return Reply(self._prompts[0] if self._prompts else self._refusal_of_login())

    def _refusal_of_login(self) -> bytes:
        return b"535 5.7.8 nobody can log in here\r\n"

    def _refusal_of_mail(self) -> bytes:
        if not self._submission:
            return b"550 5.7.1 this server takes no mail\r\n"
        # RFC 6409 §4.3: no mail from somebody unknown.
        return b"530 5.7.0 log in first\r\n"
