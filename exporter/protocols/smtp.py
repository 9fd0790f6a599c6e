"""SMTP as a client that delivers nothing: greeting, EHLO, STARTTLS, EHLO again, QUIT (RFC 5321, RFC 3207).

Serves delivery (25) and submission (465, 587) alike. It never sends MAIL, RCPT or AUTH, and never two commands at once.

    answer to    goes on with      refused, in step    out of step
    (greeting)   220               4xx, 5xx, 2xx, 3xx  no reply at all, mixed codes
    EHLO, HELO   250               4xx, 5xx            the same, and any other 2xx or 3xx
    STARTTLS     220               4xx, 5xx            the same, and any other 2xx or 3xx
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from exporter.protocols.capability import Capabilities, capability, reveals_password
from exporter.protocols.dialog import Dialog, Fault, Reading, Script, quoted
from exporter.protocols.lines import REPLY_LINES
from exporter.protocols.transcript import visible
from exporter.results import Findings, Outcome, Phase
from exporter.targets import TlsMode

# RFC 5321 §4.5.3.1.2: a domain has at most 255 octets.
NAME_LIMIT = 255

# RFC 1870 §3: the size that a client may declare has at most twenty digits, so no limit needs more.
SIZE_DIGITS = 20

# RFC 5321 §3.2 has a client fall back to HELO when EHLO is not recognized; of the codes in §4.2.2, these two say that
# the command is unknown. The others refuse this client or its name, and would refuse its HELO as well.
EHLO_UNKNOWN = frozenset({500, 502})

# In the first line of a reply a server names itself; behind it stands what a thousand others say alike. To know that
# again, instead of reading it line by line, halves the processor time of the whole dialog (measured: an upgrade, thirty
# lines). Each has 1 KiB at most: with what is read from them, these take 16 MB at the very most.
REMEMBERED_REPLIES = 4096

# RFC 5321 §4.2.1: three digits, the first one of which is 2 to 5, then the end, a space or a hyphen, and a text.
_REPLY_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply: the code, which decides, and the text of each line, which is for people."""

    code: int
    texts: tuple[bytes, ...]

    @property
    def text(self) -> bytes:
        """The text of all lines."""
        return b" ".join(self.texts)

    @property
    def refused(self) -> bool:
        """A 4xx or 5xx, known or not: RFC 5321 §4.2 has unknown codes read by their first digit."""
        return self.code >= 400

    def __str__(self) -> str:
        return quoted(b"%d %s" % (self.code, self.text))


@dataclass(frozen=True, slots=True)
class _Whole:
    """A reply, and its lines without their ends."""

    reply: Reply
    lines: tuple[bytes, ...]


class SmtpDialog(Dialog):
    """One SMTP session."""

    def __init__(self, *, ehlo_name: str, tls: TlsMode) -> None:
        """`ehlo_name` is a domain or an address literal; ValueError for what would break the command line."""
        if (
            not (ehlo_name.isascii() and ehlo_name.isprintable() and 0 < len(ehlo_name) <= NAME_LIMIT)
            or " " in ehlo_name
        ):
            raise ValueError(f"not a name for EHLO: {ehlo_name!r}")
        super().__init__(tls=tls, secured=tls is TlsMode.IMPLICIT)
        self._ehlo_name = ehlo_name

    def _greeting(self) -> Reading[Capabilities | None]:
        reply = yield from self._reply(malformed=Outcome.GREETING_INVALID)
        self._findings = Findings(greeting_code=reply.code, greeting=visible(reply.text))
        # RFC 5321 §4.3.1: 220 is the greeting. RFC 5321 §3.1, §3.8 and RFC 7504 §3: 554, 421 and 521 are the refusals.
        if reply.code == 220:
            return None
        outcome = Outcome.GREETING_INVALID
        if reply.refused:
            temporary = reply.code < 500
            outcome = Outcome.GREETING_REJECTED_TEMPORARILY if temporary else Outcome.GREETING_REJECTED
        raise Fault(outcome, f"greeted with {reply}", in_step=True)

    def _capabilities(self, phase: Phase) -> Reading[Capabilities]:
        yield from self._command(f"EHLO {self._ehlo_name}", phase)
        reply = yield from self._reply()
        # A server that gave a list before TLS knows EHLO; there, an unknown EHLO is a fault and no old server.
        if reply.code in EHLO_UNKNOWN and self._findings.capabilities is None:
            yield from self._command(f"HELO {self._ehlo_name}")
            reply = yield from self._reply()
            self._expect(250, reply, Outcome.EHLO_REJECTED)
            return ()
        self._expect(250, reply, Outcome.EHLO_REJECTED)
        # RFC 5321 §4.1.1.1: the first line names the server; every other one is a keyword and its parameters.
        return _listed(reply.texts[1:])

    def _request_tls(self) -> Script:
        yield from self._command("STARTTLS", Phase.STARTTLS)
        reply = yield from self._reply()
        # RFC 3207 §4: 220, 501 or 454.
        self._expect(220, reply, Outcome.STARTTLS_REJECTED)

    def _leave(self) -> Script:
        yield self._say("QUIT")
        yield from self._reply()

    def _message_size_limit(self, listed: Capabilities) -> int | None:
        sizes = [offered.parameters[0] for offered in listed if offered.name == "SIZE" and offered.parameters]
        # RFC 1870 §3: zero, like no parameter, is 'no fixed limit'.
        limit = int(sizes[0]) if sizes and sizes[0].isdigit() and len(sizes[0]) <= SIZE_DIGITS else 0
        return limit or None

    def _cleartext_auth(self, listed: Capabilities) -> bool:
        # RFC 4954 §3 has mechanisms as parameters. `AUTH=LOGIN`, older than any standard, is still listed beside it.
        return any(
            reveals_password((offered.name.removeprefix("AUTH="), *offered.parameters))
            for offered in listed
            if offered.name == "AUTH" or offered.name.startswith("AUTH=")
        )

    def _comes_unasked(self, line: bytes) -> bool:
        # RFC 5321 §3.8: a server that must shut down says 421 at any time; it then stands for the next reply.
        return line.startswith(b"421")

    def _reply(self, malformed: Outcome = Outcome.PROTOCOL_ERROR) -> Reading[Reply]:
        """A whole reply, however many lines; `malformed` is what to call something else."""
        self._lines.begin_reply()
        while self._lines.empty:
            yield from self._more()
        whole = _whole_reply(self._lines.short_reply())
        if whole is not None:
            self._lines.take_all()
            self._transcript.extend(whole.lines, sent=False, secured=self._secured)
            return whole.reply
        return (yield from self._reply_by_lines(malformed))

    def _reply_by_lines(self, malformed: Outcome) -> Reading[Reply]:
        """A reply that comes in pieces, is long, is wrong or has something behind it."""
        texts: list[bytes] = []
        code = b""
        while True:
            line = yield from self._line()
            parts = _REPLY_LINE.fullmatch(line)
            if parts is None:
                raise self._nonsense(line, malformed)
            former, (code, separator, text) = code, parts.groups(b"")
            # RFC 5321 §4.2.1: every line of a reply carries the same code.
            if texts and code != former:
                raise Fault(malformed, f"{quoted(line)} inside a reply that began with {visible(former)}")
            texts.append(text)
            # RFC 5321 §4.2.1: a hyphen announces more lines, and the last may be the bare code.
            if separator != b"-":
                return Reply(int(code), tuple(texts))

    def _expect(self, code: int, reply: Reply, rejected: Outcome) -> None:
        if reply.code == 421:
            # RFC 5321 §3.8: the server shuts down or has enough of us, whatever it was asked.
            raise Fault(Outcome.GREETING_REJECTED_TEMPORARILY, f"{reply} as {self._awaited}", in_step=True)
        if reply.refused:
            raise Fault(rejected, f"{reply} as {self._awaited}", in_step=True)
        # Another positive code is most likely the answer to something else, such as a second greeting.
        if reply.code != code:
            raise Fault(Outcome.PROTOCOL_ERROR, f"{reply} as {self._awaited}")


def _whole_reply(data: bytes) -> _Whole | None:
    """The one reply that `data` is; `None` where it is anything else, or there are faults in it for others to name."""
    first, ended, behind = data.partition(b"\n")
    line = first.removesuffix(b"\r")
    parts = _REPLY_LINE.fullmatch(line) if ended else None
    if parts is None:
        return None
    code, separator, text = parts.groups(b"")
    # RFC 5321 §4.2.1: a hyphen announces more lines.
    if separator != b"-":
        return None if behind else _Whole(Reply(int(code), (text,)), (line,))
    others = _other_lines(behind)
    # RFC 5321 §4.2.1: every line of a reply carries the same code.
    if others is None or others.reply.code != int(code):
        return None
    return _Whole(Reply(others.reply.code, (text, *others.reply.texts)), (line, *others.lines))


@lru_cache(maxsize=REMEMBERED_REPLIES)
def _other_lines(data: bytes) -> _Whole | None:
    """The lines behind the first one, which have the form of a reply themselves; `None` likewise."""
    *ended, rest = data.split(b"\n")
    lines = tuple(line.removesuffix(b"\r") for line in ended)
    read = [parts.groups(b"") for line in lines if (parts := _REPLY_LINE.fullmatch(line)) is not None]
    if rest or not read or len(read) != len(lines) or len(lines) >= REPLY_LINES:
        return None
    codes, separators, texts = zip(*read, strict=True)
    if len(set(codes)) > 1 or separators[-1] == b"-" or any(separator != b"-" for separator in separators[:-1]):
        return None
    return _Whole(Reply(int(codes[0]), texts), lines)


@lru_cache(maxsize=REMEMBERED_REPLIES)
def _listed(texts: tuple[bytes, ...]) -> Capabilities:
    """The capabilities in the lines of an answer to EHLO."""
    return tuple(capability(*words) for text in texts if (words := text.split()))
