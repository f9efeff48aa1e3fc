"""Two real nodes: a track is handed over by the commands that people type, and both ledgers give the same figures."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from tests.doubles.two_kept import exact
from tests.doubles.two_processes import PAIR, Node, Two, two

from manara.cli.main import main

STREAM = "arvena>belora"


def words(made: Two, node: str, *more: str, signs: bool = True) -> list[str]:
    home = made.made.members[node].folder
    person = f"{node}.operational"
    people = ["--person", person, "--key", str(home / "people" / f"{person}.key"), "--wait", "30"] if signs else []
    return ["partner", "handover", *more, "--node", str(home / f"{node}.toml"), *people]


def listed(made: Two, node: str, capsys) -> dict:
    capsys.readouterr()
    main(words(made, node, "list", "--json", signs=False))
    return json.loads(capsys.readouterr().out)


def until(made: Two, node: str, capsys, true) -> dict:
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        there = listed(made, node, capsys)
        if there.get("all") and true(there["all"][-1]):
            return there["all"][-1]
        time.sleep(0.3)
    raise AssertionError(f"{node}: it did not happen: {there} {made.nodes[node].said.read_text()[-1500:]}")


def offer_any(made: Two, capsys) -> str:
    """Offer tracks of Arvena's desk until one is of those that Belora was told of; why the others were refused."""
    refused = {}
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        for one in json.loads(made.a.desk("/api/tracks"))["features"]:
            capsys.readouterr()
            answer = main(words(made, "arvena", "offer", "belora", str(one["id"]), "--reason", "yours now", "--json"))
            said = json.loads(capsys.readouterr().out)
            if answer == 0:
                assert set(refused.values()) <= {"withheld", "unknown_track", "ambiguous"}
                return said["sha256"]
            refused[one["id"]] = said["refusal"]
        time.sleep(1.0)
    raise AssertionError(f"nothing could be offered: {refused}")


def promised(made: Two, node: str, capsys, *more: str) -> tuple[int, bytes]:
    home = made.made.members[node].folder
    file = next(made.made.members["arvena"].folder.glob("arvena-belora.toml"))
    capsys.readouterr()
    done = main(["agreement", "promises", str(file), "--node", str(home / f"{node}.toml"), "--json", *more])
    return done, capsys.readouterr().out.encode()


def test_core_3_and_4_a_track_is_handed_over_and_both_ledgers_give_the_same_figures(tmp_path: Path, capsys):
    """Core 3 and 4 of the issue on many partners, end to end: offer, restart of both, answer, confirmation, figures."""
    with two(tmp_path) as made:
        made.start()
        made.activate()
        made.b.until(lambda now: now["told"])
        offered = offer_any(made, capsys)
        there = until(made, "belora", capsys, lambda one: one["id"] == offered)
        assert there["state"] == "offered"
        assert there["reason"] == "yours now"
        before = there["track"]

        for node in made.nodes.values():  # an offer outlives a power cut on either side
            node.kill()
            node.start()
        for node in made.nodes.values():
            node.until_partner(lambda now: now["link"] == "live")
        assert main(words(made, "belora", "accept", offered[:12], "--reason", "we have it")) == 0
        told = until(made, "arvena", capsys, lambda one: one["state"] == "accepted")
        assert (told["by"], told["why"]) == ("belora.operational", "we have it")
        done = until(made, "belora", capsys, lambda one: one["confirmed"])
        assert done["track"] in (before, 0)
        assert main(words(made, "belora", "decline", offered[:12])) == 1  # it was accepted

        home = made.made.members["belora"].folder / "belora.toml"
        assert main(["partner", "handover", "list", "--node", str(home)]) == 0
        assert "belora answers for it" in capsys.readouterr().out
        from_the_desks(made, capsys, told["number"])
        time.sleep(11)  # a receipt is heard of
        assert [node.stop() for node in made.nodes.values()] == [0, 0]
        assert exact(made, *PAIR) > 10
        same_figures(made, capsys)


def press(node: Node, path: str) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{node.desk_port}/api/handovers/{path}", method="POST")
    try:
        with urllib.request.urlopen(request, timeout=20) as got:
            return got.status
    except urllib.error.HTTPError as fault:
        return fault.code


def from_the_desks(made: Two, capsys, number: int) -> None:
    """The same by the buttons: the nodes sign for whoever sits there."""
    assert press(made.a, f"offer/belora/{number}") == 202
    turned = listed_until(made, "arvena", capsys, lambda now: now["turned"] and now["turned"][-1]["track"] == number)
    assert turned["turned"][-1]["why"] == "already"
    for one in json.loads(made.a.desk("/api/tracks"))["features"]:
        assert press(made.a, f"offer/belora/{one['id']}") == 202
    there = listed_until(made, "belora", capsys, lambda now: now["all"][-1]["state"] == "offered")
    assert press(made.b, f"answer/{there['all'][-1]['id']}/decline?reason=not%20ours") == 202
    declined = until(made, "arvena", capsys, lambda one: any_declined(made, capsys))
    assert declined
    assert press(made.b, f"answer/{there['all'][-1]['id']}/accept") == 404


def any_declined(made: Two, capsys) -> bool:
    said = [one for one in listed(made, "arvena", capsys)["all"] if one["state"] == "declined"]
    return [(one["by"], one["why"]) for one in said] == [("desk", "not ours")]


def listed_until(made: Two, node: str, capsys, true) -> dict:
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        there = listed(made, node, capsys)
        if there.get("all") and true(there):
            return there
        time.sleep(0.3)
    raise AssertionError(f"{node}: it did not happen: {there}")


def same_figures(made: Two, capsys) -> None:
    """The acceptance test of the time promises: each side computes from its own folders; the bytes are equal."""
    _, whole = promised(made, "belora", capsys)
    until_ns = int(json.loads(whole)["until_ns"])
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(until_ns // 10**9)) + "Z"
    (at_a, here), (at_b, there) = (promised(made, one, capsys, "--until", text) for one in PAIR)
    assert here == there
    assert at_a == at_b
    found = json.loads(here)
    figures = {one["promise"]: one for one in found["figures"]}
    assert figures["answer"]["measured"] == 2
    assert figures["first"]["measured"] > 0
    assert 0 <= figures["first"]["median_ns"] <= figures["first"]["worst_ns"]
    assert found["contradicted"] == []
    clocks = found["clocks"]
    assert clocks["stamps"] > 1
    assert clocks["agree"] == 1
    assert clocks["low_ns"] <= 0 <= clocks["high_ns"], "both run on one machine's clock"


def test_a_clock_that_is_off_by_more_than_promised_is_shown_and_not_averaged(tmp_path: Path, capsys):
    with two(tmp_path, off_s={"belora": -20.0}) as made:
        made.start()
        made.activate()
        made.b.until(lambda now: now["told"])
        made.a.until_partner(lambda now: now["receipted"] > 3)
        time.sleep(3)
        assert [node.stop() for node in made.nodes.values()] == [0, 0]
        _, said = promised(made, "arvena", capsys)
        found = json.loads(said)
        assert {one["why"] for one in found["contradicted"]} == {"early"}
        assert all(one["measured"] == 0 for one in found["figures"])


def test_who_is_no_side_or_has_nothing_promised_is_told_so(tmp_path: Path, capsys):
    with two(tmp_path) as made:
        home = made.made.members["belora"].folder
        file = made.made.members["arvena"].folder / "arvena-belora.toml"
        bare = tmp_path / "bare.toml"
        bare.write_text(file.read_text("utf-8").replace("clock_s = 2", "clock_s = 0"), "utf-8")
        for path, said in ((bare, "clock_s"), (file, "holds no log")):
            assert main(["agreement", "promises", str(path), "--node", str(home / "belora.toml")]) == 2
            err = capsys.readouterr().err
            assert said in err
            assert err.count("\n") == 1


@pytest.mark.parametrize(
    "words", [["offer", "belora", "x"], ["offer", "belora", "7", "--answer-within", "0"], ["accept"]]
)
def test_wrong_words_are_one_line(words, capsys):
    with pytest.raises(SystemExit) as left:
        main(["partner", "handover", *words, "--node", "n.toml", "--person", "a", "--key", "k"])
    assert left.value.code == 2
    assert "Traceback" not in capsys.readouterr().err
