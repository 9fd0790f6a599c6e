"""The objects that a kustomization makes, as far as ours go: resources, generated ConfigMaps, JSON patches.

Debian's kubectl is too old for them. Names get no hash of what is in them; what else kustomize would do is an error
here, so that nothing is left out in silence. A test compares both where there is a kubectl of today.
"""

from pathlib import Path
from typing import Any

import yaml

Object = dict[str, Any]

_KNOWN = {"apiVersion", "kind", "resources", "configMapGenerator", "generatorOptions", "patches"}


def rendered(folder: Path) -> list[Object]:
    """Every object of the kustomization in `folder`."""
    (document,) = documents(folder / "kustomization.yaml")
    assert set(document) <= _KNOWN, f"{folder}: {set(document) - _KNOWN}"
    objects: list[Object] = []
    for name in document.get("resources", []):
        path = folder / name
        objects += rendered(path) if path.is_dir() else documents(path)
    for generator in document.get("configMapGenerator", []):
        objects.append(_config_map(folder, generator, document.get("generatorOptions", {})))
    for patch in document.get("patches", []):
        chosen = [one for one in objects if _is(one, patch["target"])]
        assert chosen, patch["target"]
        for one in chosen:
            _patch(one, yaml.safe_load(patch["patch"]))
    return objects


def documents(path: Path) -> list[Object]:
    """The documents of a YAML file."""
    return [document for document in yaml.safe_load_all(path.read_text(encoding="utf-8")) if document is not None]


def _config_map(folder: Path, generator: Object, options: Object) -> Object:
    assert set(generator) == {"name", "files"}
    # kustomize reads nothing from outside the folder.
    assert not [name for name in generator["files"] if "/" in name]
    kept = {key: options[key] for key in ("labels", "annotations") if key in options}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": generator["name"], **kept},
        "data": {name: (folder / name).read_text(encoding="utf-8") for name in generator["files"]},
    }


def _is(one: Object, target: Object) -> bool:
    return bool(one["kind"] == target["kind"] and one["metadata"]["name"] == target["name"])


def _patch(one: Object, operations: list[Object]) -> None:
    """RFC 6902, without `move`, `copy` and `test`, and without positions behind the end of a list."""
    for operation in operations:
        *way, last = operation["path"].split("/")[1:]
        place: Any = one
        for step in way:
            place = place[int(step)] if isinstance(place, list) else place[step]
        match operation["op"]:
            case "add":
                assert last not in place
                place[last] = operation["value"]
            case "replace":
                assert last in place
                place[last] = operation["value"]
            case "remove":
                del place[last]
            case other:
                raise AssertionError(other)
