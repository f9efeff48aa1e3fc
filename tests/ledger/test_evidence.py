"""Evidence convicts a log that lied, and nobody else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manara.ledger import checkpoint, evidence, note, tiles, tree


def rewritten(make_log, old: int, new: int):
    """A log that signed ``old`` leaves, and then ``new`` others."""
    honest, liar = make_log(old), make_log(new, seed="other history")
    return honest, evidence.find(honest.files["checkpoint"], liar.files["checkpoint"], tree.from_leaves(liar.hashes))


@pytest.mark.parametrize(("old", "new"), [(1, 2), (1, 5), (2, 3), (3, 4), (7, 20), (8, 20), (16, 32), (31, 33)])
def test_row_22_a_rewritten_log_is_proven_to_a_stranger(make_log, old, new):
    log, found = rewritten(make_log, old, new)
    again = evidence.parse(found.encode())
    assert again == found
    verdict = evidence.check(again, [log.signer.key])
    assert verdict.proven == "rewritten"
    assert f"the first {old} are not those" in verdict.text


def test_row_22_a_split_view_is_proven_to_a_stranger(make_log):
    one, other = make_log(20), make_log(20, seed="other history")
    found = evidence.find(one.files["checkpoint"], other.files["checkpoint"], tree.from_leaves([]))
    verdict = evidence.check(evidence.parse(found.encode()), [one.signer.key])
    assert (verdict.proven, found.path) == ("split", ())
    assert "two different logs" in verdict.text


def test_evidence_is_found_from_the_tiles_of_today(make_log):
    honest, liar = make_log(300), make_log(700, seed="other history")
    hashes = tiles.TileHashes(liar.read, 700)
    found = evidence.find(liar.files["checkpoint"], honest.files["checkpoint"], hashes)
    assert evidence.check(found, [honest.signer.key]).proven == "rewritten"


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 60), st.integers(0, 60))
def test_nothing_can_be_made_against_an_honest_log(make_log, a, b):
    log = make_log(60)
    hashes = tree.from_leaves(log.hashes)
    found = evidence.find(log.checkpoint(a), log.checkpoint(b), hashes)
    assert found in (evidence.SAME, evidence.EMPTY, evidence.CONTINUES)
    old, new = sorted((a, b))
    if 0 < old < new:
        forged = evidence.Evidence(
            log.checkpoint(old), log.checkpoint(new), tuple(evidence.whole_path(hashes, old, new))
        )
        assert evidence.check(forged, [log.signer.key]).proven == ""


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_no_path_that_a_slanderer_makes_convicts_an_honest_log(make_log, data):
    log = make_log(60)
    hashes = tree.from_leaves(log.hashes)
    old = data.draw(st.integers(1, 59))
    path = evidence.whole_path(hashes, old, 60)
    place, bit = data.draw(st.integers(0, len(path) - 1)), data.draw(st.integers(0, 255))
    path[place] = (int.from_bytes(path[place], "big") ^ (1 << bit)).to_bytes(32, "big")
    path = data.draw(st.sampled_from([path, path[1:], [*path, bytes(32)], path[::-1], []]))
    found = evidence.Evidence(log.checkpoint(old), log.checkpoint(60), tuple(path))
    assert evidence.check(found, [log.signer.key]).proven == ""


def test_what_proves_nothing_says_why(make_log, signer):
    one, other, foreign = make_log(20), make_log(20, seed="other history"), make_log(20, origin="belora.example/log")
    key, third = one.signer.key, signer("third")

    def text(first, second, keys=(key,)):
        verdict = evidence.check(evidence.Evidence(first, second), keys)
        assert verdict.proven == ""
        return verdict.text

    a, b = one.files["checkpoint"], other.files["checkpoint"]
    assert "first checkpoint: no signature by a known key" in text(a, b, [third.key])
    assert "second checkpoint: not a note" in text(a, b"x")
    assert "no key has signed both" in text(a, foreign.files["checkpoint"], [key, foreign.signer.key])
    assert "do not contradict" in text(a, a)
    assert "do not contradict" in text(one.checkpoint(20), other.checkpoint(5))
    assert "does not lead" in text(one.checkpoint(5), b)
    assert "do not contradict" in text(one.checkpoint(0), b)
    named = checkpoint.Checkpoint("another log", 20, bytes(32))
    assert "of two logs" in text(a, checkpoint.signed(named, key, one.signer))
    witness = note.Key(key.name, note.COSIGNATURE, key.public)
    assert "no signature by a known key" in text(a, b, [witness])


def test_what_makes_no_evidence_says_why(make_log):
    one, other = make_log(20), make_log(33, seed="other history")
    getter = tree.from_leaves(one.hashes)
    assert evidence.find(b"x", one.files["checkpoint"], getter).startswith("not a note")
    assert evidence.find(one.files["checkpoint"], b"x", getter).startswith("not a note")
    assert "do not give the root" in evidence.find(
        one.checkpoint(5), other.checkpoint(33), tree.from_leaves(make_log(33).hashes)
    )
    with pytest.raises(LookupError):
        evidence.find(one.checkpoint(5), other.checkpoint(33), tree.from_leaves([]))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_changed_bit_of_the_file_proves_nothing_more(make_log, data):
    """It is refused, proves nothing, or (an unused letter) says what it said."""
    log, found = rewritten(make_log, 7, 20)
    raw = bytearray(found.encode())
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    one = evidence.parse(bytes(raw))
    assert isinstance(one, str) or evidence.check(one, [log.signer.key]).proven == ""


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not a file of the kind"),
        (b'{"kind":"manara/bundle/v1"}', "not a file of the kind"),
        (b'{"kind":"manara/evidence/v1"}', "other fields"),
        (b'{"kind": "manara/evidence/v1"}', "writing it anew"),
        (b'{"kind":"x","kind":"manara/evidence/v1"}', "writing it anew"),
        (b'{"first":1,"kind":"manara/evidence/v1","path":[],"second":""}', "not text"),
        (b'{"first":"","kind":"manara/evidence/v1","path":["x"],"second":""}', "not text"),
        (b'{"first":"","kind":"manara/evidence/v1","path":[],"second":"","x":1e400}', "not JSON"),
        (b'{"kind":"manara/evidence/v1","x":99999999999999999999}', "not JSON"),
        (bytes(evidence.EVIDENCE_MAX + 1), "at most"),
    ],
)
def test_what_is_no_evidence_is_refused_with_the_reason(data, says):
    assert says in evidence.parse(data)
