"""A node that shares ten thousand tracks with ten partners: the whole release step, and what it takes on disk.

    python bench/federation.py [TRACKS] [PARTNERS] [SECONDS] [views]

Real bytes go in (AIS and SBS lines; six tenths are vessels that report every ten seconds, four tenths aircraft that
report every four), real steps run, and the log is written to a real disk: sealed, committed, signed, durable. Each
partner has an agreement of twelve rules: precise in the air and near it, coarse elsewhere. ``release``: what a tick
adds because of partners (marking, decisions, rows, the log); ``tick``: all of it, with the node's own picture and the
view that its partners share. Agreements begin one a second, so that what partners were told before differs. Bytes and
days are of changed rows and key-frames over the seconds that were run; a file of keys for an hour counts once for the
hour. ``views``: rules that also let go what others told us, so that each recipient has a source view of its own; a
node has at most eight, and further partners get nothing. ``served``: partners that got rows.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from manara.host import numba_cache

numba_cache.configure()

from manara.exercise import toml  # noqa: E402 - the kernels' cache is named before Numba loads
from manara.feeds.ais import sentences  # noqa: E402 - the same
from manara.host import agreements, directory, files, keys  # noqa: E402 - the same
from manara.host.disk import FolderDisk  # noqa: E402 - the same
from manara.host.log_store import LogStore  # noqa: E402 - the same
from manara.host.vault import Vault, WipingDisk  # noqa: E402 - the same
from manara.node import sources, state  # noqa: E402 - the same
from manara.node import step as step_module  # noqa: E402 - the same
from manara.records.agreement import Agreement, Rule, Signatory, When  # noqa: E402 - the same
from manara.records.config import NodeConfig  # noqa: E402 - the same
from manara.records.directory import Area, Directory, Partner, Person  # noqa: E402 - the same
from manara.records.inputs import Answer, Answered, Chunk, Command, Directed, Input, Publish  # noqa: E402 - the same
from manara.records.sensors import FeedConfig  # noqa: E402 - the same
from manara.release import statements  # noqa: E402 - the same

S = 1_000_000_000
T0 = 1_795_392_000 * S  # midnight: SBS tells the time of day
WARM = 12
AIS_S, SBS_S = 10, 4
OWN = "arvena"
ROW_BYTES = 196
DAY_S = 86_400
PARTS = {
    "feeds": ("feeds", "advance"),
    "views": ("tracking", "advance"),
    "picture": ("picture", "advance"),
    "marking": ("picture_to_release", "offered"),
    "frames": ("release", "advance"),
    "entries": ("release_to_ledger", "effects"),
}


class Federation:
    """Eleven partners with keys, their directory, and ten signed agreements, in a folder."""

    def __init__(self, folder: Path, partners: int, apart: bool = False) -> None:
        self.folder, self.apart = folder, apart
        self.others = tuple(f"partner-{k}" for k in range(partners))
        self.signers = {
            name: keys.make_signer(folder / f"{name}.key")
            for one in (OWN, *self.others)
            for name in (one, f"{one}.ledger", f"{one}.policy", f"{one}.watch")
        }
        rng = np.random.default_rng(3)
        self.directory = Directory(
            version=1,
            issued="2026-11-01T00:00:00Z",
            partners=tuple(self._partner(one) for one in (OWN, *self.others)),
            persons=tuple(self._person(one, what) for one in (OWN, *self.others) for what in ("policy", "watch")),
            areas=tuple(_area(one, rng) for one in self.others),
        )

    def _partner(self, one: str) -> Partner:
        ledger, agreement = (self.signers[name].public().hex() for name in (f"{one}.ledger", one))
        return Partner(id=one, name=one.title(), ledger_key=ledger, agreement_key=agreement)

    def _person(self, one: str, what: str) -> Person:
        capacity = "operational" if what == "watch" else what
        key = self.signers[f"{one}.{what}"].public().hex()
        return Person(id=f"{one}.{what}", partner=one, name=what.title(), capacity=capacity, key=key)

    def begin(self) -> list[list[Input]]:
        """What each second brings: the directory and the first agreement, then one agreement more."""
        made: list[list[Input]] = [[self._directed()]]
        for one in self.others:
            place = self.folder / f"{OWN}-{one}.toml"
            files.write(place, toml.text(self._agreement(one)).encode())
            for who in (OWN, one):
                for what in ("policy", "watch"):
                    agreements.sign(place, f"{who}.{what}", self.signers[f"{who}.{what}"], self.directory)
            said = statements.canonical(
                statements.Activate(agreement=agreements.load(place).sha256, phase="full", nonce="00" * 16)
            )
            signed = [
                statements.signed(said, self.signers[who].public(), self.signers[who].sign, person=who)
                for who in (f"{OWN}.policy", f"{OWN}.watch")
            ]
            attached = agreements.attachment(place)
            made.append([Command(f"activate-{one}", statements.envelope(said, signed), T0, (attached,))])
        return made

    def _directed(self) -> Directed:
        directory.write(self.folder / "directory.toml", self.directory)
        listed = directory.load(self.folder / "directory.toml")
        return Directed(listed.sha256, listed.text, T0)

    def _agreement(self, one: str) -> Agreement:
        return Agreement(
            id=f"{OWN}-{one}", title="Measured", releaser=OWN, recipient=one,
            not_before="2026-01-01T00:00:00Z", not_after="2027-01-01T00:00:00Z", retention_s=7 * DAY_S,
            sources=("ais", "sbs"), rules=_rules(f"area-{one}", () if self.apart else ("own",)),
            signatories=tuple(
                Signatory(person=p.id, name=p.name, capacity=p.capacity, partner=p.partner)
                for p in self.directory.persons
                if p.partner in (OWN, one)
            ),
        )  # fmt: skip


def _area(one: str, rng: np.random.Generator) -> Area:
    lat, lon = float(rng.uniform(-49, -46)), float(rng.uniform(-123, -119))
    corners = ((lat, lon), (lat, lon + 2.0), (lat + 1.0, lon + 2.0), (lat + 1.0, lon))
    return Area(id=f"area-{one}", partner=one, name=one, corners_deg=corners, responsibility=True)


def _rules(area: str, originator: tuple[str, ...]) -> tuple[Rule, ...]:
    """Twelve: the treaty of the demo, and ten that ask about everything else."""
    near = When(sort=("track",), domain=("sea",), area=(area,), originator=("own",))
    far = When(sort=("track",), domain=("sea",), outside=(area,), originator=("own",))
    more = [
        Rule(
            id=f"more-{k}",
            effect="permit",
            when=When(
                sort=("track",), domain=("air",), originator=originator, sensitivity=("open",), age_max_s=60 * (k + 1)
            ),
        )
        for k in range(8)
    ]
    return (
        Rule(id="air", effect="permit", when=When(sort=("track",), domain=("air",), originator=("own",))),
        Rule(id="near", effect="permit", when=near),
        Rule(id="far", effect="permit", when=far, cell_m=8_000, epoch_s=1024, strip=("identity", "names")),
        Rule(id="close", effect="forbid", when=When(sensitivity=("closed",))),
        *more,
    )


class Heard:
    """What the feeds bring in each second: vessels at anchor or under way, aircraft that fly on."""

    def __init__(self, tracks: int, began_ns: int = T0) -> None:
        self.began_ns = began_ns
        rng = np.random.default_rng(1)
        self.vessels, self.aircraft = tracks * 6 // 10, tracks - tracks * 6 // 10
        self.lat, self.lon = rng.uniform(-50, -44, tracks), rng.uniform(-124, -116, tracks)
        self.course, self.speed = rng.uniform(0, 2 * np.pi, tracks), np.where(np.arange(tracks) < self.vessels, 5, 200)

    def second(self, k: int) -> tuple[Chunk, Chunk]:
        """Both feeds in second k."""
        now_ns = self.began_ns + k * S
        far = self.speed * k / 6_371_000.0
        lat = self.lat + np.degrees(far * np.cos(self.course))
        lon = self.lon + np.degrees(far * np.sin(self.course) / np.cos(np.radians(self.lat)))
        ais = b"".join(self._ais(i, lat[i], lon[i], k) for i in range(k % AIS_S, self.vessels, AIS_S))
        first = self.vessels + k % SBS_S
        sbs = b"".join(self._sbs(i, lat[i], lon[i], now_ns) for i in range(first, len(lat), SBS_S))
        return Chunk(0, ais, now_ns), Chunk(1, sbs, now_ns)

    def _ais(self, i: int, lat: float, lon: float, k: int) -> bytes:
        said = {"mmsi": 290_000_001 + i, "lat": float(lat), "lon": float(lon), "speed": 9.7, "second": k % 60}
        return sentences(1, {**said, "course": float(np.degrees(self.course[i]))})

    def _sbs(self, i: int, lat: float, lon: float, now_ns: int) -> bytes:
        when = datetime.fromtimestamp(now_ns / S, UTC)
        stamp = f"{when:%Y/%m/%d},{when:%H:%M:%S}.000"
        icao = f"{0xD00000 + i:06X}"
        course = np.degrees(self.course[i])
        place = f"MSG,3,1,1,{icao},1,{stamp},{stamp},,35000,,,{lat:.5f},{lon:.5f},,,0,0,0,0\r\n"
        flown = f"MSG,4,1,1,{icao},1,{stamp},{stamp},,,389,{course:.0f},,,0,,,,,\r\n"
        return (place + flown).encode()


class Clock:
    """Seconds spent in each part of a step."""

    def __init__(self) -> None:
        self.spent: defaultdict[str, list[float]] = defaultdict(list)
        self._now: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def watch(self, part: str) -> Iterator[None]:
        """Count the time until the end."""
        begin = time.perf_counter()
        yield
        self._now[part] += time.perf_counter() - begin

    def wrap(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same call, counted."""

        def counted(*args: Any, **named: Any) -> Any:
            with self.watch(part):
                return call(*args, **named)

        return counted

    def tick(self) -> None:
        """A step has ended."""
        for part, took in self._now.items():
            self.spent[part].append(took)
        self._now.clear()


class _Room:
    """A room of the step with some calls counted; everything else is the room's own."""

    def __init__(self, room: Any, **calls: Callable[..., Any]) -> None:
        self.__dict__.update(calls)
        self._room = room

    def __getattr__(self, name: str) -> Any:
        return getattr(self._room, name)


def counted(clock: Clock) -> None:
    """Let the step's own parts be counted, second source views apart from the node's own."""
    for part, (room, call) in PARTS.items():
        module = getattr(step_module, room)
        setattr(step_module, room, _Room(module, **{call: clock.wrap(part, getattr(module, call))}))


def main() -> None:
    """Measure and print."""
    words = [one for one in sys.argv[1:] if one != "views"]
    tracks, partners, seconds = [*map(int, words), *(10_000, 10, 60)[len(words) :]]
    clock = Clock()
    sources.WARM_NS = 2 * S  # a minute of warming up tells nothing about the steps behind it
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = measure(folder, tracks, partners, seconds, clock, "views" in sys.argv)
    print(json.dumps({key: round(float(value), 2) for key, value in found.items()}))


def measure(
    folder: Path, tracks: int, partners: int, seconds: int, clock: Clock, apart: bool = False
) -> dict[str, float]:
    """Run so many seconds of the node's life."""
    made = Federation(folder, partners, apart)
    feeds = (FeedConfig(name="ais", url="-", format="ais"), FeedConfig(name="sbs", url="-", format="sbs"))
    config = NodeConfig(feeds=feeds, capacity=2 * tracks, partner=OWN, stale_s=60.0)
    held = state.init(config, b"secret")
    vault = Vault(WipingDisk(folder / "vault"))
    log = LogStore(FolderDisk(folder / "log"), made.signers[f"{OWN}.ledger"], vault, f"manara/{OWN}", OWN)
    heard, coming, waiting, size = Heard(tracks), iter(made.begin()), list[Input](), 0
    rows = Counter[str]()
    counted(clock)
    shown, warm = 0, WARM + partners
    for k in range(warm + seconds):
        now_ns = T0 + k * S
        inputs = (*heard.second(k), *waiting, *next(coming, ()))
        waiting = []
        if k == warm:
            clock.spent.clear()
            rows.clear()
            size = _size(folder)
        with clock.watch("step"):
            stepped = step_module.step(held, inputs, now_ns)
        held, shown = stepped.state, len(stepped.views.tracks)
        for one in stepped.effects:
            if isinstance(one, Answer) and one.refusal:
                raise SystemExit(f"{one.name}: {one.refusal}: {one.detail}")
            if isinstance(one, Publish):
                with clock.watch("publish"):
                    waiting.append(log.publish(one.tick_ns, one.effect_id, one.entries))
                rows.update({e.stream: sum(len(b.rows) // b.width for b in e.blocks if b.table) for e in one.entries})
                waiting += [_receipt(e.stream, e.offset) for e in one.entries if ">" in e.stream]
        clock.tick()
    grown = _size(folder) - size
    log.close()
    found = _figures(clock, shown, partners, rows.total() / seconds, grown / seconds)
    return {**found, "served": float(sum(n > 0 for n in rows.values())), "load_1min": os.getloadavg()[0]}


def _receipt(stream: str, offset: int) -> Answered:
    return Answered(stream.partition(">")[2], stream, offset + 1, b"", T0)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for part in ("vault", "log") for path in (folder / part).rglob("*"))


def _figures(clock: Clock, tracks: int, partners: int, rows_s: float, bytes_s: float) -> dict[str, float]:
    spent = {part: 1e3 * np.array(took) for part, took in clock.spent.items()}
    beyond = sum(spent[part] for part in ("marking", "frames", "entries", "publish"))
    whole = spent["step"] + spent["publish"]
    return {
        "tracks": tracks,
        "partners": partners,
        "rows_per_tick": rows_s,
        "release_ms": float(np.median(beyond)),
        "release_p99_ms": float(np.quantile(beyond, 0.99)),
        "tick_ms": float(np.median(whole)),
        "tick_p99_ms": float(np.quantile(whole, 0.99)),
        **{f"{part}_ms": float(np.median(took)) for part, took in spent.items()},
        "bytes_per_row": bytes_s / max(rows_s, 1.0),
        "bytes_per_track_s": bytes_s / max(tracks, 1),
        "gigabytes_per_day": bytes_s * DAY_S / 1e9,
    }


if __name__ == "__main__":
    main()
