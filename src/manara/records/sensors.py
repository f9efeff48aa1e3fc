"""Feeds and sensors as a partner configures them, and the health that the node shows of them."""

from __future__ import annotations

import msgspec


class Sensor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One sensor of a feed: where it stands and how well it measures. One [[sensor]] table of a sensors file."""

    name: str
    sac: int = 0
    sic: int = 0
    feed: str = ""  # name of the feed; "": any
    lat_deg: float = float("nan")
    lon_deg: float = float("nan")
    height_m: float = 0.0  # of the antenna above the WGS-84 ellipsoid
    sigma_range_m: float = 70.0
    sigma_azimuth_deg: float = 0.08
    sigma_m: float = 30.0  # for sensors that measure positions
    range_max_m: float = 470_000.0
    period_s: float = 4.0
    detection_probability: float = 0.9
    domain: str = "air"  # air, sea, surface


class FeedConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One feed. ``url``: a path, "-", udp://[group@]host:port, tcp://host:port, tcp-listen://host:port,
    serial:///dev/ttyUSB0?baud=38400."""

    name: str
    url: str
    format: str = "auto"  # ais, beast, avr, sbs, aircraft-json, modes-jsonl, asterix, pcap, final, cot-xml, ...
    editions: dict[str, str] = {}  # ASTERIX category -> edition, e.g. {"021": "0.23"}
    receiver_lat_deg: float = float("nan")  # for surface positions and range plausibility
    receiver_lon_deg: float = float("nan")
    range_max_m: float = 700_000.0
    sensitivity: str = "open"  # open, limited, restricted, closed: how close its rows are kept


class FeedHealth(msgspec.Struct, frozen=True, kw_only=True):
    """What the desk shows of one feed. Rates are over the last ten seconds of node time."""

    name: str
    format: str
    url: str
    state: str  # waiting, live, stale, lost, ended
    last_seen_ns: int = 0
    bytes_total: int = 0
    records_total: int = 0
    records_per_s: float = 0.0
    rejects_total: int = 0
    rejects: dict[str, int] = {}
    counts: dict[str, int] = {}
    clock_offset_s: float | None = None  # median of (received - applicable), None when the source gives no time
    detail: str = ""


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """What is believed to be wrong with one source of plots or reports, with sigmas; see ``tracking.registration``."""

    source: int
    form: str  # polar, cartesian, geodetic, reports (a reference: it has no bias here)
    place_m: tuple[float, float] = (0.0, 0.0)  # polar: range, 0; else east, north
    place_sigma_m: tuple[float, float] = (0.0, 0.0)
    turn_rad: float = 0.0  # azimuth of its north, clockwise
    turn_sigma_rad: float = 0.0
    late_s: float = 0.0  # by how much it stamps late
    late_sigma_s: float = 0.0
    drift: float = 0.0  # seconds per second
    drift_sigma: float = 0.0
    applied: bool = False  # any of it is taken out of the plots
    noise_factor: float = 1.0  # of the noise variance that it states
    dishonest: bool = False  # the factor is applied
    differences: int = 0  # with other sources, ever
    alarms: int = 0  # jumps, ever
    alarm: str = ""  # which bias jumped last: first, second, turn, time
    alarm_size: float = 0.0  # by how much: metres, radians or seconds
    alarm_ns: int = 0
