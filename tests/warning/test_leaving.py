"""Whom straight flight leads out of our area into a partner's: soonest first, and nobody else."""

from __future__ import annotations

import numpy as np

from manara.node.arrows.picture_to_release import corners
from manara.records.directory import Area, Directory
from manara.records.reports import Domain
from manara.records.tracks import Life, Tracks
from manara.warning import leaving

OURS = Area(id="a", partner="arvena", name="A", corners_deg=((0, 0), (0, 1), (1, 1), (1, 0)), responsibility=True)
THEIRS = Area(id="b", partner="belora", name="B", corners_deg=((0, 1), (0, 2), (1, 2), (1, 1)), responsibility=True)
TOWN = Area(id="t", partner="belora", name="T", corners_deg=((0, 1), (0, 2), (1, 2), (1, 1)), warned=True)
ALL = (OURS, THEIRS, TOWN)


def tracks(*rows: tuple[float, float, float]) -> Tracks:
    """Longitude in degrees, speed east and north, all at half a degree north."""
    lon, ve, vn = (np.array(column, float) for column in zip(*rows, strict=True))
    n = len(lon)
    return Tracks.blank(n).replace(
        track_id=np.arange(1, n + 1).astype(np.uint64),
        lat_rad=np.radians(np.full(n, 0.5)),
        lon_rad=np.radians(lon),
        ve_mps=ve,
        vn_mps=vn,
        domain=np.full(n, Domain.AIR, np.uint8),
        life=np.full(n, Life.CONFIRMED, np.uint8),
        cov=np.tile([100.0, 0, 0, 0, 100.0, 0, 0, 1.0, 0, 1.0], (n, 1)),
    )


def found(some: Tracks, areas: tuple[Area, ...] = ALL, own: str = "arvena"):
    return leaving.leaving(some, areas, corners(Directory(version=1, areas=areas)), own, 0)


def test_core_3_who_is_about_to_enter_a_partners_area_is_proposed_with_the_time_that_is_left():
    rows = found(tracks((0.9, 200.0, 0.0), (0.97, 200.0, 0.0), (0.9, -200.0, 0.0), (0.5, 0.0, 0.0)))
    assert [(one.partner, one.area, one.track) for one in rows] == [("belora", "b", 2), ("belora", "b", 1)]
    for one, degrees in zip(rows, (0.03, 0.1), strict=True):
        assert abs(one.in_s - degrees * 111_319 / 200) < 8
        assert one.probability > 0.9


def test_who_is_there_already_or_too_far_or_not_confirmed_is_not_proposed():
    some = tracks((1.1, 200.0, 0.0), (0.1, 20.0, 0.0), (0.97, 200.0, 0.0))
    life = np.array([Life.CONFIRMED, Life.CONFIRMED, Life.TENTATIVE], np.uint8)
    assert found(some.replace(life=life)) == ()


def test_who_publishes_no_area_of_responsibility_is_proposed_nothing():
    assert found(tracks((0.97, 200.0, 0.0)), (THEIRS, TOWN)) == ()
    assert found(tracks((0.97, 200.0, 0.0)), ALL, own="corvia") == ()
