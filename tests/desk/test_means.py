"""The register and coverage at the desk: what is answered, with whom and with its marking."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from litestar.testing import TestClient
from tests.doubles.desk_source import START_NS, FakeSource

from manara.desk.app import build
from manara.kernels import coverage, grid
from manara.records.capability import Availability, Entry
from manara.records.coverage import Joined
from manara.records.partners import PartnerStatus
from manara.records.reports import Domain

BOAT = Entry(id="boat", kind="rescue", form="boat", name="Lantern", owner="Harbour office",
             availability=Availability.LIMITED,
             caveat="by day only", partner="belora", number=(1 << 63) + 5, told_ns=START_NS - 90 * 10**9,
             purpose=2, rules=("means",), onward=("corvia",))  # fmt: skip


def joined() -> Joined:
    """Three cells at sea: nobody, Belora alone, both."""
    cells = np.sort(grid.cell_of(np.full(3, 0.5), np.array([0.2, 0.21, 0.22]), 3))
    who = np.zeros((3, 9), np.uint64)
    who[1, 1], who[2, 1] = 0b10, 0b11
    levels = np.array([[0, 0, 0], [0, 1, 0], [0, 3, 0]], np.uint8)
    counts = np.array([[0, 0, 0], [0, 1, 0], [0, 2, 0]], np.uint8)
    return Joined(cells, np.full(3, Domain.SEA, np.uint8), coverage.pack(levels), coverage.pack(counts), who,
                  np.array([1, 0, 0], np.uint8), np.zeros(3, np.int64))  # fmt: skip


@pytest.fixture
def client(tmp_path):
    source = FakeSource(n=1)
    partner = PartnerStatus(id="belora", name="Belora")
    source._views = dataclasses.replace(
        source._views, now_ns=START_NS, capability=(BOAT,), coverage=joined(), partners=(partner,)
    )
    with TestClient(build(source, static=tmp_path), base_url="http://127.0.0.1:8777") as made:
        yield made


def test_an_entry_is_shown_with_partner_owner_caveat_age_and_marking(client):
    (one,) = client.get("/api/capability").json()["capability"]
    assert (one["partner"], one["owner"], one["caveat"], one["age_s"]) == (
        "belora",
        "Harbour office",
        "by day only",
        90.0,
    )
    assert one["marking"] == {
        "purpose": ["search_and_rescue"], "onward": ["corvia"], "rules": ["means"], "sensitivity": "",
    }  # fmt: skip
    assert one["number"] == str((1 << 63) + 5), "a browser's numbers do not hold it"
    assert (one["lat"], one["lon"]) == (None, None)


def test_cells_say_who_covers_them_and_gaps_stand_first(client):
    told = client.get("/api/coverage?domain=sea&size=large").json()
    assert told["counts"] == {"gap": 1, "single": 1, "covered": 1}
    rows = [one["properties"] for one in told["features"]]
    assert [one["state"] for one in rows] == ["gap", "single", "covered"]
    assert [one["who"] for one in rows] == [[], ["belora"], ["own", "belora"]]
    assert [one["probability"] for one in rows] == [None, 0.3, 0.9]
    assert told["marking"]["onward"] == []
    ring = told["features"][0]["geometry"]["coordinates"][0]
    assert ring[0] == ring[-1]
    assert len(ring) == 5


def test_another_layer_is_another_answer_and_an_unknown_one_is_none(client):
    small = client.get("/api/coverage?domain=sea&size=small").json()
    assert small["counts"] == {"gap": 1, "single": 0, "covered": 0}
    assert client.get("/api/coverage?domain=air").json()["features"] == []
    for asked in ("domain=land", "domain=air&band=deep", "size=tiny"):
        assert client.get(f"/api/coverage?{asked}").status_code == 404
