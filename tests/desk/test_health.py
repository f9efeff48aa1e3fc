"""Why nothing of one's own sensors is shown: the node's clock and theirs lie apart, and the desk says so."""

from __future__ import annotations

import msgspec
import pytest

from manara.desk.health import health
from manara.records.inputs import Views
from manara.records.sensors import FeedHealth, Registration


def feed(offset_s: float | None, state: str = "live") -> FeedHealth:
    return FeedHealth(name="radar", format="asterix", url="-", state=state, clock_offset_s=offset_s)


@pytest.mark.parametrize(
    ("feeds", "refused", "apart_s"),
    [
        ((feed(-600.0),), {"future": 40}, 600.0),  # received ten minutes before it was measured: we are behind
        ((feed(900.0),), {"too_late": 40}, -900.0),
        ((feed(-2.0), feed(-600.0)), {"future": 1}, 600.0),
        ((feed(-600.0),), {}, None),  # nothing was refused: all is shown
        ((feed(-2.0),), {"future": 40}, None),  # single rows of a false time are no matter of the clock
        ((feed(0.5),), {"too_late": 3}, None),
        ((feed(None),), {"future": 40}, None),
        ((feed(-600.0, "lost"),), {"future": 40}, None),
    ],
)
def test_a_clock_that_lies_apart_is_said_where_it_hides_tracks(feeds, refused, apart_s):
    assert health(Views(health=feeds, refused=refused))["clock_apart_s"] == apart_s


RADAR = Registration(
    source=0x21401, form="polar", place_m=(98.44, 0.0), place_sigma_m=(4.1, 0.0), turn_rad=0.001745, late_s=-0.31,
    turn_sigma_rad=0.0001745, late_sigma_s=0.04, applied=True, noise_factor=4.0, dishonest=True, differences=4210,
    alarms=2, alarm="first", alarm_size=150.4, alarm_ns=1_000_000_000,
)  # fmt: skip


def said(one: Registration, now_ns: int = 61_000_000_000) -> dict:
    return health(Views(now_ns=now_ns, registered=(one,), source_names={0x21401: "cape radar"}))["registration"][0]


def test_what_is_wrong_with_a_sensor_is_said_in_units_of_the_screen():
    one = said(RADAR)
    assert one["source"] == "cape radar"
    assert (one["range_m"], one["turn_deg"], one["late_s"]) == ([98.4, 4.1], [0.1, 0.01], [-0.31, 0.04])
    assert (one["noise"], one["dishonest"], one["applied"], one["jumps"]) == (2.0, True, True, 2)
    assert one["jump"] == {"of": "range_m", "by": 150.0, "age_s": 60.0}


@pytest.mark.parametrize(
    ("form", "alarm", "size", "name", "by"),
    [
        ("cartesian", "first", 40.0, "east_m", 40.0),
        ("geodetic", "second", -40.0, "north_m", -40.0),
        ("polar", "turn", 0.00349066, "turn_deg", 0.2),
        ("polar", "time", 0.5, "late_s", 0.5),
    ],
)
def test_a_jump_is_named_by_what_jumped(form, alarm, size, name, by):
    one = said(msgspec.structs.replace(RADAR, form=form, alarm=alarm, alarm_size=size))
    assert one["jump"] == {"of": name, "by": by, "age_s": 60.0}


def test_a_jump_is_shown_for_ten_minutes_and_a_reference_has_no_bias():
    assert said(RADAR, 602_000_000_000)["jump"] is None
    assert not {"range_m", "east_m", "turn_deg", "late_s"} & said(Registration(source=1, form="reports")).keys()
