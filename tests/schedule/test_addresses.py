"""The addresses that are probed: what DNS names, and for a while what it named."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.results import Outcome, Resolution
from exporter.schedule.addresses import MOST_ADDRESSES, AddressBook
from exporter.targets import AddressRule, IpFamily, Target
from tests.schedule.world import target

HOST = "mail.example.org"
GRACE = 600.0
A, B, C = "192.0.2.1", "192.0.2.2", "192.0.2.3"
SIX, SEVEN = "2001:db8::6", "2001:db8::7"
NXDOMAIN = Resolution(Outcome.DNS_NXDOMAIN, (), (), 0.1)
EMPTY = Resolution(Outcome.DNS_NO_ADDRESS, (), (), 0.1)
ERROR = Resolution(Outcome.DNS_ERROR, (), (), 5.0, failed=(IpFamily.IPV4, IpFamily.IPV6))
# One family has no address, and of the other nothing is known.
ERROR_IN_ONE = Resolution(Outcome.DNS_ERROR, (), (), 5.0, failed=(IpFamily.IPV6,))
LOCAL_ERROR = Resolution(Outcome.LOCAL_ERROR, (), (), 0.0, failed=(IpFamily.IPV4, IpFamily.IPV6))


def answer(*addresses: str) -> Resolution:
    """What DNS says where these are all addresses of a host, in the order of the answer."""
    four = tuple(address for address in addresses if ":" not in address)
    six = tuple(address for address in addresses if ":" in address)
    return Resolution(Outcome.OK, four, six, 0.1)


def template(host: str = HOST, port: int = 587, family: IpFamily = IpFamily.IPV4) -> Target:
    return replace(target(host, port, family=family), addresses=AddressRule.ALL)


V4, V6 = template(), template(family=IpFamily.IPV6)


def probed(book: AddressBook, now: float) -> list[str]:
    """The addresses of one port; an empty one stands for a template that stayed."""
    return [one.address for one in book.expand([V4, V6], now)]


def test_a_template_becomes_one_target_for_each_address_in_numerical_order() -> None:
    book = AddressBook(GRACE)
    book.observe(HOST, answer("192.0.2.20", SEVEN, "192.0.2.3", SIX), 0.0)
    assert book.expand([V4, V6], 0.0) == (
        replace(V4, address="192.0.2.3"),
        replace(V4, address="192.0.2.20"),
        replace(V6, address=SIX),
        replace(V6, address=SEVEN),
    )


def test_everything_else_is_left_as_it_is_and_where_it_is() -> None:
    book = AddressBook(GRACE)
    book.observe(HOST, answer(A, B), 0.0)
    first = target(port=25)
    fixed = replace(V4, address="198.51.100.1")
    other = template("mx.example.org")
    assert book.expand([first, V4, other, fixed], 0.0) == (
        first,
        replace(V4, address=A),
        replace(V4, address=B),
        other,
        fixed,
    )


def test_every_port_of_a_host_gets_its_addresses() -> None:
    book = AddressBook(GRACE)
    book.observe(HOST, answer(A, B), 0.0)
    found = book.expand([template(port=25), template(port=587)], 0.0)
    assert [(one.service.port, one.address) for one in found] == [(25, A), (25, B), (587, A), (587, B)]


def test_a_family_without_an_address_keeps_its_template() -> None:
    book = AddressBook(GRACE)
    assert probed(book, 0.0) == ["", ""]
    book.observe(HOST, answer(SIX), 0.0)
    assert probed(book, 0.0) == ["", SIX]


@dataclass(frozen=True)
class Step:
    """What DNS says at an instant, whether that changes anything, and what is probed then."""

    now: float
    said: Resolution
    changed: bool
    probed: Sequence[str]


STORIES = {
    "first answer": [Step(0, answer(A, SIX), True, [A, SIX])],
    "the same again": [Step(0, answer(A), True, [A, ""]), Step(120, answer(A), False, [A, ""])],
    "in another order": [Step(0, answer(A, B), True, [A, B, ""]), Step(120, answer(B, A), False, [A, B, ""])],
    "one more": [Step(0, answer(B), True, [B, ""]), Step(120, answer(B, A), True, [A, B, ""])],
    "one leaves and is probed until the grace is over": [
        Step(0, answer(A, B), True, [A, B, ""]),
        Step(100, answer(A), False, [A, B, ""]),
        Step(699, answer(A), False, [A, B, ""]),
        Step(700, answer(A), True, [A, ""]),
        Step(800, answer(A), False, [A, ""]),
    ],
    "one leaves and is back in time": [
        Step(0, answer(A, B), True, [A, B, ""]),
        Step(100, answer(A), False, [A, B, ""]),
        Step(600, answer(A, B), False, [A, B, ""]),
        Step(5000, answer(A, B), False, [A, B, ""]),
    ],
    "each leaving has a grace of its own": [
        Step(0, answer(A, B), True, [A, B, ""]),
        Step(100, answer(A), False, [A, B, ""]),
        Step(600, answer(A, B), False, [A, B, ""]),
        Step(650, answer(A), False, [A, B, ""]),
        Step(1249, answer(A), False, [A, B, ""]),
        Step(1250, answer(A), True, [A, ""]),
    ],
    "one takes the place of another": [
        Step(0, answer(A), True, [A, ""]),
        Step(100, answer(B), True, [A, B, ""]),
        Step(700, answer(B), True, [B, ""]),
    ],
    "one family leaves": [
        Step(0, answer(A, SIX), True, [A, SIX]),
        Step(100, answer(A), False, [A, SIX]),
        Step(700, answer(A), True, [A, ""]),
    ],
    "the name is gone": [
        Step(0, answer(A, SIX), True, [A, SIX]),
        Step(100, NXDOMAIN, False, [A, SIX]),
        Step(700, NXDOMAIN, True, ["", ""]),
        Step(800, answer(A), True, [A, ""]),
    ],
    "the name has no address any more": [
        Step(0, answer(A), True, [A, ""]),
        Step(100, EMPTY, False, [A, ""]),
        Step(700, EMPTY, True, ["", ""]),
    ],
    "a failing DNS takes nothing away": [
        Step(0, answer(A, SIX), True, [A, SIX]),
        Step(100, ERROR, False, [A, SIX]),
        Step(100_000, ERROR, False, [A, SIX]),
        Step(100_100, answer(A, SIX), False, [A, SIX]),
    ],
    "nor does one that fails for a family": [
        Step(0, answer(A, B, SIX), True, [A, B, SIX]),
        Step(100, replace(answer(A), failed=(IpFamily.IPV6,)), False, [A, B, SIX]),
        Step(700, replace(answer(A), failed=(IpFamily.IPV6,)), True, [A, SIX]),
        Step(9000, replace(answer(A), failed=(IpFamily.IPV6,)), False, [A, SIX]),
    ],
    "nor one that fails for a family and has nothing in the other": [
        Step(0, answer(A, SIX), True, [A, SIX]),
        Step(100, ERROR_IN_ONE, False, [A, SIX]),
        Step(9000, ERROR_IN_ONE, False, [A, SIX]),
    ],
    "nor a fault of this machine": [
        Step(0, answer(A), True, [A, ""]),
        Step(100, LOCAL_ERROR, False, [A, ""]),
        Step(9000, LOCAL_ERROR, False, [A, ""]),
    ],
    "nor a question that was not asked": [
        Step(0, answer(A, SIX), True, [A, SIX]),
        Step(100, replace(answer(A), ipv6=None), False, [A, SIX]),
        Step(9000, replace(answer(A), ipv6=None), False, [A, SIX]),
    ],
    "what left before DNS failed goes in its time": [
        Step(0, answer(A, B), True, [A, B, ""]),
        Step(100, answer(A), False, [A, B, ""]),
        Step(200, ERROR, False, [A, B, ""]),
        Step(700, ERROR, True, [A, ""]),
        Step(800, ERROR, False, [A, ""]),
    ],
    "a failing DNS before the first answer": [
        Step(0, ERROR, False, ["", ""]),
        Step(100, NXDOMAIN, False, ["", ""]),
        Step(200, answer(A), True, [A, ""]),
    ],
}


@pytest.mark.parametrize("story", STORIES)
def test_addresses_come_at_once_and_go_after_the_grace(story: str) -> None:
    book = AddressBook(GRACE)
    for step in STORIES[story]:
        assert book.observe(HOST, step.said, step.now) is step.changed, step
        assert probed(book, step.now) == step.probed, step


def test_without_a_grace_an_address_goes_at_once() -> None:
    book = AddressBook(0.0)
    book.observe(HOST, answer(A, B), 0.0)
    assert book.observe(HOST, answer(B), 0.0)
    assert probed(book, 0.0) == [B, ""]


def test_an_address_goes_in_its_time_although_nobody_observes_anything() -> None:
    book = AddressBook(GRACE)
    book.observe(HOST, answer(A, B), 0.0)
    book.observe(HOST, answer(A), 100.0)
    assert probed(book, 699.0) == [A, B, ""]
    assert probed(book, 700.0) == [A, ""]
    # It is told once: whoever expanded knows it.
    assert not book.observe(HOST, answer(A), 701.0)


def many(count: int, first: int = 0) -> list[str]:
    start = ipaddress.IPv4Address("198.51.0.0")
    return [str(start + first + n) for n in range(count)]


def test_of_too_many_addresses_the_lowest_are_probed_and_the_others_counted() -> None:
    book = AddressBook(GRACE)
    found = many(MOST_ADDRESSES + 8)
    book.observe(HOST, answer(*reversed(found), SIX), 0.0)
    assert probed(book, 0.0) == [*found[:MOST_ADDRESSES], SIX]
    assert book.left_out(HOST) == {IpFamily.IPV4: 8, IpFamily.IPV6: 0}


def test_as_many_as_there_may_be_leave_none_out() -> None:
    book = AddressBook(GRACE)
    assert book.left_out(HOST) == {}
    book.observe(HOST, answer(*many(MOST_ADDRESSES)), 0.0)
    assert book.left_out(HOST) == {IpFamily.IPV4: 0}


def test_one_that_was_left_out_moves_up_when_a_lower_one_is_gone() -> None:
    book = AddressBook(GRACE)
    found = many(MOST_ADDRESSES + 1)
    book.observe(HOST, answer(*found), 0.0)
    assert not book.observe(HOST, answer(*found[1:]), 100.0)
    assert book.left_out(HOST) == {IpFamily.IPV4: 1}
    assert book.observe(HOST, answer(*found[1:]), 700.0)
    assert probed(book, 700.0) == [*found[1:], ""]
    assert book.left_out(HOST) == {IpFamily.IPV4: 0}


def test_one_that_was_left_out_and_went_never_was_probed_and_is_not_waited_for() -> None:
    book = AddressBook(GRACE)
    found = many(MOST_ADDRESSES + 1)
    book.observe(HOST, answer(*found), 0.0)
    assert not book.observe(HOST, answer(*found[:-1]), 100.0)
    assert not book.observe(HOST, answer(*found[:-1]), 100.0 + GRACE)
    assert book.left_out(HOST) == {IpFamily.IPV4: 0}


def test_what_leaves_the_configuration_is_forgotten_and_the_rest_is_kept() -> None:
    book = AddressBook(GRACE)
    gone = template("gone.example.org")
    for host in (HOST, gone.host):
        book.observe(host, answer(A, SIX), 0.0)
    book.expand([V4, replace(gone, addresses=AddressRule.FIRST)], 1.0)
    assert [one.address for one in book.expand([V4, V6, gone], 2.0)] == [A, "", ""]
    assert book.observe(gone.host, answer(A), 3.0)


def test_another_grace_holds_from_now_on_also_for_what_has_left() -> None:
    book = AddressBook(GRACE)
    book.observe(HOST, answer(A, B), 0.0)
    book.observe(HOST, answer(A), 100.0)
    book.grace = 60.0
    assert probed(book, 159.0) == [A, B, ""]
    assert book.observe(HOST, answer(A), 160.0)


def test_nothing_is_remembered_of_names_that_never_had_an_address_or_lost_them_all() -> None:
    book = AddressBook(GRACE)
    for n in range(100):
        host = f"mx{n}.example.org"
        book.observe(host, NXDOMAIN, 0.0)
        book.observe(host, answer(A, SIX), 1.0)
        book.observe(host, NXDOMAIN, 2.0)
        book.observe(host, NXDOMAIN, 2.0 + GRACE)
    # Nothing that anybody can see tells it, except the memory of a daemon after a year.
    assert not book._known
    assert not book._shown


def test_a_name_with_ever_other_addresses_fills_no_memory() -> None:
    book = AddressBook(GRACE)
    for n in range(50):
        book.observe(HOST, answer(*many(100, first=100 * n)), float(n))
        assert len(probed(book, float(n))) == MOST_ADDRESSES + 1
    assert all(len(known.named) + len(known.left) <= 100 + MOST_ADDRESSES for known in book._known.values())


POOL = [A, B, C, SIX, SEVEN]
LOOKUPS = st.one_of(
    st.sampled_from([NXDOMAIN, EMPTY, ERROR, ERROR_IN_ONE, LOCAL_ERROR]),
    st.lists(st.sampled_from(POOL), unique=True, min_size=1).map(lambda found: answer(*found)),
)


@given(st.lists(st.tuples(st.integers(0, 400).map(float), LOOKUPS), max_size=30))
def test_what_is_probed_is_what_was_named_within_the_grace(lookups: list[tuple[float, Resolution]]) -> None:
    """Against a plain table of when each address was last known to be named."""
    book = AddressBook(GRACE)
    missing_since: dict[str, float | None] = {}
    now, before = 0.0, ["", ""]
    for wait, said in lookups:
        now += wait
        missing_since = {one: at for one, at in missing_since.items() if at is None or now < at + GRACE}
        if said.outcome not in (Outcome.DNS_ERROR, Outcome.LOCAL_ERROR):
            named = {*(said.ipv4 or ()), *(said.ipv6 or ())}
            left = {one: now if at is None else at for one, at in missing_since.items()}
            missing_since = {**left, **dict.fromkeys(named)}
        changed = book.observe(HOST, said, now)
        after = probed(book, now)
        assert [one for one in after if one] == [one for one in POOL if one in missing_since]
        assert changed is (after != before)
        before = after
