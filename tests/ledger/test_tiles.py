"""Tiles: names, what they hold, and that any changed bit of a log is found and named."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manara.ledger import audit, tiles, tree


@pytest.mark.parametrize("number", [0, 5, 255, 999, 1000, 1234067, 999_999_999, 10**17])
@pytest.mark.parametrize("level", [tiles.ENTRIES, 0, 3])
@pytest.mark.parametrize("width", [1, 255, 256])
def test_a_name_reads_as_it_was_written(number, level, width):
    one = tiles.Tile(level, number, width)
    assert tiles.parse_path(one.path()) == one


@pytest.mark.parametrize(
    "path",
    ["", "tile", "tile/0", "tile/8/000", "tile/00/000", "tile/0/1", "tile/0/0001", "tile/0/x000/001", "tile/0/001/002",
     "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01", "tile/-1/000", "tile/entries/../000", "tile/0/000\n",
     "tile/0/٠٠٠", "/tile/0/000"],
)  # fmt: skip
def test_what_is_no_name_of_a_tile(path):
    assert tiles.parse_path(path) is None


def test_the_example_of_the_standard():
    """C2SP tlog-tiles: a log of 70,000 leaves."""
    found = [t for t in tiles.new_tiles(0, 70_000) if t.level >= 0]
    assert sum(t.level == 0 and t.width == 256 for t in found) == 273
    assert [t for t in found if t.width < 256] == [tiles.Tile(0, 273, 112), tiles.Tile(1, 1, 17), tiles.Tile(2, 0, 1)]
    assert [t.path() for t in tiles.new_tiles(0, 256)] == ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 200_000), st.integers(0, 3000))
def test_what_is_written_step_by_step_is_what_a_whole_log_has(old, more):
    whole = set(tiles.new_tiles(0, old + more))
    assert whole <= set(tiles.new_tiles(0, old)) | set(tiles.new_tiles(old, old + more))
    assert all(t in whole for t in tiles.new_tiles(old, old + more))


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 513, 1000, 66_000])
def test_tiles_give_every_root_and_path(make_log, size):
    log = make_log(size)
    hashes, top = tiles.TileHashes(log.read, size), tree.root(log.hashes)
    assert tree.root_at(hashes, size) == top
    for leaf in {0, size // 2, size - 1}:
        path = tree.inclusion_path(hashes, leaf, size)
        assert tree.verify_inclusion(log.hashes[leaf], leaf, size, path, top)
        assert tiles.leaf_at(log.read, leaf, size) == log.leaves[leaf]
    for old in {1, size // 2 or 1, size}:
        path = tree.consistency_path(hashes, old, size)
        assert tree.verify_consistency(old, size, tree.root(log.hashes[:old]), top, path)


def test_what_tiles_do_not_hold_is_said(make_log):
    log = make_log(300)
    hashes = tiles.TileHashes(log.read, 300)
    for level, index in ((0, 300), (3, 37), (8, 1), (9, 0)):
        with pytest.raises(LookupError):
            hashes(level, index)
    with pytest.raises(LookupError, match=r"tile/0/000: absent"):
        tiles.TileHashes(lambda path: None, 300)(0, 0)
    with pytest.raises(LookupError, match="has 5 bytes"):
        tiles.TileHashes(lambda path: b"short", 300)(0, 0)
    assert tiles.leaf_at(lambda path: None, 0, 300) == "absent"


def test_a_full_tile_stands_for_a_partial_one(make_log):
    """A log that has grown may have dropped the partial tiles of earlier sizes."""
    log = make_log(300)
    assert tree.root_at(tiles.TileHashes(log.read, 200), 200) == tree.root(log.hashes[:200])
    assert tiles.load_bundle(log.read, 0, 200) == log.leaves[:200]
    files = {name: content for name, content in log.files.items() if ".p/44" not in name}
    files |= {
        "tile/0/001": make_log(512).files["tile/0/001"],
        "tile/entries/001": make_log(512).files["tile/entries/001"],
    }
    assert list(audit.audit(files.get, 300, tree.root(log.hashes))) == []


@pytest.mark.parametrize(
    ("data", "width", "says"),
    [(b"", 1, "does not end"), (b"\0", 1, "cut short"), (b"\0\2a", 1, "leaf 0"), (b"\0\1a\0", 1, "does not end"),
     (b"\0\1a\0\1", 2, "leaf 1")],
)  # fmt: skip
def test_what_is_no_bundle_is_refused(data, width, says):
    assert says in tiles.parse_bundle(data, width)


def test_a_leaf_is_at_most_as_long_as_its_length_can_say():
    assert tiles.parse_bundle(tiles.bundle_bytes([bytes(0xFFFF), b""]), 2) == [bytes(0xFFFF), b""]
    with pytest.raises(ValueError, match="65535"):
        tiles.bundle_bytes([bytes(0x10000)])


def faults(files, size, top):
    return [*audit.audit(files.get, size, top), *audit.leftovers(files.get, size, sorted(files))]


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 1000, 65_536, 66_000])
def test_a_sound_log_has_no_fault(make_log, size):
    log, heard = make_log(size), []
    assert faults(log.files, size, tree.root(log.hashes)) == []
    assert list(audit.audit(log.read, size, tree.root(log.hashes), heard.append)) == []
    assert sum(heard) == size


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_row_22_any_flipped_bit_of_any_tile_is_found_and_located(make_log, data):
    """Wherever one bit is flipped, the first fault that is told names that file and that leaf or hash."""
    size = data.draw(st.sampled_from([1, 200, 256, 700, 5000]))
    log = make_log(size)
    path = data.draw(st.sampled_from(sorted(log.files.keys() - {"checkpoint"})))
    bit = data.draw(st.integers(0, len(log.files[path]) * 8 - 1))
    changed = bytearray(log.files[path])
    changed[bit // 8] ^= 1 << bit % 8
    found = faults({**log.files, path: bytes(changed)}, size, tree.root(log.hashes))
    wide = 57 if "entries" in path else 32
    first = tiles.parse_path(path).number * 256
    assert (found[0].path, found[0].place) == (path, first + bit // 8 // wide)
    assert {one.path for one in found} == {path}


@pytest.mark.parametrize("size", [5, 300, 700, 5000])
def test_every_absent_or_cut_file_is_named(make_log, size):
    log = make_log(size)
    for path in sorted(log.files.keys() - {"checkpoint"}):
        gone = {name: content for name, content in log.files.items() if name != path}
        for files in (gone, {**gone, path: log.files[path][:-1]}, {**gone, path: log.files[path] + b"x"}):
            assert path in {one.path for one in faults(files, size, tree.root(log.hashes))}, path


def test_three_changes_are_three_faults(make_log):
    log = make_log(66_000)
    files = dict(log.files)
    for path, at in (("tile/entries/123", 570), ("tile/0/100", 64), ("tile/1/001.p/1", 0)):
        changed = bytearray(files[path])
        changed[at] ^= 4
        files[path] = bytes(changed)
    found = [(one.path, one.place) for one in faults(files, 66_000, tree.root(log.hashes))]
    assert found == [("tile/1/001.p/1", 256), ("tile/0/100", 25_602), ("tile/entries/123", 31_498)]
    assert str(faults(files, 66_000, tree.root(log.hashes))[0]).startswith("tile/1/001.p/1, hash 256: ")


def test_another_root_is_the_checkpoints_fault(make_log):
    log = make_log(300)
    assert faults(log.files, 300, bytes(32))[0].path == "checkpoint"
    assert faults({}, 0, bytes(32))[0].path == "checkpoint"
    assert faults({}, 300, tree.root(log.hashes))[0].path == "checkpoint"


def test_a_forger_who_makes_all_tiles_anew_meets_the_root(make_log):
    log, liar = make_log(300), make_log(300, seed="other history")
    assert faults(liar.files, 300, tree.root(log.hashes))[0].path == "checkpoint"


def test_tiles_of_earlier_sizes_are_looked_at_too(make_log):
    log = make_log(300)
    old = {"tile/0/001.p/7": log.files["tile/0/001.p/44"][: 7 * 32]}
    assert faults({**log.files, **old}, 300, tree.root(log.hashes)) == []
    for path, content in (
        ("tile/0/001.p/7", bytes(7 * 32)),
        ("tile/0/001.p/7", b""),
        ("tile/0/001.p/45", bytes(45 * 32)),
        ("tile/0/005", bytes(8192)),
        ("tile/0/rubbish", b""),
    ):
        assert [one.path for one in faults({**log.files, path: content}, 300, tree.root(log.hashes))] == [path]


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_any_bytes_in_any_file_are_a_fault_and_no_exception(make_log, data):
    log = make_log(700)
    path = data.draw(st.sampled_from(sorted(log.files.keys() - {"checkpoint"})))
    content = data.draw(st.binary(max_size=200) | st.just(log.files[path][::-1]) | st.just(log.files[path] * 2))
    assert path in {one.path for one in faults({**log.files, path: content}, 700, tree.root(log.hashes))}
