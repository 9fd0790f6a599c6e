"""Documents in gzip (RFC 1952), compressed as they are made: what is not whole yet need not be kept whole.

By ISA-L at its level 1, which takes a sixth of the time of zlib's level 1 and a fourteenth of its usual level 6; the
result is an eighth and a third larger (measured on 100,000 series, 14 MB: 3.6, 21 and 51 ms; 502, 443 and 381 KB).
"""

from collections.abc import Iterable
from io import BytesIO

from isal import isal_zlib

_LEVEL = 1
# What RFC 1952 wants around the data, in zlib's terms.
_GZIP = 31


class Compression:
    """One document. Safe in another thread, one call at a time, and lets other threads run meanwhile."""

    def __init__(self) -> None:
        self._compressor = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, _GZIP)
        self._compressed = BytesIO()

    def add(self, pieces: Iterable[bytes]) -> None:
        """Append these to the document."""
        for piece in pieces:
            self._compressed.write(self._compressor.compress(piece))

    def end(self) -> bytes:
        """The document, to which nothing can be added any more."""
        self._compressed.write(self._compressor.flush())
        return self._compressed.getvalue()
