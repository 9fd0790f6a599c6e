"""Whatever the text, the outcome is a configuration or faults, and it comes soon."""

import string

import yaml
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.fault import ConfigError
from exporter.config.key import TABLE
from exporter.config.load import parse
from exporter.config.model import Config
from exporter.config.row import Group

NAMES = sorted(
    {entry.name for entry in TABLE}
    | {key.name.partition(".")[2] for group in TABLE if isinstance(group, Group) for key in group.keys}
    | {"chain", "dates"}
)

# Pieces that mean something to YAML or to us, so that random texts get beyond the first line.
PIECES = st.sampled_from(
    [
        *NAMES,
        *string.punctuation,
        ": ",
        "\n",
        "\n  ",
        "\n  - ",
        "- ",
        "25",
        "no",
        "60s",
        "mail.example.org",
        "192.0.2.1",
        "&a ",
        "*a",
        "!!str ",
        "ü",
        "\x85",
        "\ufeff",
        "%YAML 1.1\n",
        "---\n",
        "[]",
        "{}",
        "'",
        '"',
        "\\U0011FFFF",
    ]
)

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-5, 70_000)
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.sampled_from(
        ["mail.example.org", "2001:db8::1", "60s", "ipv4", "required", "closed", "smtp", "starttls", "none"]
    )
    | st.sampled_from(["filtered", "TLSv1.2", "AUTH PLAIN", "AUTH", 220, 554])
    | st.sampled_from(["all", "rsa", "no_sni", "ipv6", ".", "NONE", 25, 993])
)

TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES) | SCALARS, inner, max_size=5),
    max_leaves=25,
)


def outcome(text: str) -> Config | ConfigError:
    try:
        return parse(text, "conf.yml")
    except ConfigError as error:
        return error


def check(found: Config | ConfigError) -> None:
    if isinstance(found, Config):
        targets = (*found.targets, *found.references)
        assert len({target.key for target in targets}) == len(targets)
        return
    assert found.faults
    for fault in found.faults:
        assert str(fault).isprintable()


@given(st.text())
def test_any_text_gives_a_configuration_or_faults(text: str) -> None:
    check(outcome(text))


@given(st.lists(PIECES, max_size=30).map("".join))
def test_any_text_like_yaml_gives_a_configuration_or_faults(text: str) -> None:
    check(outcome(text))


@given(st.dictionaries(st.sampled_from(NAMES), TREES, max_size=6))
def test_any_tree_of_known_keys_gives_a_configuration_or_faults(tree: dict[str, object]) -> None:
    check(outcome(yaml.safe_dump(tree)))


@given(
    st.dictionaries(st.sampled_from(NAMES), TREES, max_size=4),
    st.dictionaries(st.sampled_from(NAMES), TREES, max_size=4),
)
def test_any_host_gives_a_configuration_or_faults(host: dict[str, object], port: dict[str, object]) -> None:
    entry = {**host, "host": "mail.example.org", "ports": [{**port, "port": 587}]}
    check(outcome(yaml.safe_dump({"hosts": [entry]})))


def test_a_version_directive_of_any_length_is_a_fault() -> None:
    found = outcome(f"%YAML {'9' * 5_000}.1\n---\nhosts: []\n")
    assert str(found) == "conf.yml:1: is not valid YAML: a number in it is too large"
