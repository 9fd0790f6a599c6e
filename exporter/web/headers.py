"""The headers that go out with every answer, whatever it is: they keep a browser from doing more than showing it."""

from collections.abc import MutableMapping

# The page needs its own stylesheet and nothing else: no script, no form, no image, nothing from elsewhere, no frame
# around it. A greeting that got past the escaping would find nothing to work with.
_FIXED = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def harden(headers: MutableMapping[str, str]) -> None:
    """Add what every answer carries, and take out what tells strangers which versions run here."""
    for name, value in _FIXED.items():
        headers[name] = value
    # All that is served is of this moment; the stylesheet says otherwise for itself.
    headers.setdefault("Cache-Control", "no-store")
    headers.pop("Server", None)
