"""Exits that mark what leaves with a level of the Traffic Light Protocol, and those that have no place for it."""

from __future__ import annotations

import numpy as np
import pytest

from manara.feeds import outgoing
from manara.host import config
from manara.host.problems import BadInput
from manara.records.tracks import Tracks


@pytest.mark.parametrize("level", outgoing.TLP)
@pytest.mark.parametrize("name", outgoing.MARKED)
def test_row_25_a_level_is_said_of_every_track_that_leaves(name, level):
    two = np.arange(2, dtype=np.uint64)
    tracks = Tracks.blank(2).replace(
        lat_rad=np.full(2, 0.6), lon_rad=np.full(2, 0.3), domain=np.full(2, 2, np.uint8), track_id=two
    )
    said = b"".join(outgoing.encode(name, tracks, {}, 10**18, tlp=level))
    assert said.count(f"TLP:{level.upper()}".encode()) == 2
    assert b"TLP" not in b"".join(outgoing.encode(name, tracks, {}, 10**18))


@pytest.mark.parametrize(
    ("name", "level"), [("asterix062", "green"), ("sbs", "red"), ("cot", "purple"), ("geojson", "TLP:RED")]
)
def test_a_level_that_cannot_be_said_is_refused_with_its_exit(tmp_path, name, level):
    path = tmp_path / "node.toml"
    path.write_text(
        f'[[exits]]\nname = "out"\nurl = "udp://127.0.0.1:7777"\nformat = "{name}"\ntlp = "{level}"\n', "utf-8"
    )
    with pytest.raises(BadInput, match="exit 'out': tlp"):
        config.node_config(path)
