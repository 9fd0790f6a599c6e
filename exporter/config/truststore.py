"""The file with the trusted roots: that it is there, can be read and holds a certificate.

What the certificates are worth is for the probe to say; here a missing file is found before the first alert.
"""

import os
from pathlib import Path

from exporter.config.cursor import Cursor
from exporter.config.fault import visible
from exporter.config.kind import Kind, read_text

# A bundle of every public root is about 220 kB; ten megabytes are no bundle.
MAX_BYTES = 10_000_000

# RFC 7468 §5.1: the label of a certificate in a PEM file.
_BEGIN = b"-----BEGIN CERTIFICATE-----"


def _complaint(path: Path) -> str | None:
    try:
        # A pipe or a device could be read for ever.
        if not path.is_file():
            return "is no file" if path.exists() else "does not exist"
        with path.open("rb") as file:
            held = file.read(MAX_BYTES)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return None if _BEGIN in held else "holds no certificate in PEM form"


def _read(at: Cursor) -> str | None:
    written = read_text(at, "the path of a PEM file")
    if written is None:
        return None
    # Relative to the file it is written in, and absolute from here on: a reload must not depend on where it happens.
    path = Path(os.path.abspath(at.source.folder / written))
    if (wrong := _complaint(path)) is not None:
        at.fault(f"{visible(str(path))} {wrong}")
        return None
    return str(path)


TRUST_STORE: Kind[str] = Kind(_read, {"type": "string", "minLength": 1})
