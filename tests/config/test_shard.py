"""Shards: every host falls to exactly one, whole, and few move when one more is set up."""

import logging
from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.fault import ConfigError
from exporter.config.load import parse
from exporter.config.model import Config
from exporter.config.shard import MAX_TOTAL, WHOLE, Shard, chosen_shard, log_part, part

ENOUGH = 1000
HOSTS = [f"mx{number}.example.org" for number in range(ENOUGH)]
TOTALS = [1, 2, 3, 7, 16]

INDEX, TOTAL = "MAILPROBE_SHARD_INDEX", "MAILPROBE_SHARD_TOTAL"


def hosts(config: Config) -> set[str]:
    return {target.host for target in config.targets}


def shards(total: int) -> list[Shard]:
    return [Shard(index, total) for index in range(total)]


def parts(config: Config, total: int) -> list[Config]:
    return [part(config, shard) for shard in shards(total)]


def homes(config: Config, total: int) -> dict[str, int]:
    """By host, the index of the shard that has it."""
    return {host: index for index, own in enumerate(parts(config, total)) for host in hosts(own)}


@pytest.fixture(scope="module")
def many() -> Config:
    """Hosts enough to count, with two ports each and both families."""
    entries = "".join(f"  - {{host: {host}, ports: [25, 993]}}\n" for host in HOSTS)
    return parse(f"hosts:\n{entries}", "conf.yml")


@pytest.mark.parametrize("total", TOTALS)
def test_every_host_falls_to_exactly_one_shard_with_all_its_targets(many: Config, total: int) -> None:
    divided = parts(many, total)
    found = [target for own in divided for target in own.targets]
    assert sorted(found, key=str) == sorted(many.targets, key=str)
    assert sum(len(hosts(own)) for own in divided) == ENOUGH


@pytest.mark.parametrize("total", TOTALS)
def test_shards_have_about_as_many_hosts_as_each_other(many: Config, total: int) -> None:
    counted = Counter(homes(many, total).values())
    fair = ENOUGH / total
    # Five standard deviations of a fair draw.
    allowed = 5 * (fair * (1 - 1 / total)) ** 0.5
    assert set(counted) == set(range(total))
    assert all(abs(count - fair) <= allowed for count in counted.values())


@pytest.mark.parametrize("total", TOTALS)
def test_one_shard_more_takes_its_share_and_moves_nothing_else(many: Config, total: int) -> None:
    before, after = homes(many, total), homes(many, total + 1)
    moved = {host for host in before if before[host] != after[host]}
    assert {after[host] for host in moved} == {total}
    share = 1 / (total + 1)
    assert abs(len(moved) - ENOUGH * share) <= 5 * (ENOUGH * share * (1 - share)) ** 0.5


def test_hosts_that_come_and_go_move_no_other(many: Config) -> None:
    fewer = parse("hosts:\n" + "".join(f"  - {{host: {host}, ports: [25]}}\n" for host in HOSTS[::7]), "conf.yml")
    before = homes(many, 5)
    assert homes(fewer, 5) == {host: before[host] for host in HOSTS[::7]}


# Found once and kept: another answer would move every installation's hosts at an upgrade.
FIXED = [
    pytest.param("mail.example.org", [0, 1, 1, 1, 1, 5, 5, 5], id="a-name"),
    pytest.param("mx1.example.org", [0, 1, 2, 2, 2, 2, 2, 7], id="another-name"),
    pytest.param("192.0.2.25", [0, 1, 1, 3, 3, 3, 3, 3], id="an-ipv4-address"),
    pytest.param("2001:db8::25", [0, 1, 2, 2, 2, 2, 2, 2], id="an-ipv6-address"),
    pytest.param("xn--bcher-kva.example", [0, 1, 1, 1, 1, 1, 1, 1], id="a-name-in-another-script"),
]


@pytest.mark.parametrize(("unit", "expected"), FIXED)
def test_a_host_falls_to_the_same_shard_in_every_process_and_every_version(unit: str, expected: list[int]) -> None:
    found = [[shard.index for shard in shards(total) if shard.has(unit)] for total in range(1, 9)]
    assert found == [[index] for index in expected]


@given(unit=st.text(st.characters(exclude_categories=["Cs"])), total=st.integers(1, 40))
def test_whatever_it_is_called_exactly_one_shard_has_it(unit: str, total: int) -> None:
    assert [shard.has(unit) for shard in shards(total)].count(True) == 1


SPELLINGS = [
    pytest.param("mail.example.org", "MAIL.Example.ORG", id="case"),
    pytest.param("bücher.example", "xn--bcher-kva.example", id="script"),
    pytest.param("'2001:db8::25'", "'2001:0DB8:0::0025'", id="zeros"),
]


@pytest.mark.parametrize(("one", "other"), SPELLINGS)
@pytest.mark.parametrize("ports", ["[25, 993]", "[{port: 26, protocol: smtp, tls: none}]"], ids=["tls", "no-tls"])
def test_a_host_that_is_written_another_way_stays_where_it_is(one: str, other: str, ports: str) -> None:
    written = [parse(f"hosts: [{{host: {host}, ports: {ports}}}]", "conf.yml") for host in (one, other)]
    found = [[len(own.targets) for own in parts(config, 30)] for config in written]
    assert found[0] == found[1]


GROUPED = """
defaults: {ip_families: [ipv4]}
hosts:
  - {host: a.example.org, ports: [993], certificate_group: wildcard}
  - {host: b.example.org, ports: [25, {port: 993, certificate_group: wildcard}]}
  - {host: c.example.org, ports: [{port: 25, certificate_group: b.example.org}, 993]}
  - {host: d.example.org, ports: [25, 993], certificate_group: c.example.org}
  - {host: e.example.org, ports: [25, 993], certificate_group: none}
  - {host: f.example.org, ports: [25, 993], certificate_group: none}
"""


def test_hosts_that_are_compared_with_each_other_directly_or_through_others_stay_together() -> None:
    config = parse(GROUPED, "conf.yml")
    together = {f"{name}.example.org" for name in "abcd"}
    found = [hosts(own) for total in range(1, 20) for own in parts(config, total)]
    assert all(not own & together or together <= own for own in found)
    # What is compared with nobody is bound to nobody.
    assert any("e.example.org" in own and "f.example.org" not in own for own in found)
    assert any("f.example.org" in own and not own & together for own in found)


def test_the_order_of_the_hosts_decides_nothing() -> None:
    head, *entries = GROUPED.strip().split("hosts:\n")[0], *GROUPED.split("hosts:\n")[1].splitlines(keepends=True)
    backwards = parse(f"{head}hosts:\n{''.join(reversed(entries))}", "conf.yml")
    assert homes(backwards, 30) == homes(parse(GROUPED, "conf.yml"), 30)


def test_a_host_that_joins_the_group_of_another_goes_there_and_moves_nobody(many: Config) -> None:
    entries = "".join(
        f"  - {{host: {host}, ports: [25, 993]{', certificate_group: mx7.example.org' if host in HOSTS[:5] else ''}}}\n"
        for host in HOSTS[:60]
    )
    before, after = homes(many, 9), homes(parse(f"hosts:\n{entries}", "conf.yml"), 9)
    assert {after[host] for host in HOSTS[:5]} == {before["mx7.example.org"]}
    assert all(after[host] == before[host] for host in HOSTS[5:60])
    assert any(after[host] != before[host] for host in HOSTS[:5])


def test_a_long_chain_of_groups_stays_together_from_end_to_end() -> None:
    """The groups are numbered downwards, so that each new one becomes the least and what was known is known anew."""
    length = 200
    entries = "".join(
        f"  - {{host: mx{n}.example.org, ports: [{{port: 25, certificate_group: g{length - n:03}}},"
        f" {{port: 993, certificate_group: g{length - n - 1:03}}}]}}\n"
        for n in range(length)
    )
    config = parse(f"defaults: {{ip_families: [ipv4]}}\nhosts:\n{entries}", "conf.yml")
    assert sorted(len(hosts(own)) for own in parts(config, 3)) == [0, 0, length]


REFERRED = """
references: {25: [mx.example.net], 587: [mail.example.com]}
hosts:
  - {host: mail.example.org, ports: [25]}
  - {host: mail.example.com, ports: [993]}
"""


@pytest.mark.parametrize("total", [1, 2, 50])
def test_every_shard_asks_all_references(total: int) -> None:
    config = parse(REFERRED, "conf.yml")
    assert {own.references for own in parts(config, total)} == {config.references}


@pytest.mark.parametrize("total", [1, 2, 50])
def test_the_settings_that_are_left_are_those_of_the_ports_that_are_probed(total: int) -> None:
    config = parse(REFERRED, "conf.yml")
    for own in parts(config, total):
        probed = {(target.host, target.service.port) for target in (*own.targets, *own.references)}
        assert {(port.host, port.port) for port in own.ports} == probed
    assert part(config, WHOLE) == config


def test_the_targets_stay_in_the_order_of_the_file(many: Config) -> None:
    own = part(many, Shard(1, 3))
    assert list(own.targets) == [target for target in many.targets if target.host in hosts(own)]
    assert (own.settings, own.files, own.watch) == (many.settings, many.files, many.watch)


CHOSEN = [
    pytest.param(None, None, {}, WHOLE, id="nothing"),
    pytest.param("0", "1", {}, WHOLE, id="one-of-one"),
    pytest.param("2", "3", {}, Shard(2, 3), id="flags"),
    pytest.param(None, None, {INDEX: "0", TOTAL: "3"}, Shard(0, 3), id="environment"),
    pytest.param(None, "4", {INDEX: "3"}, Shard(3, 4), id="one-of-each"),
    pytest.param("1", None, {INDEX: "x", TOTAL: "5"}, Shard(1, 5), id="a-flag-wins"),
    pytest.param("1", "2", {INDEX: "7", TOTAL: "9"}, Shard(1, 2), id="flags-win"),
    pytest.param(None, None, {INDEX: "", TOTAL: ""}, WHOLE, id="empty-variables"),
    pytest.param("07", "08", {}, Shard(7, 8), id="leading-zeros"),
    pytest.param("999", "1000", {}, Shard(MAX_TOTAL - 1, MAX_TOTAL), id="the-most"),
]


@pytest.mark.parametrize(("index", "total", "environment", "expected"), CHOSEN)
def test_flags_win_over_the_environment(
    index: str | None, total: str | None, environment: Mapping[str, str], expected: Shard
) -> None:
    assert chosen_shard(index, total, environment) == expected


REFUSED = [
    pytest.param(
        *("3", "3", {}),
        ["the command line: --shard.index: shards are counted from 0, so the last of 3 is 2, not 3"],
        id="index-is-total",
    ),
    pytest.param(
        *(None, "3", {INDEX: "9"}),
        ["the environment: MAILPROBE_SHARD_INDEX: shards are counted from 0, so the last of 3 is 2, not 9"],
        id="index-above-total",
    ),
    pytest.param(
        *("1", None, {}),
        ["the command line: --shard.index: needs to know of how many: --shard.total or MAILPROBE_SHARD_TOTAL"],
        id="no-total",
    ),
    pytest.param(
        *(None, None, {TOTAL: "3"}),
        ["the environment: MAILPROBE_SHARD_TOTAL: needs to know which of them: --shard.index or MAILPROBE_SHARD_INDEX"],
        id="no-index",
    ),
    pytest.param(
        *(None, None, {INDEX: "", TOTAL: "3"}),
        ["the environment: MAILPROBE_SHARD_TOTAL: needs to know which of them: --shard.index or MAILPROBE_SHARD_INDEX"],
        id="an-empty-index",
    ),
    pytest.param(
        *("one", "-3", {}),
        [
            'the command line: --shard.total: must be a whole number from 1 to 1000, not "-3"',
            'the command line: --shard.index: must be a whole number from 0 to 999, not "one"',
        ],
        id="no-numbers",
    ),
    pytest.param(
        *("", "2", {INDEX: "1"}),
        ['the command line: --shard.index: must be a whole number from 0 to 999, not ""'],
        id="an-empty-flag",
    ),
    pytest.param(
        *("0", "0", {}),
        ['the command line: --shard.total: must be a whole number from 1 to 1000, not "0"'],
        id="none-at-all",
    ),
    pytest.param(
        *("0", "1001", {}),
        ['the command line: --shard.total: must be a whole number from 1 to 1000, not "1001"'],
        id="too-many",
    ),
    pytest.param(
        *("٣", "1" * 5000, {}),
        [
            f'the command line: --shard.total: must be a whole number from 1 to 1000, not "{"1" * 60}…"',
            'the command line: --shard.index: must be a whole number from 0 to 999, not "٣"',
        ],
        id="digits-of-another-script-and-very-many",
    ),
    pytest.param(
        *(None, None, {INDEX: "mailprobe-2", TOTAL: "3"}),
        ['the environment: MAILPROBE_SHARD_INDEX: must be a whole number from 0 to 999, not "mailprobe-2"'],
        id="the-name-of-a-pod",
    ),
]


@pytest.mark.parametrize(("index", "total", "environment", "faults"), REFUSED)
def test_nonsense_is_refused_with_what_is_wrong_and_where(
    index: str | None, total: str | None, environment: Mapping[str, str], faults: list[str]
) -> None:
    with pytest.raises(ConfigError) as raised:
        chosen_shard(index, total, environment)
    assert str(raised.value).splitlines() == faults


def test_an_empty_shard_says_so_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    config = parse("hosts: [mail.example.org]", "conf.yml")
    has, has_not = sorted(shards(2), key=lambda shard: not part(config, shard).targets)
    with caplog.at_level(logging.INFO):
        log_part(part(config, has_not), has_not)
        log_part(part(config, has), has)
    assert [(record.getMessage(), vars(record)["facts"]) for record in caplog.records] == [
        (
            "no host falls to this shard: there is nothing to watch here",
            {"shard_index": has_not.index, "shard_total": 2, "hosts": 0},
        ),
        ("these hosts fall to this shard", {"shard_index": has.index, "shard_total": 2, "hosts": 1}),
    ]


def test_nothing_is_logged_where_there_are_no_shards(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        log_part(parse("hosts: []", "conf.yml"), WHOLE)
    assert caplog.records == []
