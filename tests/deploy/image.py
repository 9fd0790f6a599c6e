"""The image that deploy/Containerfile makes, on a base image out of this machine's own Python.

No registry is asked, since there may be none in reach: the interpreter that runs the tests, its standard library and
the system's libraries that they load are the base. Packages are fetched outside by pip, however it is configured here,
and handed in. Debian's buildah builds, with storage of its own that vanishes with its folder.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.deploy.rules import ROOT
from tests.real.require import require, require_root

CONTAINERFILE = ROOT / "deploy" / "Containerfile"

_BASE = "localhost/python"
_IMAGE = "localhost/mailprobe"

# Some ten seconds of work on an idle machine with two cores, most of it pip's.
_LIMIT_SECONDS = 150.0

# Parts of the standard library that are large, and that neither pip nor the exporter imports.
_UNUSED = ("__pycache__", "config-*", "dist-packages", "idlelib", "lib2to3", "site-packages", "test", "tkinter")

# Where Debian keeps what ensurepip installs; other Pythons have it inside the standard library.
_DEBIAN_WHEELS = Path("/usr/share/python-wheels")

# PEP 600 and the policies that follow from it: what a wheel may take from the system, as far as ours do.
_WHEELS_MAY_LOAD = ("libc.so.6", "libdl.so.2", "libgcc_s.so.1", "libm.so.6", "libpthread.so.0", "librt.so.1")

# What every image of Python has besides: a shell for RUN, and the roots of the public authorities.
_BESIDES = (Path("/bin/sh"), Path("/etc/ssl/certs/ca-certificates.crt"))


@dataclass(frozen=True, slots=True)
class Image:
    """What was built: the container's root, unpacked, and the image's configuration as Docker writes it."""

    root: Path
    config: dict[str, Any]


def built(folder: Path) -> Image:
    """Build it; everything is written into `folder`."""
    require_root()
    buildah = _Buildah(require("buildah", "buildah"), folder / "storage")
    base, wheels = folder / "base", folder / "wheels"
    collect_python(base)
    buildah.commit(base, _BASE)
    shutil.rmtree(base)
    download_wheels(wheels)
    pip = folder / "pip.conf"
    pip.write_text("[global]\nno-index = true\nfind-links = /wheels\n")
    # Only Docker's format knows a health check.
    buildah(
        *("build", "--isolation=chroot", "--format=docker", f"--tag={_IMAGE}"),
        *(f"--file={CONTAINERFILE}", f"--ignorefile={CONTAINERFILE}.dockerignore"),
        *(f"--build-arg=BASE_IMAGE={_BASE}", f"--secret=id=pip,src={pip}", f"--volume={wheels}:/wheels:ro"),
        str(ROOT),
    )
    container = buildah("from", "--pull-never", _IMAGE)
    config = json.loads(buildah("inspect", "--type=image", _IMAGE))["Docker"]["config"]
    return Image(Path(buildah("mount", container)), config)


class _Buildah:
    """The program with its storage; files are copied, not overlaid, which works on every machine."""

    def __init__(self, program: str, storage: Path) -> None:
        self._command = (program, f"--root={storage}", f"--runroot={storage}.run", "--storage-driver=vfs")

    def __call__(self, *arguments: str) -> str:
        return _run(*self._command, *arguments)

    def commit(self, folder: Path, name: str) -> None:
        """Make an image of a folder."""
        container = self("from", "scratch")
        self("add", "--quiet", container, str(folder), "/")
        self("config", "--env=PATH=/usr/local/bin:/usr/bin:/bin", container)
        self("commit", "--quiet", "--rm", container, name)


def collect_python(root: Path) -> None:
    """This interpreter and whatever it loads, each at its own place under `root`, as `python` in the PATH."""
    program, library = Path(sys.executable).resolve(), Path(os.__file__).parent
    modules = library.glob("lib-dynload/*.so")
    for path in {program, library, *_BESIDES, *libraries_of(program, *modules), *_wheel_folders()}:
        place = root / path.relative_to("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, place, symlinks=True, ignore=shutil.ignore_patterns(*_UNUSED))
        else:
            shutil.copy2(path, place)
    command = root / "usr" / "local" / "bin" / "python"
    command.parent.mkdir(parents=True, exist_ok=True)
    command.symlink_to(program)
    for name in ("dev", "proc", "sys", "tmp"):
        (root / name).mkdir()
    (root / "tmp").chmod(0o1777)


def _wheel_folders() -> list[Path]:
    return [_DEBIAN_WHEELS] if _DEBIAN_WHEELS.is_dir() else []


def libraries_of(*programs: Path) -> set[Path]:
    """The shared libraries that these load, and those that wheels rely on."""
    # "libm.so.6 => /lib/libm.so.6 (0x…)", or for the loader just "/lib64/ld-linux-x86-64.so.2 (0x…)".
    loaded = re.findall(r"(/\S+) \(0x", _run("ldd", *map(str, programs)))
    # The machine's own kind of library stands before those of others.
    known = re.findall(r"(\S+) \(.*\) => (/\S+)", _run(require("ldconfig", "libc-bin"), "-p"))
    places = dict(reversed(known))
    return {Path(path) for path in (*loaded, *(places[name] for name in _WHEELS_MAY_LOAD))}


def download_wheels(folder: Path) -> None:
    """Fetch the wheels of all that the project needs to be built and to run."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    needed = (*project["build-system"]["requires"], *project["project"]["dependencies"])
    options = ("--quiet", "--disable-pip-version-check", "--only-binary=:all:", f"--dest={folder}")
    _run(sys.executable, "-m", "pip", "download", *options, *needed)


def _run(*command: str) -> str:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_LIMIT_SECONDS, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout.strip()
