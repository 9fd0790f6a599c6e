"""The table of the house: who may import whom, who owns which library, and the few rules that no other tool checks."""

import ast
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# The data's way; the last ones join the parts.
ROOMS = (
    *("targets", "results", "batch", "cycles", "config", "protocols", "probe", "schedule"),
    *("judgement", "metrics", "web", "demo", "check", "log", "journal", "daemon", "cli"),
)

OWNERS = {
    "OpenSSL": {"probe.tls", "probe.certificate", "demo", "web"},
    "aiohttp": {"web"},
    "bcrypt": {"web"},
    "cryptography": {"probe.tls", "probe.certificate", "demo", "web"},
    "dns": {"probe.resolve"},
    "idna": {"config.hostname", "probe.certificate.names"},
    "isal": {"metrics"},
    "jinja2": {"web"},
    "markupsafe": {"web"},
    "prometheus_client": {"metrics", "web"},
    "rich": {"check"},
    "ssl": {"probe.tls", "probe.certificate", "demo", "web"},
    "yaml": {"config"},
}

FORBIDDEN_IN_PROTOCOLS = {"asyncio", "ssl", "socket", "time", "logging"}

MAY_PRINT = {"cli", "check.command"}

# Names that say nothing about what belongs there, so that everything does.
NAMELESS = {"base", "common", "helper", "helpers", "manager", "misc", "util", "utils"}

MOST_LINES = 400


@dataclass(frozen=True)
class Module:
    """`name` without the package's own in front: `probe.tls`, and the empty text for the package itself."""

    name: str
    source: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.source)

    def imports(self) -> Iterator[str]:
        """The full names of everything that is imported anywhere in it."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                where = "." * node.level + (node.module or "")
                # Without the names, `from exporter import cli` would be an import of the package alone.
                yield from (f"{where}.{alias.name}" if where == "exporter" else where for alias in node.names)

    def inside(self, places: Iterable[str]) -> bool:
        """It is one of `places`, or in one of them."""
        return any(self.name == place or self.name.startswith(f"{place}.") for place in places)


@cache
def package() -> tuple[Module, ...]:
    """Every module of the package."""
    folder = ROOT / "exporter"
    return tuple(
        Module(".".join(file.relative_to(folder).with_suffix("").parts).removesuffix("__init__").rstrip("."), text)
        for file in sorted(folder.rglob("*.py"))
        for text in [file.read_text(encoding="utf-8")]
    )


Rule = Callable[[Module], Iterator[str]]


def imports_up_the_list(module: Module) -> Iterator[str]:
    own = module.name.split(".")[0]
    for imported in module.imports():
        if imported.startswith("."):
            yield f"{imported} is relative"
        elif imported.split(".")[0] == "exporter":
            room = imported.split(".")[1] if "." in imported else ""
            if room not in ROOMS or own not in ROOMS or ROOMS.index(room) > ROOMS.index(own):
                yield f"{imported} is not up the list"


def libraries_have_owners(module: Module) -> Iterator[str]:
    for library in {imported.split(".")[0] for imported in module.imports()} - {"exporter", ""}:
        if library in OWNERS:
            if not module.inside(OWNERS[library]):
                yield f"{library} belongs to {', '.join(sorted(OWNERS[library]))}"
        elif library not in sys.stdlib_module_names:
            yield f"{library} has no owner"


def protocols_do_no_io(module: Module) -> Iterator[str]:
    if module.inside({"protocols"}):
        for imported in module.imports():
            if imported.split(".")[0] in FORBIDDEN_IN_PROTOCOLS:
                yield f"{imported} in protocols"


def nobody_else_prints(module: Module) -> Iterator[str]:
    if module.name not in MAY_PRINT:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Name) and node.id == "print":
                yield f"print in line {node.lineno}"


def a_module_says_what_it_is_for(module: Module) -> Iterator[str]:
    # An empty file only makes a folder a package.
    if module.tree.body and not ast.get_docstring(module.tree):
        yield "no docstring"


def a_module_has_a_noun(module: Module) -> Iterator[str]:
    yield from (f"a module called {part}" for part in module.name.split(".") if part in NAMELESS)


def a_module_is_short(module: Module) -> Iterator[str]:
    lines = len(module.source.splitlines())
    if lines > MOST_LINES:
        yield f"{lines} lines"


RULES: tuple[Rule, ...] = (
    imports_up_the_list,
    libraries_have_owners,
    protocols_do_no_io,
    nobody_else_prints,
    a_module_says_what_it_is_for,
    a_module_has_a_noun,
    a_module_is_short,
)


def broad_handlers(modules: Iterable[Module]) -> list[str]:
    """Where every exception is caught and kept. One that is raised again at the end of the handler passes through."""
    return [
        module.name
        for module in modules
        for node in ast.walk(module.tree)
        if (isinstance(node, ast.ExceptHandler) and _catches_all(node.type) and not _raises_again(node.body))
        or (isinstance(node, ast.Call) and _name(node.func) == "suppress" and any(map(_catches_all, node.args)))
    ]


def _catches_all(caught: ast.expr | None) -> bool:
    if isinstance(caught, ast.Tuple):
        return any(map(_catches_all, caught.elts))
    return caught is None or _name(caught) in {"Exception", "BaseException"}


def _raises_again(body: list[ast.stmt]) -> bool:
    return isinstance(body[-1], ast.Raise) and body[-1].exc is None


def _name(expression: ast.expr) -> str:
    return expression.attr if isinstance(expression, ast.Attribute) else getattr(expression, "id", "")


def folders(names: Iterable[str]) -> set[str]:
    """The packages that hold modules of these names, where `probe.__init__` is called `probe`."""
    return {"exporter", *(f"exporter.{name.rpartition('.')[0]}" for name in names if "." in name)}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_package_keeps_the_rule(rule: Rule) -> None:
    assert [f"{module.name}: {fault}" for module in package() for fault in rule(module)] == []


def test_one_handler_in_the_whole_package_catches_everything() -> None:
    assert broad_handlers(package()) == ["probe.prober"]


def test_every_folder_of_the_package_is_packed() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]

    assert set(listed) == folders(module.name for module in package())
    assert len(listed) == len(set(listed))


def test_the_rooms_are_those_there_are() -> None:
    assert {module.name.split(".")[0] for module in package()} - {""} == set(ROOMS)


DOCUMENTED = '"""A module."""\n'

BROKEN = {
    "down the list": (imports_up_the_list, "probe.session", "from exporter.metrics.store import Store"),
    "down among the joining modules": (imports_up_the_list, "log", "import exporter.cli"),
    "the command line as a name": (imports_up_the_list, "web.server", "from exporter import cli"),
    "the whole package": (imports_up_the_list, "web.server", "import exporter"),
    "a room nobody knows": (imports_up_the_list, "web.server", "from exporter.attic import box"),
    "from a room nobody knows": (imports_up_the_list, "attic", "from exporter.targets import Target"),
    "relative": (imports_up_the_list, "probe.session", "from . import tls"),
    "inside a function": (imports_up_the_list, "targets", "def late():\n    import exporter.results"),
    "for types alone": (imports_up_the_list, "config.load", "if TYPE_CHECKING:\n    import exporter.web.view"),
    "yaml": (libraries_have_owners, "schedule.agenda", "import yaml"),
    "dns": (libraries_have_owners, "probe.names", "import dns.resolver"),
    "prometheus_client": (libraries_have_owners, "daemon", "from prometheus_client import CollectorRegistry"),
    "ssl": (libraries_have_owners, "probe.transport", "import ssl"),
    "OpenSSL": (libraries_have_owners, "probe.session", "from OpenSSL import SSL"),
    "cryptography": (libraries_have_owners, "config.truststore", "from cryptography import x509"),
    "aiohttp": (libraries_have_owners, "cli", "import aiohttp"),
    "rich": (libraries_have_owners, "cli", "from rich.console import Console"),
    "a room with a longer name": (libraries_have_owners, "website", "import aiohttp"),
    "a library without an owner": (libraries_have_owners, "probe.resolve", "import requests"),
    "a clock in a dialog": (protocols_do_no_io, "protocols.smtp", "from time import monotonic"),
    "a loop in a dialog": (protocols_do_no_io, "protocols.imap", "import asyncio.streams"),
    "print": (nobody_else_prints, "check.report", "print('hello')"),
    "print handed on": (nobody_else_prints, "log", "write = print"),
    "no docstring": (a_module_says_what_it_is_for, "probe.tls", "VERSION = 1"),
    "a comment instead": (a_module_says_what_it_is_for, "probe.tls", "# What it is for.\nVERSION = 1"),
    "utils": (a_module_has_a_noun, "probe.utils", DOCUMENTED),
    "a folder called common": (a_module_has_a_noun, "common.socket", DOCUMENTED),
    "too long": (a_module_is_short, "probe.tls", DOCUMENTED + "VERSION = 1\n" * MOST_LINES),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_rule_that_is_broken_is_noticed(broken: str) -> None:
    rule, name, source = BROKEN[broken]

    assert len(list(rule(Module(name, source)))) == 1


KEPT = {
    "up the list": (imports_up_the_list, "metrics.store", "from exporter.judgement.expectation import judge"),
    "the same room": (imports_up_the_list, "probe.session", "from exporter.probe.tls import TlsClient"),
    "the joining module": (imports_up_the_list, "cli", "from exporter import log"),
    "a folder that owns": (libraries_have_owners, "probe.certificate.facts", "from cryptography import x509"),
    "the standard library": (libraries_have_owners, "schedule.agenda", "import heapq"),
    "a loop elsewhere": (protocols_do_no_io, "probe.session", "import asyncio"),
    "a console's own print": (nobody_else_prints, "check.report", "console.print('hello')"),
    "an empty file": (a_module_says_what_it_is_for, "probe", ""),
    "just short enough": (a_module_is_short, "probe.tls", "VERSION = 1\n" * MOST_LINES),
}


@pytest.mark.parametrize("kept", KEPT)
def test_a_rule_that_is_kept_is_left_in_peace(kept: str) -> None:
    rule, name, source = KEPT[kept]

    assert list(rule(Module(name, source))) == []


@pytest.mark.parametrize(
    ("handler", "broad"),
    [
        ("except Exception as error:\n    note(error)", True),
        ("except BaseException:\n    pass", True),
        ("except:\n    pass", True),
        ("except (OSError, Exception):\n    pass", True),
        ("except builtins.Exception:\n    raise Other from None", True),
        ("finally:\n    contextlib.suppress(Exception)", True),
        ("except BaseException:\n    close()\n    raise", False),
        ("except (OSError, ValueError):\n    pass", False),
        ("finally:\n    suppress(OSError)", False),
    ],
    ids=[
        "exception",
        "base exception",
        "bare",
        "one of several",
        "by its full name",
        "suppressed",
        "raised again",
        "named",
        "named and suppressed",
    ],
)
def test_a_handler_of_everything_is_noticed_and_no_other(handler: str, broad: bool) -> None:
    assert bool(broad_handlers([Module("web.page", f"try:\n    work()\n{handler}\n")])) is broad


def test_a_folder_that_is_not_listed_would_be_noticed() -> None:
    assert folders(["", "cli", "probe", "probe.tls", "probe.certificate.facts"]) == {
        "exporter",
        "exporter.probe",
        "exporter.probe.certificate",
    }
