"""The same stream by file, and what is remembered of a partner: checked alike, whole or not at all."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.doubles.link_pair import STREAM
from tests.doubles.log import T0, MemoryLog

from manara.host import link_answers, link_file
from manara.host.link_checks import Asked, Refusal, Remembered, check
from manara.host.link_memory import FolderMemory
from manara.host.problems import BadInput
from manara.ledger import evidence
from manara.link import wire
from manara.records.inputs import Arrived

NOTHING = Remembered()


def grown(ticks: int, log: MemoryLog | None = None, seed: int = 0) -> MemoryLog:
    log = log or MemoryLog(seed=seed)
    for _ in range(ticks):
        log.publish(STREAM, "arvena>corvia", rows=1)
    return log


def take_in(path, log, last=NOTHING, first=0):
    """Import a file; gives the result and what it handed on."""
    got: list[Arrived] = []
    asked = Asked("arvena", log.key, STREAM, first)
    found = link_file.imported(path, asked, last, T0, lambda some, _: got.extend(some))
    return found, [one.offset for one in got]


def test_row_19_a_stream_goes_by_file_in_pieces_and_each_entry_once(tmp_path, monkeypatch):
    monkeypatch.setattr(link_answers, "PULL_ENTRIES", 3)
    monkeypatch.setattr(link_answers, "READ_ENTRIES", 2)
    log = grown(10)
    one = link_file.export(log, STREAM, 0, tmp_path / "one.mnl", T0)
    assert (one.entries, one.next, one.size) == (10, 10, 10)
    grown(5, log)
    two = link_file.export(log, STREAM, one.next, tmp_path / "two.mnl", T0, one.size)
    found, offsets = take_in(one.path, log)
    assert offsets == list(range(10))
    again, repeated = take_in(one.path, log, found.remembered, found.next)
    assert (repeated, again.next) == ([], 10)
    last, rest = take_in(two.path, log, found.remembered, found.next)
    assert (rest, last.remembered.size, last.refusal) == ([10, 11, 12, 13, 14], 15, None)


def test_a_file_out_of_turn_is_refused(tmp_path):
    log = grown(4)
    one = link_file.export(log, STREAM, 0, tmp_path / "one.mnl", T0)
    grown(4, log)
    two = link_file.export(log, STREAM, one.next, tmp_path / "two.mnl", T0, one.size)
    found, offsets = take_in(two.path, log)
    assert (offsets, found.refusal.why) == ([], "misplaced")


@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_row_22_any_spoilt_byte_of_a_file_is_refused_or_changes_nothing_that_was_taken(tmp_path, data):
    log = grown(3)
    whole = link_file.export(log, STREAM, 0, tmp_path / "whole.mnl", T0).path.read_bytes()
    honest = [(one.offset, one.head, one.root) for one in _taken(tmp_path / "whole.mnl", log)]
    at = data.draw(st.integers(0, len(whole) - 1))
    cut = data.draw(st.booleans())
    spoilt = whole[:at] if cut else whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :]
    (tmp_path / "spoilt.mnl").write_bytes(spoilt)
    got = [(one.offset, one.head, one.root) for one in _taken(tmp_path / "spoilt.mnl", log)]
    assert got == honest[: len(got)]


def _taken(path, log) -> list[Arrived]:
    got: list[Arrived] = []
    asked = Asked("arvena", log.key, STREAM, 0)
    link_file.imported(path, asked, Remembered(), T0, lambda some, _: got.extend(some))
    return got


def test_what_is_no_such_file_is_said(tmp_path):
    log = grown(1)
    path = tmp_path / "x.mnl"
    for content, why in (
        (b"something else", "not_a_file"),
        (link_file.MAGIC + b"\0\0", "cut"),
        (link_file.MAGIC + b"\xff\xff\xff\xff", "too_long"),
        (link_file.MAGIC + b"\0\0\0\0", "cut"),
        (link_file.MAGIC + b"\0\0\0\1\xc1", "not_an_answer"),
    ):
        path.write_bytes(content)
        assert take_in(path, log)[0].refusal.why == why
    with pytest.raises(BadInput, match="cannot be read"):
        take_in(tmp_path / "nowhere.mnl", log)
    with pytest.raises(BadInput, match="size_beyond_log"):
        link_file.export(log, STREAM, 0, path, T0, size=99)
    with pytest.raises(BadInput, match="cannot be written"):
        link_file.export(log, STREAM, 0, tmp_path / "no" / "x.mnl", T0)


def test_checkpoints_are_remembered_across_a_restart_and_damage_is_said(tmp_path):
    log = grown(3)
    newest = Remembered(3, log.edge.root(), log.checkpoint())
    FolderMemory(tmp_path, lambda: T0).remember("arvena", newest)
    again = FolderMemory(tmp_path, lambda: T0)
    assert again.last("arvena") == newest
    assert again.last("corvia") == Remembered()
    (tmp_path / "corvia.checkpoint").write_bytes(b"rot")
    with pytest.raises(BadInput, match="damaged"):
        FolderMemory(tmp_path, lambda: T0).last("corvia")
    for name in ("../x", "a>b", "", "a/b"):
        with pytest.raises(BadInput, match="no id"):
            again.last(name)


@pytest.mark.parametrize("ticks", [1, 2, 3, 4, 5, 7, 8])
@pytest.mark.parametrize("more", [0, 1, 3, 8])
def test_row_22_row_23_evidence_of_a_rewritten_log_or_a_split_view_convinces_a_stranger(tmp_path, ticks, more):
    log, lie = grown(ticks, seed=1), grown(ticks + more, seed=2)
    memory = FolderMemory(tmp_path, lambda: T0)
    memory.remember("arvena", Remembered(ticks, log.edge.root(), log.checkpoint()))
    data = link_file.answer(lie, STREAM, ticks, ticks, T0)
    asked = Asked("arvena", log.key, STREAM, ticks)
    refusal = check(wire.parse(data), asked, memory.last("arvena"), T0)
    assert isinstance(refusal, Refusal)
    memory.contradiction("arvena", memory.last("arvena"), refusal)
    memory.contradiction("arvena", memory.last("arvena"), refusal)
    (path,) = memory.evidence("arvena")
    verdict = evidence.check(evidence.parse(path.read_bytes()), [log.key])
    assert verdict.proven == ("rewritten" if more else "split"), verdict.text


def test_a_path_that_shows_nothing_is_refused_and_accuses_nobody():
    log, lie = grown(3, seed=1), grown(6, seed=2)
    answer = wire.parse(link_file.answer(lie, STREAM, 3, 3, T0))
    bent = wire.Answer(**{f: getattr(answer, f) for f in answer.__struct_fields__} | {"consistency": bytes(64)})
    refusal = check(bent, Asked("arvena", log.key, STREAM, 3), Remembered(3, log.edge.root(), log.checkpoint()), T0)
    assert (refusal.why, refusal.path) == ("unproven", ())
