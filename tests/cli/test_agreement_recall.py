"""manara agreement recall: what is asked, by whom, and what the recipient answers."""

from __future__ import annotations

import json
import threading

import pytest
from tests.cli.test_export import Log
from tests.doubles import folders

from manara.cli import agreement_recall, main
from manara.host import commands
from manara.release import statements

STREAM = "arvena>belora"
BEGIN_NS = 1_793_491_200 * 10**9
CHIEF = ("arvena.chief",)


@pytest.fixture
def config(tmp_path):
    return folders.make(tmp_path)


def recall(config, *words: str, who: tuple[str, ...] = CHIEF) -> int:
    persons = [w for one in who for w in ("--person", one, "--key", str(config.parent / f"{one}.key"))]
    file = str(config.parent / "arvena-belora.toml")
    return main(["agreement", "recall", file, *words, *persons, "--node", str(config)])


def waiting(config) -> statements.Recall:
    """The one recall that waits for the node, taken out of the spool."""
    [one] = commands.take(config.parent / "arvena.node", 0)
    commands.answer(config.parent / "arvena.node", one.name, "")
    taken = statements.read(one.envelope)
    assert not isinstance(taken, statements.Refusal)
    return taken[1]


def test_row_24_named_tracks_of_a_time_are_recalled(config, capsys):
    words = ("--track", "17", "--track", "0099", "--track", "17", "--from", "2026-11-01T00:00:00Z")
    words += ("--to", "2026-11-01T03:00:00+02:00", "--reason", "wrong craft", "--wait", "0")
    assert recall(config, *words) == 0
    assert "Does it run?" in capsys.readouterr().out
    one = waiting(config)
    assert (one.stream, one.tracks, one.reason) == (STREAM, ("17", "99"), "wrong craft")
    assert (int(one.from_ns), int(one.to_ns)) == (BEGIN_NS, BEGIN_NS + 3_600 * 10**9)


def test_row_24_without_more_words_everything_until_now_is_recalled(config, capsys):
    import time

    before_ns = time.time_ns()
    assert recall(config, "--wait", "0") == 0
    one = waiting(config)
    assert (one.tracks, one.from_ns) == (("all",), "0")
    assert before_ns <= int(one.to_ns) <= time.time_ns()


def test_row_24_the_answer_is_waited_for_and_its_rows_are_said(config, capsys):
    """The node takes the recall; then the recipient's statement is logged, and the command says how many are gone."""
    folder = config.parent / "arvena.node"
    folder.mkdir()
    log = Log(folder)
    log.publish(BEGIN_NS, (STREAM, {"kind": "phase", "phase": "full"}, ()))
    over = threading.Event()
    with folders.running(folder) as clerk:

        def belora() -> None:
            while not (asked := clerk.now.heads.get(f"recall/{STREAM}")) and not over.wait(0.01):
                pass
            done = statements.RecallDone(stream=STREAM, recall=asked, count="1234")
            said = statements.envelope(statements.canonical(done), ()).decode()
            log.publish(BEGIN_NS + 1, ("arvena", {"kind": "statement", "subject": said}, ()))
            told = statements.statement_sha256(statements.canonical(done))
            clerk.now = type(clerk.now)(heads={**clerk.now.heads, f"recall.done/{STREAM}": told})
            commands.publish(folder, clerk.now)

        other = threading.Thread(target=belora)
        other.start()
        assert recall(config, "--json") == 0
        over.set()
        other.join()
    said = json.loads(capsys.readouterr().out)
    assert (said["refusal"], said["rows"], said["asked"]["stream"]) == ("", 1234, STREAM)
    assert agreement_recall.logged(folder, "arvena", said["sha256"]) == 1234
    assert agreement_recall.logged(folder, "arvena", "00" * 32) is None, "another recall was not answered"
    log.close()


def test_row_24_while_the_recipient_is_silent_it_says_where_to_look(config, capsys):
    with folders.running(config.parent / "arvena.node") as clerk:
        assert recall(config, "--track", "7", "--wait", "0.5") == 0
        assert recall(config, "--track", "8", "--wait", "0.5") == 0, "a second one follows the first"
        assert set(clerk.now.heads) == {f"recall/{STREAM}"}
    said = capsys.readouterr().out
    assert "belora is asked to erase tracks 7 that it was told until 2" in said
    assert "has not answered yet" in said
    assert "manara export account" in said
    assert "not recalled (manara agreement suspend" in said


def test_row_24_only_people_of_the_releaser_recall(config, capsys):
    with folders.running(config.parent / "arvena.node") as clerk:
        assert recall(config, who=("belora.minister",)) == 1
        assert "refused" in capsys.readouterr().err
        assert not clerk.now.heads
    config.write_text(config.read_text().replace('"arvena"', '"belora"'))
    assert recall(config) == 2
    assert "what arvena told is not for belora to recall" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--track", "seven"), "no number of a track"),
        (("--track", "-1"), "no number of a track"),
        (("--track", "99999999999999999999"), "larger than 64 bits"),
        (("--track", "٧"), "no number of a track"),
        (("--from", "yesterday"), "not a time"),
        (("--from", "2026-11-01T00:00:00"), "not a time"),
        (("--to", "9999-01-01T00:00:00Z"), "not a time"),
        (("--to", "1960-01-01T00:00:00Z"), "not a time"),
        (("--from", "2026-11-02T00:00:00Z", "--to", "2026-11-01T00:00:00Z"), "ends before it begins"),
        (("--reason", "a\u202eb"), "--reason"),
        (tuple(w for k in range(1_001) for w in ("--track", str(k))), "Not a statement"),
    ],
)
def test_what_is_no_recall_is_said_in_one_line(config, capsys, words, says):
    assert recall(config, *words) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
    assert not list((config.parent / "arvena.node").glob("commands/*.json"))
