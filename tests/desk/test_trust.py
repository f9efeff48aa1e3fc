"""What the desk says of how far partners are believed, and that only our own page may change what stands apart."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from litestar.testing import TestClient
from tests.doubles.desk_shared import SharedSource

from manara.desk import trust
from manara.desk.app import build
from manara.records.confidence import Apart, Credibility, Reliability, Why
from manara.records.reports import Domain, Kind

LED = 1 << 63 | 1 << 42
SAID = Reliability(
    partner=1,
    domain=Domain.AIR,
    area="",
    corroborated=41.26,
    refuted=3.0,
    mean=0.9261,
    low=0.85,
    high=0.972,
    letter="F",
)


@pytest.fixture
def source():
    made = SharedSource(n=20)
    apart = Apart.blank(2).replace(
        id=np.array([LED + 1, LED + 2], np.uint64),
        partner=np.array([1, 1], np.uint16),
        why=np.array([Why.UNSEEN, Why.SWARM | Why.JUMP], np.uint32),
        since_ns=np.array([1, 2]) * 10**9,
        lat_rad=np.radians([36.5, 36.6]),
        lon_rad=np.radians([18.0, 18.1]),
        kind=np.full(2, Kind.AIRCRAFT, np.uint8),
        domain=np.full(2, Domain.AIR, np.uint8),
    )
    levels = np.full(20, Credibility.POSSIBLE, np.uint8)
    more = {"reliability": (SAID,), "credibility": levels, "apart": apart, "whole": {1: "swarm"}}
    made._views = dataclasses.replace(made._views, **more)
    return made


@pytest.fixture
def client(source, tmp_path):
    with TestClient(build(source, static=tmp_path), base_url="http://127.0.0.1:8777") as made:
        yield made


def test_the_partners_page_shows_evidence_and_interval_beside_the_letter(client):
    first, second = client.get("/api/partners").json()["partners"]
    assert first["apart"] == {"tracks": 2, "whole": "swarm"}
    assert first["reliability"] == [
        {
            "domain": "air", "area": "", "letter": "F", "corroborated": 41.3, "refuted": 3.0,
            "mean": 0.926, "low": 0.85, "high": 0.972,
        }
    ]  # fmt: skip
    assert (second["apart"], second["reliability"]) == ({"tracks": 0, "whole": ""}, [])


def test_a_track_says_its_own_credibility_and_its_partners_letters_and_no_product(client, source):
    views = source.views()
    row = int(np.flatnonzero(views.tracks.track_id >> np.uint64(63))[0])
    plain = trust.of_track(views, row)
    assert plain["credibility"] == Credibility.POSSIBLE
    assert set(plain) == {"credibility", "reliability"}
    found = client.get(f"/api/tracks/{views.tracks.track_id[row]}").json()["properties"]
    assert (found["credibility"], found["reliability"]) == (plain["credibility"], plain["reliability"])


def test_what_stands_apart_is_listed_with_its_reasons_the_newest_first(client):
    told = client.get("/api/quarantine").json()
    assert told["total"] == 2
    assert [(one["track_id"], one["why"]) for one in told["tracks"]] == [
        (str(LED + 2), ["jump", "swarm"]),
        (str(LED + 1), ["unseen"]),
    ]
    assert told["whole"] == [{"partner": told["tracks"][0]["partner"], "why": "swarm"}]


def test_an_officer_lets_back_and_puts_apart(client, source):
    partner = source.views().partners[0].id
    assert client.post(f"/api/quarantine/{partner}/release?track={LED + 1}").status_code == 202
    assert client.post(f"/api/quarantine/{partner}/release").status_code == 202
    assert client.post(f"/api/quarantine/{partner}/hold").status_code == 202
    made = [(one.partner, one.track, one.act, one.by) for one in source.decided]
    assert made == [
        (partner, LED + 1, "release", "desk"),
        (partner, 0, "release", "desk"),
        (partner, 0, "hold", "desk"),
    ]


@pytest.mark.parametrize("path", ["nobody/release", "{p}/burn", "{p}/release?track=7", "{p}/release?track=x",
                                  "{p}/hold?track=1", "{p}/release?track=99999999999999999999"])  # fmt: skip
def test_what_there_is_not_changes_nothing(client, source, path):
    partner = source.views().partners[0].id
    assert client.post(f"/api/quarantine/{path.format(p=partner)}").status_code in (400, 404)
    assert not getattr(source, "decided", ())


def test_another_sites_page_lets_nothing_back(client, source):
    partner = source.views().partners[0].id
    sent = client.post(f"/api/quarantine/{partner}/release", headers={"origin": "http://elsewhere.example"})
    assert sent.status_code in (403, 421)
    assert not getattr(source, "decided", ())
