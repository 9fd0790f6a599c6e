"""The JSON schema (draft 2020-12) of the main file, made from the table of keys, for editors that complete and check.

It knows the form of each value. What only all values together can contradict is for `mailprobe config check` to find.
"""

from exporter.config.key import REQUIRED, at_level
from exporter.config.layer import plain
from exporter.config.row import Entry, Group, Key, Level, Part

_LEVELS = {
    "defaults": Level.DEFAULTS,
    "port_defaults": Level.PORT_DEFAULTS,
    "host": Level.HOST,
    "port": Level.PORT,
    "module": Level.MODULE,
}


def json_schema() -> dict[str, object]:
    """The schema, ready for `json.dumps`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of mailprobe",
        **_mapping(Level.FILE),
        "$defs": {name: _mapping(level) for name, level in _LEVELS.items()},
    }


def _mapping(level: Level) -> dict[str, object]:
    required = REQUIRED.get(level)
    return {
        "type": "object",
        "properties": {name: _entry(entry) for name, entry in at_level(level).items()},
        "additionalProperties": False,
        **({} if required is None else {"required": [required.name]}),
    }


def _entry(entry: Entry) -> dict[str, object]:
    if isinstance(entry, Part):
        return {**entry.schema, "description": entry.help}
    if isinstance(entry, Group):
        return {
            "type": "object",
            "description": entry.help,
            "properties": {key.name.partition(".")[2]: _key(key) for key in entry.keys},
            "additionalProperties": False,
        }
    return _key(entry)


def _key(key: Key[object]) -> dict[str, object]:
    described = {
        **key.kind.schema,
        "description": f"{key.help} Built in: {key.built_in}." if key.built_in else key.help,
    }
    return described if key.default is None else {**described, "default": plain(key.default)}
