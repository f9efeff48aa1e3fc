"""A small sky, written by our own encoder, in each of the wire formats."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

from manara.feeds.adsb import FORMATS, encode
from manara.feeds.adsb.encode_sbs import sbs_line
from manara.feeds.decoder import Options
from manara.records.batch import Batch, join

T0_S = 1_700_000_000
T0_NS = T0_S * 1_000_000_000
NAMES = ("beast", "avr", "sbs", "aircraft-json", "modes-jsonl")


@dataclass
class Sky:
    """Frames with their times in seconds, and the same as bytes."""

    frames: list[tuple[float, bytes]] = field(default_factory=list)

    def add(self, at_s: float, frame: bytes) -> None:
        self.frames.append((at_s, frame))

    def beast(self) -> bytes:
        return b"".join(encode.beast(frame, 5000 + round(at * 12e6)) for at, frame in self.frames)

    def avr(self) -> bytes:
        return b"".join(encode.avr(frame, 5000 + round(at * 12e6)) for at, frame in self.frames)

    def jsonl(self) -> bytes:
        rows = ({"timestamp": T0_S + at, "frame": frame.hex()} for at, frame in self.frames)
        return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def rows_of(batch: Batch) -> dict[str, list]:
    """A batch as plain lists, NaN as text, so that two compare with ==."""
    reports = {name: np.asarray(column).tolist() for name, column in vars(batch.reports).items()}
    plain = {
        name: ["nan" if isinstance(value, float) and math.isnan(value) else value for value in column]
        for name, column in reports.items()
    }
    return plain | {
        "particulars": [p for p in batch.particulars],
        "reject_counts": dict(sorted(batch.reject_counts.items())),
        "counts": dict(sorted(batch.counts.items())),
    }


@pytest.fixture(scope="session")
def table():
    """The rows of the table of formats, by name."""
    return {one.name: one for one in FORMATS}


@pytest.fixture(scope="session")
def decode(table) -> Callable[..., Batch]:
    """``decode("beast", data)``: all of it, and the end of the feed, as one Batch."""

    def run(name: str, data: bytes, options: Options | None = None, received_ns: int = T0_NS) -> Batch:
        decoder = table[name].new(options or Options())
        return join([decoder.advance(data, received_ns), decoder.finish(received_ns)])

    return run


@pytest.fixture(scope="session")
def plain() -> Callable[[Batch], dict[str, list]]:
    return rows_of


def three_craft() -> Sky:
    """One aircraft in the air, one on the ground, one unmanned that declares an emergency; a minute long."""
    sky = Sky()
    for k in range(60):
        odd = k % 2 == 1
        sky.add(k, encode.position_frame(0xD00001, 10.0 + k * 0.002, 20.0, 30000.0, odd))
        sky.add(k + 0.1, encode.position_frame(0xD00002, -45.0, 179.99 + k * 0.001, 5000.0, odd))
        place = {"surface": True, "ground_speed_kn": 12.0, "track_deg": 90.0}
        sky.add(k + 0.2, encode.position_frame(0xD00003, 9.5, 20.5 + k * 6e-5, 0.0, odd, **place))
        if k % 5 == 2:
            sky.add(k + 0.3, encode.velocity_frame(0xD00001, 0.0, 432.0, 640.0))
            sky.add(k + 0.4, encode.identification_frame(0xD00001, "DEMO1", "A5"))
            sky.add(k + 0.5, encode.identification_frame(0xD00002, "DRONE26", "B6"))
            sky.add(k + 0.6, encode.surveillance_frame(0xD00001, squawk="1000" if k < 30 else "7600"))
            sky.add(k + 0.7, encode.all_call_frame(0xD00004))
            sky.add(k + 0.8, encode.surveillance_frame(0xD00004, alt_ft=12000.0))
        if k == 40:
            sky.add(k + 0.9, encode.status_frame(0xD00002, "7700", 1))
            sky.add(k + 0.95, encode.accuracy_frame(0xD00002, nacp=9))
    return sky


def as_sbs() -> bytes:
    lines = []
    for k in range(60):
        at = T0_NS + k * 1_000_000_000
        lines.append(sbs_line(3, 0xD00001, at, alt_ft=30000.0, lat_deg=10.0 + k * 0.002, lon_deg=20.0))
        lines.append(sbs_line(4, 0xD00001, at, speed_kn=432.0, track_deg=0.0, climb_fpm=640.0))
        if k % 10 == 3:
            lines.append(sbs_line(1, 0xD00001, at, callsign="DEMO1"))
            lines.append(sbs_line(6, 0xD00001, at, squawk="1000" if k < 30 else "7700", emergency=k >= 30))
            stamp = b"2023/11/14,22:13:%02d.000" % (20 + k) if k < 40 else b"2023/11/14,22:14:%02d.000" % (k - 40)
            lines.append(b"AIR,,1,1,D00001,1,%b,%b\r\n" % (stamp, stamp))
    return b"".join(lines)


def as_documents() -> bytes:
    out = b""
    for k in range(30):
        one = {"hex": "d00001", "type": "adsb_icao", "flight": "DEMO1   ", "alt_baro": 30000, "gs": 432.0, "track": 0.0}
        one |= {"lat": 10.0 + (k - k % 2) * 0.002, "lon": 20.0, "seen_pos": 0.2 + k % 2, "nac_p": 9, "category": "A5"}
        one |= {"squawk": "1000", "emergency": "none" if k < 20 else "nordo", "baro_rate": 640}
        two = {"hex": "~d00002", "type": "tisb_other", "alt_baro": "ground", "lat": 9.5, "lon": 20.5 + k * 6e-5}
        three = {"hex": "d00003", "type": "mode_s", "alt_baro": 12000, "r": 'quote " and } brace'}
        out += json.dumps({"now": T0_S + k, "messages": k, "aircraft": [one, two, three]}).encode() + b"\n"
    return out


@pytest.fixture(scope="session")
def samples() -> dict[str, bytes]:
    """A minute of the small sky in each format."""
    sky = three_craft()
    return {
        "beast": sky.beast(),
        "avr": sky.avr(),
        "sbs": as_sbs(),
        "aircraft-json": as_documents(),
        "modes-jsonl": sky.jsonl(),
    }


@pytest.fixture
def sky() -> Sky:
    """An empty one."""
    return Sky()
