"""Layers of settings: what one mapping of the file says, and which of several has the last word."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar, cast

from exporter.config import duration
from exporter.config.certificate import plain_checks
from exporter.config.cursor import Cursor
from exporter.config.fault import Place, unknown_key
from exporter.config.key import at_level, levels_of
from exporter.config.label import Label
from exporter.config.model import EffectiveSetting
from exporter.config.reference import Reference
from exporter.config.row import Group, Key, Level, Part
from exporter.targets import CertificateChecks

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Setting(Generic[T_co]):
    """A value, the layer it came from, and where that is written; a built-in value has no place."""

    value: T_co
    layer: str = "built in"
    place: Place | None = None

    @property
    def origin(self) -> str:
        """The layer and the place, for people."""
        return self.layer if self.place is None else f"{self.layer} ({self.place})"


@dataclass(frozen=True, slots=True)
class Layer:
    """What one mapping says.

    title   how origins name it
    values  by full key name; `None` for a value that could not be read
    parts   the mappings and lists that give the file its shape, unread
    """

    title: str
    values: Mapping[str, tuple[object | None, Place]] = field(default_factory=dict)
    parts: Mapping[str, Cursor] = field(default_factory=dict)

    def names(self, key: Key[object]) -> bool:
        """The key is written here, whether or not its value could be read."""
        return key.name in self.values

    def find(self, key: Key[T]) -> Setting[T] | None:
        """The value of `key`; `None` if it is not written here, or could not be read."""
        value, place = self.values.get(key.name, (None, None))
        # The value was read by the kind of the key with this name, and names are unique in a mapping.
        return None if value is None else Setting(cast(T, value), self.title, place)


def read_layer(at: Cursor, level: Level, title: str) -> Layer:
    """Read a mapping by the table of keys. Whatever is wrong is noted; what is right is returned."""
    allowed = at_level(level)
    values: dict[str, tuple[object | None, Place]] = {}
    parts: dict[str, Cursor] = {}
    for name, entry in (at.entries() or {}).items():
        known = allowed.get(name)
        if known is None:
            entry.fault(_misplaced(name, level) or unknown_key(name, allowed))
        elif isinstance(known, Part):
            parts[name] = entry
        elif isinstance(known, Group):
            values.update(_read_group(entry, known))
        else:
            values[name] = (known.kind.read(entry), entry.place)
    return Layer(title, values, parts)


def _read_group(at: Cursor, group: Group) -> dict[str, tuple[object | None, Place]]:
    allowed = {key.name.partition(".")[2]: key for key in group.keys}
    values: dict[str, tuple[object | None, Place]] = {}
    for name, entry in (at.entries() or {}).items():
        if name in allowed:
            values[allowed[name].name] = (allowed[name].kind.read(entry), entry.place)
        else:
            entry.fault(unknown_key(name, allowed))
    return values


def _misplaced(name: str, level: Level) -> str | None:
    elsewhere = levels_of(name)
    return f"cannot stand in {level.value}, only in {' or '.join(elsewhere)}" if elsewhere else None


@dataclass(frozen=True, slots=True)
class Chosen:
    """A setting that was chosen: the name of its key, and the value as text."""

    name: str
    setting: Setting[str]


class Choice:
    """Takes each setting of a port from the first layer that has it, and remembers where it was."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._layers = layers
        self._chosen: list[Chosen] = []

    @property
    def chosen(self) -> tuple[Chosen, ...]:
        """Everything chosen so far."""
        return tuple(self._chosen)

    @property
    def settings(self) -> tuple[EffectiveSetting, ...]:
        """The same, for people."""
        return tuple(EffectiveSetting(one.name, one.setting.value, one.setting.origin) for one in self._chosen)

    def find(self, key: Key[T]) -> Setting[T] | None:
        """The setting of the first layer that has it."""
        return next((found for layer in self._layers if (found := layer.find(key)) is not None), None)

    def required(self, key: Key[T], built_in: T) -> Setting[T]:
        """The setting, else the value given."""
        return self.note(key, self.find(key) or Setting(built_in))

    def optional(self, key: Key[T]) -> T | None:
        """The value, else `None`, which `key.built_in` puts into words."""
        found = self.find(key)
        if found is None:
            self._chosen.append(Chosen(key.name, Setting(f"({key.built_in})")))
            return None
        return self.note(key, found).value

    def note(self, key: Key[T], setting: Setting[T]) -> Setting[T]:
        """Remember a setting that was found by other means."""
        self._chosen.append(Chosen(key.name, Setting(written(setting.value), setting.layer, setting.place)))
        return setting


def plain(value: object) -> object:
    """A value as a file has it: durations with units, enumerations by their word, checks as a truth or a mapping."""
    if isinstance(value, tuple):
        if value and all(isinstance(item, Label) for item in value):
            return {label.name: label.value for label in value}
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, Reference):
        return value.host
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, CertificateChecks):
        return plain_checks(value)
    # The only fractions in the format are seconds.
    return duration.written(value) if isinstance(value, float) else value


def written(value: object) -> str:
    """A value on one line."""
    found = plain(value)
    if isinstance(found, list):
        return f"[{', '.join(map(str, found))}]"
    if isinstance(found, dict):
        return f"{{{', '.join(f'{name}: {written(inner)}' for name, inner in found.items())}}}"
    return str(found).lower() if isinstance(found, bool) else str(found)
