"""The vectors of docs/spec/ledger.md and the files of tests/golden/ledger, made anew. Old files must stay readable."""

from __future__ import annotations

import json
import re

import pytest

from manara.ledger import bundle, checkpoint, cosign, entry, evidence, note, receipt, tree, witness

HEAD = b'{"blocks":[[2,32,2]],"kind":"batch","offset":"0","stream":"arvena>belora","time_ns":"9000000000"}'
ROWS = [(bytes(range(64)), 32)]
SALTS = bytes(range(100, 148))


@pytest.fixture(scope="module")
def golden(repository):
    return repository / "tests/golden/ledger"


@pytest.fixture(scope="module")
def keys(golden):
    found: dict[str, list] = {}
    for line in (golden / "keys").read_text().splitlines():
        found.setdefault(line.split(" ")[0], []).append(line.split(" ")[1])
    return found


@pytest.fixture(scope="module")
def made(make_log, signer):
    """Everything that lies in the folder, from the seeds."""
    log, liar = make_log(20), make_log(33, seed="other history")
    witnesses, belora = [signer(f"w{n}.example", note.COSIGNATURE) for n in range(2)], signer("belora")
    root = entry.entry_root(HEAD, ROWS, SALTS)
    top, paths = entry.tick_tree([root, b"\1" * 32, b"\2" * 32], [b"\3" * 32])
    tick = entry.tick_bytes(9_000_000_000, top)
    hashes = [tree.leaf_hash(one) for one in [*log.leaves[:9], tick, *log.leaves[9:]]]
    said = checkpoint.Checkpoint("arvena.example/log", 21, tree.root(hashes))
    lines = "".join(cosign.sign(said.text(), w.key, 1_800_000_000, w).line() for w in witnesses)
    signed = cosign.add(checkpoint.signed(said, log.signer.key, log.signer), lines, [w.key for w in witnesses])
    getter = tree.from_leaves(hashes)
    one = bundle.Bundle(signed, 9, tick, tuple(tree.inclusion_path(getter, 9, 21)))
    one = bundle.with_entry(one, HEAD, ROWS, SALTS, b"", (0, 4, paths[0]))
    text = '{"after":"","next":"1","nonce":"","root":"%s","size":"1","stream":"arvena>belora","type":"receipt"}'
    text %= tree.leaf_hash(root).hex()
    sig = note.b64(belora(receipt.SIGNED + text.encode()))
    outer = {"statement": text, "signatures": [{"node": "belora", "key": belora.key.public.hex(), "sig": sig}]}
    one = one._replace(receipts=(bundle.Acknowledged(json.dumps(outer).encode(), ()),))
    split = make_log(20, seed="other history").files["checkpoint"]
    rewritten = liar.files["checkpoint"]
    return {
        "checkpoint": signed,
        "add-checkpoint": witness.build_request(5, tree.consistency_path(getter, 5, 21), signed),
        "bundle.json": one.encode(),
        "split.json": evidence.find(log.files["checkpoint"], split, getter).encode(),
        "rewritten.json": evidence.find(log.files["checkpoint"], rewritten, tree.from_leaves(liar.hashes)).encode(),
    }


def test_what_is_made_today_is_what_lies_there(golden, made):
    assert {p.name for p in golden.iterdir()} == made.keys() | {"keys"}
    for name, content in made.items():
        assert (golden / name).read_bytes() == content, name


def test_row_22_the_golden_files_are_verified_with_the_keys_beside_them(golden, keys):
    log = [note.parse_vkey(one) for one in keys["log"]]
    witnesses = [note.parse_vkey(one) for one in keys["witness"]]
    recipients = [bytes.fromhex(one) for one in keys["recipient"]]
    opened = checkpoint.open_signed((golden / "checkpoint").read_bytes(), log)
    assert cosign.short_of(opened.note, witnesses, 2) == ""
    one = bundle.parse((golden / "bundle.json").read_bytes())
    assert len(one.receipts) == 1
    assert bundle.verify(one, log, witnesses, 2, recipients) == ""
    for name in ("split", "rewritten"):
        found = evidence.parse((golden / f"{name}.json").read_bytes())
        assert evidence.check(found, log).proven == name


def test_the_vectors_of_the_page(repository):
    page = (repository / "docs/spec/ledger.md").read_text("utf-8")
    lines = "".join(re.findall(r"```vector\n(.*?)```", page, re.DOTALL)).splitlines()
    said = {name.strip(): value for name, value in (re.split(r"\s{3,}", line) for line in lines)}
    hashes = entry.entry_hashes(HEAD, ROWS, SALTS)
    top, paths = entry.tick_tree([tree.root(hashes), b"\1" * 32, b"\2" * 32], [b"\3" * 32])
    assert said == {
        "head": HEAD.decode(),
        **{f"leaf {n}": one.hex() for n, one in enumerate(hashes)},
        "entry": tree.root(hashes).hex(),
        "path": paths[0].hex(),
        "tick": entry.tick_bytes(9_000_000_000, top).hex(),
    }
