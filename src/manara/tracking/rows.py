"""Between the record tables and what the kernels take: dtypes, contiguity, nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np

from manara.kernels import tables
from manara.kernels.follow import ReportRows
from manara.kernels.life import Read
from manara.kernels.sensing import PlotRows
from manara.records.columns import F8, I8
from manara.records.plots import Plots
from manara.records.reports import Reports
from manara.records.tracks import Tracks

KINDS = 14


def reports(table: Reports, bit: I8) -> ReportRows:
    """Reports for ``kernels.follow``; a kind outside the nomenclature is taken as unknown.

    >>> reports(Reports.blank(2), np.zeros(2, np.int64)).kind.dtype
    dtype('int64')
    """
    return ReportRows(
        time_ns=_whole(table.time_ns),
        bit=bit,
        identity=_whole(table.identity),
        kind=_kind(table.kind),
        lat_rad=_real(table.lat_rad),
        lon_rad=_real(table.lon_rad),
        alt_m=_real(table.alt_m),
        alt_ref=_whole(table.alt_ref),
        speed_mps=_real(table.speed_mps),
        course_rad=_real(table.course_rad),
        heading_rad=_real(table.heading_rad),
        climb_mps=_real(table.climb_mps),
        sigma_m=_real(table.sigma_m),
        flags=_whole(table.flags),
    )


def plots(table: Plots, bit: I8, sensor: I8) -> PlotRows:
    """Plots for ``kernels.sweep``.

    >>> plots(Plots.blank(1), np.zeros(1, np.int64), np.zeros(1, np.int64)).mode_3a.tolist()
    [-1]
    """
    return PlotRows(
        time_ns=_whole(table.time_ns),
        bit=bit,
        sensor=sensor,
        form=_whole(table.form),
        range_m=_real(table.range_m),
        azimuth_rad=_real(table.azimuth_rad),
        x_m=_real(table.x_m),
        y_m=_real(table.y_m),
        lat_rad=_real(table.lat_rad),
        lon_rad=_real(table.lon_rad),
        alt_m=_real(table.alt_m),
        alt_ref=_whole(table.alt_ref),
        speed_mps=_real(table.speed_mps),
        course_rad=_real(table.course_rad),
        sigma_range_m=_real(table.sigma_range_m),
        sigma_azimuth_rad=_real(table.sigma_azimuth_rad),
        sigma_m=_real(table.sigma_m),
        identity=_whole(table.identity),
        mode_3a=_whole(table.mode_3a),
        kind=_kind(table.kind),
        flags=_whole(table.flags),
    )


def tracks(out: Read, serial: int) -> Tracks:
    """What ``kernels.life.read`` gave, as the record table.

    >>> from manara.kernels import life
    >>> none = life.read(tables.blank(1, 16), np.zeros(0, np.int64), 0, np.zeros((16, 16)))
    >>> len(tracks(none, 0))
    0
    """
    book = out.book
    code = book[tables.MODE_3A]
    return Tracks(
        track_id=np.uint64(serial << 48) | book[tables.COUNTER].view(np.uint64),
        number=book[tables.NUMBER].astype(np.uint32),
        time_ns=out.time_ns,
        updated_ns=book[tables.UPDATED],
        born_ns=book[tables.BORN],
        life=book[tables.LIFE].astype(np.uint8),
        domain=book[tables.DOMAIN].astype(np.uint8),
        kind=book[tables.KIND].astype(np.uint8),
        identity=book[tables.IDENTITY].view(np.uint64),
        lat_rad=out.lat_rad,
        lon_rad=out.lon_rad,
        alt_m=out.alt_m,
        alt_ref=book[tables.ALT_REF].astype(np.uint8),
        ve_mps=out.ve_mps,
        vn_mps=out.vn_mps,
        vu_mps=out.vu_mps,
        heading_rad=out.heading_rad,
        cov=out.cov,
        mode_3a=np.where(code < 0, 0xFFFFFFFF, code).astype(np.uint32),
        flags=out.flags.astype(np.uint32),
        sources=book[tables.SOURCES].view(np.uint64),
        hits=book[tables.HITS].astype(np.uint32),
    )


def _real(column: Any) -> F8:
    return np.require(column, np.float64, ["C", "W"])


def _whole(column: Any) -> I8:
    """Bits kept: an identity above 2⁶³ becomes a negative number and back."""
    if column.dtype == np.uint64:
        column = np.ascontiguousarray(column).view(np.int64)
    return np.require(column, np.int64, ["C", "W"])


def _kind(column: Any) -> I8:
    whole = column.astype(np.int64)
    return np.where((whole >= 0) & (whole < KINDS), whole, 0)
