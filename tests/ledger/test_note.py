"""Signed notes, checkpoints and cosignatures: the vectors of others, and every refusal."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manara.ledger import checkpoint, cosign, note, tree

# The key pair and the note of Go's golang.org/x/mod/sumdb/note documentation.
VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
SKEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
).encode()


def test_the_example_of_go_is_verified():
    key, one = note.parse_vkey(VKEY), note.parse(GO_NOTE)
    assert [k.name for k, _ in note.verify(one, [key])] == ["PeterNeumann"]
    name, kind, seed = note.parse_skey(SKEY)
    assert note.skey(name, kind, seed, key.public) == SKEY


def test_a_signature_of_ours_reads_as_it_was_written(signer):
    one = signer("lantern.example/a")
    made = note.Note("text\n\nmore\n", (note.sign("text\n\nmore\n", one.key, one),))
    assert note.parse(made.encode()) == made
    assert note.verify(made, [one.key])[0][0] == one.key
    assert note.parse_vkey(note.vkey(one.key)) == one.key


def test_an_unknown_key_is_passed_over_and_a_false_signature_condemns(signer):
    one, other = signer("a"), signer("b")
    text = "text\n"
    good, foreign = note.sign(text, one.key, one), note.sign(text, other.key, other)
    false = note.Signature("b", other.key.number, bytes(64))
    assert len(note.verify(note.Note(text, (foreign, good)), [one.key])) == 1
    assert note.verify(note.Note(text, (foreign,)), [one.key]) == "no signature by a known key"
    assert note.verify(note.Note(text, (good, false)), [one.key, other.key]) == "the signature of b does not hold"
    assert len(note.verify(note.Note(text, (good, false)), [one.key])) == 1
    same_name = note.Key("a", note.ED25519, other.key.public)
    assert note.verify(note.Note(text, (good,)), [same_name]) == "no signature by a known key"
    assert len(note.verify(note.Note(text, (good, good)), [one.key])) == 1


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no blank line"),
        (b"\xff\n\n", "UTF-8"),
        (b"a\r\n\n", "control"),
        (b"text\n", "no blank line"),
        (b"text\n\n", "0 signatures"),
        (b"text\n\n- a AAAAAAA=\n", "signature line 1"),
        ("text\n\n— a AAAAAAA=".encode(), "no blank line"),
        ("text\n\n— a AAAAAAA=\n— b  x\n".encode(), "signature line 2"),
        ("text\n\n— a AAAAAA==\n".encode(), "signature line 1"),
        ("text\n\n— a AAAAAAB=\n".encode(), "signature line 1"),
        ("text\n\n— a+b AAAAAAA=\n".encode(), "signature line 1"),
        ("text\n\n— a\u2003b AAAAAAA=\n".encode(), "signature line 1"),
        (b"text\n\n" + "— a AAAAAAA=\n".encode() * 101, "101 signatures"),
        (b"x" * (note.NOTE_MAX + 1), "at most"),
    ],
)
def test_what_is_no_note_is_refused_with_the_reason(data, says):
    assert says in note.parse(data)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60) | st.just(GO_NOTE).flatmap(lambda d: st.integers(0, len(d)).map(lambda n: d[:n])))
def test_any_bytes_are_a_reason_or_are_written_anew_to_the_same(data):
    one = note.parse(data)
    assert isinstance(one, str) or one.encode() == data


@pytest.mark.parametrize(
    "text",
    ["", "a", "a+b", "a+c74f20a3+AA==", VKEY[:-1], VKEY.replace("c74f20a3", "c74f20a4"), SKEY,
     VKEY.replace("Peter", "P eter"), VKEY.replace("+ARpc", "+CRpc"), "+" + VKEY],
)  # fmt: skip
def test_what_is_no_key_is_refused(text):
    assert isinstance(note.parse_vkey(text), str)


@pytest.mark.parametrize("text", ["", VKEY, SKEY[:-4], "PRIVATE+KEY+a", SKEY.replace("+AYEK", "+CYEK")])
def test_what_is_no_private_key_is_refused(text):
    assert isinstance(note.parse_skey(text), str)


def test_a_checkpoint_reads_as_it_was_written(signer):
    one = signer("lantern.example/a")
    made = checkpoint.Checkpoint("lantern.example/a", 7, b"\7" * 32, ("more",))
    opened = checkpoint.open_signed(checkpoint.signed(made, one.key, one), [one.key])
    assert opened.checkpoint == made
    assert opened.signed == (one.key,)
    assert checkpoint.open_signed(b"x", [one.key]).startswith("not a note")
    assert checkpoint.open_signed(checkpoint.signed(made, one.key, one), []) == "no signature by a known key"


@pytest.mark.parametrize(
    "text",
    ["", "a\n", "a\n1\n", "a\n01\nAA==\n", "a\n-1\n", f"a\n{1 << 63}\n{note.b64(bytes(32))}\n", "a\n1\nAA==\n",
     f"\n1\n{note.b64(bytes(32))}\n", f"a\n1\n{note.b64(bytes(32))}\n\n", f"a\n1\n{note.b64(bytes(32))}",
     f"a\n１\n{note.b64(bytes(32))}\n"],
)  # fmt: skip
def test_what_is_no_checkpoint_is_refused(text):
    assert isinstance(checkpoint.parse(text), str)


def test_cosignatures_are_counted_by_key_and_only_from_witnesses_that_are_named(signer, make_log):
    log, ws = make_log(5), [signer(f"w{n}", note.COSIGNATURE) for n in range(3)]
    one = note.parse(log.checkpoint(witnesses=tuple(ws)))
    keys = [w.key for w in ws]
    assert [c.witness.name for c in cosign.cosignatures(one, keys)] == ["w0", "w1", "w2"]
    assert cosign.cosignatures(one, keys)[0].time_s == 1_800_000_000
    assert cosign.short_of(one, keys, 3) == ""
    assert cosign.short_of(one, keys[:1], 2) == "1 of 2 witnesses that are needed have cosigned"
    assert cosign.short_of(one, [log.signer.key], 1).startswith("0 of 1")
    twice = note.Key("alias", note.COSIGNATURE, keys[0].public)
    line = cosign.sign(one.text, twice, 7, ws[0])
    doubled = note.Note(one.text, (*one.signatures[:2], line))
    assert len(cosign.cosignatures(doubled, [keys[0], twice])) == 1


def test_a_false_cosignature_condemns_and_a_later_time_does_not_hold(signer, make_log):
    log, w = make_log(5), signer("w0", note.COSIGNATURE)
    one = note.parse(log.checkpoint(witnesses=(w,)))
    body = one.signatures[1].body
    for wrong in (bytes(72), (9).to_bytes(8, "big") + body[8:], b"\xff" * 8 + body[8:], body[:8], body + b"x"):
        forged = note.Note(one.text, (one.signatures[0], note.Signature("w0", w.key.number, wrong)))
        assert cosign.short_of(forged, [w.key], 0) == "the signature of w0 does not hold"


def test_only_good_and_new_lines_of_a_witness_are_added(signer, make_log):
    log, w, v = make_log(5), signer("w0", note.COSIGNATURE), signer("w1", note.COSIGNATURE)
    text = note.parse(log.files["checkpoint"]).text
    good = cosign.sign(text, w.key, 7, w).line()
    lines = "rubbish\n" + cosign.sign("other\n", v.key, 7, v).line() + good + good
    added = cosign.add(log.files["checkpoint"], lines, [w.key, v.key])
    assert [s.name for s in note.parse(added).signatures] == [log.signer.key.name, "w0"]
    assert cosign.add(added, good, [w.key]) == added
    assert cosign.add(b"no note", good, [w.key]) == b"no note"


@pytest.mark.parametrize(
    ("count", "liars", "needed"), [(1, 0, 1), (2, 0, 2), (3, 0, 2), (2, 1, 0), (4, 1, 3), (7, 2, 5)]
)
def test_two_quorums_share_an_honest_witness(count, liars, needed):
    assert cosign.quorum_for(count, liars) == needed
    if needed:
        assert 2 * needed - count > liars
        assert needed <= count - liars


def test_an_empty_log_has_the_root_of_nothing(signer):
    one = signer("a")
    data = checkpoint.signed(checkpoint.Checkpoint("a", 0, tree.EMPTY), one.key, one)
    assert b"\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n" in data
