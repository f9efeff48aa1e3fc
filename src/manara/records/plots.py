"""Plots: a sensor's measurements, one row each; they have no identity over time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from manara.records.columns import F8, I4, I8, U1, U4, U8, Table, column


class Form(IntEnum):
    """In which coordinates the sensor measured."""

    POLAR = 0  # slant range and azimuth from the site
    CARTESIAN = 1  # x east, y north of the site, metres
    GEODETIC = 2  # the sensor gave WGS-84


@dataclass(frozen=True, eq=False)
class Plots(Table):
    """Columns of plots, shape (n,). NaN: not measured; noise NaN: not stated, the sensors table decides.

    ``identity`` is a label that came with the plot (a Mode S address), 0 for none. ``track_number`` is the
    sensor's own, -1 for none. ``mode_3a`` is the four-digit octal code as an integer, -1 for none or garbled.
    """

    time_ns: I8 = column("i8")
    received_ns: I8 = column("i8")
    source: U4 = column("u4")
    form: U1 = column("u1")
    range_m: F8 = column("f8", float("nan"))  # slant
    azimuth_rad: F8 = column("f8", float("nan"))  # from true north at the site, clockwise
    x_m: F8 = column("f8", float("nan"))
    y_m: F8 = column("f8", float("nan"))
    lat_rad: F8 = column("f8", float("nan"))
    lon_rad: F8 = column("f8", float("nan"))
    alt_m: F8 = column("f8", float("nan"))
    alt_ref: U1 = column("u1")
    speed_mps: F8 = column("f8", float("nan"))  # the sensor's own estimate
    course_rad: F8 = column("f8", float("nan"))
    sigma_range_m: F8 = column("f8", float("nan"))
    sigma_azimuth_rad: F8 = column("f8", float("nan"))
    sigma_m: F8 = column("f8", float("nan"))  # for the Cartesian and geodetic forms, per axis
    identity: U8 = column("u8")
    track_number: I4 = column("i4", -1)
    mode_3a: I4 = column("i4", -1)
    kind: U1 = column("u1")  # reports.Kind
    flags: U4 = column("u4")  # reports.Flag
