"""What a test on a real server needs of the machine: a program that is installed, and root.

A machine without it skips the test and says what to install. Where `MAILPROBE_REQUIRE_REAL=1` is set, as in CI, the
same lack fails the test: a promise that was not tested must not look kept. Installs nothing itself.
"""

import os
import shutil
from typing import NoReturn

import pytest

REQUIRED_VARIABLE = "MAILPROBE_REQUIRE_REAL"

# Daemons and their control programs live here, and the PATH of an ordinary login does not always name these folders.
SYSTEM_FOLDERS = ("/usr/sbin", "/sbin", "/usr/local/sbin")


def require(program: str, package: str) -> str:
    """The path of `program`; skips the test, or fails it where real servers are required, if it is not installed.

    `package` is the Debian package that brings it.
    """
    found = shutil.which(program, path=os.pathsep.join((os.environ.get("PATH", os.defpath), *SYSTEM_FOLDERS)))
    if found is None:
        lack(f"{program} is not installed: apt-get install {package}")
    return found


def require_file(path: str, package: str) -> str:
    """`path` itself; skips or fails like `require` if that file, which the Debian `package` brings, is not there."""
    if not os.path.isfile(path):
        lack(f"{path} is not there: apt-get install {package}")
    return path


def require_root() -> None:
    """Skips or fails like `require` unless root runs the tests: mail servers start as root and give that up later."""
    if os.geteuid() != 0:
        lack("real mail servers can only be started by root: run the tests as root")


def lack(what: str) -> NoReturn:
    """Skip the test for want of `what`, or fail it where real servers are required."""
    if os.environ.get(REQUIRED_VARIABLE) == "1":
        pytest.fail(f"{what} ({REQUIRED_VARIABLE}=1 forbids to skip)", pytrace=False)
    pytest.skip(what)
