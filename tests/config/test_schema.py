"""The JSON schema and the loader say the same, because they read the same table."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from exporter.config.fault import ConfigError
from exporter.config.key import TABLE, at_level
from exporter.config.load import load, parse
from exporter.config.row import Group, Level
from exporter.config.schema import json_schema
from tests.config.test_faults import CONFIGS
from tests.config.test_forms import EXAMPLE

SCHEMA = json_schema()

ANNOTATIONS = {"$schema", "$defs", "title", "description", "default", "format"}
TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
}


def accepts(schema: Mapping[str, object], value: object) -> bool:
    """As much of draft 2020-12 as our schema uses; any other keyword is an error, never ignored."""
    return all(_holds(keyword, argument, schema, value) for keyword, argument in schema.items())


def _holds(keyword: str, argument: object, schema: Mapping[str, object], value: object) -> bool:
    match keyword, argument:
        case ("type", str(name)):
            return isinstance(value, TYPES[name]) and not (name == "integer" and isinstance(value, bool))
        case ("enum", list(allowed)):
            return value in allowed
        case ("$ref", str(reference)):
            definitions = SCHEMA["$defs"]
            assert isinstance(definitions, dict)
            return accepts(definitions[reference.removeprefix("#/$defs/")], value)
        case ("anyOf", list(schemas)):
            return any(accepts(inner, value) for inner in schemas)
        case ("not", dict(inner)):
            return not accepts(inner, value)
        case ("pattern", str(pattern)):
            return not isinstance(value, str) or re.search(pattern, value) is not None
        case ("minimum" | "maximum", int(bound)):
            return not isinstance(value, int) or (value >= bound if keyword == "minimum" else value <= bound)
        case ("minLength" | "maxLength", int(bound)):
            return not isinstance(value, str) or (
                len(value) >= bound if keyword == "minLength" else len(value) <= bound
            )
        case ("items", dict(inner)):
            return not isinstance(value, list) or all(accepts(inner, item) for item in value)
        case ("minItems" | "maxItems", int(bound)):
            return not isinstance(value, list) or (
                len(value) >= bound if keyword == "minItems" else len(value) <= bound
            )
        case ("uniqueItems", True):
            return not isinstance(value, list) or len({json.dumps(item) for item in value}) == len(value)
        case ("required", list(names)):
            return not isinstance(value, dict) or all(name in value for name in names)
        case ("propertyNames", dict(inner)):
            return not isinstance(value, dict) or all(accepts(inner, str(name)) for name in value)
        case ("properties", dict(inner)):
            return not isinstance(value, dict) or all(
                accepts(inner[name], found) for name, found in value.items() if name in inner
            )
        case ("additionalProperties", rule):
            known = schema.get("properties", {})
            assert isinstance(known, dict)
            extra = [] if not isinstance(value, dict) else [found for name, found in value.items() if name not in known]
            return not extra if rule is False else isinstance(rule, dict) and all(accepts(rule, item) for item in extra)
    assert keyword in ANNOTATIONS, f"the schema uses {keyword}, which this test does not know"
    return True


def test_the_schema_is_json() -> None:
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_the_schema_accepts_the_example() -> None:
    load(EXAMPLE)
    assert accepts(SCHEMA, yaml.safe_load(EXAMPLE.read_text()))


@pytest.mark.parametrize(
    "text",
    [
        "hosts: [mail.example.org]",
        "hosts: [{host: mail.example.org}]",
        "hosts: [{host: mail.example.org, ports: [25, {port: 26, protocol: smtp, tls: none}]}]",
        "{hosts: [], nameservers: [192.0.2.53], max_sessions: 1, min_gap: 0s, metrics: {capabilities: true}}",
        "{hosts: [], defaults: {timeouts: {total: 1m30s}, source_address: {ipv4: 192.0.2.1}, labels: {site: milan}}}",
        "{hosts: [], defaults: {ports: {25: {interval: 10s, expect: any}}}}",
        "hosts_files: ['conf.d/*.yml']",
        "{hosts: [], defaults: {valid_certificate: {dates: false}, min_tls: TLSv1.2, greeting_codes: [554]}}",
        "{hosts: [], references: {25: [mx.example.net, 192.0.2.1]}, reference_interval: 1m}",
        "{hosts: [], watch: {tls_findings: false, lost_families: false}}",
        "{hosts: [], probe_allow: [a.example, .example, 192.0.2.1, '2001:db8::/32'], probe_max_age: 0s}",
        "{hosts: [], modules: {a: {}, b-1: {port: 25, ip_families: [ipv6], server_name: a.example, interval: 1m}}}",
        "{hosts: [], references: {}, variant_interval: 1h, variant_gap: 0s, address_grace: 1h}",
        "{hosts: [], defaults: {addresses: all, require_families: [ipv6], certificate_group: none, variants: []}}",
        "hosts: [{host: a, ports: [{port: 25, variants: [no_sni, ecdsa], certificate_group: mx.example.org}]}]",
        "hosts: [{host: a, ports: [{port: 25, expect: filtered, capabilities: {must: [AUTH PLAIN], must_not: []}}]}]",
    ],
)
def test_the_schema_accepts_what_the_loader_accepts(text: str) -> None:
    parse(text, "conf.yml")
    assert accepts(SCHEMA, yaml.safe_load(text))


@pytest.mark.parametrize(
    "name",
    [
        "unknown-key",
        "unknown-key-in-group",
        "key-at-wrong-level",
        "hosts-not-list",
        "host-is-list",
        "host-missing",
        "port-missing",
        "ports-empty",
        "ports-not-list",
        "defaults-ports-list",
        "group-not-mapping",
        "duration-without-unit",
        "duration-malformed",
        "choice",
        "number",
        "port-out-of-range",
        "port-quoted",
        "port-true",
        "host-no",
        "families-empty",
        "family-twice",
        "family-unknown",
        "label-ours",
        "label-not-text",
        "source-address-text",
        "hosts-files-not-list",
        "truth",
        "certificate-checks",
        "min-tls",
        "greeting-codes",
        "greeting-codes-many",
        "capabilities-syntax",
        "capabilities-long",
        "capabilities-many",
        "addresses",
        "require-families",
        "certificate-group",
        "variants",
        "references",
        "references-empty",
        "references-list",
        "watch",
        "watch-not-mapping",
        "probe-allow",
        "probe-allow-not-list",
        "modules",
        "modules-list",
        "modules-not-mapping",
    ],
)
def test_the_schema_refuses_what_the_loader_refuses_for_its_form(name: str) -> None:
    with pytest.raises(ConfigError):
        load(CONFIGS / f"{name}.yml")
    assert not accepts(SCHEMA, yaml.safe_load((CONFIGS / f"{name}.yml").read_text()))


@pytest.mark.parametrize("entry", TABLE, ids=lambda entry: f"{entry.name} in {', '.join(sorted(entry.levels))}")
def test_every_key_has_a_sentence_of_help(entry: object) -> None:
    keys = entry.keys if isinstance(entry, Group) else ()
    for item in (entry, *keys):
        assert str(getattr(item, "help", "")).endswith(".")


@pytest.mark.parametrize("level", Level)
def test_a_key_has_one_meaning_in_one_place(level: Level) -> None:
    assert len(at_level(level)) == sum(level in entry.levels for entry in TABLE)


def test_the_example_mentions_every_key() -> None:
    text = EXAMPLE.read_text()
    names = {entry.name for entry in TABLE}
    names |= {key.name.partition(".")[2] for group in TABLE if isinstance(group, Group) for key in group.keys}
    missing = {name for name in names if not re.search(rf"(?<!\w){name}:", text)}
    assert missing == set()


def test_what_the_example_has_commented_out_is_valid_too(tmp_path: Path) -> None:
    text = re.sub(r"(?m)^(  )# ((?:ca_file|source_address|interval|  ipv[46]):.*)$", r"\1\2", EXAMPLE.read_text())
    text = re.sub(r"(?m)^# (references:|  (?:25|587): .*)$", r"\1", text)
    (tmp_path / "company-ca.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    found = parse(text, "conf.yml", tmp_path)
    (first, *_) = found.targets
    assert first.ca_file == str(tmp_path / "company-ca.pem")
    assert first.source_address == "192.0.2.10"
    assert {target.service.port for target in found.references} == {25, 587}
    assert accepts(SCHEMA, yaml.safe_load(text))
