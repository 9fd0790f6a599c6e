"""Rows of the table of keys: what a key is, and the mappings it may stand in."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from exporter.config.kind import Kind

T_co = TypeVar("T_co", covariant=True)


class Level(StrEnum):
    """The mappings of the format; the values are how messages call them."""

    FILE = "the main file"
    HOSTS_FILE = "a hosts file"
    DEFAULTS = "defaults"
    PORT_DEFAULTS = "defaults.ports.<number>"
    HOST = "a host"
    PORT = "a port"
    MODULE = "a module"


@dataclass(frozen=True, slots=True)
class Key(Generic[T_co]):
    """A key with a value. `built_in` says in words what holds without it; `default` is the value, if it is one."""

    name: str
    kind: Kind[T_co]
    levels: frozenset[Level]
    help: str
    built_in: str = ""
    default: T_co | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """A key whose value is a mapping of further keys, which are named `group.key`. Each is inherited by itself."""

    name: str
    keys: tuple[Key[object], ...]
    levels: frozenset[Level]
    help: str


@dataclass(frozen=True, slots=True)
class Part:
    """A key that gives the file its shape; what is below it is read by `entry` and `load`."""

    name: str
    levels: frozenset[Level]
    help: str
    schema: Mapping[str, object]


FILE = frozenset({Level.FILE})
HOST_LEVELS = frozenset({Level.DEFAULTS, Level.HOST})
PORT_LEVELS = frozenset({Level.PORT_DEFAULTS, Level.PORT, Level.MODULE})
ALL_LEVELS = HOST_LEVELS | PORT_LEVELS

Entry = Key[object] | Group | Part
