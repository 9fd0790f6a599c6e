"""The images that a registry would bring, as far as this machine's programs can stand in for them.

No registry is asked, since there may be none in reach. The Python is the one that runs the tests, with the packages
that pip needs beside it; Prometheus and Alertmanager are Debian's, and older than their names here say. Nobody
packages Grafana: what stands in for it serves the files that Grafana would read, from the places where it looks.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.deploy.engine import Engine
from tests.deploy.image import collect_python, download_wheels, libraries_of
from tests.real.require import require, require_file

# Where Debian's Alertmanager finds what its messages look like; the one of the image has it inside.
_TEMPLATES = Path("/usr/share/prometheus/alertmanager")

# User "nobody", as in the images of Prometheus and Grafana.
_NOBODY = "USER 65534:65534"


@dataclass(frozen=True, slots=True)
class Contents:
    """What an image is made of: its files, and what it says beside them, as in a Containerfile."""

    folder: Path
    instructions: Sequence[str]

    def bring(self, engine: Engine, name: str) -> None:
        """Make the image; its files are not needed any more."""
        options = " ".join(f"--change '{instruction}'" for instruction in self.instructions)
        engine.run(f"tar --create --directory='{self.folder}' . | docker import {options} - {name}")
        shutil.rmtree(self.folder)


def python(folder: Path) -> Contents:
    """The base of the exporter's own image. Its pip finds packages inside, as there is no network to fetch them."""
    collect_python(folder)
    download_wheels(folder / "wheels")
    (folder / "etc" / "pip.conf").write_text("[global]\nno-index = true\nfind-links = /wheels\n")
    return Contents(folder, ("ENV PATH=/usr/local/bin:/usr/bin:/bin",))


def prometheus(folder: Path) -> Contents:
    """Debian's, at the place where the image of the Prometheus project has its own."""
    return _server(folder, "prometheus", require("prometheus", "prometheus"))


def alertmanager(folder: Path) -> Contents:
    """Debian's, at the place where the image of the Prometheus project has its own."""
    program = require("prometheus-alertmanager", "prometheus-alertmanager")
    shutil.copytree(_TEMPLATES, folder / _TEMPLATES.relative_to("/"))
    return _server(folder, "alertmanager", program)


def files_of_grafana(folder: Path) -> Contents:
    """A web server for /etc/grafana."""
    _busybox(folder, "httpd", "wget")
    for place in ("etc/grafana", "var/lib/grafana"):
        (folder / place).mkdir(parents=True)
    start = 'ENTRYPOINT ["/bin/httpd", "-f", "-p", "3000", "-h", "/etc/grafana"]'
    return Contents(folder, (_NOBODY, "ENV PATH=/bin", start))


def _server(folder: Path, name: str, program: str) -> Contents:
    """A program, the libraries that it loads, and a volume of its name."""
    for library in libraries_of(Path(program)):
        _copy(library, folder / library.relative_to("/"))
    _copy(Path(program), folder / "bin" / name)
    _busybox(folder, "wget")
    (folder / name).mkdir()
    # A new volume takes over the mode of the folder that it is mounted on.
    (folder / name).chmod(0o777)
    start = f'ENTRYPOINT ["/bin/{name}"]'
    return Contents(folder, (_NOBODY, f"WORKDIR /{name}", "ENV PATH=/bin", start, f"VOLUME /{name}"))


def _busybox(folder: Path, *names: str) -> None:
    for name in names:
        _copy(Path(require_file("/bin/busybox", "busybox-static")), folder / "bin" / name)


def _copy(source: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, place)
