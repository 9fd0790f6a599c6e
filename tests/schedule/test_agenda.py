"""The agenda: always the earliest, each item once."""

from hypothesis import given
from hypothesis import strategies as st

from exporter.schedule.agenda import Agenda


def test_what_is_due_first_is_taken_first_and_nothing_before_its_time() -> None:
    agenda: Agenda[str] = Agenda()
    agenda.put("later", 20.0)
    agenda.put("sooner", 10.0)
    assert agenda.first() == 10.0
    assert agenda.take(9.9) is None
    assert agenda.take(10.0) == "sooner"
    assert agenda.take(10.0) is None
    assert agenda.first() == 20.0


def test_items_of_one_instant_come_in_the_order_in_which_they_were_entered() -> None:
    agenda: Agenda[str] = Agenda()
    for item in "cab":
        agenda.put(item, 5.0)
    assert [agenda.take(5.0) for _ in range(4)] == ["c", "a", "b", None]


def test_an_item_that_is_moved_is_due_only_at_its_new_instant() -> None:
    agenda: Agenda[str] = Agenda()
    agenda.put("target", 10.0)
    agenda.put("target", 30.0)
    assert len(agenda) == 1
    assert agenda.take(29.0) is None
    assert agenda.take(30.0) == "target"
    assert agenda.first() is None


def test_an_item_that_was_struck_out_is_never_due() -> None:
    agenda: Agenda[str] = Agenda()
    agenda.put("target", 10.0)
    agenda.drop("target")
    agenda.drop("never entered")
    assert len(agenda) == 0
    assert agenda.first() is None
    assert agenda.take(100.0) is None


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("put"), st.integers(0, 5), st.integers(0, 20)),
            st.tuples(st.just("drop"), st.integers(0, 5), st.just(0)),
            st.tuples(st.just("take"), st.just(0), st.integers(0, 20)),
        )
    )
)
def test_the_agenda_agrees_with_a_plain_table(steps: list[tuple[str, int, int]]) -> None:
    agenda: Agenda[int] = Agenda()
    table: dict[int, int] = {}
    for step, item, instant in steps:
        if step == "put":
            agenda.put(item, instant)
            table[item] = instant
        elif step == "drop":
            agenda.drop(item)
            table.pop(item, None)
        else:
            taken = agenda.take(instant)
            due = {item for item, at in table.items() if at <= instant and at == min(table.values())}
            assert taken in due if due else taken is None
            if taken is not None:
                del table[taken]
        assert agenda.first() == min(table.values(), default=None)
        assert len(agenda) == len(table)
