"""A proof of one entry or row: it holds for a stranger, and what was changed in it is named."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manara.ledger import bundle, checkpoint, cosign, entry, note, receipt, tree

STREAM, OFFSET = "arvena>belora", 3
ROWS = [(b"".join(bytes([n]) * 40 for n in range(5)), 40), (b"\xee" * 24, 24)]
HEAD = b'{"blocks":[[2,40,5],[5,24,1]],"kind":"batch","offset":"3","stream":"arvena>belora","time_ns":"9000000000"}'
SALTS = bytes(n % 251 for n in range(16 * 7))


class Told:
    """An entry told to Belora: in the log of Arvena, cosigned by two, and acknowledged."""

    def __init__(self, make_log, signer, erased: bytes = b"", head: bytes = HEAD) -> None:
        self.log, self.witnesses = make_log(20), [signer(f"w{n}", note.COSIGNATURE) for n in range(3)]
        self.belora = signer("belora")
        rows, salts = ROWS, SALTS
        self.root = entry.entry_root(head, rows, salts)
        if erased:
            hashes = entry.entry_hashes(head, rows, salts)
            pieces = [
                hashes[n + 1] if gone else p
                for n, (p, gone) in enumerate(zip(entry.pieces(rows, b""), erased, strict=True))
            ]
            rows = [(b"".join(pieces[:5]), 40), (pieces[5], 24)]
        top, paths = entry.tick_tree([bytes(32), self.root], [])
        tick = entry.tick_bytes(9_000_000_000, top)
        leaves = [*self.log.leaves[:9], tick, *self.log.leaves[9:]]
        hashes = [tree.leaf_hash(one) for one in leaves]
        path = tree.inclusion_path(tree.from_leaves(hashes), 9, len(hashes))
        said = checkpoint.Checkpoint(self.log.signer.key.name, len(hashes), tree.root(hashes))
        signed = checkpoint.signed(said, self.log.signer.key, self.log.signer)
        lines = "".join(cosign.sign(said.text(), w.key, 7, w).line() for w in self.witnesses[:2])
        signed = cosign.add(signed, lines, [w.key for w in self.witnesses])
        self.leaf = bundle.Bundle(signed, 9, tick, tuple(path))
        self.parts = (head, rows, salts, erased, (1, 2, paths[1]))

    def whole(self) -> bundle.Bundle:
        return bundle.with_entry(self.leaf, *self.parts)

    def row(self, row: int) -> bundle.Bundle:
        return bundle.with_entry(self.leaf, *self.parts, row=row)

    def receipt(self, next_offset: int = 5, **changed) -> bundle.Acknowledged:
        roots = [bytes([n]) * 32 for n in range(next_offset)]
        roots[OFFSET] = changed.get("root", self.root)
        top = tree.root(tree.leaf_hash(one) for one in roots)
        said = {"type": "receipt", "stream": STREAM, "next": str(next_offset), "root": top.hex(), "size": "21"}
        return signed_receipt(
            changed.get("by", self.belora), {**said, **changed.get("said", {})}, receipt.path_of(roots, OFFSET)
        )

    def why(self, one: bundle.Bundle, quorum: int = 2, recipients=None) -> str:
        keys = [self.belora.key.public] if recipients is None else recipients
        return bundle.verify(one, [self.log.signer.key], [w.key for w in self.witnesses], quorum, keys)


def signed_receipt(by, said, path) -> bundle.Acknowledged:
    text = json.dumps(said, sort_keys=True, separators=(",", ":"))
    sig = note.b64(by(receipt.SIGNED + text.encode()))
    outer = {"statement": text, "signatures": [{"node": "belora", "key": by.key.public.hex(), "sig": sig}]}
    return bundle.Acknowledged(json.dumps(outer).encode(), tuple(path))


@pytest.fixture
def told(make_log, signer):
    return Told(make_log, signer)


def test_row_22_a_whole_entry_is_proven_to_a_stranger(told):
    one = bundle.parse(told.whole().encode())
    assert one == told.whole()
    assert told.why(one) == ""
    assert b"".join(s.content for s in one.shown[1:]) == b"".join(data for data, _ in ROWS)
    assert one.said()["stream"] == STREAM


@pytest.mark.parametrize("row", range(6))
def test_row_22_one_row_is_proven_and_the_others_stay_unseen(told, row):
    one = bundle.parse(told.row(row).encode())
    assert told.why(one) == ""
    assert [s.leaf for s in one.shown] == [0, row + 1]
    shown = b"".join(s.content for s in one.shown) + one.encode()
    assert not any(bytes([n]) * 40 in shown for n in range(5) if n != row)


def test_a_leaf_by_itself_is_proven(told):
    one = bundle.parse(told.leaf.encode())
    assert (one, told.why(one)) == (told.leaf, "")


def test_row_22_erased_rows_are_hashes_and_the_rest_is_proven(make_log, signer):
    told = Told(make_log, signer, b"\0\1\0\0\1\1")
    one = bundle.parse(told.whole().encode())
    assert told.why(one) == ""
    assert [s.leaf for s in one.shown] == [0, 1, 3, 4]
    assert [s.leaf for s in told.row(1).shown] == [0]
    assert told.why(told.row(1)) == ""
    assert told.why(told.row(0)) == ""


def test_row_21_receipts_are_part_of_a_bundle(told):
    one = told.whole()._replace(receipts=(told.receipt(), told.receipt(next_offset=4)))
    again = bundle.parse(one.encode())
    assert again == one
    assert told.why(again) == ""
    assert told.why(told.row(2)._replace(receipts=(told.receipt(),))) == ""


def test_row_21_a_receipt_that_does_not_acknowledge_this_entry_is_named(told, signer):
    other = signer("corvia")

    def why(acknowledged):
        return told.why(told.whole()._replace(receipts=(told.receipt(), acknowledged)))

    assert "another entry" in why(told.receipt(root=b"\x09" * 32))
    assert "another entry" in why(told.receipt()._replace(path=()))
    assert "not signed by a key of the recipient" in why(told.receipt(by=other))
    assert "before entry 3" in why(told.receipt(said={"next": "3"}))
    assert "of the stream 'arvena>corvia'" in why(told.receipt(said={"stream": "arvena>corvia"}))
    assert "another type" in why(told.receipt(said={"type": "recall"}))
    assert "no number" in why(told.receipt(said={"next": "x"}))
    assert "no number" in why(told.receipt(said={"root": "x"}))
    assert "another type" in why(told.receipt(said={"root": 7}))
    for envelope in (b"", b"{}", b"[]", b'{"statement":"{}","signatures":[]}', b"[" * 50_000, bytes(70_000)):
        assert why(bundle.Acknowledged(envelope, ())).startswith("receipt 1: ")
    forged = told.receipt().envelope.replace(b"21", b"22")
    assert "does not hold" in why(bundle.Acknowledged(forged, ()))
    nobody = json.loads(told.receipt().envelope) | {"signatures": []}
    assert "0 signatures" in why(bundle.Acknowledged(json.dumps(nobody).encode(), ()))
    assert told.why(told.whole()._replace(receipts=(bundle.Acknowledged(b"", ()),)), recipients=[]) == ""


def test_witnesses_are_counted(told):
    assert told.why(told.whole(), quorum=3) == "checkpoint: 2 of 3 witnesses that are needed have cosigned"


@settings(max_examples=250, deadline=None)
@given(st.data())
def test_row_22_no_bit_of_a_bundle_can_be_changed(make_log, signer, data):
    """Whatever bit of the file is flipped, it is refused; a row whose bytes are changed is named."""
    told = Told(make_log, signer)
    one = data.draw(st.sampled_from([told.whole(), told.row(4)]))._replace(receipts=(told.receipt(),))
    raw = bytearray(one.encode())
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    again = bundle.parse(bytes(raw))
    if isinstance(again, str):
        return
    if not told.why(again):  # the name beside a receipt's key is not signed, and nobody relies on it
        assert again._replace(receipts=()) == one._replace(receipts=())
        assert receipt.read(again.receipts[0].envelope) == receipt.read(one.receipts[0].envelope)


@pytest.mark.parametrize("whole", [True, False])
def test_a_changed_row_head_or_path_is_named(told, whole):
    one = told.whole() if whole else told.row(4)
    for place, shown in enumerate(one.shown):
        name = f"row {shown.leaf - 1}" if shown.leaf else "head"
        for wrong in (shown._replace(content=b"x" + shown.content[1:]), shown._replace(salt=bytes(16))):
            changed = one._replace(shown=(*one.shown[:place], wrong, *one.shown[place + 1 :]))
            assert told.why(changed).startswith(name if whole or shown.leaf else ("head", "row 4")), place
    assert told.why(one._replace(entry_path=bytes(32))).startswith("entry: the entry does not lead")
    assert told.why(one._replace(place=0)).startswith("entry: ")
    assert told.why(one._replace(leaf=8)).startswith("leaf 8: ")
    assert told.why(one._replace(tick=told.log.leaves[0])).startswith("leaf 9: ")
    assert told.why(one._replace(path=one.path[1:])).startswith("leaf 9: ")
    assert told.why(one._replace(checkpoint=told.log.files["checkpoint"])).startswith("checkpoint: 0 of 2")


def test_what_the_shape_forbids_is_named(told):
    one = told.whole()
    assert told.why(one._replace(shown=one.shown[1:])) == "entry: its head is not shown"
    assert told.why(one._replace(shown=())) == "entry: its head is not shown"
    assert told.why(one._replace(shown=(*one.shown, one.shown[3]))).startswith("row 2: out of order")
    assert told.why(one._replace(hashes=one.hashes[:-1])).startswith("entry: 223 bytes of hashes")
    assert told.why(one._replace(leaves=1 << 40)) == "entry: its head is not shown"
    assert "not a tick" in told.why(_other_leaf(told))


def _other_leaf(told):
    """A leaf of the log that is no tick."""
    said = checkpoint.Checkpoint(told.log.signer.key.name, 1, tree.leaf_hash(b"x"))
    signed = checkpoint.signed(said, told.log.signer.key, told.log.signer)
    lines = "".join(cosign.sign(said.text(), w.key, 7, w).line() for w in told.witnesses)
    return bundle.Bundle(cosign.add(signed, lines, [w.key for w in told.witnesses]), 0, b"x", ())


@pytest.mark.parametrize(
    ("blocks", "says"),
    [
        ([], "it speaks of 0 rows"),
        ([[2, 40, 6]], "row 5: 24 bytes, the head says 40"),
        ([[2, 40, 5]], "it speaks of 5 rows"),
        ([[2, 40, 10**12]], "more rows than"),
        ([[2, 40]], "malformed"),
        ("x", "malformed"),
        (7, "malformed"),
    ],
)
def test_a_head_that_speaks_of_other_rows_is_named(make_log, signer, blocks, says):
    head = json.dumps({"blocks": blocks, "offset": "3", "stream": STREAM}).encode()
    told = Told(make_log, signer, head=head)
    assert says in told.why(told.whole())


def test_a_head_that_is_no_json_says_nothing(make_log, signer):
    told = Told(make_log, signer, head=b"\xff")
    assert told.whole().said() == {}
    assert told.leaf.said() == {}
    assert told.why(told.whole()).startswith("head: ")


def test_what_cannot_be_made_is_our_own_fault(told):
    for row in (-1, 6):
        with pytest.raises(ValueError, match="no row"):
            told.row(row)


@pytest.mark.parametrize(
    "change",
    [{"kind": "x"}, {"leaf": 9}, {"leaf": "09"}, {"path": ["AA=="]}, {"path": 7}, {"tick": "?"}, {"more": 1},
     {"checkpoint": None}, {"entry": {}}, {"entry": []}, {"receipts": [1]}, {"receipts": [{}] * 17}],
)  # fmt: skip
def test_what_is_no_bundle_is_refused(told, change):
    import rfc8785

    plain = json.loads(told.whole().encode())
    assert isinstance(bundle.parse(rfc8785.dumps({**plain, **change})), str)


@pytest.mark.parametrize("change", [{"place": -1}, {"place": "1"}, {"leaves": True}, {"hashes": "?"}, {"shown": [{}]}])
def test_what_is_no_entry_is_refused(told, change):
    import rfc8785

    plain = json.loads(told.whole().encode())
    plain["entry"] |= change
    assert "not a bundle" in bundle.parse(rfc8785.dumps(plain))
