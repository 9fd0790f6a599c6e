"""The facts and the verdict on every kind of certificate a mail server is seen with."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.demo.mint import Authority, Credential, self_signed
from exporter.probe.certificate.facts import MAX_NAMES, Reader
from exporter.probe.certificate.judge import CertificateJudge
from exporter.probe.certificate.trust import TrustStoreError, TrustStores
from exporter.results import CertificateFacts, CertificateFault, CertificateVerdict

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NAME = "mail.example.org"

F = CertificateFault


@dataclass(frozen=True)
class Authorities:
    """One trusted root with an intermediate, and one that nobody trusts."""

    root: Authority
    middle: Authority
    stranger: Authority
    file: str


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> Authorities:
    root = Authority.create("Trusted root", now=NOW, key="rsa-2048")
    file = root.write(tmp_path_factory.mktemp("roots"))
    middle = root.intermediate("Trusted intermediate")
    return Authorities(root, middle, Authority.create("Stranger", now=NOW), str(file))


class Clock:
    """A wall clock that is set by hand."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now.timestamp()


def examine(
    authorities: Authorities, credential: Credential, name: str = NAME, at: datetime = NOW
) -> tuple[tuple[CertificateFacts, ...], CertificateVerdict]:
    judge = CertificateJudge(TrustStores([authorities.file]), Clock(at))
    return judge.examine(credential.chain, name, authorities.file)


Make = Callable[[Authorities], Credential]


# chain, name and dates, in this order, and the reasons.
VERDICTS: dict[str, tuple[Make, tuple[bool, bool, bool], tuple[CertificateFault, ...]]] = {
    "valid": (lambda a: a.middle.issue([NAME]), (True, True, True), ()),
    "valid, issued by the root": (lambda a: a.root.issue([NAME]), (True, True, True), ()),
    "valid, root sent as well": (
        lambda a: a.middle.issue([NAME]).followed_by(a.root.certificate),
        (True, True, True),
        (),
    ),
    "valid, chain out of order": (
        lambda a: a.middle.intermediate("Third").issue([NAME]).shuffled(),
        (True, True, True),
        (),
    ),
    "valid, wildcard": (lambda a: a.middle.issue(["*.example.org"]), (True, True, True), ()),
    "valid, without key identifiers": (
        lambda a: a.middle.issue([NAME], key_identifiers=False),
        (True, True, True),
        (),
    ),
    "valid, without purposes": (lambda a: a.middle.issue([NAME], purposes=[]), (True, True, True), ()),
    "expired": (
        lambda a: a.middle.issue([NAME], not_after=NOW - timedelta(days=1)),
        (True, True, False),
        (F.EXPIRED,),
    ),
    "not yet valid": (
        lambda a: a.middle.issue([NAME], not_before=NOW + timedelta(days=1)),
        (True, True, False),
        (F.NOT_YET_VALID,),
    ),
    "issued by an expired intermediate": (
        lambda a: a.root.intermediate("Old", not_after=NOW - timedelta(days=1)).issue([NAME]),
        (True, True, False),
        (F.EXPIRED,),
    ),
    "expired and the wrong name": (
        lambda a: a.middle.issue(["other.example.org"], not_after=NOW - timedelta(days=1)),
        (True, False, False),
        (F.NAME_MISMATCH, F.EXPIRED),
    ),
    "expired and from nobody we trust": (
        lambda a: a.stranger.issue([NAME], not_after=NOW - timedelta(days=1)),
        (False, True, False),
        (F.ISSUER_MISSING, F.EXPIRED),
    ),
    "self-signed": (lambda a: self_signed([NAME], now=NOW), (False, True, True), (F.SELF_SIGNED,)),
    "a strange root sent along": (
        lambda a: a.stranger.issue([NAME]).followed_by(a.stranger.certificate),
        (False, True, True),
        (F.UNTRUSTED_ROOT,),
    ),
    "a strange root not sent": (lambda a: a.stranger.issue([NAME]), (False, True, True), (F.ISSUER_MISSING,)),
    "intermediate missing": (lambda a: a.middle.issue([NAME]).leaf_only(), (False, True, True), (F.ISSUER_MISSING,)),
    "signature does not fit": (
        lambda a: a.middle.issue([NAME]).with_broken_signature(),
        (False, True, True),
        (F.BAD_SIGNATURE,),
    ),
    "issued by a server certificate": (
        lambda a: a.root.intermediate("No authority", is_authority=False).issue([NAME]),
        (False, True, True),
        (F.CHAIN_INVALID,),
    ),
    "for clients only": (
        lambda a: a.middle.issue([NAME], purposes=["client"]),
        (False, True, True),
        (F.WRONG_PURPOSE,),
    ),
    "RSA of 1024 bits": (lambda a: a.middle.issue([NAME], key="rsa-1024"), (False, True, True), (F.WEAK_KEY,)),
    "signed with SHA-1": (lambda a: a.root.issue([NAME], digest="sha1"), (False, True, True), (F.WEAK_SIGNATURE,)),
    "another name": (lambda a: a.middle.issue(["imap.example.org"]), (True, False, True), (F.NAME_MISMATCH,)),
    "name only in the subject": (
        lambda a: a.middle.issue([NAME], san=False),
        (True, False, True),
        (F.NAME_ONLY_IN_COMMON_NAME,),
    ),
    "no name at all": (lambda a: a.middle.issue([]), (True, False, True), (F.NO_NAMES,)),
}


@pytest.mark.parametrize("case", VERDICTS)
def test_a_chain_is_judged_by_path_name_and_dates_each_for_itself(case: str, authorities: Authorities) -> None:
    make, checks, faults = VERDICTS[case]

    _, verdict = examine(authorities, make(authorities))

    assert (verdict.chain_valid, verdict.name_valid, verdict.dates_valid) == checks
    assert verdict.faults == faults
    assert verdict.valid == all(checks)


# reference identifier, names in the certificate, whether they match (RFC 9525 §6.2, §6.3).
NAMES = {
    "same name": (NAME, [NAME], True),
    "upper case": ("Mail.Example.ORG", [NAME], True),
    "final dot": ("mail.example.org.", [NAME], True),
    "second of two names": (NAME, ["example.org", NAME], True),
    "wildcard for one label": (NAME, ["*.example.org"], True),
    "wildcard for two labels": ("a.mail.example.org", ["*.example.org"], False),
    "wildcard for no label": ("example.org", ["*.example.org"], False),
    "part of a label": (NAME, ["m*.example.org"], False),
    "wildcard inside": ("mail.a.example.org", ["mail.*.example.org"], False),
    "suffix only": (NAME, ["example.org"], False),
    "IP address": ("192.0.2.25", ["192.0.2.25"], True),
    "other IP address": ("192.0.2.26", ["192.0.2.25"], False),
    "IPv6 in another spelling": ("2001:db8:0::25", ["2001:db8::25"], True),
    "IP address against a name": ("192.0.2.25", [NAME], False),
    "internationalised name": ("bücher.example.org", ["xn--bcher-kva.example.org"], True),
    "sharp s is not two of them": ("straße.example", ["strasse.example"], False),
    "sharp s in its ASCII form": ("straße.example", ["xn--strae-oqa.example"], True),
}


@pytest.mark.parametrize("case", NAMES)
def test_the_reference_name_must_stand_in_the_alternative_names(case: str, authorities: Authorities) -> None:
    reference, names, matches = NAMES[case]

    _, verdict = examine(authorities, authorities.middle.issue(names), reference)

    assert verdict.name_valid is matches


def test_the_facts_of_every_certificate_sent_are_read_in_order(authorities: Authorities) -> None:
    end = NOW + timedelta(days=30)
    credential = authorities.middle.issue([NAME, "192.0.2.1"], not_before=NOW, not_after=end, key="rsa-2048")

    (leaf, middle), _ = examine(authorities, credential)

    assert (leaf.position, middle.position) == (0, 1)
    assert (leaf.not_before, leaf.not_after) == (NOW.timestamp(), end.timestamp())
    assert (leaf.dns_names, leaf.ip_addresses) == ((NAME,), ("192.0.2.1",))
    assert (leaf.subject, leaf.issuer) == (f"CN={NAME}", "CN=Trusted intermediate")
    assert (leaf.key_type, leaf.key_bits, leaf.signature) == ("rsa", 2048, "ecdsa-with-SHA256")
    assert (middle.key_type, middle.key_bits, middle.signature) == ("ecdsa", 256, "sha256WithRSAEncryption")
    assert leaf.fingerprint_sha256 != middle.fingerprint_sha256
    assert leaf.serial is not None
    assert int(leaf.serial, 16) > 0


def test_the_earliest_end_of_the_path_is_told_even_when_it_is_the_intermediates(authorities: Authorities) -> None:
    end = NOW + timedelta(days=5)
    credential = authorities.root.intermediate("Short", not_after=end).issue([NAME])

    _, verdict = examine(authorities, credential)

    assert verdict.chain_not_after == end.timestamp()


def test_without_a_path_there_is_no_end_of_it(authorities: Authorities) -> None:
    _, verdict = examine(authorities, authorities.stranger.issue([NAME]))

    assert verdict.chain_not_after is None


def test_an_expired_path_beside_a_good_one_is_not_chosen(authorities: Authorities) -> None:
    credential = authorities.middle.issue([NAME])
    middle_again = authorities.root.intermediate("Trusted intermediate", not_after=NOW - timedelta(days=1))

    _, verdict = examine(authorities, credential.followed_by(middle_again.certificate))

    assert verdict.valid


def test_a_certificate_that_cannot_be_parsed_still_yields_its_dates(authorities: Authorities) -> None:
    end = NOW + timedelta(days=9)
    credential = authorities.root.issue([NAME], not_before=NOW, not_after=end, malformed=True)

    (facts, *_), verdict = examine(authorities, credential)

    assert (facts.not_before, facts.not_after) == (NOW.timestamp(), end.timestamp())
    assert len(facts.fingerprint_sha256) == 64
    assert facts.subject is None
    assert not verdict.name_valid
    assert F.MALFORMED in verdict.faults


def test_bytes_that_are_no_certificate_are_a_fault_and_not_an_exception(authorities: Authorities) -> None:
    (facts,), verdict = examine(authorities, Credential((b"\x30\x03junk",), b""))

    assert facts.not_after is None
    assert not verdict.chain_valid
    assert F.MALFORMED in verdict.faults


@pytest.fixture(scope="module")
def sound(authorities: Authorities) -> bytes:
    return authorities.root.issue([NAME, "192.0.2.1"], key="rsa-2048").certificate


@given(damage=st.dictionaries(st.integers(0, 700), st.integers(1, 255), min_size=1, max_size=8))
@settings(max_examples=300)
def test_no_damage_to_a_certificate_raises_anything(
    damage: dict[int, int], authorities: Authorities, sound: bytes
) -> None:
    der = bytearray(sound)
    for position, bits in damage.items():
        der[position] ^= bits

    (facts,), verdict = examine(authorities, Credential((bytes(der),), b""))

    assert len(facts.fingerprint_sha256) == 64
    assert verdict.faults


def test_a_name_with_an_attribute_of_a_wrong_length_is_read_without_a_warning(
    authorities: Authorities, sound: bytes
) -> None:
    # The common names become countries (2.5.4.6), which have two letters.
    der = sound.replace(b"\x06\x03\x55\x04\x03", b"\x06\x03\x55\x04\x06")

    (facts,), _ = examine(authorities, Credential((der,), b""))

    assert facts.subject == f"C={NAME}"


def test_the_number_of_names_kept_is_bounded(authorities: Authorities) -> None:
    credential = authorities.middle.issue([f"host{number}.example.org" for number in range(MAX_NAMES + 50)])

    (leaf, *_), verdict = examine(authorities, credential, f"host{MAX_NAMES + 49}.example.org")

    assert len(leaf.dns_names) == MAX_NAMES
    # The bound is for people and memory; the verdict is on all of them.
    assert verdict.name_valid


def test_a_verdict_is_kept_until_a_date_of_the_chain_passes(authorities: Authorities) -> None:
    end = NOW + timedelta(days=3)
    chain = authorities.middle.issue([NAME], not_after=end).chain
    clock = Clock(NOW)
    judge = CertificateJudge(TrustStores([authorities.file]), clock)

    first = judge.examine(chain, NAME, authorities.file)[1]
    clock.now = end
    at_the_end = judge.examine(chain, NAME, authorities.file)[1]
    clock.now = end + timedelta(seconds=1)
    after = judge.examine(chain, NAME, authorities.file)[1]

    assert first is at_the_end
    assert first.valid
    assert after.faults == (F.EXPIRED,)


def test_the_verdicts_of_all_chains_of_a_name_are_kept_and_of_too_many_the_latest(authorities: Authorities) -> None:
    class Small(CertificateJudge):
        CHAINS = 2

    judge = Small(TrustStores([authorities.file]), Clock(NOW))
    chains = [authorities.middle.issue([NAME]).chain for _ in range(3)]

    verdicts = [judge.examine(chain, NAME, authorities.file)[1] for chain in chains]

    assert judge.examine(chains[1], NAME, authorities.file)[1] is verdicts[1]
    assert judge.examine(chains[2], NAME, authorities.file)[1] is verdicts[2]
    assert judge.examine(chains[0], NAME, authorities.file)[1] is not verdicts[0]
    assert judge.examine(chains[0], NAME, authorities.file)[1] == verdicts[0]


def test_a_server_with_many_chains_pushes_no_other_name_out(authorities: Authorities) -> None:
    class Small(CertificateJudge):
        CAPACITY, CHAINS = 2, 2

    judge = Small(TrustStores([authorities.file]), Clock(NOW))
    chains = [authorities.middle.issue([NAME]).chain for _ in range(4)]
    kept = judge.examine(chains[0], "other.example.org", authorities.file)[1]

    for chain in chains:
        judge.examine(chain, NAME, authorities.file)

    assert judge.examine(chains[0], "other.example.org", authorities.file)[1] is kept


def test_of_too_many_names_the_latest_are_kept(authorities: Authorities) -> None:
    class Small(CertificateJudge):
        CAPACITY = 2

    judge = Small(TrustStores([authorities.file]), Clock(NOW))
    names = [f"host{number}.example.org" for number in range(3)]
    chain = authorities.middle.issue(names).chain

    verdicts = [judge.examine(chain, name, authorities.file)[1] for name in names]

    assert judge.examine(chain, names[2], authorities.file)[1] is verdicts[2]
    assert judge.examine(chain, names[1], authorities.file)[1] is verdicts[1]
    assert judge.examine(chain, names[0], authorities.file)[1] is not verdicts[0]


def test_other_roots_make_every_verdict_anew(authorities: Authorities, tmp_path: Path) -> None:
    chain = authorities.stranger.issue([NAME]).chain
    file = tmp_path / "roots.pem"
    file.write_bytes(authorities.root.pem)
    judge = CertificateJudge(TrustStores([str(file)]), Clock(NOW))
    before = judge.examine(chain, NAME, str(file))[1]
    file.write_bytes(authorities.stranger.pem)

    judge.trust(TrustStores([str(file)]))

    assert not before.chain_valid
    assert judge.examine(chain, NAME, str(file))[1].chain_valid


def test_a_session_that_began_before_a_reload_still_has_its_roots(authorities: Authorities, tmp_path: Path) -> None:
    judge = CertificateJudge(TrustStores([authorities.file]), Clock(NOW))

    judge.trust(TrustStores([]))
    judge.trust(TrustStores([]))

    assert judge.examine(authorities.middle.issue([NAME]).chain, NAME, authorities.file)[1].valid


def test_the_clock_of_a_later_verdict_is_the_later_one(authorities: Authorities) -> None:
    clock = Clock(NOW)
    judge = CertificateJudge(TrustStores([authorities.file]), clock)
    judge.examine(authorities.middle.issue([NAME]).chain, NAME, authorities.file)

    clock.now = NOW + timedelta(days=200)
    renewed = authorities.middle.issue([NAME], not_before=NOW + timedelta(days=199))

    assert judge.examine(renewed.chain, NAME, authorities.file)[1].valid


def test_a_verdict_made_by_a_clock_that_was_ahead_does_not_stay(authorities: Authorities) -> None:
    chain = authorities.middle.issue([NAME]).chain
    clock = Clock(NOW + timedelta(days=10_000))
    judge = CertificateJudge(TrustStores([authorities.file]), clock)
    ahead = judge.examine(chain, NAME, authorities.file)[1]

    clock.now = NOW

    assert not ahead.dates_valid
    assert judge.examine(chain, NAME, authorities.file)[1].valid


def test_a_file_may_trust_an_intermediate_or_the_certificate_itself(authorities: Authorities, tmp_path: Path) -> None:
    credential = authorities.middle.issue([NAME])
    for number, pem in enumerate((authorities.middle.pem, credential.leaf_only().chain_pem)):
        file = tmp_path / f"{number}.pem"
        file.write_bytes(pem)
        judge = CertificateJudge(TrustStores([str(file)]), Clock(NOW))

        assert judge.examine(credential.leaf_only().chain, NAME, str(file))[1].valid


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "holds no certificate"), (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "holds no")],
    ids=["empty", "nothing that parses"],
)
def test_a_trust_store_without_a_root_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    file = tmp_path / "roots.pem"
    file.write_bytes(content)

    with pytest.raises(TrustStoreError, match=message):
        TrustStores([str(file)])


def test_a_trust_store_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrustStoreError, match=r"missing\.pem: No such file"):
        TrustStores([str(tmp_path / "missing.pem")])


def test_the_systems_roots_are_found() -> None:
    assert TrustStores([None])[None].size > 0


def test_a_reader_forgets_the_oldest_and_stays_bounded(authorities: Authorities) -> None:
    class Small(Reader):
        CAPACITY = 2

    reader = Small()
    chains = [authorities.root.issue([f"{number}.example.org"]).certificate for number in range(4)]

    readings = [reader.read(chain) for chain in chains]

    assert reader.read(chains[3]) is readings[3]
    assert reader.read(chains[0]) is not readings[0]
