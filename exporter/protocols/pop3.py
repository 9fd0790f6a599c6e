"""POP3 without logging in: greeting, CAPA, STLS, CAPA again, QUIT (RFC 1939, RFC 2449, RFC 2595).

It never sends USER, PASS, APOP or AUTH, so that no mailbox is opened.
"""

from typing import ClassVar

from exporter.protocols.capability import Capabilities, capability, lists, reveals_password
from exporter.protocols.dialog import Dialog, Fault, Reading, Script, quoted
from exporter.protocols.transcript import visible
from exporter.results import Findings, Outcome, Phase
from exporter.targets import TlsMode

# RFC 3206 §4 (SYS/TEMP) and RFC 2449 §8.1 (LOGIN-DELAY, IN-USE): later would be better.
TEMPORARY_CODES = ("SYS/TEMP", "LOGIN-DELAY", "IN-USE")


class Pop3Dialog(Dialog):
    """One POP3 session."""

    starttls_name: ClassVar[str] = "STLS"

    def __init__(self, *, tls: TlsMode) -> None:
        super().__init__(tls=tls, secured=tls is TlsMode.IMPLICIT)

    def _greeting(self) -> Reading[Capabilities | None]:
        positive, text = yield from self._status(malformed=Outcome.GREETING_INVALID)
        code, words = _split_code(text)
        self._findings = Findings(greeting=visible(words))
        if not positive:
            # RFC 2449 §8: a code may go on after a slash, and whoever does not know the rest uses what it knows.
            temporary = any(code == known or code.startswith(known + "/") for known in TEMPORARY_CODES)
            outcome = Outcome.GREETING_REJECTED_TEMPORARILY if temporary else Outcome.GREETING_REJECTED
            raise Fault(outcome, f"greeted with {quoted(b'-ERR ' + text)}", in_step=True)
        return None

    def _capabilities(self, phase: Phase) -> Reading[Capabilities | None]:
        yield from self._command("CAPA", phase)
        positive, _ = yield from self._status()
        # RFC 2449 §5: -ERR is a server that does not know CAPA. RFC 2595 §4: then it has no STLS either.
        if not positive:
            return None
        listed = []
        # RFC 1939 §3: a lone dot ends the list, and a line that begins with a dot has got one more.
        while (line := (yield from self._line())) != b".":
            if words := line.removeprefix(b".").split():
                listed.append(capability(*words))
        return tuple(listed)

    def _request_tls(self) -> Script:
        yield from self._command("STLS", Phase.STARTTLS)
        positive, text = yield from self._status()
        if not positive:
            raise Fault(Outcome.STARTTLS_REJECTED, f"{quoted(b'-ERR ' + text)} as {self._awaited}", in_step=True)

    def _leave(self) -> Script:
        yield self._say("QUIT")
        yield from self._status()

    def _cleartext_auth(self, listed: Capabilities) -> bool:
        # RFC 2449 §6.2 (USER) and RFC 5034 §3 (SASL): the two ways to hand over a password.
        return lists(listed, "USER") or any(
            reveals_password(offered.parameters) for offered in listed if offered.name == "SASL"
        )

    def _status(self, malformed: Outcome = Outcome.PROTOCOL_ERROR) -> Reading[tuple[bool, bytes]]:
        """Whether the answer is positive, and its text; `malformed` is what to call something else."""
        self._lines.begin_reply()
        line = yield from self._line()
        indicator, _, text = line.partition(b" ")
        # RFC 1939 §3 wants upper case; here any case will do, since it is plain what is meant.
        match indicator.upper():
            case b"+OK":
                return True, text
            case b"-ERR":
                return False, text
        raise self._nonsense(line, malformed)


def _split_code(text: bytes) -> tuple[str, bytes]:
    """The response code in brackets (RFC 2449 §8) in upper case, or nothing, and the text behind it."""
    if text.startswith(b"[") and b"]" in text:
        code, _, words = text[1:].partition(b"]")
        return visible(code.upper()), words.lstrip()
    return "", text
