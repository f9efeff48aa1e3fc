"""The tree against RFC 6962's own recursion and the vectors of certificate transparency."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manara.ledger import tree

# The leaves and roots of RFC 6962's reference implementation (certificate-transparency, merkle tests).
LEAVES = [bytes.fromhex(x) for x in ["", "00", "10", "2021", "3031", "40414243", "5051525354555657",
                                     "606162636465666768696a6b6c6d6e6f"]]  # fmt: skip
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def mth(leaves: list[bytes]) -> bytes:
    """RFC 6962 §2.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\0" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\1" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def plain(count: int) -> list[bytes]:
    return [n.to_bytes(4, "big") for n in range(count)]


def hashed(count: int) -> list[bytes]:
    return [tree.leaf_hash(one) for one in plain(count)]


def test_the_vectors_of_certificate_transparency():
    for size, expected in enumerate(ROOTS):
        assert tree.root(tree.leaf_hash(one) for one in LEAVES[:size]).hex() == expected


@pytest.mark.parametrize("count", [*range(1, 40), 127, 128, 129, 1000])
def test_every_way_to_a_root_gives_that_of_the_standard(count):
    hashes, expected = hashed(count), mth(plain(count))
    edge = tree.Range()
    for one in hashes:
        edge.append(one)
    assert tree.root(hashes) == edge.root() == tree.root_at(tree.from_leaves(hashes), count) == expected
    again = tree.Range.load(edge.dump())
    again.append(bytes(32))
    edge.append(bytes(32))
    assert again.root() == edge.root() == tree.root([*hashes, bytes(32)])


def test_a_range_refuses_what_it_did_not_write():
    for wrong in (b"", bytes(7), bytes(8) + b"x", (3).to_bytes(8, "big") + bytes(32), b"\xff" * 8 + bytes(64 * 32)):
        with pytest.raises(ValueError, match="compact range"):
            tree.Range.load(wrong)


def test_every_path_of_small_trees_holds_and_no_other_does():
    for size in range(1, 34):
        hashes = hashed(size)
        getter, top, levels = tree.from_leaves(hashes), tree.root(hashes), tree.rows(hashes)
        for leaf in range(size):
            path = tree.inclusion_path(getter, leaf, size)
            assert path == tree.path_in(levels, leaf)
            assert tree.verify_inclusion(hashes[leaf], leaf, size, path, top)
            assert not tree.verify_inclusion(hashes[leaf], leaf ^ 1, size, path, top)
            assert not tree.verify_inclusion(hashes[leaf], leaf, size, [*path, bytes(32)], top)
            assert not path or not tree.verify_inclusion(hashes[leaf], leaf, size, path[1:], top)
            assert not tree.verify_inclusion(bytes(32), leaf, size, path, top)


def test_every_consistency_path_of_small_trees_holds_and_no_other_does():
    for new in range(1, 34):
        hashes = hashed(new)
        getter, top = tree.from_leaves(hashes), tree.root(hashes)
        for old in range(new + 1):
            path, before = tree.consistency_path(getter, old, new), tree.root(hashes[:old])
            assert tree.verify_consistency(old, new, before, top, path)
            assert not tree.verify_consistency(old, new, bytes(32), top, path)
            assert not tree.verify_consistency(old, new, before, bytes(32), path) or not old
            assert not tree.verify_consistency(old, new, before, top, [*path, bytes(32)])
            if path:
                assert not tree.verify_consistency(old, new, before, top, path[1:])
                assert len(path) <= new.bit_length() + 1


def test_a_power_of_two_with_its_node_named_begins_the_larger_tree():
    hashes = hashed(11)
    getter = tree.from_leaves(hashes)
    whole = [tree.root(hashes[:8]), *tree.consistency_path(getter, 8, 11)]
    assert tree.begins_with(8, 11, whole) == (tree.root(hashes[:8]), tree.root(hashes))
    assert tree.begins_with(8, 11, whole[:1]) is None
    assert tree.begins_with(8, 8, whole) is None
    assert tree.begins_with(8, 11, []) is None


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300), st.data())
def test_a_changed_bit_of_a_path_is_noticed(size, data):
    leaf = data.draw(st.integers(0, size - 1))
    hashes = hashed(size)
    path = tree.inclusion_path(tree.from_leaves(hashes), leaf, size)
    if not path:
        return
    place, bit = data.draw(st.integers(0, len(path) - 1)), data.draw(st.integers(0, 255))
    path[place] = (int.from_bytes(path[place], "big") ^ (1 << bit)).to_bytes(32, "big")
    assert not tree.verify_inclusion(hashes[leaf], leaf, size, path, tree.root(hashes))


@pytest.mark.parametrize(
    ("number", "size", "path"),
    [
        (-1, 5, []),
        (5, 5, []),
        (0, 0, []),
        (0, 1 << 63, []),
        (0, 1, [b"short"]),
        (0, 2, [bytes(33)]),
        (0, 3, [bytes(32)] * 99),
    ],
)
def test_nonsense_is_no_inclusion_and_no_exception(number, size, path):
    assert not tree.verify_inclusion(bytes(32), number, size, path, bytes(32))
    assert not tree.verify_consistency(number, size, bytes(32), b"\1" * 32, path)


def test_asking_for_what_is_not_there_is_our_own_fault():
    getter = tree.from_leaves(hashed(5))
    with pytest.raises(ValueError, match="leaf 5"):
        tree.inclusion_path(getter, 5, 5)
    with pytest.raises(ValueError, match="not within"):
        tree.consistency_path(getter, 6, 5)
    with pytest.raises(LookupError):
        getter(1, 2)
