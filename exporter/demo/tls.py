"""The TLS side of the demo's servers, from credentials that `mint` made.

Contexts of the standard library that serve whatever they are told to: weak keys, old versions, one certificate or one
for each kind of key, and others by the name that a client asks for. They verify nobody.
"""

import ssl
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from weakref import WeakKeyDictionary

from exporter.demo.mint import Credential

# Level 0 is what lets OpenSSL serve RSA keys of 1024 bits, SHA-1 signatures and TLS before 1.2.
CIPHERS = "DEFAULT:@SECLEVEL=0"


class ServerTls:
    """What a server needs to answer a handshake; one serves any number of connections.

    credentials                 one for each kind of key (RSA, ECDSA)
    by_name                     shown instead to a client that asks for one of these names (lower case)
    strict_names                refuse a client that asks for no name, or for one that is not in `by_name`
    minimum, maximum            versions; TLS 1.2 and newer unless told
    require_client_certificate  one that nobody has: with TLS 1.3 the client's handshake is complete before the refusal
    """

    def __init__(
        self,
        *credentials: Credential,
        by_name: Mapping[str, Credential] | None = None,
        strict_names: bool = False,
        minimum: ssl.TLSVersion | None = None,
        maximum: ssl.TLSVersion | None = None,
        require_client_certificate: bool = False,
    ) -> None:
        self._context = _context(credentials, minimum, maximum)
        self._by_name = {
            name: _context((credential,), minimum, maximum) for name, credential in (by_name or {}).items()
        }
        self._strict_names = strict_names
        self._names: WeakKeyDictionary[ssl.SSLObject, str] = WeakKeyDictionary()
        self._context.sni_callback = self._choose
        if require_client_certificate:
            self._context.verify_mode = ssl.CERT_REQUIRED

    def wrap(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> ssl.SSLObject:
        """The server's end of one connection."""
        return self._context.wrap_bio(incoming, outgoing, server_side=True)

    def server_name(self, tls: ssl.SSLObject) -> str | None:
        """The name that the client of this connection asked for; None if it asked for none."""
        return self._names.get(tls)

    def _choose(self, tls: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> int | None:
        if name is not None and isinstance(tls, ssl.SSLObject):
            self._names[tls] = name
        other = None if name is None else self._by_name.get(name.lower())
        if other is not None:
            tls.context = other
        elif self._strict_names:
            # RFC 6066 §3: a name that is not known is either ignored or answered with this alert.
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        return None


def _context(
    credentials: tuple[Credential, ...], minimum: ssl.TLSVersion | None, maximum: ssl.TLSVersion | None
) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(CIPHERS)
    # Some releases of Python set it; then a client that hangs up looks like one that sent its close alert.
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    with warnings.catch_warnings():
        # Python warns of TLS 1.0 and 1.1, and serving just those is what some scripts are for.
        warnings.simplefilter("ignore", DeprecationWarning)
        if minimum is not None:
            context.minimum_version = minimum
        if maximum is not None:
            context.maximum_version = maximum
    # The module reads credentials from files only.
    with tempfile.TemporaryDirectory(prefix="mailprobe-") as directory:
        for number, credential in enumerate(credentials):
            files = credential.write(Path(directory), f"server{number}")
            context.load_cert_chain(files.chain, files.key)
    return context
