"""Tracks: estimated states over time with their covariance, one row each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from manara.records.columns import F8, I8, U1, U4, U8, Table, column


class Life(IntEnum):
    """The life of a track."""

    TENTATIVE = 1
    CONFIRMED = 2
    COASTING = 3
    DROPPED = 4


@dataclass(frozen=True, eq=False)
class Tracks(Table):
    """Columns of tracks, shape (n,) unless said. State at ``time_ns`` in the local ENU frame at the track."""

    track_id: U8 = column("u8")  # global within the node, never reused
    number: U4 = column("u4")  # reusable label, 1..65,535
    time_ns: I8 = column("i8")  # of the state
    updated_ns: I8 = column("i8")  # time of applicability of the last plot or report that it took
    born_ns: I8 = column("i8")
    life: U1 = column("u1")
    domain: U1 = column("u1")  # reports.Domain
    kind: U1 = column("u1")  # reports.Kind
    identity: U8 = column("u8")
    lat_rad: F8 = column("f8", float("nan"))
    lon_rad: F8 = column("f8", float("nan"))
    alt_m: F8 = column("f8", float("nan"))
    alt_ref: U1 = column("u1")
    ve_mps: F8 = column("f8", 0.0)
    vn_mps: F8 = column("f8", 0.0)
    vu_mps: F8 = column("f8", float("nan"))
    heading_rad: F8 = column("f8", float("nan"))
    cov: F8 = column("f8", 0.0, width=10)  # (n, 10) upper triangle of [e, n, ve, vn], row by row; m, m/s
    mode_3a: U4 = column("u4", 0xFFFFFFFF)  # code as an integer, 0xFFFFFFFF for none
    flags: U4 = column("u4")
    sources: U8 = column("u8")  # bit i: slot i of the source table; bit 63: any further source
    hits: U4 = column("u4")
