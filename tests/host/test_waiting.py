"""The budget of each partner in a step: a flood waits itself, and nobody else does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from manara.host import waiting
from manara.host.waiting import NAMES_COST, STEP_COST, WAITING_COST, Waiting
from manara.records.inputs import Arrived, LinkState
from manara.records.released import Block, RowTable


def entry(partner: str, offset: int, size: int, table: int = RowTable.PRECISE) -> Arrived:
    return Arrived(partner, f"{partner}>arvena", offset, b"{}", (Block(table, 1, bytes(size), b""),), 7)


def test_frames_of_names_come_one_a_step_and_another_partners_row_comes_at_once():
    held = Waiting(2)
    names = [entry("belora", n, STEP_COST // NAMES_COST, RowTable.NAMES) for n in range(4)]
    assert all(held.offer([one]) for one in names[:4])
    assert held.offer([entry("corvia", 0, 100)])
    held.append(LinkState("belora", "live", "", 7))
    first = held.take()
    assert [(one.partner, getattr(one, "offset", None)) for one in first] == [
        ("belora", 0),
        ("corvia", 0),
        ("belora", None),
    ]
    rest = [[one.offset for one in held.take()] for _ in range(4)]
    assert rest == [[1], [2], [3], []]


def test_a_partner_that_fills_its_room_takes_none_from_others():
    held = Waiting(3)
    n = 0
    while held.offer([entry("belora", n, 1 << 20)]):
        n += 1
    assert 0 < n << 20 <= WAITING_COST // 3
    assert held.offer([entry("corvia", 0, 15 << 20)])
    assert not held.offer([entry("belora", n, 1 << 20)])
    assert held.offer([LinkState("belora", "lost", "", 7)]), "what is said of a link needs no room"
    held.take()
    assert held.offer([entry("belora", n, 1 << 20)])


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3 << 20), st.booleans()), max_size=25))
def test_everything_is_taken_once_in_order_and_no_step_takes_more_than_the_budgets(said):
    held, given_, places = Waiting(1), [], {"a": 0, "b": 0, "c": 0}
    for partner, size, names in said:
        one = entry(partner, places[partner], size, RowTable.NAMES if names else RowTable.PRECISE)
        if held.offer([one]):
            places[partner] += 1
            given_.append(one)
    taken = []
    while len(held):
        step = held.take()
        assert step, "each step takes something"
        for partner in "abc":
            costs = [waiting.cost(one) for one in step if one.partner == partner]
            assert len(costs) <= 1 or sum(costs) <= STEP_COST
        taken += step
    for partner in "abc":
        assert [one.offset for one in taken if one.partner == partner] == list(range(places[partner]))
    assert len(taken) == len(given_)
