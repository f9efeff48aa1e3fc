"""System tracks as the record table: who leads gives the row, who follows fills what it does not know.

Whatever a partner's track gives, be it a state or a word, puts that partner into the pedigree of the row.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from manara.kernels import correlate
from manara.picture.correlate import Follower, System
from manara.picture.partners import Name, Partner
from manara.records.columns import I8, U8
from manara.records.reports import Flag, Kind
from manara.records.tracks import Life, Tracks

NO_CODE = 0xFFFFFFFF
SAID_FLAGS = np.uint32(
    Flag.EMERGENCY | Flag.RADIO_FAILURE | Flag.UNLAWFUL_INTERFERENCE | Flag.DISTRESS | Flag.IDENT | Flag.TEST
)
CONFLICT = np.uint32(Flag.IDENTITY_CONFLICT)
Names = dict[int, tuple[tuple[int, Name], ...]]


def tracks(own: Tracks, system: System, followers: list[Follower], partners: dict[int, Partner], now_ns: int) -> Tracks:
    """One row for each system track, own ones first and in their order; rows that nobody touched stay bit for bit."""
    table = Tracks.join([own, *(_led(system, p, one, now_ns) for p, one in sorted(partners.items()))])
    table = table.replace(**{name: getattr(table, name).copy() for name in _WRITTEN})
    changed = np.flatnonzero((system.of_partner > 0) | (system.pedigree != np.uint64(1)))
    for one in followers:
        _fill(table, system, one, partners[one.partner])
    table.lat_rad[changed], table.lon_rad[changed] = correlate.places(system.fused.at[changed])
    table.ve_mps[changed], table.vn_mps[changed] = system.fused.vel_mps[changed].T
    table.cov[changed] = system.fused.cov[changed]
    table.updated_ns[changed] = system.updated_ns[changed]
    table.flags[system.odd] |= CONFLICT
    return table


_WRITTEN = (
    "lat_rad", "lon_rad", "ve_mps", "vn_mps", "cov", "flags", "identity", "kind", "domain", "alt_m", "alt_ref",
    "vu_mps", "heading_rad", "mode_3a", "life", "updated_ns",
)  # fmt: skip


def _led(system: System, partner: int, one: Partner, now_ns: int) -> Tracks:
    """The rows that this partner leads, in their order in the system. Its sources are not ours, nor is its count of
    plots; its tracks bear no number, for numbers are few and our own need them."""
    mine = system.of_partner == partner
    held, height = one.held.take(system.row[mine]), system.moving.alt_m[mine]
    same = {name: getattr(held, name) for name in _SAME}
    return Tracks.blank(len(held)).replace(
        track_id=held.id, time_ns=np.full(len(held), now_ns, np.int64), alt_m=height, **same
    )


_SAME = (
    "updated_ns", "born_ns", "life", "domain", "kind", "identity", "lat_rad", "lon_rad", "alt_ref", "ve_mps", "vn_mps",
    "vu_mps", "heading_rad", "cov", "mode_3a", "flags",
)  # fmt: skip


def _fill(table: Tracks, system: System, follower: Follower, one: Partner) -> None:
    """Words that the row lacks, from one partner's tracks that belong to it."""
    at, held = follower.system, one.held.take(follower.row)
    gave = np.zeros(len(at), np.bool_)

    def fill(lacking: NDArray[np.bool_], **columns: NDArray[Any]) -> None:
        for name, value in columns.items():
            getattr(table, name)[at[lacking]] = value[lacking]
        gave[lacking] = True

    fill((table.identity[at] == 0) & (held.identity != 0), identity=held.identity)
    fill((table.kind[at] == Kind.UNKNOWN) & (held.kind != Kind.UNKNOWN), kind=held.kind)
    fill((table.domain[at] == 0) & (held.domain != 0), domain=held.domain)
    fill(np.isnan(table.alt_m[at]) & ~np.isnan(held.alt_m), alt_m=held.alt_m, alt_ref=held.alt_ref)
    fill(np.isnan(table.vu_mps[at]) & ~np.isnan(held.vu_mps), vu_mps=held.vu_mps)
    fill(np.isnan(table.heading_rad[at]) & ~np.isnan(held.heading_rad), heading_rad=held.heading_rad)
    fill((table.mode_3a[at] == NO_CODE) & (held.mode_3a != NO_CODE), mode_3a=held.mode_3a)
    live = (table.life[at] != Life.CONFIRMED) & (held.life == Life.CONFIRMED)
    fill(live, life=held.life)
    fill(live & (held.updated_ns > table.updated_ns[at]), updated_ns=held.updated_ns)
    said = held.flags & SAID_FLAGS
    fill((said & ~table.flags[at]) != 0, flags=table.flags[at] | said)
    system.pedigree[at[gave]] |= held.pedigree[gave]


def names(system: System, followers: list[Follower], partners: dict[int, Partner]) -> Names:
    """What partners call the system tracks: id -> (partner, name), in the directory's order."""
    out: Names = {}
    for partner, one in sorted(partners.items()):
        if not one.names:
            continue
        led = system.of_partner == partner
        pairs = [(system.row[led], system.id[led])]
        pairs += [(f.row, system.id[f.system]) for f in followers if f.partner == partner]
        for row, ids in pairs:
            _name(out, partner, one, row, ids)
    return out


def _name(out: Names, partner: int, one: Partner, row: I8, ids: U8) -> None:
    for number, track_id in zip(one.held.track[row].tolist(), ids.tolist(), strict=True):
        if number in one.names:
            out[track_id] = (*out.get(track_id, ()), (partner, one.names[number]))
