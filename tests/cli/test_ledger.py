"""`manara ledger` as a stranger, an auditor and a node's own people meet it."""

from __future__ import annotations

import json
import shutil
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from manara.cli import main
from manara.host.keys import FileSigner
from manara.host.link_memory import FolderMemory
from manara.host.log_store import LogStore
from manara.host.vault import HOUR_NS, Vault, WipingDisk
from manara.ledger import checkpoint, cosign, note, receipt, tree
from manara.link import heads
from manara.records.released import Block, Entry, Head

ORIGIN = "lantern.example/arvena"
TICK_NS = 1_000_000_000
WIDTH = 24


def private(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(sha256(name.encode()).digest())


def key_of(name: str, kind: int = note.ED25519) -> note.Key:
    return note.Key(name, kind, private(name).public_key().public_bytes_raw())


KEY = note.vkey(key_of(ORIGIN))
WITNESSES = [key_of(f"w{n}.example", note.COSIGNATURE) for n in range(3)]


def run(capsys, *args):
    code = main([*map(str, args)])
    said = capsys.readouterr()
    return code, said.out + said.err


def publish(store: LogStore, number: int) -> None:
    rows = b"".join(sha256(b"%d %d" % (number, n)).digest()[:WIDTH] for n in range(3))
    heads = [
        b'{"blocks":%s,"kind":"batch","offset":"%d","stream":"%s","time_ns":"0"}' % (blocks, number, stream)
        for stream, blocks in ((b"arvena>belora", b"[[1,24,3]]"), (b"arvena>corvia", b"[]"))
    ]
    subjects = b"".join(n.to_bytes(8, "little") for n in range(3))
    told = Entry("arvena>belora", number, heads[0], (Block(1, WIDTH, rows, subjects),))
    store.publish(number * TICK_NS, 100 + number, [told, Entry("arvena>corvia", number, heads[1])])
    said = checkpoint.parse_note(store.checkpoint())
    text = said[0].text()
    for key in WITNESSES[: 2 if number == 290 else 0]:
        line = cosign.sign(text, key, 1_900_000_000, private(key.name).sign).line()
        assert store.add_cosignature(said[0].size, line)


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """The folder of a node that told Belora and Corvia something in each of 300 ticks."""
    folder = tmp_path_factory.mktemp("node") / "arvena.node"
    disks = WipingDisk(folder / "log"), WipingDisk(folder / "vault")
    vault = Vault(disks[1])
    store = LogStore(disks[0], FileSigner(private(ORIGIN)), vault, ORIGIN, "arvena", segment_bytes=60_000)
    for number in range(300):
        publish(store, number)
    for disk in disks:
        disk.close()
    return folder


@pytest.fixture(scope="module")
def mirror(node, tmp_path_factory):
    """The same as tiles."""
    out = tmp_path_factory.mktemp("mirror") / "log"
    assert main(["ledger", "export", str(node), "--out", str(out)]) == 0
    return out


@pytest.fixture
def copy(mirror, tmp_path):
    return shutil.copytree(mirror, tmp_path / "copy")


def flip(path, at: int) -> None:
    changed = bytearray(path.read_bytes())
    changed[at] ^= 0x10
    path.write_bytes(bytes(changed))


def test_row_22_a_mirror_is_verified_with_the_key_alone(mirror, capsys):
    code, said = run(capsys, "ledger", "verify", mirror, "--key", KEY)
    assert code == 0
    assert f"{ORIGIN}: 300 leaves" in said
    assert said.endswith("every tile and every leaf is what the root proves\nverified\n")


def test_a_nodes_own_folder_is_verified_and_left_as_it_was(node, capsys):
    before = {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in sorted(node.rglob("*")) if p.is_file()}
    code, said = run(capsys, "ledger", "verify", node, "--key", KEY, "--json")
    assert (code, json.loads(said)["size"]) == (0, 300)
    assert {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in sorted(node.rglob("*")) if p.is_file()} == before


def test_row_21_receipts_of_a_node_are_written_out_and_go_with_a_proof(node, tmp_path, capsys):
    folder = shutil.copytree(node, tmp_path / "told.node")
    disks = WipingDisk(folder / "log"), WipingDisk(folder / "vault")
    store = LogStore(disks[0], FileSigner(private(ORIGIN)), Vault(disks[1]), ORIGIN, "arvena")
    by = private("belora")
    for place, until in enumerate((5, 9)):
        roots = [tree.leaf_hash(store.head("arvena>belora", k).entry.root) for k in range(until)]
        said = {"next": str(until), "root": tree.root(roots).hex(), "stream": "arvena>belora", "type": "receipt"}
        text = json.dumps(said, separators=(",", ":"))
        key, sig = by.public_key().public_bytes_raw().hex(), note.b64(by.sign(receipt.SIGNED + text.encode()))
        envelope = json.dumps({"statement": text, "signatures": [{"key": key, "sig": sig}]})
        head = heads.encode(Head(kind="statement", stream="arvena", offset=str(place), time_ns="0", subject=envelope))
        store.publish(301 + place, 900 + place, [Entry("arvena", place, head)])
    for disk in disks:
        disk.close()
    code, out = run(capsys, "ledger", "export", folder, "--out", tmp_path / "copy", "--receipts")
    newest = tmp_path / "copy" / "receipts" / "arvena-to-belora.json"
    assert (code, f"{newest}: of arvena>belora, entries 0 to 8" in out) == (0, True)
    assert len(list(newest.parent.iterdir())) == 1, "Corvia has signed for nothing"
    where = ("ledger", "prove", folder, "--stream", "arvena>belora", "--offset", 7, "--out", tmp_path / "p.json")
    assert run(capsys, *where, "--receipt", newest)[0] == 0
    code, out = run(capsys, "ledger", "verify", tmp_path / "p.json", "--key", KEY, "--recipient", key)
    assert (code, "1 receipts of the recipient acknowledge it" in out) == (0, True)
    assert run(capsys, "ledger", "export", tmp_path / "copy", "--out", tmp_path / "again", "--receipts")[0] == 2


def test_what_a_node_has_found_against_another_log_is_said_with_its_file(node, tmp_path, capsys):
    folder = shutil.copytree(node, tmp_path / "told.node")
    roots = (b"a" * 32, b"b" * 32)
    signer = private("manara/belora")
    lies = [
        checkpoint.signed(checkpoint.Checkpoint("manara/belora", 1, one), key_of("manara/belora"), signer.sign)
        for one in roots
    ]
    memory = FolderMemory(folder / "partners", lambda: 7)
    path = memory.accuse("belora", *lies)
    assert memory.accuse("belora", *lies) == path, "once is enough"
    code, out = run(capsys, "ledger", "verify", folder, "--key", KEY)
    assert (code, f"AGAINST THE LOG OF belora: evidence in {path}" in out) == (0, True)
    code, out = run(capsys, "ledger", "verify", path, "--key", note.vkey(key_of("manara/belora")))
    assert code == 0, out


def test_a_running_nodes_log_can_be_read(node, tmp_path, capsys):
    """Another process holds the lock, and writes while we look."""
    folder = shutil.copytree(node, tmp_path / "running.node")
    disks = WipingDisk(folder / "log"), WipingDisk(folder / "vault")
    store = LogStore(disks[0], FileSigner(private(ORIGIN)), Vault(disks[1]), ORIGIN, "arvena")
    publish(store, 300)
    assert run(capsys, "ledger", "verify", folder, "--key", KEY)[0] == 0
    publish(store, 301)
    said = json.loads(run(capsys, "ledger", "verify", folder, "--key", KEY, "--json")[1])
    assert (said["ok"], said["size"]) == (True, 302)
    for disk in disks:
        disk.close()


@pytest.mark.parametrize(
    ("name", "at", "says"),
    [
        ("tile/entries/000", 57 * 7 + 20, "tile/entries/000, leaf 7: "),
        ("tile/0/000", 32 * 9 + 3, "tile/0/000, hash 9: "),
        ("tile/0/001.p/44", 32 * 3, "tile/0/001.p/44, hash 259: "),
        ("tile/1/000.p/1", 5, "tile/1/000.p/1, hash 0: "),
    ],
)
def test_row_22_a_flipped_bit_is_located(copy, capsys, name, at, says):
    flip(copy / name, at)
    code, said = run(capsys, "ledger", "verify", copy, "--key", KEY)
    assert code == 1
    assert said.count(says) == 2
    found = json.loads(run(capsys, "ledger", "verify", copy, "--key", KEY, "--json")[1])
    assert [one["path"] for one in found["faults"]] == [name]


def test_row_22_a_flipped_bit_of_the_checkpoint_is_located(copy, capsys):
    size = (copy / "checkpoint").stat().st_size
    for at in range(0, size, 7):
        flip(copy / "checkpoint", at)
        code, said = run(capsys, "ledger", "verify", copy, "--key", KEY)
        assert (code, "NOT VERIFIED: checkpoint: " in said) == (1, True), at
        flip(copy / "checkpoint", at)


def test_without_the_key_nobody_is_told_that_it_is_verified(mirror, capsys):
    code, said = run(capsys, "ledger", "verify", mirror)
    assert code == 0
    assert "WHO SIGNED IT WAS NOT CHECKED" in said
    assert "\nverified" not in said
    assert run(capsys, "ledger", "verify", mirror / "checkpoint")[0] == 2


def test_witnesses_are_wanted_when_named(mirror, node, tmp_path, capsys):
    w = [note.vkey(key) for key in WITNESSES]
    code, said = run(capsys, "ledger", "verify", mirror, "--key", KEY, "--witness", w[0])
    assert (code, "0 of 1 witnesses" in said) == (1, True)
    assert run(capsys, "ledger", "prove", node, "--leaf", 5, "--out", tmp_path / "p")[0] == 0
    assert run(capsys, "ledger", "verify", tmp_path / "p", "--key", KEY, "--witness", w[0], "--witness", w[1])[0] == 0
    named = ["--key", KEY, *(part for one in w for part in ("--witness", one))]
    assert run(capsys, "ledger", "verify", tmp_path / "p", *named)[0] == 1
    assert run(capsys, "ledger", "verify", tmp_path / "p", *named, "--quorum", 2)[0] == 0


def test_a_node_shows_the_newest_log_that_was_cosigned(node, tmp_path, capsys):
    """291 leaves were cosigned by two, 300 are there."""
    named = ["--key", KEY, *(part for key in WITNESSES[:2] for part in ("--witness", note.vkey(key)))]
    found = json.loads(run(capsys, "ledger", "verify", node, *named, "--json")[1])
    assert (found["ok"], found["size"], len(found["witnesses"])) == (True, 291, 2)
    assert run(capsys, "ledger", "export", node, "--out", tmp_path / "log", "--quorum", 2)[0] == 0
    found = json.loads(run(capsys, "ledger", "verify", tmp_path / "log", *named, "--json")[1])
    assert (found["ok"], found["size"]) == (True, 291)
    assert main(["ledger", "checkpoint", str(node), "--quorum", "2"]) == 0
    assert capsys.readouterr().out.encode() == (tmp_path / "log/checkpoint").read_bytes()
    third = ["--key", KEY, "--witness", note.vkey(WITNESSES[2])]
    assert "0 of 1 witnesses" in run(capsys, "ledger", "verify", node, *third)[1]


def test_row_22_an_entry_and_one_row_of_it_are_proven_offline(node, tmp_path, capsys):
    whole, row = tmp_path / "whole.json", tmp_path / "row.json"
    where = ["ledger", "prove", node, "--stream", "arvena>belora", "--offset", 7]
    assert run(capsys, *where, "--out", whole)[0] == 0
    assert run(capsys, *where, "--row", 1, "--out", row)[0] == 0
    code, said = run(capsys, "ledger", "verify", whole, "--key", KEY)
    assert code == 0
    assert "entry 7 of arvena>belora: batch, 3 rows" in said
    assert "row 1 of 3" in run(capsys, "ledger", "verify", row, "--key", KEY)[1]
    secret = [note.b64(sha256(b"7 %d" % n).digest()[:WIDTH]) for n in range(3)]
    assert [one in row.read_text() for one in secret] == [False, True, False]
    whole.write_text(whole.read_text().replace(secret[2], note.b64(bytes(WIDTH))))
    code, said = run(capsys, "ledger", "verify", whole, "--key", KEY)
    assert (code, said) == (1, "NOT VERIFIED: row 2: it or its salt was changed, or its hash was\n")


def test_row_21_a_receipt_goes_with_the_proof(node, tmp_path, capsys):
    """Belora's receipt for everything before entry 9 acknowledges entry 7."""
    store = open_store(node)
    roots = [store.head("arvena>belora", n).entry.root for n in range(9)]
    said = {"next": "9", "root": tree.root(map(tree.leaf_hash, roots)).hex(), "size": "9", "stream": "arvena>belora"}
    text = json.dumps({**said, "type": "receipt"})
    by = private("belora")
    key, sig = by.public_key().public_bytes_raw().hex(), note.b64(by.sign(receipt.SIGNED + text.encode()))
    envelope = {"statement": text, "signatures": [{"node": "belora", "key": key, "sig": sig}]}
    (tmp_path / "receipt.json").write_text(json.dumps(envelope))
    where = ["ledger", "prove", node, "--stream", "arvena>belora", "--offset", 7, "--out", tmp_path / "p.json"]
    assert run(capsys, *where, "--receipt", tmp_path / "receipt.json")[0] == 0
    code, out = run(capsys, "ledger", "verify", tmp_path / "p.json", "--key", KEY, "--recipient", key)
    assert (code, "1 receipts of the recipient acknowledge it" in out) == (0, True)
    other = private("corvia").public_key().public_bytes_raw().hex()
    code, out = run(capsys, "ledger", "verify", tmp_path / "p.json", "--key", KEY, "--recipient", other)
    assert (code, "receipt 0: it is not signed by a key of the recipient" in out) == (1, True)
    assert "not looked at" in run(capsys, "ledger", "verify", tmp_path / "p.json", "--key", KEY)[1]
    where[6] = 9
    assert "not of this entry" in run(capsys, *where, "--receipt", tmp_path / "receipt.json")[1]


def open_store(node):
    from manara.cli import ledger_folder

    return ledger_folder.open_store(node / "log", node / "vault")


def test_erased_and_pruned_rows_leave_what_can_still_be_proven(node, tmp_path, capsys):
    folder = shutil.copytree(node, tmp_path / "kept.node")
    disks = WipingDisk(folder / "log"), WipingDisk(folder / "vault")
    store = LogStore(disks[0], FileSigner(private(ORIGIN)), Vault(disks[1]), ORIGIN, "arvena", segment_bytes=60_000)
    assert store.erase("arvena", 1, 0, 1).rows
    where = ["ledger", "prove", folder, "--stream", "arvena>belora", "--offset", 7, "--out", tmp_path / "p.json"]
    assert run(capsys, *where)[0] == 0
    code, said = run(capsys, "ledger", "verify", tmp_path / "p.json", "--key", KEY)
    assert (code, "1 of its rows were erased" in said) == (0, True)
    store.expire(2 * HOUR_NS)
    assert not store.read("arvena>belora", 7, 1, 1 << 20)
    assert run(capsys, *where)[0] == 0
    assert run(capsys, "ledger", "verify", tmp_path / "p.json", "--key", KEY)[0] == 0
    assert "its rows were pruned" in run(capsys, *where, "--row", 1)[1]
    for disk in disks:
        disk.close()


@pytest.mark.parametrize("size", [200, 300])
def test_row_22_a_rewritten_or_split_log_becomes_a_file_of_evidence(mirror, tmp_path, capsys, size):
    """The mirror shows today's log; an auditor kept a checkpoint, signed by the same key, of another history."""
    kept = checkpoint.Checkpoint(ORIGIN, size, bytes(32))
    (tmp_path / "kept").write_bytes(checkpoint.signed(kept, key_of(ORIGIN), private(ORIGIN).sign))
    out = tmp_path / "evidence.json"
    code, said = run(
        capsys, "ledger", "verify", mirror, "--key", KEY, "--against", tmp_path / "kept", "--evidence", out
    )
    assert code == 1
    assert ("rewrote" if size == 200 else "two different logs") in said
    code, said = run(capsys, "ledger", "verify", out, "--key", KEY)
    assert (code, said.splitlines()[-1]) == (0, "verified")
    other = note.vkey(key_of("somebody"))
    assert run(capsys, "ledger", "verify", out, "--key", other)[0] == 1


def test_an_earlier_checkpoint_of_the_same_log_is_continued(mirror, node, tmp_path, capsys):
    (tmp_path / "kept").write_bytes(open_store(node).cosigned(2))
    code, said = run(capsys, "ledger", "verify", mirror, "--key", KEY, "--against", tmp_path / "kept")
    assert (code, "the larger continues the smaller" in said) == (0, True)
    later = checkpoint.Checkpoint(ORIGIN, 400, bytes(32))
    (tmp_path / "kept").write_bytes(checkpoint.signed(later, key_of(ORIGIN), private(ORIGIN).sign))
    code, said = run(capsys, "ledger", "verify", mirror, "--key", KEY, "--against", tmp_path / "kept")
    assert (code, "it is an older copy" in said) == (1, True)


def test_the_checkpoint_is_printed_as_it_is(mirror, node, capfdbinary):
    assert main(["ledger", "checkpoint", str(node)]) == 0
    assert capfdbinary.readouterr().out == (mirror / "checkpoint").read_bytes()


def test_a_mirror_of_a_mirror_is_the_same(mirror, tmp_path, capsys):
    assert run(capsys, "ledger", "export", mirror, "--out", tmp_path / "again")[0] == 0
    names = sorted(p.relative_to(mirror) for p in mirror.rglob("*") if p.is_file())
    assert names == sorted(p.relative_to(tmp_path / "again") for p in (tmp_path / "again").rglob("*") if p.is_file())
    assert all((mirror / n).read_bytes() == (tmp_path / "again" / n).read_bytes() for n in names)
    assert "not empty" in run(capsys, "ledger", "export", mirror, "--out", tmp_path / "again")[1]


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["verify", "NOTHING", "--key", KEY], "cannot be read"),
        (["verify", "MIRROR", "--key", "x"], "not a verifier key"),
        (["verify", "MIRROR", "--key", note.vkey(WITNESSES[0])], "is a witness's key"),
        (["verify", "MIRROR", "--witness", KEY], "is a log's key"),
        (["verify", "MIRROR", "--key", KEY, "--quorum", "1"], "1 of 0 witnesses can never be"),
        (["verify", "MIRROR", "--key", KEY, "--recipient", "zz"], "hexadecimal"),
        (["verify", "MIRROR", "--against", "MIRROR/checkpoint"], "without the log's key"),
        (["verify", "MIRROR", "--key", KEY, "--against", "MIRROR/tile/0/000"], "no checkpoint of this log"),
        (["verify", "EMPTY", "--key", KEY], "holds no log"),
        (["prove", "MIRROR", "--out", "OUT"], "want --leaf"),
        (["prove", "MIRROR", "--leaf", "1", "--stream", "a", "--out", "OUT"], "want --leaf"),
        (["prove", "MIRROR", "--leaf", "1", "--row", "1", "--out", "OUT"], "no rows"),
        (["prove", "MIRROR", "--leaf", "300", "--out", "OUT"], "300 leaves, 0 to 299"),
        (["prove", "MIRROR", "--stream", "a", "--offset", "1", "--out", "OUT"], "ticks, not entries"),
        (["prove", "NODE", "--stream", "arvena>belora", "--offset", "300", "--out", "OUT"], "ends before 300"),
        (["prove", "NODE", "--stream", "belora", "--offset", "1", "--out", "OUT"], "no stream 'belora'"),
        (["prove", "NODE", "--stream", "arvena>belora", "--offset", "1", "--row", "3", "--out", "OUT"], "no row 3"),
        (["prove", "MIRROR", "--leaf", "1", "--out", "NOTHING/x"], "cannot be written"),
        (["checkpoint", "NOTHING"], "no such folder"),
        (["export", "MIRROR", "--out", "MIRROR"], "not empty"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(mirror, node, tmp_path, capsys, args, says):
    (tmp_path / "empty").mkdir()
    named = {"MIRROR": mirror, "NODE": node, "EMPTY": tmp_path / "empty", "OUT": tmp_path / "out"}
    named["NOTHING"] = tmp_path / "nothing"

    def path(word):
        head, _, rest = word.partition("/")
        return f"{named[head]}/{rest}".rstrip("/") if head in named else word

    code, said = run(capsys, "ledger", *map(path, args))
    assert (code, said.count("\n"), says in said) == (2, 1, True), said


@pytest.mark.parametrize("data", [b"{", b"{}", b'{"kind":"manara/bundle/v1"}', b'{"kind":"manara/evidence/v1"}', b"x"])
def test_a_file_that_proves_nothing_is_no(tmp_path, capsys, data):
    (tmp_path / "file").write_bytes(data)
    code, said = run(capsys, "ledger", "verify", tmp_path / "file", "--key", KEY)
    assert (code, said.startswith("NOT VERIFIED: ")) == (1, True)


def test_a_mirror_that_lacks_a_file_says_which(copy, tmp_path, capsys):
    (copy / "tile/0/000").unlink()
    assert "tile/0/000: absent" in run(capsys, "ledger", "verify", copy, "--key", KEY)[1]
    assert "tile/0/000 is absent" in run(capsys, "ledger", "export", copy, "--out", tmp_path / "o")[1]
    assert "tile/0/000" in run(capsys, "ledger", "prove", copy, "--leaf", 5, "--out", tmp_path / "p")[1]


def test_a_key_may_stand_in_a_file(mirror, tmp_path, capsys):
    (tmp_path / "key").write_text(KEY + "\n")
    assert run(capsys, "ledger", "verify", mirror, "--key", tmp_path / "key")[0] == 0
