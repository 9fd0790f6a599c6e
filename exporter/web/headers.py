"""The headers that go out with every answer, whatever it is: they keep a browser from doing more than showing it."""

from collections.abc import MutableMapping

# The pages need their own stylesheet, script and icon, ask for themselves and their stream, and have one form, which
# leads back to them: nothing from elsewhere, nothing inline, no frame around it. A greeting that got past the escaping
# would find nothing to work with.
_FIXED = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'"
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
