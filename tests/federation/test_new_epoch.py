"""Issue 3, row 22: a restored node halts, two persons begin a new epoch, and everything flows again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
from tests.doubles.two_processes import Two, two

from manara.cli.main import main
from manara.host.link_memory import FolderMemory
from manara.ledger import checkpoint, places
from manara.release import statements

FIRST = places.first_place(2)
STREAM = "arvena>belora"


def epoch(made: Two, capsys, *people: str, keys: dict[str, str] | None = None, statement: Path | None = None):
    """``manara ledger epoch`` as Arvena's persons type it: exit code and what was said."""
    home = made.made.members["arvena"].folder
    words = ["ledger", "epoch", "--node", str(home / "arvena.toml"), "--wait", "20"]
    for one in people:
        key = (keys or {}).get(one, f"arvena.{one}")
        words += ["--person", f"arvena.{one}", "--key", str(home / "people" / f"{key}.key")]
    capsys.readouterr()
    code = main([*words, *(["--statement", str(statement)] if statement else [])])
    return code, "".join(capsys.readouterr())


def ledger(made: Two, capsys, name: str) -> dict:
    member = made.made.members[name]
    capsys.readouterr()
    words = ["ledger", "verify", str(member.kept), "--directory", str(member.folder / "directory.toml"), "--json"]
    assert main([*words, "--quorum", "1"]) == 0
    return json.loads(capsys.readouterr().out)


def restored(made: Two) -> tuple[int, int]:
    """Arvena lives on after a backup, then the backup is put back: entries that Belora had, leaves that were lost."""
    home = made.made.members["arvena"].kept
    made.start()
    made.activate()
    made.b.until_partner(lambda one: one["received_entries"] > 4)
    assert made.a.stop() == 0
    shutil.copytree(home, home.with_name("backup"))
    made.a.start()
    made.a.until(lambda now: now["witnessed"] > 0 and now["partners"][0]["link"] == "live")
    begun = made.b.partner()["received_entries"]
    made.b.until_partner(lambda one: one["received_entries"] > begun + 8)
    made.a.until(lambda now: now["log_size"] - now["witnessed"] < 3)
    made.a.kill()
    shutil.rmtree(home)
    shutil.move(home.with_name("backup"), home)
    return made.b.partner()["received_entries"], made.b.status()["reading"][STREAM]


def test_row_22_a_restored_backup_halts_and_two_persons_let_everything_flow_again(tmp_path, capsys):
    with two(tmp_path) as made:
        entries, held = restored(made)
        made.a.start()
        trouble = made.a.until(lambda now: now["trouble"])["trouble"]
        assert "leaves of this log, and here are" in trouble
        assert "two persons begin a new epoch (manara ledger epoch)" in trouble
        assert "\n" not in trouble

        # One person, a wrong key, another head: one line each, and nothing begins
        code, said = epoch(made, capsys, "policy")
        assert code == 1
        assert "refused (capacity_missing): The signature for operational of arvena is missing." in said
        code, said = epoch(made, capsys, "policy", "operational", keys={"operational": "arvena.policy"})
        assert code == 2
        assert said.count("\n") <= 2
        assert "this is not the key that the directory gives for arvena.operational" in said
        code, said = another_head(made, capsys, tmp_path)
        assert code == 1
        assert "The statement must name the old head: manara/arvena, " in said
        assert made.a.status()["trouble"] == trouble

        # The first person signs into a file, the second hands it in
        passed = tmp_path / "epoch.json"
        code, said = epoch(made, capsys, "policy", statement=passed)
        assert code == 1
        assert f"Kept in {passed}" in said
        code, said = epoch(made, capsys, "operational", statement=passed)
        assert code == 0, said
        assert "manara/arvena/epoch-2 follows manara/arvena, whose old head is: " in said
        assert "ledger.epoch: done" in said

        # Flow resumes, above every place that Belora holds; Belora's desk says by whose word
        now = made.b.until_partner(lambda one: one["received_entries"] > entries + 4 and one["link"] == "live")
        assert now["epoch"]["epoch"] == 2
        assert set(now["epoch"]["by"]) == {"arvena.policy", "arvena.operational"}
        assert now["epoch"]["held"] >= now["epoch"]["old_size"] > 0
        assert now["refused"].get("gap", 0) == now["refused"].get("repeated", 0) == 0
        assert made.b.status()["reading"][STREAM] > FIRST
        shown = json.loads(made.b.desk("/api/partners"))["partners"][0]
        assert shown["epoch"]["epoch"] == 2
        made.a.until(lambda now: now["witnessed"] > 0 and not now["trouble"])
        made.a.until_partner(lambda one: one["receipted"] > 0 and one["received_entries"] > 0)
        assert epoch(made, capsys, "policy", "operational")[0] == 1, "a log that goes on is not begun anew"
        for node in made.nodes.values():
            assert node.stop() == 0

        whole(made, capsys, held)


def another_head(made: Two, capsys, folder: Path) -> tuple[int, str]:
    """Both persons sign a head that is not the old one, and hand it in as it is."""
    from manara.host import commands, keys

    member = made.made.members["arvena"]
    text = statements.canonical(
        statements.LedgerEpoch(origin="manara/arvena", epoch=2, old_size="5", old_root="ab" * 32, nonce="00" * 16)
    )
    people = [f"arvena.{one}" for one in ("policy", "operational")]
    signers = [(one, keys.load_signer(member.folder / "people" / f"{one}.key")) for one in people]
    signed = [statements.signed(text, key.public(), key.sign, person=one) for one, key in signers]
    commands.offer(member.kept, "another-head", statements.envelope(text, signed))
    answer = commands.wait_answer(member.kept, "another-head", 20)
    assert answer is not None
    return int(answer.refusal == "other_head"), answer.detail


def whole(made: Two, capsys, held: int) -> None:
    """Nothing that was acknowledged is lost, no place is taken twice, and the abandoned tail is provable by Belora."""
    for name in ("arvena", "belora"):
        found = ledger(made, capsys, name)
        (said,) = found["epochs"]
        assert found["ok"]
        assert (said["log"], said["epoch"]) == ("manara/arvena", 2)
        assert set(said["by"]) == {"arvena.policy", "arvena.operational"}
    b = made.made.members["belora"]
    old = FolderMemory(b.kept / "partners", lambda: 0).abandoned("arvena", 1)
    parsed, _ = checkpoint.parse_note(old.signed)
    assert parsed.origin == "manara/arvena"
    assert parsed.size >= said["old_size"]
    if parsed.size == said["old_size"]:
        assert parsed.root.hex() == said["old_root"]
    listed = str(b.folder / "directory.toml")
    for offset in (0, held - 1, FIRST, FIRST + 1):
        proof = b.folder / f"proof-{offset}.json"
        words = ["ledger", "prove", str(b.kept), "--stream", STREAM, "--offset", str(offset), "--out", str(proof)]
        assert main(words) == 0
        assert main(["ledger", "verify", str(proof), "--directory", listed, "--quorum", "0", "--json"]) == 0
        head = json.loads(capsys.readouterr().out.splitlines()[-1])["head"]
        assert (head["stream"], head["offset"]) == (STREAM, str(offset))
    assert main(["ledger", "prove", str(b.kept), "--stream", STREAM, "--offset", str(held), "--out", str(proof)]) == 2
    capsys.readouterr()
    assert msgspec.json.decode((b.kept / "partners" / "arvena.epoch").read_bytes())["statement"]
