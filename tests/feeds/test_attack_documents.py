"""Documents made to break what reads them, and names made to break the screen that shows them."""

import json

import pytest

from manara.feeds import formats, stage
from manara.feeds.decoder import Options
from manara.records.inputs import Chunk
from manara.records.sensors import FeedConfig


def _feature(coordinates, **said):
    geometry = {"type": "Point", "coordinates": coordinates}
    return json.dumps({"type": "Feature", "id": "a", "geometry": geometry, "properties": said}).encode()


@pytest.mark.parametrize("coordinates", [5, -1e308, True, None, "ab", {}, [], [[1, 2]], [1, 1e999], [10**400, 1]])
def test_a_position_that_is_none_is_a_reject(coordinates):
    form = formats.table()["geojson"]
    got = form.new(Options()).advance(_feature(coordinates), 1, True)
    assert len(got.reports) == 0
    assert sum(got.reject_counts.values()) == 1


def _shown(name):
    state = stage.init((FeedConfig(name="x", url="-", format="geojson"),))
    out = stage.advance(state, (Chunk(0, _feature([1, 2], name=name), 1, True),), 1)
    return out.batches[0].particulars[0].name


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("\u202egnp.exe\u2066", "gnp.exe"),
        ("A\x00\x1b[2JB\r\n", "A[2JB"),
        ("<b>x</b>", "<b>x</b>"),
        ("سفينة", "سفينة"),
        ("می\u200cرود\u202e", "می\u200cرود"),
    ],
)
def test_a_name_cannot_turn_the_row_that_it_stands_in(sent, shown):
    assert _shown(sent) == shown
