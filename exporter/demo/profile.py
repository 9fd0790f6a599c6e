"""What stands in a certificate: subject, dates and extensions as RFC 5280 wants them for authorities and for servers.

Only the parts that `mint` puts together; nothing here has a key or signs.
"""

import ipaddress
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Purpose = Literal["server", "client"]

# An hour back, so that clocks that differ a little agree that a new certificate is valid.
BACKDATED = timedelta(hours=1)

# RFC 5280 Appendix A: ub-common-name-length; a longer name stands in the subjectAltName alone.
COMMON_NAME_LIMIT = 64

_PURPOSES = {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}


def subject(common_name: str) -> x509.Name:
    """A subject of a common name alone; empty where there is none, or where it is too long for one."""
    if not common_name or len(common_name) > COMMON_NAME_LIMIT:
        return x509.Name([])
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def dated(
    now: datetime, not_before: datetime | None, not_after: datetime | None, lifetime: timedelta
) -> x509.CertificateBuilder:
    """A builder with a serial number and dates; a given end before the usual beginning moves the beginning back."""
    if not_before is None:
        not_before = now - BACKDATED
        if not_after is not None and not_after <= not_before:
            not_before = not_after - lifetime
    if not_after is None:
        not_after = not_before + lifetime
    builder = x509.CertificateBuilder().serial_number(x509.random_serial_number())
    return builder.not_valid_before(not_before).not_valid_after(not_after)


def authority_extensions(builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
    """What makes an authority (RFC 5280 §4.2.1.3 and §4.2.1.9)."""
    usage = _key_usage(key_cert_sign=True, crl_sign=True, digital_signature=False)
    return builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).add_extension(
        usage, critical=True
    )


def server_extensions(
    builder: x509.CertificateBuilder, purposes: Sequence[Purpose], is_authority: bool
) -> x509.CertificateBuilder:
    """What makes a server; without `purposes` there is no extended key usage, which means any."""
    usage = _key_usage(key_cert_sign=is_authority, crl_sign=is_authority, digital_signature=True)
    builder = builder.add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    builder = builder.add_extension(usage, critical=True)
    if purposes:
        extended = x509.ExtendedKeyUsage([_PURPOSES[purpose] for purpose in purposes])
        builder = builder.add_extension(extended, critical=False)
    return builder


def _key_usage(*, key_cert_sign: bool, crl_sign: bool, digital_signature: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=digital_signature,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def alternative_names(
    builder: x509.CertificateBuilder, names: Sequence[str], subject: x509.Name
) -> x509.CertificateBuilder:
    """The names that clients look at; a name that is an IP literal becomes an address."""
    # RFC 5280 §4.2.1.6: critical where the subject is empty.
    extension = x509.SubjectAlternativeName([_general_name(name) for name in names])
    return builder.add_extension(extension, critical=not list(subject))


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
