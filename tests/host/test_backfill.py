"""Who is owed history, and the replay beside a running node: at the recipient's pace, and over when persons stop it."""

from __future__ import annotations

import asyncio
import types

import msgspec
import pytest
from tests.doubles import lantern
from tests.doubles.agreements import TEXT

from manara.host import backfill, kept
from manara.host.backfill import Gaps, Node, Room
from manara.link import heads
from manara.node.durable.disk import DiskError
from manara.records.agreement import Phase
from manara.records.directory import Directory
from manara.records.inputs import Replayed
from manara.records.released import Entry, Head
from manara.release import document, standing
from manara.release.standing import Standing, Standings

HISTORY = TEXT.replace("retention_s = 86_400", "retention_s = 86_400\nbackfill_s = 60").encode()
FOUND = document.read(HISTORY)
NOW = 1_800_000_000 * 10**9
DIRECTION, BACK = "arvena>belora", "arvena>belora/backfill"


def always(direction, now_ns) -> int:
    """It has stood as it stands from the first day."""
    return 1


def policy(text: bytes = HISTORY, sha256: str = FOUND.sha256, at_ns: int = NOW) -> Entry:
    attachment = document.attach(text, b"").decode()
    subject = msgspec.json.encode({"attachment": attachment, "envelope": ""}).decode()
    head = Head(kind="policy", stream=DIRECTION, offset="0", time_ns=str(at_ns), policy=sha256, subject=subject)
    return Entry(DIRECTION, 0, heads.encode(head))


def test_row_20_a_policy_frame_makes_history_owed_once(tmp_path):
    backfill.note(tmp_path, "arvena", (policy(),), NOW, Gaps(), always)
    [one] = backfill.owed(tmp_path)
    assert (one.recipient, one.policy, one.until_ns, one.until_ns - one.begin_ns) == (
        "belora",
        FOUND.sha256,
        NOW,
        60 * 10**9,
    )
    assert not one.done
    backfill._write(tmp_path, msgspec.structs.replace(one, done=True))
    backfill.note(tmp_path, "arvena", (policy(),), NOW, Gaps(), always)  # the frame again, as after a crash
    assert backfill.owed(tmp_path)[0].done
    later = document.read(HISTORY + b"\n")
    backfill.note(tmp_path, "arvena", (policy(HISTORY + b"\n", later.sha256, NOW + 7),), NOW, Gaps(), always)
    assert [(one.policy, one.done) for one in backfill.owed(tmp_path)] == [(later.sha256, False)]


def test_what_lets_no_history_go_or_is_no_policy_is_not_owed(tmp_path):
    backfill.note(tmp_path, "arvena", (policy(TEXT.encode(), "ab" * 32),), NOW, Gaps(), always)
    assert [one.done for one in backfill.owed(tmp_path)] == [True]
    head = Head(kind="batch", stream=DIRECTION, offset="1", time_ns="5")
    backfill.note(
        tmp_path, "arvena", (Entry(DIRECTION, 1, heads.encode(head)), Entry("arvena", 0, b"{}")), NOW, Gaps(), always
    )
    backfill.note(tmp_path, "belora", (policy(),), NOW, Gaps(), always)
    assert len(backfill.owed(tmp_path)) == 1
    (tmp_path / "backfill" / "corvia.json").write_bytes(b"\xff")
    assert len(backfill.owed(tmp_path)) == 1


def test_a_journal_is_read_while_the_node_runs_from_where_it_matters(tmp_path):
    one = kept.KeptNode(lantern.config(), tmp_path)
    took = lantern.windows(20)
    for now_ns, inputs in took:
        one.turn(inputs, now_ns)
    found = list(backfill.windows(tmp_path, took[5][0], took[15][0]))
    assert [now_ns for now_ns, _ in found] == [now_ns for now_ns, _ in took[5:15]]
    assert [len(inputs) for _, inputs in found] == [len(inputs) for _, inputs in took[5:15]]
    one.turn(*reversed(lantern.windows(21)[-1]))
    one.close()
    with pytest.raises(DiskError, match="only read"):
        backfill.Reading(tmp_path, []).append("x", b"")
    with pytest.raises(DiskError):
        backfill.Reading(tmp_path, []).size("gone")


def test_no_more_goes_than_half_the_window_until_the_recipient_signs(monkeypatch):
    there = {BACK: 0}
    room = Room(lambda: there)
    assert room.of(BACK, 600) == 150
    there[BACK] = 300
    room.signed(BACK, 0)
    assert room.of(BACK, 600) == 0
    room.signed(BACK, 250)
    room.signed(BACK, 10)  # an older one
    assert room.of(BACK, 600) == 150
    assert Room(lambda: {BACK: 0}).of(BACK, 1) == 1


def test_after_a_start_one_at_a_time_until_somebody_signs(monkeypatch):
    clock = types.SimpleNamespace(now=0.0)
    monkeypatch.setattr(backfill.time, "monotonic", lambda: clock.now)
    room = Room(lambda: {BACK: 9})
    assert [room.of(BACK, 600), room.of(BACK, 600)] == [1, 0]
    clock.now = 20.0
    assert room.of(BACK, 600) == 1
    room.signed(BACK, 10)
    assert room.of(BACK, 600) > 1


class Story:
    """A node whose replay is made of numbers."""

    def __init__(self, folder, monkeypatch, phase: str = "full") -> None:
        self.now = standings(phase)
        self.got: list[Replayed] = []
        self.replays: list[Phase] = []
        self.full = False
        monkeypatch.setattr(backfill.backfill, "replay", self.replay)
        monkeypatch.setattr(backfill, "windows", lambda *_: iter(()))
        monkeypatch.setattr(backfill, "PACE_S", 0.001)
        backfill.note(folder, "arvena", (policy(),), NOW, Gaps(), always)
        self.node = Node(
            config=msgspec.structs.replace(lantern.config(), partner="arvena"),
            folder=folder,
            directory=Directory(version=1),
            secret=b"x",
            standings=lambda: self.now,
            offer=self.offer,
            room=lambda stream, window: 3,
            now_ns=lambda: NOW,
        )

    def offer(self, inputs) -> bool:
        self.got += inputs
        return not self.full

    def replay(self, _config, _directory, wish, _windows, _secret):
        self.replays.append(wish.stands.phase)
        for k in range(50):
            yield Replayed("belora", FOUND.sha256, "full", k, (), (), 0) if k % 2 else None

    def tell(self) -> bool:
        return asyncio.run(backfill.tell(self.node, backfill.owed(self.node.folder)[0]))


def standings(phase: str) -> Standings:
    one = Standing(agreement=FOUND.sha256, releaser="arvena", recipient="belora", edition=2, phase=phase, before=phase,
                   since_ns=0, not_before_ns=0, not_after_ns=1 << 62, last="", since=(), by=())  # fmt: skip
    return Standings(agreements={DIRECTION: one})


def test_row_20_everything_is_offered_in_order_and_once(tmp_path, monkeypatch):
    story = Story(tmp_path, monkeypatch)
    assert story.tell()
    assert [one.of_ns for one in story.got] == list(range(1, 50, 2))
    assert {one.received_ns for one in story.got} == {NOW}


def test_row_20_suspended_or_replaced_nothing_is_owed_any_more(tmp_path, monkeypatch):
    for now in (standings("suspended"), standing.init()):
        story = Story(tmp_path, monkeypatch)
        story.now = now
        assert story.tell()
        assert (story.got, story.replays) == ([], [])


def test_what_is_suspended_meanwhile_ends_and_another_phase_begins_anew(tmp_path, monkeypatch):
    for after, ends in (("suspended", True), ("interim", False)):
        story = Story(tmp_path, monkeypatch)

        def offer(inputs, story=story, after=after):
            story.got += inputs
            story.now = standings(after)
            return True

        story.node = Node(**{**vars(story.node), "offer": offer})
        assert story.tell() is ends
        assert len(story.got) == 3


def test_what_was_told_is_not_owed_and_a_full_disk_is_tried_again(tmp_path, monkeypatch):
    story = Story(tmp_path, monkeypatch)
    monkeypatch.setattr(backfill, "LOOK_S", 0.01)
    plain, faults = backfill.tell, [DiskError("io", "x")]

    async def tell(*args):
        if faults:
            raise faults.pop()
        return await plain(*args)

    monkeypatch.setattr(backfill, "tell", tell)

    async def life() -> None:
        work = asyncio.create_task(backfill.keep(story.node))
        while not backfill.owed(tmp_path)[0].done:
            await asyncio.sleep(0.01)
        work.cancel()

    asyncio.run(asyncio.wait_for(life(), 10))
    assert not faults
    assert len(story.got) == 25


def live(number: int) -> tuple[Entry, ...]:
    head = Head(kind="batch", stream=DIRECTION, offset=str(number), time_ns="5")
    return (Entry(DIRECTION, number, heads.encode(head)), Entry(BACK, number, b"{}"), Entry("arvena", number, b"{}"))


def test_row_20_who_was_away_is_owed_what_was_meanwhile_as_far_back_as_agreed(tmp_path):
    gaps, s = Gaps(), 10**9
    backfill.note(tmp_path, "arvena", (policy(),), NOW, gaps, always)
    backfill.note(tmp_path, "arvena", live(1), NOW + 60 * s, gaps, always)
    [one] = backfill.owed(tmp_path)
    assert (one.until_ns, one.more) == (NOW, ())
    backfill.note(tmp_path, "arvena", live(2), NOW + 160 * s, gaps, always)  # the first history is not told yet
    [one] = backfill.owed(tmp_path)
    assert (one.until_ns, one.more) == (NOW, ((NOW + 100 * s, NOW + 160 * s),)), "sixty seconds are agreed"
    backfill._after(tmp_path, one)
    [one] = backfill.owed(tmp_path)
    assert (one.begin_ns, one.until_ns, one.more, one.done) == (NOW + 100 * s, NOW + 160 * s, (), False)
    backfill._after(tmp_path, one)
    assert backfill.owed(tmp_path)[0].done
    backfill.note(tmp_path, "arvena", live(3), NOW + 251 * s, gaps, always)
    [one] = backfill.owed(tmp_path)
    assert (one.begin_ns, one.until_ns, one.done) == (NOW + 191 * s, NOW + 251 * s, False)


def test_a_span_that_was_told_does_not_end_a_newer_agreement(tmp_path):
    backfill.note(tmp_path, "arvena", (policy(),), NOW, Gaps(), always)
    [old] = backfill.owed(tmp_path)
    later = document.read(HISTORY + b"\n")
    backfill.note(tmp_path, "arvena", (policy(HISTORY + b"\n", later.sha256, NOW + 7),), NOW + 7, Gaps(), always)
    backfill._after(tmp_path, old)
    assert [(one.policy, one.done) for one in backfill.owed(tmp_path)] == [(later.sha256, False)]


def test_what_was_withheld_while_suspended_is_not_owed_later(tmp_path):
    backfill.note(tmp_path, "arvena", (policy(),), NOW, gaps := Gaps(), always)
    backfill._after(tmp_path, backfill.owed(tmp_path)[0])
    s = 10**9
    for phase, since_ns, begin_ns in (("suspended", NOW, 0), ("full", NOW + 270 * s, NOW + 270 * s)):
        one = standings(phase).agreements[DIRECTION]
        now = Standings(agreements={DIRECTION: msgspec.structs.replace(one, since_ns=since_ns)})
        at_ns = NOW + (100 if phase == "suspended" else 300) * s
        backfill.note(tmp_path, "arvena", live(1), at_ns, gaps, lambda d, t, now=now: backfill.since_of(now, d, t))
        [found] = backfill.owed(tmp_path)
        assert found.done or found.begin_ns == begin_ns
        assert found.done == (phase == "suspended")
    assert not found.done
    assert backfill.since_of(standing.init(), DIRECTION, NOW) == 0


def test_warnings_go_on_and_are_no_sign_that_somebody_is_back(tmp_path):
    gaps, s = Gaps(), 10**9
    backfill.note(tmp_path, "arvena", (policy(),), NOW, gaps, always)
    backfill._after(tmp_path, backfill.owed(tmp_path)[0])
    head = Head(kind="warning", stream=DIRECTION, offset="7", time_ns="5")
    backfill.note(tmp_path, "arvena", (Entry(DIRECTION, 7, heads.encode(head)),), NOW + 95 * s, gaps, always)
    assert backfill.owed(tmp_path)[0].done
    backfill.note(tmp_path, "arvena", live(8), NOW + 100 * s, gaps, always)
    assert not backfill.owed(tmp_path)[0].done
