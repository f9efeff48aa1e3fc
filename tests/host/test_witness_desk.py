"""A witness remembers before it answers, whatever the disk does, and never begins from nothing."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.doubles.faulty_disk import FaultyDisk, PowerCut

from manara.host.keys import FileSigner
from manara.host.witness_desk import Answer, WitnessDesk
from manara.ledger import checkpoint, cosign, note, tree, witness

LOG = FileSigner(Ed25519PrivateKey.from_private_bytes(bytes(32)))
WITNESS = FileSigner(Ed25519PrivateKey.from_private_bytes(b"\1" * 32))
ORIGIN = "lantern.example/belora"
KEY = note.Key(ORIGIN, note.ED25519, LOG.public())
NOW_NS = 1_700_000_000_500_000_000
LEAVES = [tree.leaf_hash(bytes([n])) for n in range(20)]
FORKED = [*LEAVES[:5], *(tree.leaf_hash(bytes([100 + n])) for n in range(15))]


def desk(disk: FaultyDisk) -> WitnessDesk:
    return WitnessDesk(disk, WITNESS, "witness.example/corvia", {ORIGIN: [KEY]})


def signed(leaves: list[bytes], size: int, origin: str = ORIGIN) -> bytes:
    one = checkpoint.Checkpoint(origin, size, tree.root(leaves[:size]))
    return checkpoint.signed(one, note.Key(origin, note.ED25519, LOG.public()), LOG.sign)


def request(old: int, new: int, leaves: list[bytes] = LEAVES) -> bytes:
    path = tree.consistency_path(tree.from_leaves(leaves[:new]), old, new)
    return witness.build_request(old, path, signed(leaves, new))


def holds(answer: Answer, one: WitnessDesk, size: int) -> bool:
    """Is the answer a cosignature of this witness over that checkpoint?"""
    line = note.parse_line(answer.body.decode().rstrip("\n"))
    text = checkpoint.Checkpoint(ORIGIN, size, tree.root(LEAVES[:size])).text()
    key = note.parse_vkey(one.vkey)
    whole = note.Note(text, (line,))
    found = cosign.cosignatures(whole, [key])
    return found == (cosign.Cosignature(key, NOW_NS // 10**9),)


def test_row_23_a_growing_log_is_cosigned_and_remembered_over_restarts():
    disk = FaultyDisk()
    for old, new in ((0, 3), (3, 3), (3, 8), (8, 20)):
        one = desk(disk)
        answer = one.add_checkpoint(request(old, new), NOW_NS)
        assert answer.status == 200
        assert holds(answer, one, new)
        assert desk(disk).remembered(ORIGIN) == one.remembered(ORIGIN)
        assert desk(disk).remembered(ORIGIN)[:2] == (new, tree.root(LEAVES[:new]))


def test_row_23_a_split_view_is_refused_and_both_checkpoints_are_kept():
    disk = FaultyDisk()
    one = desk(disk)
    one.add_checkpoint(request(0, 8), NOW_NS)
    answer = one.add_checkpoint(request(0, 8, FORKED), NOW_NS)
    assert (answer.status, answer.body) == (409, b"8\n")
    assert answer.accused == (signed(LEAVES, 8), signed(FORKED, 8))
    assert desk(disk).accusations() == [answer.accused]
    assert one.remembered(ORIGIN).root == tree.root(LEAVES[:8])


def test_a_rewritten_log_is_not_cosigned():
    one = desk(FaultyDisk())
    one.add_checkpoint(request(0, 8), NOW_NS)
    answer = one.add_checkpoint(request(8, 12, FORKED), NOW_NS)
    assert (answer.status, answer.body) == (422, b"")
    assert answer.accused == (signed(LEAVES, 8), signed(FORKED, 12))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"\xff\xfe", 400),
        (b"old 0\n\n" + b"x" * 10, 400),
        (witness.build_request(0, [], signed(LEAVES, 3, "other.example/log")), 404),
        (request(0, 3)[:-20] + b"A" * 15 + b"AAA=\n", 403),
        (request(2, 3), 409),
    ],
)
def test_other_requests_get_the_status_of_the_standard_and_change_nothing(body, status):
    disk = FaultyDisk()
    one = desk(disk)
    answer = one.add_checkpoint(body, NOW_NS)
    assert answer.status == status, answer.why
    assert disk.names() == []


STEPS = ((0, 3), (3, 8), (8, 20))


def witness_all(one: WitnessDesk, said: list[int]) -> None:
    for old, new in STEPS:
        assert one.add_checkpoint(request(old, new), NOW_NS).status == 200
        said.append(new)


def test_a_power_cut_at_any_write_never_forgets_what_was_answered():
    clean = FaultyDisk()
    witness_all(desk(clean), [])
    for cut in range(1, clean.operations + 1):
        for seed in range(4):
            disk, said = FaultyDisk(seed * 100 + cut), [0]
            disk.cut_at = cut
            with pytest.raises(PowerCut):
                witness_all(desk(disk), said)
            disk.power_on()
            assert desk(disk).remembered(ORIGIN).size >= said[-1]


def test_what_cannot_be_remembered_is_not_cosigned():
    disk = FaultyDisk()
    one = desk(disk)
    disk.full_at = 1
    answer = one.add_checkpoint(request(0, 3), NOW_NS)
    assert (answer.status, answer.body) == (500, b"")
    assert "not cosigned" in answer.why
    assert one.remembered(ORIGIN).size == 0
    disk.room()
    assert one.add_checkpoint(request(0, 3), NOW_NS).status == 200


def test_a_rotten_memory_stops_the_witnessing_of_that_log_alone():
    disk = FaultyDisk()
    desk(disk).add_checkpoint(request(0, 3), NOW_NS)
    disk.rot(disk.names()[0], 20)
    one = desk(disk)
    answer = one.add_checkpoint(request(3, 8), NOW_NS)
    assert (answer.status, answer.body) == (500, b"")
    assert "cannot be read" in answer.why
    assert one.add_checkpoint(request(0, 3), NOW_NS).status == 500, "never from nothing"


def test_logs_are_added_while_running_and_none_is_forgotten():
    disk = FaultyDisk()
    one = desk(disk)
    one.add_checkpoint(request(0, 3), NOW_NS)
    one.look_after({})
    assert one.add_checkpoint(request(3, 8), NOW_NS).status == 404
    one.look_after({ORIGIN: [KEY]})
    assert one.add_checkpoint(request(3, 8), NOW_NS).status == 200


def test_evidence_is_bounded():
    disk = FaultyDisk()
    one = desk(disk)
    one.add_checkpoint(request(0, 8), NOW_NS)
    for n in range(130):
        lie = checkpoint.Checkpoint(ORIGIN, 8, bytes([n]) * 32)
        one.add_checkpoint(witness.build_request(8, [], checkpoint.signed(lie, KEY, LOG.sign)), NOW_NS)
    assert len(one.accusations()) == 100
