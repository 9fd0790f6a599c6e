"""The files that the pages need: a stylesheet, a script and an icon. All are read once, with the program."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Asset:
    """One file; `digest` is in its address, so that browsers may keep it and never use an old one with a new page."""

    name: str
    content_type: str
    text: str
    digest: str

    @property
    def address(self) -> str:
        """Where it is, relative to the status page."""
        return f"static/{self.name}?v={self.digest}"


def _asset(name: str, content_type: str) -> Asset:
    text = files("exporter.web").joinpath("static", name).read_text(encoding="utf-8")
    return Asset(name, content_type, text, hashlib.sha256(text.encode()).hexdigest()[:12])


ASSETS: Final[Mapping[str, Asset]] = MappingProxyType(
    {
        asset.name: asset
        for asset in (
            _asset("style.css", "text/css"),
            _asset("live.js", "text/javascript"),
            _asset("icon.svg", "image/svg+xml"),
        )
    }
)

STYLESHEET: Final = ASSETS["style.css"].text
