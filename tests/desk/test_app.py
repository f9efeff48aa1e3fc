from __future__ import annotations

import json

import pytest
from litestar.exceptions import WebSocketDisconnect
from litestar.testing import TestClient
from tests.doubles.desk_source import FakeSource

from manara.desk import app as desk_app
from manara.desk.app import HEADERS, build


@pytest.fixture
def source() -> FakeSource:
    return FakeSource(60)


@pytest.fixture
def client(source, tmp_path):
    assets = tmp_path / "assets"
    assets.mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>built</title>", "utf-8")
    (assets / "a-1.js").write_text("1", "utf-8")
    with TestClient(build(source, static=tmp_path), base_url="http://127.0.0.1:8777") as made:
        yield made


def test_the_picture_as_geojson(client):
    answer = client.get("/api/tracks")
    assert answer.headers["content-type"].startswith("application/geo+json")
    assert len(answer.json()["features"]) == 60


def test_limit_and_order(client):
    features = client.get("/api/tracks", params={"limit": 3, "sort": "speed", "descending": True}).json()["features"]
    speeds = [f["properties"]["speed_mps"] for f in features]
    assert len(speeds) == 3
    assert speeds == sorted(speeds, reverse=True)


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=100001", "descending=maybe", "sort=" + "a" * 101])
def test_bad_parameters_are_refused_with_the_reason(client, query):
    answer = client.get(f"/api/tracks?{query}")
    assert answer.status_code == 400
    assert query.split("=")[0] in answer.text


def test_one_track(client, source):
    track_id = int(source.views().tracks.track_id[8])
    said = client.get(f"/api/tracks/{track_id}").json()["properties"]
    assert said["track_id"] == str(track_id)
    assert said["trail"]


@pytest.mark.parametrize("track_id", ["5", "0", "x", "-1", "1e3", "9" * 20, "9" * 400, "٣"])
def test_a_track_that_is_not_there(client, track_id):
    assert client.get(f"/api/tracks/{track_id}").status_code == 404


def test_health_search_trails_config(client):
    assert len(client.get("/api/health").json()["feeds"]) == 3
    assert client.get("/api/search", params={"q": "LAN008"}).json()["found"][0]["callsign"] == "LAN008"
    assert len(client.get("/api/trails").json()["lines"]) == 60
    config = client.get("/api/config").json()
    assert config["title"] == "Arvena watch"
    assert config["languages"] == ["en", "ar"]
    assert config["centre"] == {"lat": 12.0, "lon": -38.0, "zoom": 7.0}


def test_a_long_query_is_refused(client):
    assert client.get("/api/search", params={"q": "a" * 101}).status_code == 400


def test_fictional_land_or_none(client, source):
    assert client.get("/api/land").json()["type"] == "Feature"
    source.with_land = False
    assert client.get("/api/land").status_code == 404
    assert client.get("/api/config").json()["land"] is None


@pytest.mark.parametrize(
    "path", ["/", "/api/config", "/api/tracks/5", "/nothing", "/api/tracks?limit=0", "/assets/a-1.js"]
)
def test_every_answer_carries_the_security_headers(client, path):
    answer = client.get(path)
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    assert "unsafe" not in answer.headers["content-security-policy"]


def test_the_page_is_asked_for_again_and_its_parts_are_kept(client):
    assert client.get("/").headers["cache-control"] == "no-cache"
    assert "immutable" in client.get("/assets/a-1.js").headers["cache-control"]


@pytest.mark.parametrize(
    "path", ["/assets/../index.html", "/assets/%2e%2e/index.html", "/assets/..%2f..%2fapp.py", "/nothing"]
)
def test_nothing_outside_the_assets_is_served(client, path):
    assert client.get(path).status_code == 404


def test_an_unbuilt_page_says_what_to_do(source, tmp_path):
    with TestClient(build(source, static=tmp_path / "none"), base_url="http://127.0.0.1") as client:
        assert "make install" in client.get("/").text


@pytest.mark.parametrize("host", ["evil.test", "evil.test:8777", "127.0.0.1.evil.test", "", "[::1", "desk.test."])
def test_a_name_that_is_not_ours_is_refused(client, host):
    assert client.get("/api/tracks", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]:8777", "192.0.2.7:80"])
def test_addresses_and_localhost_are_ours(client, host):
    assert client.get("/api/config", headers={"host": host}).status_code == 200


def test_a_name_that_the_host_gave_is_ours(source):
    with TestClient(build(source, names=frozenset({"desk.test"})), base_url="http://desk.test:1") as client:
        assert client.get("/api/config").status_code == 200


def test_the_socket_says_hello_then_labels_then_the_picture(client, source):
    with client.websocket_connect("/ws") as socket:
        hello = json.loads(socket.receive_text())
        labels = json.loads(socket.receive_text())
        frame = socket.receive_bytes()
    assert hello == {
        "type": "hello",
        "version": 1,
        "title": "Arvena watch",
        "title_ar": "مراقبة أرفينا",
        "mode": "demo",
        "speed": 1.0,
    }
    assert len(labels["rows"]) == 60
    assert frame[:4] == b"MNRV"
    assert len(frame) == 32 + 60 * 20


def test_no_more_screens_than_the_bound(client, monkeypatch):
    monkeypatch.setattr(desk_app, "MOST_CLIENTS", 1)
    with client.websocket_connect("/ws") as first:
        first.receive_text()
        with pytest.raises(WebSocketDisconnect) as refused, client.websocket_connect("/ws") as second:
            second.receive_text()
        assert refused.value.code == 1013


def test_a_story_is_told_as_it_is_and_without_one_there_is_none(client, source):
    assert client.get("/api/story").json() == {}
    source.story = {"lines": [{"id": "a", "en": "One.", "ar": "واحد.", "desk": ""}], "desks": []}
    assert client.get("/api/story").json() == source.story
