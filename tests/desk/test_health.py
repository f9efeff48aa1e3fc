"""Why nothing of one's own sensors is shown: the node's clock and theirs lie apart, and the desk says so."""

from __future__ import annotations

import pytest

from manara.desk.health import health
from manara.records.inputs import Views
from manara.records.sensors import FeedHealth


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
