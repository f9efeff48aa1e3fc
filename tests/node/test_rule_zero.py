"""Rule 0 between two whole nodes: somebody in distress in a partner's waters, and the partner's desk is told."""

from __future__ import annotations

from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
from tests.doubles.two_nodes import Sea, Two

from manara.kernels.membership import area_bits
from manara.node.arrows import picture_to_release, picture_to_warning
from manara.picture import stage as picture
from manara.records.inputs import Chunk
from manara.records.reports import Flag, Kind
from manara.records.tracks import Tracks
from manara.release.duty import Hazard
from manara.tracking import stage as tracking


@pytest.fixture(scope="module")
def sea():
    return Sea()


def distress_in(area) -> bytes:
    """An AIS distress device in the middle of an area, as its burst reads on the air."""
    from pyais.encode import encode_dict

    lat, lon = np.mean(np.array(area.corners_deg), axis=0)
    fields = {"type": 1, "mmsi": 972000001, "status": 14, "lat": lat, "lon": lon, "second": 10, "speed": 0.0}
    return (encode_dict(fields)[0] + "\r\n").encode()


def two(tmp_path, sea):
    made = Two(tmp_path, sea)
    made.run(2)
    return made


def own_area(pair: Two, partner: str):
    """An area of a partner whose middle lies in it."""
    for area in pair.made.directory.areas:
        first, lat, lon = picture_to_release.corners(msgspec.structs.replace(pair.made.directory, areas=(area,)))
        middle = np.radians(np.mean(np.array(area.corners_deg), axis=0))
        if area.partner == partner and area.warned and area_bits(middle[:1], middle[1:], first, lat, lon)[0] == 1:
            return area
    raise AssertionError("no area of that partner asks to be warned")


def test_a_warning_crosses_without_any_agreement_in_force_and_says_only_what_it_may(tmp_path, sea):
    pair = two(tmp_path, sea)
    area = own_area(pair, "belora")
    before = [one for one in pair["arvena"].sent.get("arvena>belora", [])]
    assert not before, "nothing was agreed, nothing was sent"
    ais = next(k for k, feed in enumerate(pair["arvena"].config.feeds) if feed.format == "ais")
    for _ in range(3):
        pair["arvena"].waiting.append(Chunk(ais, distress_in(area), pair["arvena"].now_ns))
        pair.run(1)
    pair.run(2)
    sent = pair["arvena"].sent["arvena>belora"]
    kinds = [msgspec.json.decode(one.head)["kind"] for one in sent]
    assert kinds == ["warning"], "one in a minute, and nothing else"
    (warned,) = pair["belora"].views.warned
    assert (warned.partner, warned.area, warned.hazard) == ("arvena", area.id, Hazard.DISTRESS)
    everything = b"".join(one.head + b"".join(block.rows for block in one.blocks) for one in sent)
    assert b"972000001" not in everything
    assert (972000001).to_bytes(4, "little") not in everything
    assert len(pair["belora"].views.tracks) == np.count_nonzero(pair["belora"].views.pedigree == 1)


def test_a_warning_about_an_area_of_others_is_not_shown(tmp_path, sea):
    pair = two(tmp_path, sea)
    area = own_area(pair, "arvena")
    ais = next(k for k, feed in enumerate(pair["arvena"].config.feeds) if feed.format == "ais")
    pair["arvena"].waiting.append(Chunk(ais, distress_in(area), pair["arvena"].now_ns))
    pair.run(3)
    assert "arvena>belora" not in pair["arvena"].sent
    assert pair["belora"].views.warned == ()


def test_what_a_partner_says_of_distress_is_no_warning_of_ours(tmp_path, sea):
    """A false emergency of a partner, on a track of its own or laid over one of ours, does not speak in our name."""
    pair = two(tmp_path, sea)
    area = own_area(pair, "belora")
    lat, lon = np.radians(np.mean(np.array(area.corners_deg), axis=0))
    ours = Tracks.blank(1).replace(
        lat_rad=np.array([lat]), lon_rad=np.array([lon]), kind=np.full(1, Kind.DISTRESS_DEVICE, np.uint8)
    )
    theirs = ours.replace(flags=np.full(1, Flag.DISTRESS, np.uint32))
    assert picture.attention(theirs).tolist() == [2], "the picture shows it, as theirs"
    shown = SimpleNamespace(attention=picture.attention(theirs))
    for own, level in ((ours, 0), (theirs, 2)):
        assert picture_to_warning.own_attention(tracking.Outbox(own, own), shown).tolist() == [level]
    nobody = Tracks.blank(0)
    assert picture_to_warning.own_attention(tracking.Outbox(nobody, nobody), shown).tolist() == [2], "two tell of it"
