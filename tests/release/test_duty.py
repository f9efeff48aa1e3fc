"""Rule 0: what a warning may say, how often, and that nothing else can be read from it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from manara.records.released import WARNING
from manara.records.warnings import WINDOW_NS
from manara.release import duty
from manara.release.duty import Danger, Hazard, Severity

MINUTE = 60_000_000_000
NOBODY: frozenset[str] = frozenset()

dangers = st.lists(
    st.builds(
        Danger,
        partner=st.sampled_from(["belora", "corvia"]),
        area=st.just(""),
        hazard=st.sampled_from(list(Hazard)),
        severity=st.sampled_from(list(Severity)),
        time_ns=st.integers(0, 10**12),
    ).flatmap(
        lambda d: st.sampled_from(["east", "west"]).map(
            lambda area: Danger(d.partner, f"{d.partner}-{area}", d.hazard, d.severity, d.time_ns)
        )
    ),
    max_size=30,
)


@settings(max_examples=100, deadline=None)
@given(st.lists(dangers, min_size=1, max_size=20))
def test_at_most_one_for_an_area_and_minute_whatever_happens(steps):
    state, said = duty.init(), {}
    for second, some in enumerate(steps):
        now = second * 20_000_000_000
        for partner, rows in duty.advance(state, some, NOBODY, now).items():
            for row in rows:
                area = row["area"].decode()
                assert area.startswith(partner), "an area of the recipient's own"
                assert now - said.get(area, -MINUTE) >= MINUTE
                said[area] = now
    for some in steps:  # and nobody who was in danger was never told of
        for one in some:
            assert one.area in said


@settings(max_examples=50, deadline=None)
@given(dangers)
def test_it_says_the_worst_and_its_window_and_is_always_as_long(some):
    told = duty.advance(duty.init(), some, NOBODY, 10**12)
    for rows in told.values():
        assert rows.dtype == WARNING
        for row in rows:
            there = [one for one in some if one.area == row["area"].decode()]
            assert row["severity"] == max(one.severity for one in there)
            assert row["window_ns"] % WINDOW_NS == 0
            assert any(0 <= one.time_ns - row["window_ns"] < WINDOW_NS for one in there)
            assert not row["spare"].any()


def test_a_written_opt_out_is_kept():
    one = Danger("belora", "belora-east", Hazard.DISTRESS, Severity.EXTREME, 0)
    assert duty.advance(duty.init(), [one], frozenset({"belora"}), 0) == {}
    assert "belora" in duty.advance(duty.init(), [one], NOBODY, 0)


def test_the_order_of_dangers_changes_no_byte():
    some = [Danger("belora", "belora-east", h, s, 0) for h in Hazard for s in Severity]
    forth = duty.advance(duty.init(), some, NOBODY, 0)["belora"].tobytes()
    assert forth == duty.advance(duty.init(), reversed(some), NOBODY, 0)["belora"].tobytes()


def test_a_minute_survives_a_restart():
    state = duty.init()
    one = Danger("belora", "belora-east", Hazard.DISTRESS, Severity.EXTREME, 0)
    duty.advance(state, [one], NOBODY, 0)
    again = duty.load(duty.dump(state))
    assert duty.advance(again, [one], NOBODY, MINUTE - 1) == {}
    assert duty.advance(again, [one], NOBODY, MINUTE)
