"""The inbox at the desk: what is shown, and that only our own page may take or close."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest
from litestar.testing import TestClient
from tests.doubles.desk_source import START_NS, FakeSource

from manara.desk import drafts
from manara.desk.app import build
from manara.desk.guard import change_allowed
from manara.records.directory import Area
from manara.records.inputs import Views
from manara.records.warnings import Draft, Hazard, Severity

S = 1_000_000_000
ONE = Draft(
    id=4, area="dellamar", hazard=int(Hazard.UNIDENTIFIED_AIRCRAFT), severity=int(Severity.MODERATE),
    first_ns=START_NS + 900 * S, last_ns=START_NS + 1200 * S, since_ns=START_NS, renewed_ns=START_NS,
    partners=("arvena",), warned_ns=START_NS,
)  # fmt: skip
AREA = Area(id="dellamar", partner="delmara", name="Dellamar", name_ar="ديلامار", corners_deg=())


def views(*some: Draft) -> Views:
    return Views(now_ns=START_NS, sequence=9, drafts=some, areas=(AREA,))


@pytest.fixture
def source():
    made = FakeSource(n=1)
    made._views = dataclasses.replace(made._views, drafts=(ONE,), areas=(AREA,))
    return made


@pytest.fixture
def client(source, tmp_path):
    with TestClient(build(source, static=tmp_path), base_url="http://127.0.0.1:8777") as made:
        yield made


def test_a_partners_warning_is_shown_as_what_it_is(client):
    (one,) = client.get("/api/drafts").json()["drafts"]
    assert (one["area_name"], one["area_name_ar"], one["hazard"]) == ("Dellamar", "ديلامار", "unidentified_aircraft")
    assert one["probability"] is None, "a partner says none, and none is made up"
    assert (one["own"], one["ahead_s"], one["tracks"]) == ("", None, [])
    assert one["state"] == "open"


def test_how_far_ahead_it_was_is_what_the_times_say():
    later = msgspec.structs.replace(ONE, own_ns=START_NS + 1040 * S, probability=0.876, tracks=((1 << 63) + 5,))
    (one,) = drafts.drafts(views(later))["drafts"]
    assert (one["ahead_s"], one["probability"]) == (1040.0, 0.88)
    assert one["tracks"] == [str((1 << 63) + 5)], "a browser's numbers do not hold it"


def test_closed_ones_stand_last_and_are_few():
    closed = [msgspec.structs.replace(ONE, id=k, state="closed", decided_ns=START_NS + k) for k in range(10, 60)]
    shown = drafts.drafts(views(*closed[:30], ONE, *closed[30:]))["drafts"]
    assert [one["id"] for one in shown] == [4, *range(59, 39, -1)]


def test_a_person_takes_and_closes(client, source):
    assert client.post("/api/drafts/4/take").status_code == 202
    assert client.post("/api/drafts/4/close", headers={"origin": "http://127.0.0.1:8777"}).status_code == 202
    assert [(one.draft, one.act, one.by) for one in source.decided] == [(4, "take", "desk"), (4, "close", "desk")]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/drafts/5/take", 404),
        ("/api/drafts/4/send", 404),
        ("/api/drafts/x/take", 404),
        ("/api/drafts/-1/take", 404),
    ],
)
def test_what_there_is_not_is_said(client, source, path, status):
    assert client.post(path).status_code == status
    assert not hasattr(source, "decided")


def test_what_is_closed_stays_so(client, source):
    source._views = dataclasses.replace(source._views, drafts=(msgspec.structs.replace(ONE, state="closed"),))
    assert client.post("/api/drafts/4/take").status_code == 409


def test_more_than_a_step_takes_are_turned_away(client):
    assert [client.post("/api/drafts/4/take").status_code for _ in range(5)] == [202, 202, 202, 503, 503]


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.test"},
        {"origin": "null"},
    ],
)
def test_a_form_on_another_site_closes_no_draft(client, source, headers):
    assert client.post("/api/drafts/4/close", headers=headers).status_code == 421
    assert not hasattr(source, "decided")


def test_a_read_is_nobodys_change():
    assert change_allowed("GET", "cross-site", "https://a.test", "127.0.0.1:8777")
    assert not change_allowed("DELETE", "none", None, "127.0.0.1:8777")
