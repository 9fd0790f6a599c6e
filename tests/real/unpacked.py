"""Programs that Debian cannot install beside the others, or that few machines have: Exim, rsyslog.

Only one mail server that offers `sendmail` can be installed, so Exim and Postfix exclude each other. A package that is
merely unpacked excludes nobody:

    apt-get download exim4-daemon-light libevent-2.1-7 libgnutls-dane0 libidn12 libunbound8 \
        rsyslog libestr0 libfastjson4 liblognorm5
    for package in *.deb; do dpkg -x "$package" FOLDER; done
    MAILPROBE_UNPACKED=FOLDER pytest tests/real

A machine that neither has the program nor names such a folder skips the test, or fails it where real servers are
required; a folder without the program fails it anyhow.
"""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.real.require import SYSTEM_FOLDERS, lack

FOLDER_VARIABLE = "MAILPROBE_UNPACKED"


@dataclass(frozen=True, slots=True)
class Program:
    """A daemon and, if it was unpacked, the folders with the libraries that came with it."""

    path: Path
    libraries: Sequence[Path] = ()

    def environment(self) -> dict[str, str]:
        """What it must be started with: this process's environment, and where its libraries are."""
        libraries = {"LD_LIBRARY_PATH": os.pathsep.join(map(str, self.libraries))} if self.libraries else {}
        return {**os.environ, **libraries}

    def plugins(self, name: str) -> Path | None:
        """The folder `name` among its libraries; `None` where it finds that by itself."""
        return next((folder / name for folder in self.libraries if (folder / name).is_dir()), None)


def find(program: str) -> Program:
    """The daemon `program`, unpacked or installed; skips or fails the test like `require` where it is neither."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder is None:
        found = shutil.which(program, path=os.pathsep.join(SYSTEM_FOLDERS))
        if found is None:
            lack(f"{program} is not installed, and {FOLDER_VARIABLE} names no folder in which it was unpacked")
        return Program(Path(found))
    path = Path(folder).resolve() / "usr" / "sbin" / program
    if not path.is_file():
        pytest.fail(f"{path} is not there, and {FOLDER_VARIABLE} says it is", pytrace=False)
    return Program(path, sorted((path.parent.parent / "lib").glob("*-linux-*")))
