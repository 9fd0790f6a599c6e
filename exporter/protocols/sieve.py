"""ManageSieve without logging in: greeting, STARTTLS, the new capabilities, LOGOUT (RFC 5804).

The greeting is the capability list, so nothing has to be asked before TLS. It never sends AUTHENTICATE or anything
about a script.
"""

import re
from dataclasses import dataclass

from exporter.protocols.capability import Capabilities, capability, reveals_password
from exporter.protocols.dialog import Dialog, Enter, Fault, Reading, Script, quoted
from exporter.protocols.lines import literal_size
from exporter.protocols.transcript import visible
from exporter.results import Capability, Findings, Outcome, Phase
from exporter.targets import TlsMode

# RFC 5804 §4: a quoted string, a parenthesis or a word. Applied to one complete and bounded line, never to a buffer;
# its alternatives exclude one another, so it cannot backtrack.
_TOKEN = re.compile(rb'"((?:[^"\\]|\\.)*)"|([()])|([^\s"()]+)|\s+', re.DOTALL)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a parenthesis or, with `string`, the content of a string."""

    text: bytes
    string: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """OK, NO or BYE, the response code in upper case (empty: none), the human text, and the list before it."""

    word: bytes
    code: str
    text: bytes
    listed: Capabilities

    def __str__(self) -> str:
        code = f"({self.code}) " if self.code else ""
        return quoted(self.word + b" " + code.encode("ascii", "replace") + self.text)


class SieveDialog(Dialog):
    """One ManageSieve session."""

    def __init__(self, *, tls: TlsMode) -> None:
        super().__init__(tls=tls, secured=tls is TlsMode.IMPLICIT)

    def _greeting(self) -> Reading[Capabilities]:
        answer = yield from self._answer(malformed=Outcome.GREETING_INVALID)
        self._findings = Findings(greeting=visible(answer.text))
        if answer.word != b"OK":
            # RFC 5804 §1.3: TRYLATER is a server in trouble for now; what follows a slash need not be understood.
            temporary = answer.code.partition("/")[0] == "TRYLATER"
            outcome = Outcome.GREETING_REJECTED_TEMPORARILY if temporary else Outcome.GREETING_REJECTED
            raise Fault(outcome, f"greeted with {answer}", in_step=True)
        return answer.listed

    def _capabilities(self, phase: Phase) -> Reading[Capabilities]:
        # RFC 5804 §2.2: after the handshake the server sends its list again, unasked. A client that asks beside it
        # would have two answers to one command; whoever drives the dialog bounds the wait.
        yield Enter(phase)
        self._awaited = "the capabilities inside TLS"
        answer = yield from self._answer()
        if answer.word != b"OK":
            raise Fault(Outcome.PROTOCOL_ERROR, f"{answer} instead of {self._awaited}", in_step=True)
        return answer.listed

    def _request_tls(self) -> Script:
        yield from self._command("STARTTLS", Phase.STARTTLS)
        answer = yield from self._answer()
        if answer.word != b"OK":
            raise Fault(Outcome.STARTTLS_REJECTED, f"{answer} as {self._awaited}", in_step=True)

    def _leave(self) -> Script:
        yield self._say("LOGOUT")
        yield from self._answer()

    def _cleartext_auth(self, listed: Capabilities) -> bool:
        return any(reveals_password(offered.parameters) for offered in listed if offered.name == "SASL")

    def _comes_unasked(self, line: bytes) -> bool:
        # RFC 5804 §1.2: a server that must close says BYE at any time; it then stands for the next answer.
        return line[:3].upper() == b"BYE"

    def _answer(self, malformed: Outcome = Outcome.PROTOCOL_ERROR) -> Reading[Answer]:
        """Everything up to OK, NO or BYE; `malformed` is what to call something else."""
        self._lines.begin_reply()
        listed: list[Capability] = []
        while True:
            line = yield from self._line()
            tokens = yield from self._response(line, malformed)
            if tokens and tokens[0].string and tokens[0].text:
                # RFC 5804 §1.7: a name and, in one string, its words.
                words = [word for token in tokens[1:] for word in token.text.split()]
                listed.append(capability(tokens[0].text, *words))
            elif tokens and not tokens[0].string and tokens[0].text.upper() in (b"OK", b"NO", b"BYE"):
                return _answer(tokens, tuple(listed))
            else:
                raise self._nonsense(line, malformed)

    def _response(self, line: bytes, malformed: Outcome) -> Reading[list[Token]]:
        """The response that begins with `line`: that line, or several that literals hold together."""
        tokens: list[Token] = []
        while True:
            size = literal_size(line)
            found = _tokens(line if size is None else line[: line.rfind(b"{")])
            if found is None:
                raise Fault(malformed, f"an open quotation mark in {quoted(line)} instead of {self._awaited}")
            tokens += found
            if size is None:
                return tokens
            tokens.append(Token((yield from self._octets(size)), string=True))
            line = yield from self._line()


def _tokens(line: bytes) -> list[Token] | None:
    """The tokens of a line; `None` where a quotation mark is left open."""
    tokens: list[Token] = []
    position = 0
    while position < len(line):
        match = _TOKEN.match(line, position)
        if match is None:
            return None
        position = match.end()
        quotation, parenthesis, word = match.groups()
        if quotation is not None:
            tokens.append(Token(_ESCAPED.sub(rb"\1", quotation), string=True))
        elif parenthesis or word:
            tokens.append(Token(parenthesis or word, string=False))
    return tokens


def _answer(tokens: list[Token], listed: Capabilities) -> Answer:
    """The final response of an answer: a word, perhaps a code in parentheses, perhaps a text (RFC 5804 §4)."""
    word, *rest = tokens
    coded = len(rest) > 1 and rest[0] == Token(b"(", string=False) and not rest[1].string
    code = visible(rest[1].text.upper()) if coded else ""
    text = rest[-1].text if rest and rest[-1].string else b""
    return Answer(word.text.upper(), code, text, listed)
