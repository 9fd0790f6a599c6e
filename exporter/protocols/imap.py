"""IMAP without logging in: greeting, CAPABILITY, STARTTLS, CAPABILITY again, LOGOUT (RFC 9051, RFC 3501).

It never sends LOGIN, AUTHENTICATE or anything about a mailbox. A list in the greeting saves asking for it, except after
STARTTLS. Of untagged data it uses CAPABILITY and BYE and passes over the rest, literals included: a server may send
what it likes before the tagged answer, and a literal read as lines could look like that answer.
"""

from dataclasses import dataclass, replace

from exporter.protocols.capability import Capabilities, capability, lists, reveals_password
from exporter.protocols.dialog import Dialog, Fault, Reading, Script, quoted
from exporter.protocols.lines import literal_size
from exporter.protocols.transcript import visible
from exporter.results import Findings, Outcome, Phase
from exporter.targets import TlsMode

# RFC 9051 §7.1: the responses whose text is free, and which can hold no literal.
STATUSES = frozenset({b"OK", b"NO", b"BAD", b"PREAUTH", b"BYE"})


@dataclass(frozen=True, slots=True)
class Response:
    """What follows the tag: a word in upper case and the rest, of which a response code is already taken off."""

    word: bytes
    code: bytes
    text: bytes

    def listed(self) -> Capabilities | None:
        """The capabilities in it, as data or as a response code; `None` where there are none."""
        name, _, words = (self.code if self.word in STATUSES else self.word + b" " + self.text).partition(b" ")
        if name.upper() != b"CAPABILITY":
            return None
        return tuple(capability(word) for word in words.split())


class ImapDialog(Dialog):
    """One IMAP session."""

    def __init__(self, *, tls: TlsMode) -> None:
        super().__init__(tls=tls, secured=tls is TlsMode.IMPLICIT)
        self._tag = b""
        self._commands = 0

    def _greeting(self) -> Reading[Capabilities | None]:
        self._lines.begin_reply()
        line = yield from self._line()
        tag, _, rest = line.partition(b" ")
        response = _response(rest)
        # RFC 9051 §7.1: a greeting is OK, PREAUTH or BYE, untagged.
        if tag != b"*" or response.word not in (b"OK", b"PREAUTH", b"BYE"):
            raise self._nonsense(line, Outcome.GREETING_INVALID)
        self._findings = Findings(greeting=visible(response.text))
        if response.word == b"BYE":
            # RFC 5530 §3: a part of the server is down for now.
            temporary = response.code.upper() == b"UNAVAILABLE"
            outcome = Outcome.GREETING_REJECTED_TEMPORARILY if temporary else Outcome.GREETING_REJECTED
            raise Fault(outcome, f"greeted with {quoted(line)}", in_step=True)
        self._findings = replace(self._findings, preauthenticated=response.word == b"PREAUTH")
        return response.listed()

    def _capabilities(self, phase: Phase) -> Reading[Capabilities]:
        listed = yield from self._ask("CAPABILITY", phase, rejected=Outcome.PROTOCOL_ERROR)
        # RFC 9051 §6.1.1: one untagged CAPABILITY before the tagged OK; some send it as a response code of that OK.
        if listed is None:
            raise Fault(Outcome.PROTOCOL_ERROR, f"no list in {self._awaited}", in_step=True)
        return listed

    def _request_tls(self) -> Script:
        # RFC 9051 §6.2.1: NO and BAD refuse. What capabilities come with the answer is not protected and not used.
        yield from self._ask("STARTTLS", Phase.STARTTLS, rejected=Outcome.STARTTLS_REJECTED)

    def _leave(self) -> Script:
        yield self._say(self._next("LOGOUT"))
        yield from self._answer()

    def _cleartext_auth(self, listed: Capabilities) -> bool | None:
        # Nobody logs in to a session that is authenticated already, so its list does not say whether one could.
        if self._findings.preauthenticated:
            return None
        # RFC 9051 §6.2.3: a server that takes no password now says LOGINDISABLED and lists no such mechanism.
        mechanisms = (offered.name.removeprefix("AUTH=") for offered in listed if offered.name.startswith("AUTH="))
        return not lists(listed, "LOGINDISABLED") or reveals_password(mechanisms)

    def _comes_unasked(self, line: bytes) -> bool:
        # RFC 9051 §7: untagged data may come at any time.
        return line.startswith(b"* ")

    def _next(self, command: str) -> str:
        """`command` with a tag that this session has not used yet (RFC 9051 §2.2.1)."""
        self._commands += 1
        self._tag = b"a%d" % self._commands
        return f"a{self._commands} {command}"

    def _ask(self, command: str, phase: Phase, rejected: Outcome) -> Reading[Capabilities | None]:
        """Send a command that must be answered OK; the capabilities that came with the answer, if any."""
        yield from self._command(self._next(command), phase)
        response, listed = yield from self._answer()
        if response.word != b"OK":
            answer = quoted(response.word + b" " + response.text)
            raise Fault(rejected, f"{answer} as {self._awaited}", in_step=True)
        return listed

    def _answer(self) -> Reading[tuple[Response, Capabilities | None]]:
        """The tagged answer to the last command, and the last list of capabilities up to and in it."""
        self._lines.begin_reply()
        listed = None
        while True:
            line = yield from self._response_line()
            tag, _, rest = line.partition(b" ")
            response = _response(rest)
            tagged = tag == self._tag and response.word in (b"OK", b"NO", b"BAD")
            if not tagged and (tag != b"*" or not response.word):
                raise Fault(Outcome.PROTOCOL_ERROR, f"{quoted(line)} instead of {self._awaited}")
            found = response.listed()
            listed = listed if found is None else found
            if tagged:
                return response, listed
            if response.word == b"BYE":
                self._last_words = line

    def _response_line(self) -> Reading[bytes]:
        """A response up to its first literal; the literals and what stands between and behind them are passed over."""
        first = tail = yield from self._line()
        tag, _, rest = first.partition(b" ")
        if tag == b"*" and _response(rest).word not in STATUSES:
            while (size := literal_size(tail)) is not None:
                yield from self._octets(size)
                tail = yield from self._line()
        return first


def _response(rest: bytes) -> Response:
    """A response without its tag."""
    word, _, text = rest.partition(b" ")
    code = b""
    # RFC 9051 §7.1: a status may carry a response code in brackets before its text.
    if word.upper() in STATUSES and text.startswith(b"[") and b"]" in text:
        code, _, text = text[1:].partition(b"]")
    return Response(word.upper(), code, text.lstrip())
