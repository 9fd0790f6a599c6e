"""What the mint makes is what it was asked for, as the openssl command and cryptography see it."""

import re
import stat
import subprocess
from collections.abc import Callable, Sequence
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import crypto

from exporter.demo.mint import Authority, Credential, KeyKind, self_signed
from tests.demo.clients import NOW
from tests.real.require import require

DAY = timedelta(days=1)
NAME = "mail.example.org"


def parsed(credential: Credential) -> x509.Certificate:
    return x509.load_der_x509_certificate(credential.certificate)


def openssl_verify(directory: Path, root: Authority, credential: Credential, options: Sequence[str]) -> set[int]:
    """The error numbers of `openssl verify` at `NOW`; none where the certificate holds."""
    ca, own = root.write(directory), Credential((credential.certificate,), b"").write(directory, "own").chain
    sent = credential.write(directory).chain
    command = [
        require("openssl", "openssl"),
        "verify",
        "-CAfile",
        str(ca),
        "-untrusted",
        str(sent),
        "-attime",
        str(int(NOW.timestamp())),
        *options,
    ]
    answer = subprocess.run([*command, str(own)], capture_output=True, text=True, timeout=20, check=False)
    assert answer.returncode == 0 or "error " in answer.stdout + answer.stderr, answer
    return {int(number) for number in re.findall(r"^error (\d+) at", answer.stdout + answer.stderr, re.MULTILINE)}


SERVER = ("-purpose", "sslserver")

# The numbers are OpenSSL's X509_V_ERR_… (openssl/x509_vfy.h).
OK, BAD_SIGNATURE, NOT_YET_VALID, EXPIRED, SELF_SIGNED, NO_ISSUER = 0, 7, 9, 10, 18, 20
WRONG_PURPOSE, WEAK_KEY, WEAK_DIGEST, WRONG_NAME, WRONG_IP, NO_AUTHORITY = 26, 66, 68, 62, 64, 79

CASES: list[tuple[str, Callable[[Authority, Authority], Credential], Sequence[str], int]] = [
    ("good", lambda root, below: below.issue([NAME]), [*SERVER, "-verify_hostname", NAME], OK),
    ("good, strictly", lambda root, below: below.issue([NAME]), [*SERVER, "-x509_strict"], OK),
    ("issued by the root", lambda root, below: root.issue([NAME]), [*SERVER, "-verify_hostname", NAME], OK),
    ("p-384 all the way", lambda root, below: below.issue([NAME], key="ecdsa-p384"), SERVER, OK),
    ("expired", lambda root, below: below.issue([NAME], not_after=NOW - DAY), SERVER, EXPIRED),
    ("not yet valid", lambda root, below: below.issue([NAME], not_before=NOW + DAY), SERVER, NOT_YET_VALID),
    ("self-signed", lambda root, below: self_signed([NAME], now=NOW), SERVER, SELF_SIGNED),
    ("issuer missing", lambda root, below: below.issue([NAME]).leaf_only(), SERVER, NO_ISSUER),
    ("wrong name", lambda root, below: below.issue(["x.example"]), ["-verify_hostname", NAME], WRONG_NAME),
    ("wildcard", lambda root, below: below.issue(["*.example.org"]), ["-verify_hostname", NAME], OK),
    ("wildcard too far", lambda root, below: below.issue(["*.org"]), ["-verify_hostname", NAME], WRONG_NAME),
    ("ipv4", lambda root, below: below.issue(["192.0.2.1"]), ["-verify_ip", "192.0.2.1"], OK),
    ("ipv6", lambda root, below: below.issue([NAME, "2001:db8::1"]), ["-verify_ip", "2001:db8::1"], OK),
    ("wrong ip", lambda root, below: below.issue(["192.0.2.1"]), ["-verify_ip", "192.0.2.2"], WRONG_IP),
    ("no names", lambda root, below: below.issue([]), ["-verify_hostname", NAME], WRONG_NAME),
    ("no key identifiers", lambda root, below: below.issue([NAME], key_identifiers=False), SERVER, OK),
    ("for clients", lambda root, below: below.issue([NAME], purposes=["client"]), SERVER, WRONG_PURPOSE),
    ("for both", lambda root, below: below.issue([NAME], purposes=["client", "server"]), SERVER, OK),
    ("for anything", lambda root, below: below.issue([NAME], purposes=[]), SERVER, OK),
    ("authority as a server", lambda root, below: below.issue([NAME], is_authority=True), SERVER, OK),
    ("rsa 2048", lambda root, below: below.issue([NAME], key="rsa-2048"), ["-auth_level", "2"], OK),
    ("rsa 1024", lambda root, below: below.issue([NAME], key="rsa-1024"), ["-auth_level", "2"], WEAK_KEY),
    ("sha-1", lambda root, below: root.issue([NAME], digest="sha1"), ["-auth_level", "2"], WEAK_DIGEST),
    ("sha-1, at level 0", lambda root, below: root.issue([NAME], digest="sha1"), ["-auth_level", "0"], OK),
    ("broken signature", lambda root, below: below.issue([NAME]).with_broken_signature(), SERVER, BAD_SIGNATURE),
    ("malformed", lambda root, below: below.issue([NAME], malformed=True), SERVER, OK),
    ("malformed, sha-1", lambda root, below: root.issue([NAME], malformed=True, digest="sha1"), SERVER, OK),
    ("root sent", lambda root, below: below.issue([NAME]).followed_by(root.certificate), SERVER, OK),
    (
        "server as an authority",
        lambda root, below: root.intermediate("False Authority", is_authority=False).issue([NAME]),
        SERVER,
        NO_AUTHORITY,
    ),
    (
        "shuffled",
        lambda root, below: below.intermediate("Third Authority").issue([NAME]).shuffled(),
        [*SERVER, "-verify_hostname", NAME],
        OK,
    ),
]


@pytest.mark.parametrize(("order", "options", "error"), [case[1:] for case in CASES], ids=[name for name, *_ in CASES])
def test_openssl_finds_the_fault_that_was_ordered_and_no_fault_where_none_was(
    tmp_path: Path,
    root: Authority,
    intermediate: Authority,
    order: Callable[[Authority, Authority], Credential],
    options: Sequence[str],
    error: int,
) -> None:
    errors = openssl_verify(tmp_path, root, order(root, intermediate), options)
    assert (error in errors) if error else not errors


@pytest.mark.parametrize(
    ("key", "bits"), [("ecdsa-p256", 256), ("ecdsa-p384", 384), ("rsa-2048", 2048), ("rsa-1024", 1024)]
)
def test_a_key_is_of_the_kind_that_was_ordered_and_fits_its_certificate(
    intermediate: Authority, key: KeyKind, bits: int
) -> None:
    credential = intermediate.issue([NAME], key=key)
    public = parsed(credential).public_key()
    assert isinstance(public, rsa.RSAPublicKey if key.startswith("rsa") else ec.EllipticCurvePublicKey)
    assert public.key_size == bits
    private = serialization.load_pem_private_key(credential.key_pem, password=None)
    assert private.public_key() == public


def test_dates_are_those_that_were_ordered(intermediate: Authority) -> None:
    begin, end = NOW.replace(microsecond=0) - 300 * DAY, NOW.replace(microsecond=0) + 20 * DAY
    certificate = parsed(intermediate.issue([NAME], not_before=begin, not_after=end))
    assert (certificate.not_valid_before_utc, certificate.not_valid_after_utc) == (begin, end)


@pytest.mark.parametrize(
    ("order", "days"),
    [
        pytest.param(lambda: Authority.create("Root", now=NOW).certificate, 3650, id="root"),
        pytest.param(
            lambda: Authority.create("Root", now=NOW).intermediate("Below").certificate, 1825, id="intermediate"
        ),
        pytest.param(lambda: self_signed([NAME], now=NOW).certificate, 90, id="server"),
    ],
)
def test_what_is_ordered_without_dates_is_valid_now_and_for_its_usual_lifetime(
    order: Callable[[], bytes], days: int
) -> None:
    certificate = x509.load_der_x509_certificate(order())
    assert certificate.not_valid_before_utc < NOW
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == days * DAY


def test_a_certificate_that_ended_long_ago_began_before_that(intermediate: Authority) -> None:
    certificate = parsed(intermediate.issue([NAME], not_after=NOW - 400 * DAY))
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == 90 * DAY


def test_an_end_before_the_beginning_is_refused(intermediate: Authority) -> None:
    with pytest.raises(ValueError, match="before"):
        intermediate.issue([NAME], not_before=NOW, not_after=NOW - DAY)


def test_names_become_dns_names_and_addresses(intermediate: Authority) -> None:
    names = parsed(intermediate.issue([NAME, "*.example.org", "192.0.2.1", "2001:db8::1"])).extensions
    extension = names.get_extension_for_class(x509.SubjectAlternativeName)
    assert extension.value.get_values_for_type(x509.DNSName) == [NAME, "*.example.org"]
    assert extension.value.get_values_for_type(x509.IPAddress) == [ip_address("192.0.2.1"), ip_address("2001:db8::1")]
    assert not extension.critical


def test_names_of_a_certificate_without_a_subject_are_critical(intermediate: Authority) -> None:
    certificate = parsed(intermediate.issue([NAME], common_name=""))
    assert certificate.subject.rfc4514_string() == ""
    assert certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).critical


def test_a_name_too_long_for_a_common_name_stands_in_the_alternative_names_alone(intermediate: Authority) -> None:
    name = f"{'a' * 60}.example.org"
    certificate = parsed(intermediate.issue([name]))
    assert certificate.subject.rfc4514_string() == ""
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert extension.value.get_values_for_type(x509.DNSName) == [name]


@pytest.mark.parametrize(
    ("order", "subject"),
    [
        pytest.param(lambda below: below.issue([NAME], san=False), f"CN={NAME}", id="name only in the subject"),
        pytest.param(lambda below: below.issue([], common_name="Mail"), "CN=Mail", id="a common name alone"),
        pytest.param(lambda below: below.issue([]), "", id="no name at all"),
    ],
)
def test_a_certificate_without_alternative_names_can_be_ordered(
    intermediate: Authority, order: Callable[[Authority], Credential], subject: str
) -> None:
    certificate = parsed(order(intermediate))
    assert certificate.subject.rfc4514_string() == subject
    with pytest.raises(x509.ExtensionNotFound):
        certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)


def test_purposes_are_those_that_were_ordered(intermediate: Authority) -> None:
    certificate = parsed(intermediate.issue([NAME], purposes=["client"]))
    purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.CLIENT_AUTH]


def test_key_identifiers_are_there_unless_they_are_left_out(intermediate: Authority) -> None:
    with_them, without = intermediate.issue([NAME]), intermediate.issue([NAME], key_identifiers=False)
    for kind in (x509.AuthorityKeyIdentifier, x509.SubjectKeyIdentifier):
        parsed(with_them).extensions.get_extension_for_class(kind)
        with pytest.raises(x509.ExtensionNotFound):
            parsed(without).extensions.get_extension_for_class(kind)


def test_sha_1_needs_an_authority_with_an_rsa_key(root: Authority, intermediate: Authority) -> None:
    algorithm = parsed(root.issue([NAME], digest="sha1")).signature_hash_algorithm
    assert algorithm is not None
    assert algorithm.name == "sha1"
    with pytest.raises(ValueError, match="RSA"):
        intermediate.issue([NAME], digest="sha1")


def test_a_malformed_certificate_is_refused_by_cryptography_and_still_read_by_openssl(intermediate: Authority) -> None:
    credential = intermediate.issue([NAME], malformed=True, not_after=NOW + 20 * DAY)
    with pytest.raises(x509.InvalidVersion):
        parsed(credential)
    lenient = crypto.load_certificate(crypto.FILETYPE_ASN1, credential.certificate)
    assert lenient.get_notAfter() == (NOW + 20 * DAY).strftime("%Y%m%d%H%M%SZ").encode()


def test_a_chain_is_sent_without_its_root_in_the_order_that_was_asked_for(
    root: Authority, intermediate: Authority
) -> None:
    third = intermediate.intermediate("Third Authority")
    credential = third.issue([NAME])
    own, above = credential.certificate, (third.certificate, intermediate.certificate)
    assert credential.chain == (own, *above)
    assert credential.leaf_only().chain == (own,)
    assert credential.shuffled().chain == (own, *reversed(above))
    assert credential.followed_by(root.certificate).chain == (own, *above, root.certificate)
    assert root.issue([NAME]).chain[1:] == ()


def test_a_chain_too_short_to_be_shuffled_is_not_passed_off_as_shuffled(intermediate: Authority) -> None:
    with pytest.raises(ValueError, match="fewer than three"):
        intermediate.issue([NAME]).shuffled()


def test_files_for_real_servers_hold_the_chain_and_a_key_that_only_its_owner_reads(
    tmp_path: Path, root: Authority, intermediate: Authority
) -> None:
    credential = intermediate.issue([NAME])
    files = credential.write(tmp_path, "dovecot")
    assert (files.chain.name, files.key.name) == ("dovecot.pem", "dovecot.key")
    chain = x509.load_pem_x509_certificates(files.chain.read_bytes())
    assert tuple(each.public_bytes(serialization.Encoding.DER) for each in chain) == credential.chain
    assert files.key.read_bytes() == credential.key_pem
    assert stat.S_IMODE(files.key.stat().st_mode) == 0o600
    trusted = x509.load_pem_x509_certificate(root.write(tmp_path).read_bytes())
    assert trusted.public_bytes(serialization.Encoding.DER) == root.certificate


def test_private_keys_do_not_show_in_a_representation(root: Authority, credential: Credential) -> None:
    assert "PrivateKey" not in repr(root)
    assert "PRIVATE KEY" not in repr(credential)
