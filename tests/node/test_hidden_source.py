"""Row 8: what a partner may not know of changes no byte of what it gets."""

from __future__ import annotations

import msgspec
import pytest
from tests.doubles.two_nodes import Sea, Two

from manara.records.released import RowTable

HIDDEN = "coast-arvena"  # a radar that the agreement does not name
SECONDS = 90  # the view warms up for sixty


@pytest.fixture(scope="module")
def sea():
    return Sea()


def tables(two: Two) -> set[int]:
    """Which tables the stream holds rows of."""
    return {block.table for one in two["arvena"].sent["arvena>belora"] for block in one.blocks}


def released(two: Two, without: str = "") -> list[tuple[bytes, tuple[bytes, ...]]]:
    """Arvena's stream to Belora, byte by byte. ``without``: a channel that says nothing."""
    for k in range(1, SECONDS + 1):
        if k == 2:
            two.activate("arvena", "belora")
        heard = [one for one in two.sea.second(k) if one[0] != without]
        two["arvena"].hear(two.sea.start_ns + k * 1_000_000_000, heard)
    sent = two["arvena"].sent["arvena>belora"]
    return [(one.head, tuple(block.rows for block in one.blocks)) for one in sent]


def test_row_8_a_hidden_source_changes_no_byte_of_a_release(sea, tmp_path):
    two = Two(tmp_path, sea)
    with_it = released(two)
    assert two["arvena"].views.tracks.sources.any()
    assert {RowTable.PRECISE, RowTable.COVERAGE} <= tables(two), "coverage is told beside the tracks"

    def silent(config):
        return config

    again = Two.of(two, silent)
    without = released(again, HIDDEN)
    own = len(two["arvena"].views.tracks), len(again["arvena"].views.tracks)
    assert own[0] > own[1], "the hidden radar must matter to Arvena itself, else this shows nothing"
    assert any(rows for _, rows in with_it)
    assert with_it == without

    def unplugged(config):
        feeds = tuple(feed for feed in config.feeds if feed.name != HIDDEN)
        sensors = tuple(one for one in config.sensors if one.feed != HIDDEN)
        return msgspec.structs.replace(config, feeds=feeds, sensors=sensors)

    assert released(Two.of(two, unplugged), HIDDEN) == with_it


def test_a_source_that_the_agreement_names_does_change_the_release(sea, tmp_path):
    two = Two(tmp_path, sea)
    assert released(two) != released(Two.of(two, lambda config: config), "beast-arvena")
