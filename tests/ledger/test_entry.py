"""What an entry commits to: every byte of it, and nothing that was erased is needed to show that."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manara.ledger import entry, tree

HEAD = b'{"blocks":[[1,3,4],[2,5,2]],"kind":"batch","offset":"7","stream":"arvena>belora","time_ns":"0"}'
ROWS = [(b"aaabbbcccddd", 3), (b"eeeeefffff", 5)]
SALTS = bytes(range(16 * 7))


def made(erased: bytes = b""):
    """An entry at place 2 of a tick of three, some of its rows erased: the arguments of check_entry."""
    hashes = entry.entry_hashes(HEAD, ROWS, SALTS)
    rows, number = [], 0
    for data, width in ROWS:
        out = b""
        for at in range(0, len(data), width):
            out += hashes[number + 1] if erased and erased[number] else data[at : at + width]
            number += 1
        rows.append((out, width))
    roots = [bytes(32), b"\1" * 32, tree.root(hashes)]
    top, paths = entry.tick_tree(roots, [b"\7" * 32])
    return [HEAD, rows, SALTS, erased, 2, 4, paths[2], entry.tick_bytes(5, top)]


def test_an_entry_leads_to_its_tick():
    assert entry.check_entry(*made()) == ""
    assert entry.entry_root(HEAD, ROWS, SALTS) == tree.root(entry.entry_hashes(HEAD, ROWS, SALTS))


@pytest.mark.parametrize("erased", [b"\1\0\0\0\0\0", b"\0\0\0\1\1\0", b"\1" * 6, bytes(6)])
def test_row_22_an_erased_row_leaves_the_proof_standing(erased):
    parts = made(erased)
    assert entry.check_entry(*parts) == ""
    salts = bytearray(SALTS)
    for number, gone in enumerate(erased, 1):
        if gone:
            salts[number * 16 : number * 16 + 16] = bytes(16)
    parts[2] = bytes(salts)
    assert entry.check_entry(*parts) == ""


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_row_22_no_bit_of_an_entry_can_be_changed(data):
    parts = made()
    which = data.draw(st.sampled_from(["head", "row", "salt", "path", "tick"]))
    place = {"head": 0, "salt": 2, "path": 6, "tick": 7}.get(which)
    original = parts[place] if place is not None else parts[1][0][0]
    bit = data.draw(st.integers(0, len(original) * 8 - 1))
    changed = bytearray(original)
    changed[bit // 8] ^= 1 << bit % 8
    if place is not None:
        parts[place] = bytes(changed)
    else:
        parts[1] = [(bytes(changed), 3), parts[1][1]]
    if which == "tick" and 15 <= bit // 8 < 23:
        assert entry.check_entry(*parts) == ""  # the time is the log's word, its leaf commits to it
        assert entry.parse_tick(parts[7])[0] != 5
    else:
        assert entry.check_entry(*parts) != ""


def test_a_row_cannot_pass_into_another_frame():
    """The same bytes cut otherwise are other leaves."""
    parts = made()
    parts[1] = [(b"aaabbbcccddd", 2), parts[1][1]]
    parts[2] = SALTS + bytes(32)
    assert entry.check_entry(*parts) == "the entry does not lead to the tick's root"


@pytest.mark.parametrize(
    ("place", "wrong", "says"),
    [
        (0, bytes(entry.HEAD_MAX + 1), "the head has"),
        (1, [(b"aaab", 3)], "block 0: 4 bytes are not rows of 3"),
        (1, [(b"", 0)], "no width"),
        (1, [(b"a" * 40_000, 1)], "40000 rows"),
        (2, b"", "0 bytes of salt"),
        (3, b"\0", "1 marks of erasure"),
        (3, b"\2" + bytes(5), "block"),
        (4, 4, "place 4 of 4"),
        (4, -1, "place -1"),
        (4, 1, "does not lead"),
        (5, 3, "place 2 of 3"),
        (5, 1 << 40, "place 2 of"),
        (6, bytes(31), "a path of 31"),
        (6, bytes(64), "does not lead"),
        (7, b"", "not a tick"),
        (7, bytes(55), "not a tick"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(place, wrong, says):
    parts = made()
    parts[place] = wrong
    assert says in entry.check_entry(*parts)


def test_a_flood_of_narrow_rows_is_not_walked_to_its_end():
    assert "more than 32768 rows" in entry.check_entry(HEAD, [(bytes(8 << 20), 1)], b"", b"\1", 0, 1, b"", b"")


@given(st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_every_entry_of_a_tick_has_its_path(count):
    roots = [bytes([n]) * 32 for n in range(count)]
    dummies = [b"\xff" * 32] * entry.dummies_needed(count)
    top, paths = entry.tick_tree(roots, dummies)
    width = count + len(dummies)
    assert width & (width - 1) == 0
    for place, root in enumerate(roots):
        assert entry.check_root(root, place, width, paths[place], entry.tick_bytes(0, top)) == ""


def test_an_empty_tick_and_its_single_dummy():
    top, paths = entry.tick_tree([], [bytes(32)])
    assert (top, paths) == (tree.leaf_hash(bytes(32)), [])
    with pytest.raises(ValueError, match="dummies"):
        entry.tick_tree([bytes(32)] * 3, [])
    with pytest.raises(ValueError, match="32 bytes"):
        entry.tick_bytes(0, b"")


def test_a_row_has_its_own_path():
    hashes = entry.entry_hashes(HEAD, ROWS, SALTS)
    for leaf in range(7):
        assert tree.verify_inclusion(hashes[leaf], leaf, 7, entry.row_path(hashes, leaf), tree.root(hashes))
    with pytest.raises(ValueError, match="salt"):
        entry.entry_hashes(HEAD, ROWS, SALTS[:-1])
