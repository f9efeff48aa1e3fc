"""Hand-over at the desk: what is shown, what may be pressed, and that only our own page presses."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest
from litestar.testing import TestClient
from tests.doubles.desk_shared import SharedSource
from tests.doubles.desk_source import START_NS

from manara.desk import handovers
from manara.desk.app import build
from manara.records.handovers import Handover, Handovers, Proposal, Turned

S = 1_000_000_000
BIG = (1 << 63) + 7
IN = Handover(
    id="ab" * 32, stream="belora>arvena", number=9, track=BIG, wait_s=60, reason="inbound", offered_ns=START_NS,
    since_ns=START_NS,
)  # fmt: skip
OUT = Handover(
    id="cd" * 32, stream="arvena>belora", number=8, track=5, wait_s=60, offered_ns=START_NS, since_ns=START_NS,
    state="accepted", by="belora.watch",
)  # fmt: skip
ALL = Handovers(
    all=(IN, OUT),
    proposals=(Proposal(partner="belora", area="belora-waters", track=BIG, in_s=240.0, probability=0.9),),
    turned=(Turned(time_ns=START_NS, partner="belora", track=4, why="withheld", sentence="no"),),
)


@pytest.fixture
def source():
    made = SharedSource(n=10)
    made._views = dataclasses.replace(made._views, now_ns=START_NS + 10 * S, handovers=ALL)
    return made


@pytest.fixture
def client(source, tmp_path):
    with TestClient(build(source, static=tmp_path), base_url="http://127.0.0.1:8777") as made:
        yield made


def test_core_3_both_directions_are_shown_with_who_answers_for_the_track(client):
    said = client.get("/api/handovers").json()
    theirs, ours = said["handovers"]
    assert (theirs["partner"], theirs["ours"], theirs["answerable"], theirs["left_s"]) == ("belora", False, True, 50.0)
    assert theirs["responsible"] == "belora"
    assert theirs["track"] == str(BIG), "a browser's numbers do not hold it"
    assert (ours["partner"], ours["ours"], ours["answerable"], ours["responsible"]) == ("belora", True, False, "belora")
    assert said["own"] == "arvena"
    assert [one["track"] for one in said["proposals"]] == [str(BIG)]
    assert [one["why"] for one in said["turned"]] == ["withheld"]


def test_time_that_is_over_shows_and_the_offer_may_still_be_answered():
    late = dataclasses.replace(SharedSource(n=1).views(), now_ns=START_NS + 99 * S, handovers=Handovers(all=(IN,)))
    (one,) = handovers.handovers(late)["handovers"]
    assert (one["state"], one["left_s"], one["answerable"]) == ("unanswered", None, True)
    assert handovers.open_offer(late, IN.id) == IN


def test_what_is_pressed_goes_to_the_node_and_nothing_else_does(client, source):
    assert client.post(f"/api/handovers/offer/belora/{BIG}").status_code == 202
    answered = client.post(f"/api/handovers/answer/{IN.id}/accept?reason=we%20see%20it")
    assert answered.status_code == 202
    assert source.handed == (("belora", BIG, ""), ("belora>arvena", IN.id, "accept", "we see it"))
    for path in (
        f"offer/nobody/{BIG}", "offer/belora/x", f"offer/belora/{1 << 64}", f"answer/{IN.id}/burn",
        f"answer/{OUT.id}/accept", f"answer/{'ef' * 32}/accept",
    ):  # fmt: skip
        assert client.post(f"/api/handovers/{path}").status_code == 404
    assert client.post(f"/api/handovers/answer/{IN.id}/accept?reason=a%00b").status_code == 409
    assert len(source.handed) == 2


def test_another_sites_page_presses_nothing(client, source):
    for path in (f"offer/belora/{BIG}", f"answer/{IN.id}/accept"):
        headers = {"sec-fetch-site": "cross-site", "origin": "https://a.test"}
        assert client.post(f"/api/handovers/{path}", headers=headers).status_code == 421
    assert not hasattr(source, "handed")


def test_promised_times_are_passed_on_as_they_were_measured(client, source):
    from tests.release.test_promises import a_log

    source.kept = (a_log(3).measure(100),)
    (one,) = client.get("/api/promises").json()["promises"]
    assert one == msgspec.json.decode(msgspec.json.encode(source.kept[0]))
    assert {row["promise"] for row in one["figures"]} == {"first", "warning", "alarm", "answer"}
