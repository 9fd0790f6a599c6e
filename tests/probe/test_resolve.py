"""Names become addresses by a real name server's answers, the hosts file, and rules about how long an answer holds."""

import asyncio
import os
import resource
from dataclasses import replace
from pathlib import Path

import dns.rcode
import pytest

from exporter.probe.resolve import SystemResolver
from exporter.results import Outcome, Resolution
from exporter.targets import IpFamily
from tests.probe.nameserver import Answers, NameServer, records

BOTH = frozenset(IpFamily)
V4 = frozenset({IpFamily.IPV4})
NAME = "mail.example.org"


class Clock:
    """A monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Machine:
    """The files a resolver reads, in a directory of the test's."""

    def __init__(self, directory: Path) -> None:
        self.hosts = directory / "hosts"
        self.resolv_conf = directory / "resolv.conf"
        self.clock = Clock()

    def resolver(self, server: NameServer, *nameservers: str) -> SystemResolver:
        return SystemResolver(
            self.clock,
            nameservers or ("127.0.0.1",),
            hosts_file=self.hosts,
            resolv_conf=self.resolv_conf,
            port=server.port,
            lifetime=0.5,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


ADDRESSES: Answers = {
    (NAME, "A"): [records(NAME, 300, "A", "192.0.2.20", "192.0.2.3")],
    (NAME, "AAAA"): [records(NAME, 300, "AAAA", "2001:db8::20", "2001:db8::3")],
}


async def test_both_families_are_asked_for_and_given_in_numerical_order(machine: Machine) -> None:
    async with NameServer(ADDRESSES) as server:
        found = await machine.resolver(server).resolve(NAME, BOTH)

    assert found.outcome is Outcome.OK
    assert found.ipv4 == ("192.0.2.3", "192.0.2.20")
    assert found.ipv6 == ("2001:db8::3", "2001:db8::20")
    assert sorted(server.questions) == [(NAME, "A"), (NAME, "AAAA")]


async def test_a_family_nobody_wants_is_not_asked_for(machine: Machine) -> None:
    async with NameServer(ADDRESSES) as server:
        found = await machine.resolver(server).resolve(NAME, V4)

    assert (found.ipv6, server.questions) == (None, [(NAME, "A")])


async def test_an_alias_is_followed(machine: Machine) -> None:
    real = "real.example.org"
    answers: Answers = {(NAME, "A"): [records(NAME, 300, "CNAME", f"{real}."), records(real, 300, "A", "192.0.2.9")]}
    async with NameServer(answers) as server:
        found = await machine.resolver(server).resolve(NAME, V4)

    assert found.addresses(IpFamily.IPV4) == ("192.0.2.9",)


FAILURES: dict[str, tuple[Answers, Outcome, tuple[IpFamily, ...]]] = {
    "name does not exist": ({}, Outcome.DNS_NXDOMAIN, ()),
    "name has neither record": ({(NAME, "A"): [], (NAME, "AAAA"): []}, Outcome.DNS_NO_ADDRESS, ()),
    "server fails": (
        {(NAME, "A"): dns.rcode.SERVFAIL, (NAME, "AAAA"): dns.rcode.SERVFAIL},
        Outcome.DNS_ERROR,
        (IpFamily.IPV4, IpFamily.IPV6),
    ),
    "server refuses one family": (
        {(NAME, "A"): ADDRESSES[NAME, "A"], (NAME, "AAAA"): dns.rcode.REFUSED},
        Outcome.OK,
        (IpFamily.IPV6,),
    ),
    "one family only": ({(NAME, "A"): ADDRESSES[NAME, "A"], (NAME, "AAAA"): []}, Outcome.OK, ()),
    "error in one, nothing in the other": (
        {(NAME, "A"): [], (NAME, "AAAA"): dns.rcode.SERVFAIL},
        Outcome.DNS_ERROR,
        (IpFamily.IPV6,),
    ),
}


@pytest.mark.parametrize("case", FAILURES)
async def test_why_there_is_no_address_is_told_by_family(case: str, machine: Machine) -> None:
    answers, outcome, failed = FAILURES[case]
    async with NameServer(answers) as server:
        found = await machine.resolver(server).resolve(NAME, BOTH)

    assert found.outcome is outcome
    assert set(found.failed) == set(failed)
    assert found.detail


async def test_a_server_that_is_not_there_is_an_error_of_dns(machine: Machine) -> None:
    async with NameServer({}) as server:
        gone = machine.resolver(server)

    found = await gone.resolve(NAME, V4)

    assert found.outcome is Outcome.DNS_ERROR


@pytest.mark.parametrize(
    ("ttl", "kept"), [(0, 5), (60, 60), (86400, 3600)], ids=["at least 5 s", "as told", "at most 1 h"]
)
async def test_an_answer_is_kept_for_its_time_within_bounds(ttl: int, kept: int, machine: Machine) -> None:
    async with NameServer({(NAME, "A"): [records(NAME, ttl, "A", "192.0.2.1")]}) as server:
        resolver = machine.resolver(server)
        await resolver.resolve(NAME, V4)
        machine.clock.now += kept - 0.1
        await resolver.resolve(NAME, V4)
        before = len(server.questions)
        machine.clock.now += 0.2
        await resolver.resolve(NAME, V4)

    assert (before, len(server.questions)) == (1, 2)


async def test_a_failure_is_asked_about_again_before_the_next_confirming_probe(machine: Machine) -> None:
    async with NameServer({}) as server:
        resolver = machine.resolver(server)
        await resolver.resolve(NAME, V4)
        machine.clock.now += 9.9
        await resolver.resolve(NAME, V4)
        before = len(server.questions)
        machine.clock.now += 0.2
        server.answers = ADDRESSES
        found = await resolver.resolve(NAME, V4)

    assert before == 1
    assert found.outcome is Outcome.OK


@pytest.mark.parametrize(
    ("minimum", "kept"), [(0, 10), (60, 60), (86400, 300)], ids=["at least 10 s", "as told", "at most 5 min"]
)
async def test_that_a_family_has_no_address_is_kept_for_its_time_within_bounds(
    minimum: int, kept: int, machine: Machine
) -> None:
    soa = records("example.org", 86400, "SOA", f"ns.example.org. root.example.org. 1 7200 3600 86400 {minimum}")
    answers: Answers = {(NAME, "A"): [records(NAME, 3600, "A", "192.0.2.1")], (NAME, "AAAA"): []}
    async with NameServer(answers, (soa,)) as server:
        resolver = machine.resolver(server)
        await resolver.resolve(NAME, BOTH)
        machine.clock.now += kept - 1
        assert (await resolver.resolve(NAME, BOTH)).ipv6 == ()
        assert server.questions.count((NAME, "AAAA")) == 1
        machine.clock.now += 1
        assert (await resolver.resolve(NAME, BOTH)).ipv6 == ()
        assert server.questions.count((NAME, "AAAA")) == 2
        assert server.questions.count((NAME, "A")) == 1


async def test_what_still_holds_is_given_again_as_it_is_and_takes_no_time(machine: Machine) -> None:
    answers: Answers = {
        (NAME, "A"): [records(NAME, 300, "A", "192.0.2.20"), records(NAME, 300, "A", "192.0.2.21")],
        (NAME, "AAAA"): [records(NAME, 60, "AAAA", "2001:db8::20")],
    }
    async with NameServer(answers) as server:
        server.on_question = lambda: setattr(machine.clock, "now", machine.clock.now + 0.25)
        resolver = machine.resolver(server)
        asked = await resolver.resolve(NAME, BOTH)
        machine.clock.now += 59
        kept = await resolver.resolve(NAME, BOTH)
        again = await resolver.resolve(NAME, BOTH)
        machine.clock.now += 1
        # One family of the two must be asked about anew, the other one still holds.
        renewed = await resolver.resolve(NAME, BOTH)

    assert asked.duration == 0.5
    assert kept == replace(asked, duration=0.0)
    assert again is kept
    assert renewed.duration == 0.25
    assert renewed.ipv4 == asked.ipv4
    assert len(server.questions) == 3


async def test_a_name_that_ends_like_an_address_is_a_name(machine: Machine) -> None:
    answers: Answers = {("mx.example.org.1", "A"): [records("mx.example.org.1", 300, "A", "192.0.2.9")]}
    async with NameServer(answers) as server:
        found = await machine.resolver(server).resolve("mx.example.org.1", V4)

    assert found.ipv4 == ("192.0.2.9",)


async def test_many_who_ask_at_once_cost_one_question(machine: Machine) -> None:
    async with NameServer(ADDRESSES) as server:
        resolver = machine.resolver(server)
        found = await asyncio.gather(*(resolver.resolve(NAME, V4) for _ in range(20)))

    assert {resolution.ipv4 for resolution in found} == {("192.0.2.3", "192.0.2.20")}
    assert server.questions == [(NAME, "A")]


async def test_a_cancelled_question_is_taken_over_by_the_next_in_line(machine: Machine) -> None:
    asked = asyncio.Event()
    async with NameServer({(NAME, "A"): None}) as server:
        server.on_question = asked.set
        resolver = machine.resolver(server)
        first = asyncio.create_task(resolver.resolve(NAME, V4))
        second = asyncio.create_task(resolver.resolve(NAME, V4))
        await asked.wait()
        server.answers = ADDRESSES
        first.cancel()
        found: Resolution = await second

    assert found.outcome is Outcome.OK


LITERALS = {
    "IPv4": ("192.0.2.1", ("192.0.2.1",), ()),
    "IPv6": ("2001:db8::1", (), ("2001:db8::1",)),
    "IPv6 with a zone": ("fe80::1%lo", (), ("fe80::1%lo",)),
}


@pytest.mark.parametrize("case", LITERALS)
async def test_an_ip_literal_is_its_own_address(case: str, machine: Machine) -> None:
    host, ipv4, ipv6 = LITERALS[case]
    async with NameServer({}) as server:
        found = await machine.resolver(server).resolve(host, BOTH)

    assert (found.outcome, found.ipv4, found.ipv6) == (Outcome.OK, ipv4, ipv6)
    assert server.questions == []


async def test_two_spellings_of_one_address_are_one(machine: Machine) -> None:
    async with NameServer({}) as server:
        found = await machine.resolver(server).resolve("2001:DB8:0::1", BOTH)

    assert found.ipv6 == ("2001:db8::1",)


async def test_an_address_that_means_nowhere_is_none(machine: Machine) -> None:
    answers: Answers = {
        (NAME, "A"): [records(NAME, 300, "A", "0.0.0.0")],
        (NAME, "AAAA"): [records(NAME, 300, "AAAA", "::", "2001:db8::3")],
    }
    async with NameServer(answers) as server:
        found = await machine.resolver(server).resolve(NAME, BOTH)

    assert (found.ipv4, found.ipv6) == ((), ("2001:db8::3",))


async def test_an_answer_of_the_name_servers_before_is_not_kept(machine: Machine) -> None:
    async with NameServer(ADDRESSES) as old, NameServer({}) as new:
        resolver = machine.resolver(old)
        old.on_question = lambda: resolver.ask(["127.0.0.2"])
        await resolver.resolve(NAME, V4)
        old.on_question = None
        resolver.ask(["127.0.0.1"])
        found = await resolver.resolve(NAME, V4)

    assert found.outcome is Outcome.OK
    assert old.questions == [(NAME, "A"), (NAME, "A")]
    assert new.questions == []


async def test_other_name_servers_are_asked_anew(machine: Machine) -> None:
    async with NameServer(ADDRESSES) as server:
        resolver = machine.resolver(server)
        await resolver.resolve(NAME, V4)
        resolver.ask(["127.0.0.1"])
        same = len(server.questions)
        resolver.ask(["127.0.0.9"])
        found = await resolver.resolve(NAME, V4)

    assert same == 1
    assert found.outcome is Outcome.DNS_ERROR


async def test_being_out_of_files_is_not_the_name_servers_fault(machine: Machine) -> None:
    machine.hosts.write_text(f"127.0.0.9 listed.{NAME}\n")
    async with NameServer(ADDRESSES) as server:
        resolver = machine.resolver(server)
        await resolver.resolve(f"listed.{NAME}", V4)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        used = os.open(os.devnull, os.O_RDONLY)
        resource.setrlimit(resource.RLIMIT_NOFILE, (used, hard))
        try:
            machine.hosts.touch()
            listed = await resolver.resolve(f"listed.{NAME}", V4)
            asked = await resolver.resolve(NAME, V4)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            os.close(used)

    assert listed.ipv4 == ("127.0.0.9",)
    assert asked.outcome is Outcome.LOCAL_ERROR


async def test_the_hosts_file_comes_first_and_is_read_again_when_it_changes(machine: Machine) -> None:
    async with NameServer(ADDRESSES) as server:
        resolver = machine.resolver(server)
        machine.hosts.write_text(f"# comment\nbroken line\n127.0.0.9  other {NAME.upper()} # here\n::1 {NAME}\n")
        listed = await resolver.resolve(NAME, BOTH)
        machine.hosts.write_text("")
        asked = await resolver.resolve(NAME, BOTH)

    assert (listed.ipv4, listed.ipv6) == (("127.0.0.9",), ("::1",))
    assert asked.ipv4 == ("192.0.2.3", "192.0.2.20")


async def test_an_address_that_is_listed_in_two_spellings_is_one_address(machine: Machine) -> None:
    machine.hosts.write_text(f"2001:DB8:0::1 {NAME}\n2001:db8::1 {NAME}\nfe80::0:1%eth0 {NAME}\nfe80::1%eth1 {NAME}\n")
    async with NameServer({}) as server:
        found = await machine.resolver(server).resolve(NAME, BOTH)

    assert found.ipv6 == ("2001:db8::1", "fe80::1%eth0", "fe80::1%eth1")


async def test_a_name_listed_for_one_family_is_not_asked_about_for_the_other(machine: Machine) -> None:
    machine.hosts.write_text(f"127.0.0.9 {NAME}\n")
    async with NameServer(ADDRESSES) as server:
        found = await machine.resolver(server).resolve(NAME, BOTH)

    assert (found.outcome, found.ipv4, found.ipv6) == (Outcome.OK, ("127.0.0.9",), ())
    assert server.questions == []


async def test_search_domains_of_the_system_are_honoured(machine: Machine) -> None:
    machine.resolv_conf.write_text("nameserver 127.0.0.1\nsearch example.org\n")
    async with NameServer(ADDRESSES) as server:
        found = await machine.resolver(server).resolve("mail", V4)

    assert found.outcome is Outcome.OK


async def test_the_systems_name_servers_are_read_again_when_the_file_changes(machine: Machine) -> None:
    machine.resolv_conf.write_text("nameserver 127.0.0.99\n")
    async with NameServer(ADDRESSES) as server:
        resolver = SystemResolver(
            machine.clock, hosts_file=machine.hosts, resolv_conf=machine.resolv_conf, port=server.port, lifetime=0.5
        )
        before = await resolver.resolve(NAME, V4)
        machine.resolv_conf.write_text("nameserver 127.0.0.1\n")
        machine.clock.now += 60
        after = await resolver.resolve(NAME, V4)

    assert (before.outcome, after.outcome) == (Outcome.DNS_ERROR, Outcome.OK)


async def test_without_any_name_server_the_machines_own_is_asked(machine: Machine) -> None:
    async with NameServer(ADDRESSES) as server:
        resolver = SystemResolver(
            machine.clock, hosts_file=machine.hosts, resolv_conf=machine.resolv_conf, port=server.port, lifetime=0.5
        )
        found = await resolver.resolve(NAME, V4)

    assert found.outcome is Outcome.OK


async def test_an_internationalised_name_is_asked_for_in_its_ascii_form(machine: Machine) -> None:
    name = "xn--bcher-kva.example.org"
    async with NameServer({(name, "A"): [records(name, 60, "A", "192.0.2.1")]}) as server:
        found = await machine.resolver(server).resolve("bücher.example.org", V4)

    assert found.outcome is Outcome.OK


async def test_what_is_kept_stays_bounded(machine: Machine) -> None:
    class Small(SystemResolver):
        CAPACITY = 2

    answers: Answers = {
        (f"{number}.example.org", "A"): [records(f"{number}.example.org", 60, "A", "192.0.2.1")] for number in range(4)
    }
    async with NameServer(answers) as server:
        resolver = Small(
            machine.clock, ("127.0.0.1",), hosts_file=machine.hosts, resolv_conf=machine.resolv_conf, port=server.port
        )
        for number in range(4):
            await resolver.resolve(f"{number}.example.org", V4)
            machine.clock.now += 61
        again = await resolver.resolve("0.example.org", V4)

    assert again.outcome is Outcome.OK
    assert len(server.questions) == 5
