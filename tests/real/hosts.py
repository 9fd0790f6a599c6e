"""The hosts that most tests share: a good one, careless ones, and one for each fault of a certificate."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from exporter.demo.mint import Authority, Credential, self_signed
from exporter.results import CertificateFault
from tests.real.loopback import fresh_address
from tests.real.mailhost import MailHost, write_certificate

GOOD = "mail.example.org"
# Without TLS.
PLAIN = "plain.example.org"
# With TLS, but taking passwords before it.
LAX = "lax.example.org"
# With an RSA and an ECDSA certificate.
TWO_KEYS = "two-keys.example.org"


@dataclass(frozen=True, slots=True)
class Issuer:
    """A private authority: `root_file` is what a client must trust, `intermediate` issues."""

    root_file: Path
    intermediate: Authority
    now: datetime

    @classmethod
    def create(cls, folder: Path) -> "Issuer":
        """A new one, with its root written into `folder`."""
        now = datetime.now(UTC)
        root = Authority.create("Test Root", now=now)
        return cls(root.write(folder), root.intermediate("Test Intermediate"), now)


@dataclass(frozen=True, slots=True)
class Flaw:
    """A host whose certificate does not hold, and the verdict on it."""

    host: str
    faults: tuple[CertificateFault, ...]
    chain_valid: bool = True
    name_valid: bool = True
    dates_valid: bool = True


FLAWS = (
    Flaw("expired.example.org", (CertificateFault.EXPIRED,), dates_valid=False),
    Flaw("not-yet-valid.example.org", (CertificateFault.NOT_YET_VALID,), dates_valid=False),
    Flaw("wrong-name.example.org", (CertificateFault.NAME_MISMATCH,), name_valid=False),
    Flaw("common-name-only.example.org", (CertificateFault.NAME_ONLY_IN_COMMON_NAME,), name_valid=False),
    Flaw("self-signed.example.org", (CertificateFault.SELF_SIGNED,), chain_valid=False),
    Flaw("missing-intermediate.example.org", (CertificateFault.ISSUER_MISSING,), chain_valid=False),
    Flaw("unknown-root.example.org", (CertificateFault.UNTRUSTED_ROOT,), chain_valid=False),
    Flaw(
        "everything-wrong.example.org",
        (CertificateFault.ISSUER_MISSING, CertificateFault.NAME_MISMATCH, CertificateFault.EXPIRED),
        chain_valid=False,
        name_valid=False,
        dates_valid=False,
    ),
)


@dataclass(frozen=True, slots=True)
class Hosts:
    """The hosts by name, and the credentials in their files, likewise by name, in the order of the files."""

    by_name: Mapping[str, MailHost]
    credentials: Mapping[str, tuple[Credential, ...]]


def shared_hosts(folder: Path, issuer: Issuer) -> Hosts:
    """All of them, with their certificates written into `folder`."""
    credentials = _credentials(issuer)
    hosts = {}
    for name, found in credentials.items():
        files = tuple(write_certificate(folder, f"{name}-{position}", one) for position, one in enumerate(found))
        hosts[name] = MailHost(name, fresh_address(), files, auth_before_tls=name == LAX)
    return Hosts(hosts, credentials)


def _credentials(issuer: Issuer) -> dict[str, tuple[Credential, ...]]:
    issue, now, day = issuer.intermediate.issue, issuer.now, timedelta(days=1)
    stranger = Authority.create("Unknown Root", now=now)
    began, ended = now - 91 * day, now - day
    return {
        GOOD: (issue([GOOD]),),
        PLAIN: (),
        LAX: (issue([LAX]),),
        # Two dates, as of two renewals.
        TWO_KEYS: (
            issue([TWO_KEYS], key="rsa-2048", not_after=now + 10 * day),
            issue([TWO_KEYS], not_after=now + 60 * day),
        ),
        "expired.example.org": (issue(["expired.example.org"], not_before=began, not_after=ended),),
        "not-yet-valid.example.org": (issue(["not-yet-valid.example.org"], not_before=now + day),),
        "wrong-name.example.org": (issue([GOOD]),),
        "common-name-only.example.org": (issue(["common-name-only.example.org"], san=False),),
        "self-signed.example.org": (self_signed(["self-signed.example.org"], now=now),),
        "missing-intermediate.example.org": (issue(["missing-intermediate.example.org"]).leaf_only(),),
        "unknown-root.example.org": (stranger.issue(["unknown-root.example.org"]).followed_by(stranger.certificate),),
        "everything-wrong.example.org": (issue([GOOD], not_before=began, not_after=ended).leaf_only(),),
    }
