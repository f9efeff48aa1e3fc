"""The demo's story: every number in it is one that a desk answered, in both languages."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
import pytest

from manara.exercise import story
from manara.study import scenario as scenarios

DELMARA = story.Desk(partner="delmara", name="Delmara", name_ar="ديلمارا", url="http://127.0.0.1:1/")


@pytest.fixture(scope="module")
def sea() -> scenarios.Scenario:
    return scenarios.load(scenarios.find("lantern"))


def draft(**changes: Any) -> dict[str, Any]:
    return {
        "id": 1, "area": "dellamar", "area_name": "Dellamar", "area_name_ar": "ديلامار",
        "hazard": "unidentified_aircraft", "partners": ["arvena"], "ahead_s": None,
        "first": "2030-03-21T06:20:00Z", "last": "2030-03-21T06:25:00Z", **changes,
    }  # fmt: skip


def ids(told: story.Story) -> list[str]:
    return [one.id for one in told.lines]


def test_it_begins_with_what_is_at_stake_and_who_has_no_link(sea: scenarios.Scenario) -> None:
    told = story.told(sea, (), {})
    assert ids(told) == ["stakes", "apart-arvena-delmara"]
    assert "Arvena and Delmara have no link" in told.lines[1].en
    assert "Corvia carries" in told.lines[1].en
    alone = msgspec.structs.replace(sea, relation=())
    assert ids(story.told(alone, (), {})) == ["stakes"]


def test_a_warning_is_told_and_then_how_long_before_the_own_radar_it_came(sea: scenarios.Scenario) -> None:
    first = story.told(sea, (DELMARA,), {"delmara": [draft()]})
    assert ids(first)[2:] == ["warned-delmara-1"]
    assert first.lines[2].desk == DELMARA.url
    assert "Arvena warns Delmara" in first.lines[2].en
    assert "06:20 to 06:25" in first.lines[2].en
    then = story.told(sea, (DELMARA,), {"delmara": [draft(ahead_s=444.0)]})
    assert ids(then)[2:] == ["warned-delmara-1", "ahead-delmara-1"]
    assert "7.4 min after that warning. Without it: 0 min." in then.lines[3].en
    assert "\u20667.4\u2069" in then.lines[3].ar


@pytest.mark.parametrize("change", [{"partners": []}, {"hazard": "distress"}])
def test_what_no_partner_told_or_what_is_no_such_danger_is_no_scene(sea: scenarios.Scenario, change: Any) -> None:
    assert ids(story.told(sea, (DELMARA,), {"delmara": [draft(ahead_s=60.0, **change)]})) == [
        "stakes",
        "apart-arvena-delmara",
    ]


@pytest.mark.parametrize("ahead_s", [0.0, -30.0])
def test_a_warning_that_came_later_than_the_own_radar_boasts_of_nothing(
    sea: scenarios.Scenario, ahead_s: float
) -> None:
    assert ids(story.told(sea, (DELMARA,), {"delmara": [draft(ahead_s=ahead_s)]}))[2:] == ["warned-delmara-1"]


def test_every_line_is_in_both_languages(sea: scenarios.Scenario) -> None:
    for one in story.told(sea, (DELMARA,), {"delmara": [draft(ahead_s=60.0)]}).lines:
        assert one.en.isascii()
        assert any("\u0600" <= letter <= "\u06ff" for letter in one.ar)
        assert one.ar.count("\u2066") == one.ar.count("\u2069")


@pytest.fixture
def desk() -> Iterator[tuple[str, list[bytes]]]:
    """A desk that answers what stands in the list, the last again and again."""
    answers: list[bytes] = []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = answers.pop(0) if len(answers) > 1 else answers[0]
            self.send_response(200 if body else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", answers
    server.shutdown()
    server.server_close()
    thread.join()


def test_only_what_is_new_is_told_and_a_desk_without_an_answer_is_waited_for(
    sea: scenarios.Scenario, desk: tuple[str, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, answers = desk
    good = json.dumps({"drafts": [draft()]}).encode()
    answers += [b"", b"nonsense", b"{}", good, good, json.dumps({"drafts": [draft(ahead_s=120.0)]}).encode()]
    monkeypatch.setattr(story, "EVERY_S", 0.01)
    heard: list[Any] = []

    async def play() -> None:
        opened = [msgspec.structs.replace(DELMARA, url=url)]
        task = asyncio.create_task(story.follow(sea, opened, heard.append))
        async with asyncio.timeout(20):
            while not heard or len(heard[-1]["lines"]) < 4:
                await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(play())
    assert [len(one["lines"]) for one in heard] == [2, 3, 4]
    assert json.loads(json.dumps(heard[-1]))["desks"][0]["url"] == url
