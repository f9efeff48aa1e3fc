"""manara retention: holds of two persons, and erasure by a node that runs or rests."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest
from tests.doubles import folders

from manara.cli import main
from manara.exercise import partners
from manara.host import commands, config, retention
from manara.host.disk import FolderDisk
from manara.host.sharing import Sharing
from manara.host.vault import HOUR_NS
from manara.records.config import NodeConfig
from manara.records.released import Block, Entry
from manara.release import statements
from manara.study import scenario as scenarios
from manara.study.world import feeds

BOTH = ("arvena.minister", "arvena.chief")


@pytest.fixture
def place(tmp_path):
    return folders.make(tmp_path)


def run(place, *words: str, who: tuple[str, ...] = BOTH) -> int:
    persons = [w for one in who for w in ("--person", one, "--key", str(place.parent / f"{one}.key"))]
    return main(["retention", *words, *persons, "--node", str(place)])


def test_two_persons_place_a_hold_and_two_lift_it(place, capsys):
    with folders.running(place.parent / "arvena.node") as clerk:
        words = ("hold", "case-7", "--originator", "belora", "--track", "7", "--from", "2026-11-01T00:00:00Z")
        assert run(place, *words, "--reason", "a collision", who=BOTH[:1]) == 1
        assert "capacity_missing" in capsys.readouterr().err
        assert run(place, *words) == 0
        hold = clerk.now.holds["case-7"]
        assert (hold.originator, hold.tracks, hold.from_ns, hold.by) == ("belora", ("7",), 1_793_491_200 * 10**9, BOTH)
        assert run(place, *words) == 1, "there is one of that name"
        assert run(place, "lift", "case-7", who=BOTH[1:]) == 1
        assert run(place, "lift", "case-7") == 0
        assert clerk.now.holds == {}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--originator", "atlantis"), "atlantis is not in the directory"),
        (("--originator", "belora", "--track", "seven"), "no number of a track"),
        (("--originator", "belora", "--track", "9" * 30), "Not a statement"),
        (("--originator", "belora", "--to", "yesterday"), "not a time"),
    ],
)
def test_what_is_no_hold_is_said_in_one_line(place, capsys, words, says):
    assert run(place, "hold", "case", *words) == 2
    err = capsys.readouterr().err
    assert says in err
    assert err.count("\n") == 1


@pytest.fixture
def node(tmp_path):
    scenario = scenarios.apart(scenarios.load(scenarios.find("lantern")))
    made = partners.make(tmp_path, scenario, ("Arvena", "Belora"), {"Arvena": 1, "Belora": 2})
    there = {feed.name: "tcp://127.0.0.1:9" for feed in feeds(scenario, "Arvena")}
    partners.configure(made, "arvena", there, NodeConfig(journal_days=1.0))
    return made.members["arvena"]


def sharing(node, now_ns: int) -> Sharing:
    return Sharing(config.node_config(node.config), node.folder, node.kept, lambda: now_ns)


def publish(node, hour: int) -> None:
    one = sharing(node, 0)
    rows = Block(1, 24, bytes(24 * 3), np.array([1, 2, 3], "<u8").tobytes())
    one.log.publish(hour * HOUR_NS, 1 << 20, [Entry("arvena>belora", 0, b"{}", (rows,))])
    one.close()


def test_a_node_that_rests_erases_and_says_so_when_it_next_runs(node, capsys):
    publish(node, 480_000)
    assert main(["retention", "run", str(node.config), "--dry-run", "--json"]) == 0
    [said] = json.loads(capsys.readouterr().out)["swept"]
    assert (said["originator"], said["keys"], said["rows"]) == ("arvena", 3, 0)
    assert commands.take(node.kept, 0) == ()

    assert main(["retention", "run", str(node.config)]) == 0
    assert "3 keys erased" in capsys.readouterr().out
    one = sharing(node, 0)
    assert one.vault.hours() == []
    [waits] = commands.take(node.kept, 0)
    found = statements.verify(waits.envelope, one.listed.directory)
    one.close()
    assert found.nodes == ("arvena",)
    assert (found.statement.originator, found.statement.count) == ("arvena", "3")
    assert main(["retention", "run", str(node.config)]) == 0
    assert capsys.readouterr().out == "nothing is due\n"


def test_a_node_that_runs_is_asked(node, capsys, monkeypatch):
    publish(node, 480_000)
    disk = FolderDisk(node.kept / "vault")  # as a running node has it
    over = threading.Event()

    def runs() -> None:
        while not over.wait(0.02):
            if one := retention.asked(node.kept):
                retention.answer(node.kept, one, (retention.Swept(originator="belora", held=2, holds=("case-7",)),))

    worker = threading.Thread(target=runs)
    worker.start()
    try:
        assert main(["retention", "run", str(node.kept)]) == 0
        assert capsys.readouterr().out == "belora: 0 keys erased, 2 keys kept under case-7\n"
    finally:
        over.set()
        worker.join()
    assert main(["retention", "run", str(node.kept), "--wait", "0.1"]) == 2
    assert "did not answer" in capsys.readouterr().err
    disk.close()
    assert main(["retention", "run", str(node.kept)]) == 2
    assert "no node runs" in capsys.readouterr().err


def test_a_folder_that_shares_nothing(tmp_path, capsys):
    assert main(["retention", "run", str(tmp_path)]) == 2
    assert "holds nothing of partners" in capsys.readouterr().err
