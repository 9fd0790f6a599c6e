"""What other handshakes show: the certificate without a server name, and those for clients that take one key type only.

A server may hold several certificates and show each client one of them. The ordinary probe sees what a modern client
with a server name sees; a mail server that delivers without one, or a client that takes RSA only, may be shown an
expired one in its place. Here stands when such a handshake is worth a line in somebody's log, and what its result says.

Pure: results go in, a standing comes out. When it is made is the business of `schedule`, how of `probe.tls`.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from exporter.results import CertificateFacts, CertificateVerdict, Outcome, Phase, ProbeResult
from exporter.targets import Target, Variant

# What a server does not have today it hardly has tomorrow, and each refused handshake leaves a line that the aggressive
# mode of fail2ban's filters counts: a week is seven times rarer than the daily look at what is there.
NOT_INSTALLED_SECONDS: Final = 7 * 86_400.0

KEY_TYPES: Final = {Variant.RSA: "rsa", Variant.ECDSA: "ecdsa"}

# RFC 8446 §6.2: `handshake_failure` and `insufficient_security` are for a client without an acceptable cipher,
# `protocol_version` is for one without an acceptable version, which TLS 1.2 is not where a server speaks 1.3 only.
_NOTHING_IN_COMMON: Final = frozenset({40, 70, 71})

# Dovecot 2.3 says none of this: it hangs up on such a client (tried), where the ordinary handshake went well.
_HUNG_UP: Final = frozenset({Outcome.CLOSED_EARLY, Outcome.CONNECTION_RESET})


class VariantStanding(StrEnum):
    """What a handshake of another kind has shown; the values are label values.

    `SAME` is the certificate of the ordinary probe, `DIFFERENT` another one. `NOT_INSTALLED` means that the server has
    none of that key type, or none for a client that comes with TLS 1.2: this is no fault. `FAILED` is everything else
    that went wrong, and then nothing is known.
    """

    SAME = "same"
    DIFFERENT = "different"
    NOT_INSTALLED = "not_installed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class VariantSeen:
    """What one variant of a target has shown when it was made last.

    observed      Unix seconds
    certificates  as sent, the server's own first; empty unless the standing is `SAME` or `DIFFERENT`
    verdict       what they are worth, judged by the same name and roots as those of the ordinary probe
    refused       with `NOT_INSTALLED`: the server said so itself, and did not merely hang up
    detail        free text for people
    """

    variant: Variant
    standing: VariantStanding
    observed: float
    certificates: tuple[CertificateFacts, ...] = ()
    verdict: CertificateVerdict | None = None
    refused: bool = False
    detail: str = ""


def variant_seen(result: ProbeResult, ordinary: CertificateFacts | None) -> VariantSeen:
    """What the `result` of a target whose variant is not `DEFAULT` says.

    `ordinary` is the server's own certificate as the ordinary probe saw it last; while it is unknown, every
    certificate is another one.
    """
    return VariantSeen(
        variant=result.target.variant,
        standing=_standing(result, ordinary),
        observed=result.started,
        certificates=result.certificates,
        verdict=result.verdict,
        refused=result.tls_alert in _NOTHING_IN_COMMON,
        detail=result.detail,
    )


def variant_target(target: Target, variant: Variant, interval: float) -> Target:
    """The same target with another handshake, made every `interval` seconds."""
    return replace(target, variant=variant, variants=(), interval=interval)


def worth_making(variant: Variant, ordinary: ProbeResult | None, seen: VariantSeen | None, now: float) -> bool:
    """Whether `variant` can show anything that the `ordinary` probe, its latest result, has not shown.

    `seen` is what the variant itself has shown last, `now` Unix seconds. A port that does not come into TLS, or shows
    a certificate of the key type in question to everybody, is left alone; so is one that had nothing to show within
    the last week.
    """
    if ordinary is None or not ordinary.certificates:
        return False
    if ordinary.certificates[0].key_type == KEY_TYPES.get(variant, ""):
        return False
    return (
        seen is None
        or seen.standing is not VariantStanding.NOT_INSTALLED
        or now - seen.observed >= NOT_INSTALLED_SECONDS
    )


def _standing(result: ProbeResult, ordinary: CertificateFacts | None) -> VariantStanding:
    if result.certificates:
        same = ordinary is not None and ordinary.fingerprint_sha256 == result.certificates[0].fingerprint_sha256
        return VariantStanding.SAME if same else VariantStanding.DIFFERENT
    # Without a server name all ciphers are offered, so a refusal then is about something else.
    hung_up = result.phase is Phase.TLS and result.outcome in _HUNG_UP
    if result.target.variant in KEY_TYPES and (hung_up or result.tls_alert in _NOTHING_IN_COMMON):
        return VariantStanding.NOT_INSTALLED
    return VariantStanding.FAILED
