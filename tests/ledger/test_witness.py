"""The witness's answers, one after the other as C2SP tlog-witness has them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from manara.ledger import checkpoint, cosign, evidence, note, tree, witness

ORIGIN = "arvena.example/log"


def ask(log, old: int, new: int, last: witness.Remembered, **changed) -> witness.Decision:
    path = changed.get("path", tree.consistency_path(tree.from_leaves(log.hashes), min(old, new), new))
    body = witness.build_request(old, path, changed.get("signed", log.checkpoint(new)))
    return witness.decide(body, {ORIGIN: [log.signer.key]}, {ORIGIN: last})


def after(log, size: int) -> witness.Remembered:
    return witness.Remembered(size, tree.root(log.hashes[:size]), log.checkpoint(size))


def test_the_first_and_every_later_checkpoint_is_cosigned(make_log, signer):
    log, w, last = make_log(40), signer("w", note.COSIGNATURE), witness.Remembered()
    for size in (3, 8, 8, 21, 40):
        answer = ask(log, last.size, size, last)
        assert (answer.status, answer.why) == (200, "")
        assert answer.remembered == after(log, size)
        line = cosign.sign(answer.text, w.key, 7, w).line()
        assert cosign.short_of(note.parse(cosign.add(log.checkpoint(size), line, [w.key])), [w.key], 1) == ""
        last = answer.remembered


def test_a_request_reads_as_it_was_built(make_log):
    log = make_log(9)
    path = tree.consistency_path(tree.from_leaves(log.hashes), 5, 9)
    one = witness.parse_request(witness.build_request(5, path, log.files["checkpoint"]))
    assert (one.old, list(one.path), one.signed, one.checkpoint.size) == (5, path, log.files["checkpoint"], 9)


def test_malformed_bodies_are_400(make_log):
    log = make_log(9)
    good = witness.build_request(0, [], log.files["checkpoint"])
    line = note.b64(bytes(32)).encode() + b"\n"
    for body in (b"", b"old 5\n", good[4:], good.replace(b"old 0", b"old 00"), good.replace(b"old 0", b"old -1"),
                 good.replace(b"old 0\n", b"old 0\nAA==\n"), good.replace(b"old 0\n", b"old 0\n" + line * 64),
                 b"old 0\n\nx", good + b"x", bytes(witness.BODY_MAX + 1)):  # fmt: skip
        assert witness.decide(body, {ORIGIN: [log.signer.key]}, {}).status == 400
    assert ask(log, 9, 5, after(log, 9), path=[]).status == 400


def test_an_unknown_log_is_404_and_a_foreign_key_403(make_log, signer):
    log = make_log(9)
    body = witness.build_request(0, [], log.files["checkpoint"])
    assert witness.decide(body, {}, {}).status == 404
    assert witness.decide(body, {ORIGIN: [signer("other").key]}, {}).status == 403
    assert witness.decide(body, {ORIGIN: []}, {}).status == 403


def test_another_old_size_is_409_and_says_which(make_log):
    log = make_log(40)
    for old in (0, 7, 9, 20):
        answer = ask(log, old, 20, after(log, 8))
        assert (answer.status, answer.body, answer.kind) == (409, "8\n", "text/x.tlog.size")
        assert answer.remembered is None
        assert not answer.accuses


def test_row_22_a_second_history_of_one_size_is_409_and_is_evidence(make_log):
    """What is remembered and what was submitted make a file that a stranger can check."""
    log, liar = make_log(20), make_log(20, seed="other history")
    answer = ask(liar, 20, 20, after(log, 20), path=[])
    assert (answer.status, answer.remembered) == (409, None)
    found = evidence.find(after(log, 20).signed, answer.accuses, tree.from_leaves(liar.hashes))
    assert evidence.check(found, [log.signer.key]).proven == "split"


def test_row_22_a_rewritten_log_is_422_and_is_evidence(make_log):
    log, liar = make_log(20), make_log(33, seed="other history")
    answer = ask(liar, 20, 33, after(log, 20))
    assert (answer.status, answer.remembered) == (422, None)
    found = evidence.find(after(log, 20).signed, answer.accuses, tree.from_leaves(liar.hashes))
    assert evidence.check(found, [log.signer.key]).proven == "rewritten"


def test_an_empty_checkpoint_says_nothing_new(make_log):
    log = make_log(9)
    assert ask(log, 0, 0, witness.Remembered(), path=[]).status == 200
    wrong = checkpoint.signed(checkpoint.Checkpoint(ORIGIN, 0, bytes(32)), log.signer.key, log.signer)
    assert ask(log, 0, 0, witness.Remembered(), path=[], signed=wrong).status == 409


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_no_changed_bit_of_a_request_is_cosigned(make_log, data):
    log = make_log(9)
    path = tree.consistency_path(tree.from_leaves(log.hashes), 5, 9)
    body = bytearray(witness.build_request(5, path, log.files["checkpoint"]))
    bit = data.draw(st.integers(0, len(body) * 8 - 1))
    body[bit // 8] ^= 1 << bit % 8
    answer = witness.decide(bytes(body), {ORIGIN: [log.signer.key]}, {ORIGIN: after(log, 5)})
    assert answer.status in (400, 403, 404, 409, 422)
    assert answer.remembered is None


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_have_an_answer(body):
    assert witness.decide(body, {ORIGIN: []}, {}).status == 400
