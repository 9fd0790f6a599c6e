"""The effective configuration as text."""

import pickle
import re
from pathlib import Path

import pytest

from exporter.config.fault import ConfigError
from exporter.config.load import load, parse, targets_for_hosts
from exporter.config.show import effective_text, show
from tests.config.test_forms import EXAMPLE

TEXT = """\
min_gap: 3s
address_grace: 0s
watch: {suspected_bans: false}
references:
  25: [mx.example.net]
  993: [192.0.2.1, imap.example.net]
defaults:
  interval: 60s
  labels: {team: mail}
  ports:
    587: {auth_before_tls: allowed}
modules:
  strict: {port: 465, timeouts: {reply: 1s}, valid_certificate: {dates: false}}
hosts:
  - host: mail.example.org
    ip_families: [ipv4]
    labels: {site: milan}
    ports:
      - port: 587
        starttls: optional
        valid_certificate: {dates: false}
        capabilities: {must: [pipelining, AUTH Plain]}
"""

SHOWN = """\
mailprobe:                                                                # conf.yml
  nameservers: []                                                         # built in
  max_sessions: 200                                                       # built in
  sessions_per_address: 1                                                 # built in
  min_gap: 3s                                                             # main file (conf.yml:1)
  first_round: 60s                                                        # built in
  certificate_retention: 1d                                               # built in
  metrics.capabilities: false                                             # built in
  variant_interval: 1d                                                    # built in
  variant_gap: 600s                                                       # built in
  address_grace: 0s                                                       # main file (conf.yml:2)
  probe_allow: []                                                         # built in
  probe_max_age: 10s                                                      # built in
  watch.stale_certificates: true                                          # built in
  watch.tls_findings: true                                                # built in
  watch.suspected_bans: false                                             # main file (conf.yml:3)
  watch.lost_families: true                                               # built in
  watch.inferred_vantage: true                                            # built in
  reference_interval: 300s                                                # built in
  references: {25: [mx.example.net], 993: [192.0.2.1, imap.example.net]}  # main file (conf.yml:4)

module strict:                                                # conf.yml:13
  port: 465                                                   # conf.yml:13
  timeouts.reply: 1s                                          # conf.yml:13
  valid_certificate: {chain: true, name: true, dates: false}  # conf.yml:13

mail.example.org port 587:                                    # conf.yml:19
  protocol: smtp                                              # built in
  tls: starttls                                               # built in
  ip_families: [ipv4]                                         # host (conf.yml:16)
  require_families: []                                        # built in
  addresses: first                                            # built in
  expect: open                                                # built in
  starttls: optional                                          # port entry (conf.yml:20)
  valid_certificate: {chain: true, name: true, dates: false}  # port entry (conf.yml:21)
  auth_before_tls: allowed                                    # defaults.ports.587 (conf.yml:11)
  min_tls: (any version)                                      # built in
  greeting_codes: (220)                                       # built in
  capabilities.must: [PIPELINING, AUTH PLAIN]                 # port entry (conf.yml:22)
  capabilities.must_not: []                                   # built in
  certificate_group: mail.example.org                         # built in
  variants: [rsa, ecdsa]                                      # built in
  interval: 60s                                               # defaults (conf.yml:8)
  timeouts.connect: 5s                                        # built in
  timeouts.greeting: 30s                                      # built in
  timeouts.reply: 10s                                         # built in
  timeouts.handshake: 10s                                     # built in
  timeouts.total: 60s                                         # built in
  ehlo_name: (the machine's own name, or its address)         # built in
  server_name: (the host)                                     # built in
  ca_file: (the system's roots)                               # built in
  source_address.ipv4: (the system's choice)                  # built in
  labels.site: milan                                          # host (conf.yml:17)
  labels.team: mail                                           # defaults (conf.yml:9)

reference mx.example.net port 25:                      # conf.yml:5
  protocol: smtp                                       # built in
  tls: none                                            # built in
  ip_families: [ipv4, ipv6]                            # built in
  reference_interval: 300s                             # built in
  timeouts.connect: 5s                                 # built in
  timeouts.greeting: 30s                               # built in
  timeouts.reply: 10s                                  # built in
  timeouts.handshake: 10s                              # built in
  timeouts.total: 60s                                  # built in
  ehlo_name: (the machine's own name, or its address)  # built in
  ca_file: (the system's roots)                        # built in
  source_address.ipv4: (the system's choice)           # built in
  source_address.ipv6: (the system's choice)           # built in

reference 192.0.2.1 port 993:                          # conf.yml:6
  protocol: imap                                       # built in
  tls: implicit                                        # built in
  ip_families: [ipv4]                                  # the address
  reference_interval: 300s                             # built in
  timeouts.connect: 5s                                 # built in
  timeouts.greeting: 30s                               # built in
  timeouts.reply: 10s                                  # built in
  timeouts.handshake: 10s                              # built in
  timeouts.total: 60s                                  # built in
  ehlo_name: (the machine's own name, or its address)  # built in
  ca_file: (the system's roots)                        # built in
  source_address.ipv4: (the system's choice)           # built in

reference imap.example.net port 993:                   # conf.yml:6
  protocol: imap                                       # built in
  tls: implicit                                        # built in
  ip_families: [ipv4, ipv6]                            # built in
  reference_interval: 300s                             # built in
  timeouts.connect: 5s                                 # built in
  timeouts.greeting: 30s                               # built in
  timeouts.reply: 10s                                  # built in
  timeouts.handshake: 10s                              # built in
  timeouts.total: 60s                                  # built in
  ehlo_name: (the machine's own name, or its address)  # built in
  ca_file: (the system's roots)                        # built in
  source_address.ipv4: (the system's choice)           # built in
  source_address.ipv6: (the system's choice)           # built in
"""


def test_every_setting_is_shown_with_its_origin() -> None:
    assert show(parse(TEXT, "conf.yml")) == SHOWN


def test_every_port_has_its_settings() -> None:
    example = EXAMPLE.read_text().replace("# references:", "references: {25: [mx.example.com]}")
    found = parse(example, "conf.yml", EXAMPLE.parent)
    assert {(port.host, port.port) for port in found.ports} == {
        (target.host, target.service.port) for target in (*found.targets, *found.references)
    }
    assert found.references


def test_a_command_line_is_shown_as_one() -> None:
    text = show(targets_for_hosts(["192.0.2.1"], [465]))
    assert text.startswith("mailprobe:\n")
    assert re.search(r"(?m)^192\.0\.2\.1 port 465: +# the command line$", text)
    assert "starttls" not in text, "a rule that does not apply is not shown"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(EXAMPLE.read_text(), id="example"),
        pytest.param(TEXT, id="short"),
        pytest.param("hosts: []", id="nothing"),
        pytest.param(
            "defaults: {valid_certificate: true, starttls: forbidden}\n"
            "hosts: [{host: a, ports: [{port: 26, protocol: smtp, tls: none}, 465]}]",
            id="rules that do not apply",
        ),
        pytest.param(
            "hosts: [{host: '2001:db8::1', server_name: a.example, source_address: {ipv6: '2001:db8::2'}, "
            "labels: {a: 'no', b: '12', c: 'ü: #'}, ports: [25]}, {host: b, ports: [25]}, "
            "{host: '2001:db8::1', ports: [465], labels: {a: 'no', b: '12', c: 'ü: #'}}]",
            id="texts that YAML would misread",
        ),
        pytest.param(
            "hosts: [{host: a, ip_families: [ipv4], greeting_codes: [220, 554], min_tls: TLSv1.3, "
            "valid_certificate: {chain: false}, capabilities: {must: [a], must_not: [b c]}, ports: [25, 993, "
            "{port: 465, expect: filtered, valid_certificate: false}, "
            "{port: 26, protocol: pop3, tls: none, capabilities: {must: []}}]}]",
            id="everything that can be declared",
        ),
        pytest.param(
            "{references: {587: [b, a], 25: ['2001:db8::1', a]}, reference_interval: 1m, hosts: [c, {host: d, "
            "ip_families: [ipv4]}], defaults: {ip_families: [ipv6, ipv4], ehlo_name: m.example, require_families: "
            "[ipv6], source_address: {ipv4: 192.0.2.9, ipv6: '2001:db8::9'}, timeouts: {reply: 1s}}}",
            id="references that inherit",
        ),
        pytest.param(
            "{references: {465: [192.0.2.1]}, defaults: {ip_families: [ipv6]}, hosts: [c]}",
            id="a reference without a name",
        ),
        pytest.param(
            "defaults: {addresses: all, require_families: [ipv6]}\n"
            "hosts: [none, {host: a, ports: [25, {port: 465, certificate_group: none, variants: []}]}, {host: b, "
            "certificate_group: A, ports: [25]}, {host: b, require_families: [], ports: [465]}, {host: b, addresses: "
            "first, ports: [993, {port: 26, protocol: smtp, tls: none}]}, 192.0.2.1]",
            id="groups, variants and addresses",
        ),
        pytest.param(
            "{hosts: [{host: a, ip_families: [ipv4], capabilities: {must: []}, certificate_group: a, ports: [465]}], "
            "probe_allow: [.b.example, 10.0.0.0/8], probe_max_age: 1m, modules: {plain: {}, all: {port: 26, protocol: "
            "imap, tls: implicit, min_tls: TLSv1.2, timeouts: {reply: 1s, total: 9s}, capabilities: {must: [IDLE]}, "
            "source_address: {ipv6: '2001:db8::1'}}}, defaults: {labels: {team: mail}, capabilities: {must: [DSN]}, "
            "certificate_group: ours, valid_certificate: {dates: false}, timeouts: {greeting: 3s}, ports: {587: "
            "{interval: 1h, starttls: optional}}}}",
            id="what may be asked for",
        ),
        pytest.param("{hosts: [], modules: {all: {expect: any}}}", id="modules and no defaults"),
        pytest.param("{hosts: [], probe_allow: [a.example], defaults: {expect: any}}", id="no modules"),
        pytest.param(
            "{hosts: [], nameservers: [192.0.2.53], metrics: {capabilities: true}, min_gap: 1500ms, variant_gap: 1m, "
            "variant_interval: 1h, address_grace: 0s, watch: {lost_families: false, inferred_vantage: false}}",
            id="daemon",
        ),
    ],
)
def test_the_effective_text_yields_the_same_when_it_is_loaded(text: str) -> None:
    found = parse(text, "conf.yml", EXAMPLE.parent)
    again = parse(effective_text(found), "effective.yml")
    assert again.targets == found.targets
    for name in (
        "references",
        "probe_allow",
        "probe_max_age",
        "variant_interval",
        "variant_gap",
        "address_grace",
        "watch",
        "nameservers",
        "max_sessions",
        "min_gap",
        "first_round",
        "capability_metrics",
        "certificate_retention",
    ):
        assert getattr(again, name) == getattr(found, name)
    assert [(module.name, module.port, module.ports, module.other_ports) for module in again.modules] == [
        (module.name, module.port, module.ports, module.other_ports) for module in found.modules
    ]


def test_a_path_of_the_effective_text_does_not_depend_on_where_it_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "roots.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    found = parse("hosts: [{host: a, ca_file: roots.pem, ports: [25]}]", "conf.yml", tmp_path)
    assert parse(effective_text(found), "effective.yml", "/").targets == found.targets


def test_a_configuration_and_its_faults_can_cross_a_process_border() -> None:
    found = load(EXAMPLE)
    assert pickle.loads(pickle.dumps(found)) == found
    with pytest.raises(ConfigError) as caught:
        parse("hosts: [12]", "conf.yml")
    assert pickle.loads(pickle.dumps(caught.value)).faults == caught.value.faults
