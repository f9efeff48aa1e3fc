"""Row 8: a source that a recipient may not know of changes no byte of what it gets, nor when."""

from __future__ import annotations

import numpy as np
import pytest
from tests.release.stream import BEGIN_NS, NS, obliged

from manara.records.identity import Space, pack
from manara.records.reports import Kind, Reports
from manara.records.tracks import Life
from manara.release import adversary, coarse, precise, pseudonyms
from manara.tracking import stage

OPEN, HIDDEN = 65_536, 131_072  # two sources


def heard(rng, source, now_ns, n=12, sigma_m=30.0, first=0):
    """Reports of craft from one source."""
    names = np.arange(first, first + n)
    second = (now_ns - BEGIN_NS) / NS
    noise = rng.normal(0.0, sigma_m / 6.4e6, (2, n))
    return Reports.blank(n).replace(
        time_ns=np.full(n, now_ns),
        received_ns=np.full(n, now_ns),
        source=np.full(n, source, np.uint32),
        identity=(names + pack(Space.ICAO24, 0xD00000)).astype(np.uint64),
        kind=np.full(n, Kind.AIRCRAFT, np.uint8),
        lat_rad=0.6 + names * 0.01 + second * 2e-5 + noise[0],
        lon_rad=0.2 + noise[1],
        sigma_m=np.full(n, sigma_m),
    )


class Recipient:
    """Two streams to one recipient, precise and coarse, from its source view."""

    def __init__(self, view):
        self.tracker = stage.init(view, capacity=64)
        self.precise, self.coarse = precise.init(), coarse.init()
        self.names, self.shadow = pseudonyms.init(), adversary.init()

    def tick(self, reports, now_ns):
        tracks = stage.advance(self.tracker, stage.Inbox(reports=reports), now_ns).tracks
        allowed, n = tracks.life >= Life.CONFIRMED, len(tracks)
        hours = np.full(n, 3_600, np.uint32)
        names = pseudonyms.advance(self.names, b"s" * 32, "belora", tracks.track_id, hours, now_ns)
        told = precise.advance(self.precise, tracks, allowed, obliged(n, 0), names, now_ns)
        cells = coarse.advance(self.coarse, tracks, allowed, obliged(n, 2_000), names, now_ns, self.shadow)
        return told.precise.rows.tobytes() + told.ended.rows.tobytes() + cells.rows.tobytes()


def stream(view, with_hidden, seconds=90):
    rng, other = (np.random.Generator(np.random.Philox(seed)) for seed in (1, 2))
    recipient, out = Recipient(view), []
    for second in range(seconds):
        now_ns = BEGIN_NS + second * NS
        parts = [heard(rng, OPEN, now_ns)]
        if with_hidden:  # better, and of more craft
            parts.append(heard(other, HIDDEN, now_ns, n=20, sigma_m=6.0))
        out.append(recipient.tick(Reports.join(parts), now_ns))
    return out


def test_row_08_a_hidden_source_changes_no_byte():
    view = frozenset({OPEN})
    without, with_it = stream(view, False), stream(view, True)
    assert without == with_it
    assert sum(map(len, without)) > 10_000


@pytest.mark.parametrize("view", [None, frozenset({OPEN, HIDDEN})])
def test_row_08_where_it_may_be_known_it_does(view):
    """The test can fail: to a recipient whose view holds the source, it makes a difference."""
    assert stream(view, False, 30) != stream(view, True, 30)
