"""Just enough DER to change a certificate and sign it anew, for what cryptography rightly does not build.

X.690's definite lengths and one-byte tags, which is all that a certificate uses; it judges nothing.
"""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa


def signed_again(
    certificate: bytes,
    edits: dict[bytes, bytes],
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
    digest: hashes.HashAlgorithm,
) -> bytes:
    """`certificate` with some of its bytes replaced by as many others, and signed anew.

    Each edit replaces the first place only, in the signed part and in the algorithm outside it.
    """
    # RFC 5280 §4.1: a certificate is a sequence of the part to be signed, the algorithm and the signature.
    signed_part, algorithm, _ = _elements(_content(certificate))
    for old, new in edits.items():
        signed_part, algorithm = signed_part.replace(old, new, 1), algorithm.replace(old, new, 1)
    if isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(signed_part, padding.PKCS1v15(), digest)
    else:
        signature = key.sign(signed_part, ec.ECDSA(digest))
    return _element(0x30, signed_part + algorithm + _element(0x03, b"\0" + signature))


def _element(tag: int, content: bytes) -> bytes:
    """DER of one value (X.690 §8.1)."""
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def _header_and_length(der: bytes) -> tuple[int, int]:
    """Bytes before the content of the first value in `der`, and bytes of that content."""
    if der[1] < 0x80:
        return 2, der[1]
    header = 2 + (der[1] & 0x7F)
    return header, int.from_bytes(der[2:header], "big")


def _content(der: bytes) -> bytes:
    header, length = _header_and_length(der)
    return der[header : header + length]


def _elements(der: bytes) -> list[bytes]:
    found = []
    while der:
        end = sum(_header_and_length(der))
        found.append(der[:end])
        der = der[end:]
    return found
