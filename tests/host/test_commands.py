"""The spool: whole or not at all, bounded, and answered before it is forgotten."""

from __future__ import annotations

import os
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.doubles.persons import signed

from manara.host import commands
from manara.host.problems import BadInput
from manara.release import standing
from manara.release.standing import Standing, Standings
from manara.release.statements import Suspend

STOPPED = signed(Suspend(agreement="ab" * 32), "arvena.chief")


def test_what_was_handed_in_is_taken_until_it_is_answered(tmp_path):
    commands.offer(tmp_path, "stop", STOPPED, (b"\x00\xff",))
    [one] = commands.take(tmp_path, 7)
    assert (one.name, one.envelope, one.received_ns, one.attachments) == ("stop", STOPPED, 7, (b"\x00\xff",))
    assert commands.take(tmp_path, 8, {"stop"}) == ()
    assert [c.name for c in commands.take(tmp_path, 9)] == ["stop"], "a crash before the answer loses nothing"
    commands.answer(tmp_path, "stop", "")
    assert commands.take(tmp_path, 10) == ()
    assert commands.answered(tmp_path, "stop") == commands.Answered("stop", "")


def test_answering_twice_does_no_harm(tmp_path):
    commands.offer(tmp_path, "stop", STOPPED)
    commands.answer(tmp_path, "stop", "stale", "One came in between.")
    commands.answer(tmp_path, "stop", "stale", "One came in between.")
    assert commands.wait_answer(tmp_path, "stop", 0.0) == commands.Answered("stop", "stale", "One came in between.")


def test_handing_in_again_waits_for_a_new_answer(tmp_path):
    commands.offer(tmp_path, "stop", STOPPED)
    commands.answer(tmp_path, "stop", "stale")
    commands.offer(tmp_path, "stop", STOPPED)
    assert commands.answered(tmp_path, "stop") is None


def test_the_oldest_comes_first_and_a_turn_is_bounded(tmp_path):
    for n in range(commands.TAKEN_MAX + 5):
        commands.offer(tmp_path, f"c{n:03d}", STOPPED)
        os.utime(tmp_path / "commands" / f"c{n:03d}.json", ns=(0, (1_000 - n) * 10**9))
    taken = [c.name for c in commands.take(tmp_path, 0)]
    assert taken == [f"c{n:03d}" for n in range(68, 4, -1)]


@pytest.mark.parametrize(
    "content",
    [b"", b"garbage", b"[]", b"{}", b'{"envelope":3}', b'{"envelope":"x","more":1}', b"[" * 5_000, b"\xff",
     b'{"envelope":"' + b"x" * 70_000 + b'"}', b'{"envelope":"x","attachments":["","","","",""]}'],
)  # fmt: skip
def test_what_is_no_command_is_moved_aside_with_its_reason(tmp_path, content):
    place = commands.spool(tmp_path)
    (place / "bad.json").write_bytes(content)
    commands.offer(tmp_path, "good", STOPPED)
    assert [c.name for c in commands.take(tmp_path, 0)] == ["good"]
    assert (place / "aside" / "bad.json").read_bytes() == content
    assert (place / "aside" / "bad.json.why").read_text().strip()
    found = commands.answered(tmp_path, "bad")
    assert found is not None
    assert found.refusal == "malformed"
    assert "\n" not in found.detail


def test_a_link_a_folder_and_a_pipe_are_no_commands(tmp_path):
    place = commands.spool(tmp_path)
    (tmp_path / "secret").write_bytes(b'{"envelope":"x"}')
    (place / "link.json").symlink_to(tmp_path / "secret")
    (place / "folder.json").mkdir()
    os.mkfifo(place / "pipe.json")
    (place / ("n" * 150 + ".json")).write_bytes(b"{}")
    assert commands.take(tmp_path, 0) == ()
    assert commands.take(tmp_path, 0) == ()
    assert not [p for p in place.glob("*.json") if p.name != "standings.json"]
    assert (tmp_path / "secret").exists()


def test_a_file_too_large_is_not_read_into_memory(tmp_path):
    place = commands.spool(tmp_path)
    with (place / "big.json").open("wb") as out:
        out.truncate(1 << 33)
    assert commands.take(tmp_path, 0) == ()
    assert "larger" in (place / "aside" / "big.json.why").read_text()


def test_no_spool_is_no_command(tmp_path):
    assert commands.take(tmp_path / "nowhere", 0) == ()
    assert commands.wait_answer(tmp_path / "nowhere", "x", 0.0) is None
    assert commands.standings(tmp_path / "nowhere") == standing.init()


@pytest.mark.parametrize("name", ["", "../up", "A", "a/b", ".hidden", "x" * 102, "a b"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path, name):
    with pytest.raises(BadInput):
        commands.offer(tmp_path, name, STOPPED)


def test_too_much_is_not_handed_in(tmp_path):
    for envelope, attachments in ((b"x" * 70_000, ()), (b"x", (b"",) * 5), (b"x", (b"y" * (4 << 20),))):
        with pytest.raises(BadInput):
            commands.offer(tmp_path, "big", envelope, attachments)
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="no place"):
        commands.offer(tmp_path / "file", "x", STOPPED)


def test_answers_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(commands, "ANSWERS_MAX", 3)
    for n in range(6):
        commands.answer(tmp_path, f"a{n}", "")
    assert len(list((tmp_path / "commands" / "answers").iterdir())) == 3
    assert commands.answered(tmp_path, "a5")


def test_refused_statements_of_a_partner_push_none_of_our_own_answers_out(tmp_path, monkeypatch):
    monkeypatch.setattr(commands, "ANSWERS_MAX", 3)
    monkeypatch.setattr(commands, "FOREIGN_MAX", 2)
    commands.answer(tmp_path, "suspend-belora", "")
    for n in range(20):
        commands.answer(tmp_path, f"from-belora-{n:016x}", "bad_signature")
    assert commands.answered(tmp_path, "suspend-belora")
    assert len(list((tmp_path / "commands" / "answers").glob("from-*"))) == 2
    with pytest.raises(BadInput, match="partners"):
        commands.offer(tmp_path, "from-belora-0", STOPPED)


def test_nothing_half_written_is_ever_taken(tmp_path):
    """One hands in while the other takes: each command is seen whole."""

    def hand_in():
        for n in range(30):
            commands.offer(tmp_path, f"n{n}", STOPPED, (bytes(20_000),))

    giver = threading.Thread(target=hand_in)
    giver.start()
    taken: set[str] = set()
    while giver.is_alive() or len(taken) < 30:
        for one in commands.take(tmp_path, 0, taken):
            assert (one.envelope, one.attachments) == (STOPPED, (bytes(20_000),))
            taken.add(one.name)
    giver.join()
    assert not list((tmp_path / "commands" / "aside").iterdir())


@settings(max_examples=30)
@given(st.dictionaries(st.sampled_from(["a", "b"]), st.integers(0, (1 << 63) - 1), max_size=2))
def test_how_agreements_stand_is_told_as_it_is(tmp_path_factory, since):
    folder = tmp_path_factory.mktemp("node")
    one = Standing(agreement="00" * 32, releaser="a", recipient="b", edition=1, phase="full", before="full", since_ns=0,
                   not_before_ns=0, not_after_ns=1, last="11" * 32, since=("11" * 32,), by=("a.b",))  # fmt: skip
    now = Standings(agreements={}, heads={k: str(v) for k, v in since.items()})
    for key, value in since.items():
        now.agreements[key] = Standing(**{**{f: getattr(one, f) for f in one.__struct_fields__}, "since_ns": value})
    commands.publish(folder, now)
    assert commands.standings(folder) == now
    assert commands.take(folder, 0) == ()


def test_damaged_standings_are_said_in_one_line(tmp_path):
    (commands.spool(tmp_path) / "standings.json").write_text("{")
    with pytest.raises(BadInput, match="damaged"):
        commands.standings(tmp_path)
