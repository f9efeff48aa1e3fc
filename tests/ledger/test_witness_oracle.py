"""A witness that we did not write, aics-witness from PyPI, beside ours: it cosigns our log, and both answer alike."""

from __future__ import annotations

import http.client
import re
import socket
import subprocess
import time

import pytest

from manara.ledger import checkpoint, cosign, note, tree, witness

ORIGIN = "arvena.example/log"
SPLIT = "another history of the same size"


@pytest.fixture
def theirs(tool, tmp_path, make_log):
    """Their server on loopback, told of our log: ``ask(body) -> (status, body)``, and its key."""
    program = tool("aics-witness")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = ["--config", str(tmp_path / "witness.json")]

    def call(*args):
        return subprocess.run([program, *args, *config], capture_output=True, text=True, check=True, timeout=60).stdout

    call("init", "--name", "neutral.example/w", "--listen", f"127.0.0.1:{port}")
    call("add-log", "--origin", ORIGIN, "--vkey", note.vkey(make_log(1).signer.key))
    key = note.parse_vkey(re.search(r"^vkey\s+(\S+)$", call("status"), re.MULTILINE)[1])
    server = subprocess.Popen([program, "serve", *config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def ask(body):
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        link.request("POST", "/add-checkpoint", body)
        answer = link.getresponse()
        found = answer.status, answer.read().decode()
        link.close()
        return found

    try:
        wait_for(port)
        yield ask, key
    finally:
        server.terminate()
        server.wait(20)


def wait_for(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    pytest.fail("aics-witness does not listen")


def requests(make_log, signer):
    """Bodies one after the other, with what each is."""
    log, liar, foreign = make_log(40), make_log(60, seed="other history"), make_log(9, origin="belora.example/log")

    def body(one, old, new, path=None):
        getter = tree.from_leaves(one.hashes)
        path = tree.consistency_path(getter, min(old, new), new) if path is None else path
        return witness.build_request(old, path, one.checkpoint(new))

    said = checkpoint.Checkpoint(ORIGIN, 40, tree.root(log.hashes))
    other = signer("other")
    forged = checkpoint.signed(said, note.Key(ORIGIN, note.ED25519, other.key.public), other)
    return [
        ("first", body(log, 0, 7)),
        ("grown", body(log, 7, 16)),
        ("grown from a power of two", body(log, 16, 21)),
        ("the same again", body(log, 21, 21)),
        ("stale", body(log, 7, 40)),
        ("ahead of what it knows", body(log, 30, 40)),
        ("smaller", body(log, 21, 7, [])),
        ("another log", body(foreign, 0, 9)),
        ("another key", witness.build_request(21, [], forged)),
        (SPLIT, body(liar, 21, 21)),
        ("another history, longer", body(liar, 21, 60)),
        ("proof cut", body(log, 21, 40, tree.consistency_path(tree.from_leaves(log.hashes), 21, 40)[1:])),
        ("proof of nothing", body(log, 21, 40, [])),
        ("rubbish", b"old x\n\n"),
        ("empty", b""),
        ("last", body(log, 21, 40)),
    ]


def test_row_22_a_witness_of_others_cosigns_our_log_and_answers_as_ours_does(theirs, make_log, signer):
    ask, key = theirs
    ours, logs = {}, {ORIGIN: [make_log(1).signer.key]}
    for what, body in requests(make_log, signer):
        status, said = ask(body)
        mine = witness.decide(body, logs, ours)
        if what == SPLIT:  # 409 in C2SP tlog-witness 1.0, which is ours; 422 in 1.1, which is theirs
            assert (mine.status, status) == (409, 422)
            continue
        assert mine.status == status, (what, mine, said)
        if status == 409:
            assert mine.body == said, what
        if status == 200:
            ours[ORIGIN] = mine.remembered
            cosigned = note.parse(cosign.add(mine.remembered.signed, said, [key]))
            assert cosign.short_of(cosigned, [key], 1) == "", what
    assert ours[ORIGIN].size == 40
