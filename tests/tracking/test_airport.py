"""Four sensors of one airport: a surface radar without names, a multilateration in two encodings, and ADS-B."""

from __future__ import annotations

from collections import Counter

from manara.host import recording
from manara.host.running import memory_turn
from manara.records.config import NodeConfig
from manara.records.reports import Flag
from manara.records.sensors import FeedConfig, Sensor
from manara.records.tracks import Life

FILES = ("smr_cat010.ast", "mlat_cat010.ast", "mlat_cat020.ast", "adsb_cat021_v0.23.ast")
MLAT = {"lat_deg": 41.29706278, "lon_deg": 2.078447222, "sigma_m": 8.0, "range_max_m": 20_000.0, "period_s": 1.0}
SENSORS = (
    Sensor(
        name="surface radar",
        feed=FILES[0],
        sic=7,
        lat_deg=41.29561833,
        lon_deg=2.095114167,
        sigma_m=10.0,
        range_max_m=5000.0,
        period_s=1.0,
        domain="surface",
    ),
    *(Sensor(name=name, feed=name, sic=107, domain="surface", **MLAT) for name in FILES[1:3]),
)
SECONDS = 1200


def test_one_aircraft_is_one_track(recordings):
    """Twenty minutes. Of each address no two tracks are confirmed at one time, and most have one track in all; a new
    one is due only after a silence that ended the last (aircraft at the edge of the ADS-B receiver)."""
    folder = recordings("asterix/lebl-2016")
    loaded = [recording.load(folder / name, "auto", "2016-05-10") for name in FILES]
    feeds = tuple(
        FeedConfig(name=name, url=str(folder / name), format=one.format, editions={"021": "0.23"})
        for name, one in zip(FILES, loaded, strict=True)
    )
    turn = memory_turn(NodeConfig(name="airport", feeds=feeds, sensors=SENSORS))
    tracks: dict[int, set[int]] = {}
    nameless: set[int] = set()
    twice: set[int] = set()
    for k, (now_ns, inputs) in enumerate(recording.windows(loaded)):
        if k == SECONDS:
            break
        shown = turn(inputs, now_ns).views.tracks
        sure = shown.take(shown.life > Life.TENTATIVE)
        assert not (sure.flags & Flag.IDENTITY_CONFLICT).any()
        for track_id, identity in zip(sure.track_id.tolist(), sure.identity.tolist(), strict=True):
            if identity:
                tracks.setdefault(identity, set()).add(track_id)
            else:
                nameless.add(track_id)
        twice |= {identity for identity, n in Counter(sure.identity.tolist()).items() if identity and n > 1}
    single = sum(len(ids) == 1 for ids in tracks.values())
    print(f"{single} of {len(tracks)} addresses one track, {len(twice)} twice at a time, {len(nameless)} nameless")
    assert len(tracks) >= 30
    assert len(twice) <= 1
    assert single >= 0.75 * len(tracks)
    assert len(nameless) < 100
