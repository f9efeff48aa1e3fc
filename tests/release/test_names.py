"""What craft are called waits as long as their rows: a name is news too."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manara.records.particulars import Particulars
from manara.records.released import DTYPES, RowTable
from manara.records.reports import Domain
from manara.records.tracks import Life, Tracks
from manara.release import channel, names
from manara.release.channel import InForce, Offer
from manara.release.phases import Phase
from manara.release.rules import compile_rules

if "rule_world" not in sys.modules:
    spec = importlib.util.spec_from_file_location("rule_world", Path(__file__).with_name("rule_world.py"))
    sys.modules["rule_world"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules["rule_world"])
world = sys.modules["rule_world"]
S = 10**9
WHO = 1 << 56 | 291_000_001


def called(name: str) -> dict[int, Particulars]:
    return {WHO: Particulars(identity=WHO, time_ns=0, source=1, name=name)}


def ask(state: names.State, second: int, name: str, delay_s: int = 30, key: int = 7) -> bool:
    return bool(names.choose(state, [(key, WHO, delay_s * S)], called(name), second * S))


def test_a_name_and_a_new_name_wait_as_long_as_a_row():
    state = names.init()
    told = [second for second in range(100) if ask(state, second, "SALT WIND" if second < 50 else "GREY HERON")]
    assert told == [30, 80]


def test_a_name_that_changes_before_it_was_told_waits_anew_and_the_old_one_is_never_told():
    state = names.init()
    heard = [names.choose(state, [(7, WHO, 30 * S)], called("A" if t < 20 else "B"), t * S) for t in range(60)]
    assert [(t, found[0][2][0]) for t, found in enumerate(heard) if found] == [(50, b"B")]


def test_without_a_delay_it_is_told_at_once_and_again_every_five_minutes():
    state = names.init()
    assert [second for second in range(700) if ask(state, second, "SALT WIND", 0)] == [0, 300, 600]


def test_no_jump_of_the_clock_shortens_the_wait():
    state = names.init()
    assert not ask(state, 0, "SALT WIND")
    names.hold_back(state, 600 * S)
    assert not ask(state, 600 + 29, "SALT WIND")
    assert ask(state, 600 + 30, "SALT WIND")


def test_a_suspension_forgets_what_waits():
    state = names.init()
    ask(state, 0, "SALT WIND")
    names.silence(state)
    assert not ask(state, 31, "SALT WIND")
    assert ask(state, 61, "SALT WIND")


def test_it_outlives_a_snapshot():
    state = names.init()
    ask(state, 0, "SALT WIND")
    ask(state, 0, "SALT WIND", 0, key=8)
    again = names.load(msgspec.msgpack.decode(msgspec.msgpack.encode(names.dump(state))))
    assert not ask(again, 29, "SALT WIND")
    assert ask(again, 30, "SALT WIND")
    assert not ask(again, 30, "SALT WIND", 0, key=8)


@settings(max_examples=60)
@given(st.lists(st.sampled_from("ABC"), min_size=1, max_size=120), st.integers(1, 20))
def test_what_is_told_was_known_for_the_delay(said, delay_s):
    state = names.init()
    for second, name in enumerate(said):
        if ask(state, second, name, delay_s) and not set(said[max(0, second - delay_s) : second + 1]) == {name}:
            raise AssertionError((second, said))


@pytest.mark.parametrize("delay_s", [0, 30])
def test_row_07_names_leave_no_earlier_than_the_rows_of_the_same_rule(delay_s):
    one = world.agreement(world.permit(delay_s=delay_s))
    force = InForce(one, "00" * 32, Phase.FULL, compile_rules(one, world.BOOK, Phase.FULL))
    state, first = channel.init(), {}
    for second in range(delay_s + 3):
        now = world.NOW + second * S
        tracks = Tracks.blank(1).replace(
            track_id=np.array([1], np.uint64), identity=np.array([WHO], np.uint64),
            life=np.array([Life.CONFIRMED], np.uint8),
            domain=np.array([Domain.AIR], np.uint8), lat_rad=np.array([0.6]), lon_rad=np.array([0.3]),
            updated_ns=np.array([now]), time_ns=np.array([now]),
            cov=np.tile(np.array([100.0, 0, 0, 0, 100.0, 0, 0, 1, 0, 1]), (1, 1)),
        )  # fmt: skip
        offer = Offer(tracks, world.marking(1, time_ns=now), called("SALT WIND"))
        for block in channel.fill(state, force, offer, None, world.BOOK, b"secret", now).blocks:
            if len(np.frombuffer(block.rows, DTYPES[block.table])):
                first.setdefault(RowTable(block.table).name, second)
    assert first["NAMES"] >= first["PRECISE"] >= delay_s
    assert first["NAMES"] == delay_s
