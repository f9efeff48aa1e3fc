"""What a recipient sees of the tree of a tick: nothing that tells how much others were told, or whether."""

from __future__ import annotations

import hashlib
import itertools

from manara.host import log_ticks as ticks
from manara.ledger import entry as ledger_entry
from manara.link import heads
from manara.records.released import Delivery, Entry, Head

NOW = 1_790_000_000 * 1_000_000_000


class NoKeys:
    """A key table for entries without rows."""

    def make(self, *_: object) -> None:
        raise AssertionError("there is no row to keep a key for")


def _entry(stream: str) -> Entry:
    head = Head(kind="heartbeat", stream=stream, offset="0", time_ns=str(NOW))
    return Entry(stream, 0, heads.encode(head))


def tick(before: int, seed: int) -> Delivery:
    """Belora's entry of a tick in which so many others were told something before it."""
    others = [_entry(f"arvena>p{k}") for k in range(before)]
    turn = itertools.count()

    def chance(many: int) -> bytes:
        return hashlib.shake_256(f"{seed} {next(turn)}".encode()).digest(many)

    made = ticks.make(NOW, 0, [*others, _entry("arvena>belora")], NoKeys(), "arvena", {}, chance)
    kept = made.kept(1, bytes(32), b"")
    leaf, stand = ticks.tick_of(kept)
    for one, again in zip(made.deliveries, stand.entries, strict=True):
        root = ledger_entry.entry_root(one.head, [], one.salts, one.erased)
        assert ledger_entry.check_root(root, one.place, one.width, one.path, one.tick) == ""
        assert (one.place, one.path) == again, "read again it stands elsewhere"
        assert one.tick == leaf
    return made.deliveries[-1]


def test_neither_width_nor_place_tells_how_many_others_were_told_something():
    alone = [tick(0, seed) for seed in range(300)]
    crowded = [tick(9, seed) for seed in range(300, 600)]
    assert {one.width for one in alone} == {one.width for one in crowded} == {16}
    low = [sum(one.place < 8 for one in some) / 300 for some in (alone, crowded)]
    assert all(0.38 < share < 0.62 for share in low), "four standard deviations of a fair draw"
    assert {one.place for one in alone} == {one.place for one in crowded} == set(range(16))


def test_more_entries_than_the_least_width_still_fit_and_prove():
    assert tick(40, 1).width == 64
