"""The desk's source of a node that shares: of its craft a fifth come from partners, others are fused, and squares."""

from __future__ import annotations

import dataclasses

import msgspec
import numpy as np
from tests.doubles.desk_source import LENGTH, START_NS, FakeSource

from manara.kernels import grid
from manara.picture import regions
from manara.records.inputs import Views
from manara.records.marking import UNKNOWN_BIT
from manara.records.partners import Given, LogEpoch, PartnerStatus, Regions, Warned
from manara.records.released import COARSE, PRECISE, Terms
from manara.records.reports import Domain, Kind

BELORA, CORVIA = 1, 2  # places
LED = 1 << 63 | 3 << 48  # top of the id of a row that a partner leads, in view 3
HOUR_NS = 3_600_000_000_000
TOLD = (  # place, kind, degrees north and east of the middle, tier of the cell
    (BELORA, Kind.VESSEL_A, 0.35, 0.5, 5),
    (BELORA, Kind.VESSEL_A, 0.35, 0.5, 5),
    (BELORA, Kind.UNKNOWN, -0.7, -0.9, 6),
    (CORVIA, Kind.UNMANNED_AIRCRAFT, 0.9, -1.1, 5),
)


class SharedSource(FakeSource):
    """Every fifth track is led by a partner, every seventh is fused; ``others``: how many partners there are."""

    others = 2

    def _published(self) -> Views:
        plain = super()._published()
        t, n = plain.tracks, len(plain.tracks)
        row = np.arange(n)
        led, fused = row % 5 == 4, (row % 7 == 5) & (row % 5 != 4)
        place = np.where(row % 10 == 9, min(CORVIA, self.others), BELORA)
        pedigree = np.where(led, np.left_shift(1, place), np.where(fused, 1 | 1 << BELORA, 1)).astype(np.uint64)
        pedigree[row % 15 == 14] |= np.uint64(UNKNOWN_BIT)
        ids = t.track_id.copy()
        ids[led] = (np.uint64(LED) | np.left_shift(place, 42).astype(np.uint64) | row.astype(np.uint64))[led]
        blank = np.zeros(n, np.uint64)
        tracks = t.replace(
            track_id=ids,
            number=np.where(led, 0, t.number).astype(np.uint32),
            identity=np.where(led & (row % 3 != 1), blank, t.identity),
            sources=np.where(led, blank, t.sources),
        )
        return dataclasses.replace(
            plain,
            own="arvena",
            tracks=tracks,
            pedigree=pedigree,
            regions=self._squares(),
            partners=self._partners()[: self.others],
            warned=(_WARNED,),
            standings=_STANDINGS,
            log_size=12_345,
            witnessed=12_340,
        )

    def _squares(self) -> Regions:
        lat_deg, lon_deg = self.centre_deg
        lat = np.radians([lat_deg + up for _, _, up, _, _ in TOLD])
        lon = np.radians([lon_deg + along for _, _, _, along, _ in TOLD])
        cells = np.array([_cell(la, lo, one[4]) for la, lo, one in zip(lat, lon, TOLD, strict=True)], np.uint64)
        lat_rad, lon_rad, half_m = regions.square(cells)
        n = len(TOLD)
        return Regions.blank(n).replace(
            track=np.arange(1, n + 1, dtype=np.uint64),
            partner=np.array([min(one[0], self.others) for one in TOLD], np.uint16),
            cell=cells,
            lat_rad=lat_rad,
            lon_rad=lon_rad,
            half_m=half_m,
            epoch_ns=np.full(n, START_NS),
            until_ns=np.full(n, START_NS + HOUR_NS),
            kind=np.array([one[1] for one in TOLD], np.uint8),
            domain=np.array([Domain.SEA, Domain.SEA, Domain.UNKNOWN, Domain.AIR], np.uint8),
        )

    def _partners(self) -> tuple[PartnerStatus, ...]:
        belora = PartnerStatus(
            id="belora", name="Belora", name_ar="بيلورا", link="live", phase_out="full", phase_in="interim",
            heard_ns=self._now_ns - 400_000_000, clock_offset_s=-0.2, sent_entries=1_204, receipted=1_201,
            received_entries=1_190, rows_out=30_412, rows_in=28_903,
            withheld={"area": 12, "forbidden": 3, "warming": 2},
            epoch=LogEpoch(epoch=2, first=1 << 40, old_size=4_211, held=4_215, by=("belora.minister", "belora.chief")),
        )  # fmt: skip
        corvia = PartnerStatus(
            id="corvia", name="Corvia", name_ar="كورفيا", link="refused", detail="no_agreement: of Corvia with us",
            phase_out="suspended", phase_in="warning_only", heard_ns=self._now_ns - 190_000_000_000,
            withheld={"phase": 120}, refused={"split_view": 1, "never_heard_of": 2},
        )  # fmt: skip
        return belora, corvia


class RecordedSource(FakeSource):
    """What a real node published, step after step, and from its end again with the clock going on."""

    def __init__(self, recorded: list[Views]) -> None:
        self._recorded = recorded
        super().__init__(0, lat_deg=_middle(recorded[-1])[0], lon_deg=_middle(recorded[-1])[1])
        self.with_land = False

    def _published(self) -> Views:
        last = self._recorded[-1]
        k = self._sequence - LENGTH // 2 - 1
        found = self._recorded[min(max(k, 0), len(self._recorded) - 1)]
        return dataclasses.replace(found, sequence=self._sequence, now_ns=last.now_ns + max(k, 0) * 1_000_000_000)


def _middle(views: Views) -> tuple[float, float]:
    t = views.tracks
    return float(np.degrees(np.median(t.lat_rad))), float(np.degrees(np.median(t.lon_rad)))


def _cell(lat_rad: float, lon_rad: float, tier: int) -> int:
    return int(grid.cell_of(np.array([lat_rad]), np.array([lon_rad]), tier)[0])


def _agreement(releaser: str, recipient: str, reason: str) -> dict[str, object]:
    return {"releaser": releaser, "recipient": recipient, "since_ns": START_NS, "reason": reason}


_WARNED = Warned(partner="belora", area="arvena-roads", window_ns=START_NS, hazard=2, severity=3, received_ns=START_NS)
_STANDINGS = msgspec.json.encode(
    {
        "agreements": {
            "arvena>belora": _agreement("arvena", "belora", ""),
            "belora>arvena": _agreement("belora", "arvena", "not ours"),
            "arvena>corvia": _agreement("arvena", "corvia", "until the inquiry is over"),
        }
    }
)


def told_to_belora() -> Given:
    """What Belora's stream may hold: three points and a square."""
    precise = np.zeros(3, PRECISE)
    precise["track"], precise["time_ns"] = (7, 8, 9), START_NS
    precise["lat_rad"], precise["lon_rad"] = np.radians((12.0, 12.2, 12.4)), np.radians((-38.0, -38.3, -37.8))
    precise["ve_mps"], precise["vn_mps"], precise["alt_m"] = 100.0, 100.0, 3_000.0
    precise["kind"], precise["domain"] = Kind.AIRCRAFT, Domain.AIR
    coarse = np.zeros(1, COARSE)
    coarse["track"], coarse["cell"] = 11, grid.cell_of(np.radians([12.1]), np.radians([-38.1]), 3)
    coarse["epoch_ns"], coarse["epoch_s"], coarse["kind"], coarse["domain"] = START_NS, 900, Kind.VESSEL_A, Domain.SEA
    return Given(
        partner="belora",
        stream="arvena>belora",
        reached=512,
        time_ns=START_NS,
        phase="full",
        precise=precise,
        precise_terms=np.zeros(3, np.int64),
        coarse=coarse,
        coarse_terms=np.ones(1, np.int64),
        terms=(Terms(("air",), 3, 3_600, ("corvia",)), Terms(("sea", "cells"), 1, 3_600, (), 8_000, 30)),
        names={7: ("SALT WIND", "LAN007")},
    )
