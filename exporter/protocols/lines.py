"""What a server sent, cut into lines, with a bound on everything that it can make us keep.

Lines as RFC 5321 §2.3.8 and RFC 9051 §2.2 know them, and the literals of IMAP and ManageSieve. It knows no protocol and
does not wait: what is not there yet is `None`.

A line ends at its LF. RFC 5321 §2.3.8 forbids a bare LF to those who send; here it is tolerated, since a monitor
reports on old and home-made servers as well, and nothing is relayed to anybody for whom the two could differ.
"""

# RFC 5321 §4.5.3.1.5 ends a reply line at 512 octets (RFC 1939 §3 and RFC 2449 §4 say the same of POP3). IMAP has no
# such bound and puts all its capabilities on one line. 4096 is what danecheck allows, eight times the standard.
LINE_LIMIT = 4096

# A capability list is the longest reply a dialog asks for. IANA's registry of SMTP extensions has fewer than a hundred
# entries, so an honest reply has fewer lines.
REPLY_LINES = 100

# A hundred lines of 512 octets, rounded up to a power of two.
REPLY_LIMIT = 64 * 1024

# A reply that is no longer than this, and whole, is inside every bound that there is for a line and for a reply.
SHORT_REPLY = 1024

# A session with an upgrade has four long replies: greeting, capabilities, the answer to STARTTLS, capabilities again.
SESSION_LIMIT = 4 * REPLY_LIMIT


class LimitExceeded(Exception):
    """The server sent more than an honest one would; the text says of what."""


class LineBuffer:
    """Bytes that arrived and were not used yet.

    Where it stops depends on the bytes only, never on how they were cut into segments.
    """

    __slots__ = ("_buffer", "_overflowed", "_received", "_reply_bytes", "_reply_lines", "_searched", "closed")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        self._received = 0
        self._overflowed = False
        self._reply_lines = 0
        self._reply_bytes = 0
        self.closed = False

    def feed(self, data: bytes) -> None:
        """Keep `data`, as far as the session may still receive."""
        room = SESSION_LIMIT - self._received
        if len(data) > room:
            self._overflowed = True
        self._buffer += data[:room]
        self._received += min(len(data), room)

    @property
    def unread(self) -> bytes:
        """Everything that no read has taken yet."""
        return bytes(self._buffer)

    @property
    def empty(self) -> bool:
        """Nothing waits to be read. Raises LimitExceeded where nothing more can come."""
        if self._buffer:
            return False
        self._expect_more()
        return True

    def short_reply(self) -> bytes:
        """Everything that waits, where it is no more than `SHORT_REPLY` bytes; else nothing. It stays in the buffer."""
        return bytes(self._buffer) if len(self._buffer) <= SHORT_REPLY else b""

    def take_all(self) -> None:
        """Let go of everything that waits: it was one reply, and short."""
        self._buffer.clear()
        self._searched = 0

    def whole_lines(self) -> list[bytes]:
        """The complete lines that wait to be read, without their ends; they stay in the buffer."""
        if not self._buffer:
            return []
        *whole, _ = self._buffer.split(b"\n")
        return [bytes(line).removesuffix(b"\r") for line in whole]

    def begin_reply(self) -> None:
        """Count lines and bytes of a reply from here on."""
        self._reply_lines = 0
        self._reply_bytes = 0

    def take_line(self) -> bytes | None:
        """The next line without its line end, or `None` while it is not complete.

        Raises LimitExceeded for a line, a reply or a session that is too long.
        """
        end = self._buffer.find(b"\n", self._searched, LINE_LIMIT)
        if end < 0:
            if len(self._buffer) >= LINE_LIMIT:
                raise LimitExceeded(f"a line of more than {LINE_LIMIT} bytes")
            self._searched = len(self._buffer)
            self._expect_more()
            return None
        self._reply_lines += 1
        if self._reply_lines > REPLY_LINES:
            raise LimitExceeded(f"a reply of more than {REPLY_LINES} lines")
        return self._take(end + 1)[:-1].removesuffix(b"\r")

    def take_octets(self, count: int) -> bytes | None:
        """The next `count` bytes whatever they are, or `None` while they are not all there.

        Raises LimitExceeded at once for a count that the reply has no room for: nobody waits for what would be refused.
        """
        self._check_reply(count)
        if len(self._buffer) < count:
            self._expect_more()
            return None
        return self._take(count)

    def _take(self, count: int) -> bytes:
        self._check_reply(count)
        self._reply_bytes += count
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        self._searched = 0
        return taken

    def _check_reply(self, count: int) -> None:
        if self._reply_bytes + count > REPLY_LIMIT:
            raise LimitExceeded(f"a reply of more than {REPLY_LIMIT} bytes")

    def _expect_more(self) -> None:
        if self._overflowed:
            raise LimitExceeded(f"a session of more than {SESSION_LIMIT} bytes")


def literal_size(line: bytes) -> int | None:
    """The number of bytes that follow a line ending in `{n}`, or `{n+}`; `None` where it ends otherwise.

    RFC 9051 §4.3 and RFC 5804 §1.2. A server has no use for the `+` form, which is a client's, but some write it.
    """
    opening = line.rfind(b"{")
    if opening < 0 or not line.endswith(b"}"):
        return None
    digits = line[opening + 1 : -1].removesuffix(b"+")
    # Both grammars keep a number inside 32 bits, which is ten digits.
    return int(digits) if digits.isdigit() and len(digits) <= 10 else None
