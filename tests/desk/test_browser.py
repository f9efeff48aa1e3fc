"""The desk in Chromium: it paints, finds, selects, turns to Arabic, and is honest when the picture is old."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest
from playwright.sync_api import expect

from manara.desk import picture
from manara.records.inputs import Views
from manara.records.reports import Flag

READY = 'html[data-ready="1"]'


def opened(page, desk, address="#lang=en"):
    page.goto(desk.url + address)
    page.wait_for_selector(READY, state="attached")
    return page


def colours(page, box=None):
    """How many pixels of the map are painted in more than the ground's colours."""
    from io import BytesIO

    import numpy as np
    from PIL import Image

    shot = np.asarray(Image.open(BytesIO(page.screenshot(clip=box))).convert("RGB"), np.int16)
    bright = shot.min(axis=2) > 150
    grey = (shot.max(axis=2) - shot.min(axis=2)).mean()
    return int(bright.sum()), float(grey)


MAP = {"x": 300, "y": 60, "width": 900, "height": 640}


def test_the_map_paints_tracks_and_moves_on(page, live):
    desk = opened(page, live())
    painted, _ = colours(desk, MAP)
    assert painted > 1_000
    expect(desk.locator("[data-standing=live]")).to_be_visible()
    expect(desk.get_by_text(re.compile("120.? tracks"))).to_be_visible()
    clock = desk.locator("time").inner_text()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", clock)
    expect(desk.locator("time")).not_to_have_text(clock)


def test_a_pressing_track_is_selected_centred_and_explained(page, live):
    source = live()
    desk = opened(page, source)
    desk.get_by_role("button", name="Emergency (7700)").click()
    panel = desk.get_by_role("complementary")
    for text in ("LAN008", "D00008", "Aircraft", "ridge ADS-B", "cape radar", "7700", "Semi-axes (95%)"):
        expect(panel.get_by_text(text).first).to_be_visible()
    assert "sel=" in desk.url
    expect(desk).to_have_url(re.compile("map=8.00/"))
    lat, lon = (float(x) for x in re.search(r"map=8.00/([-.\d]+)/([-.\d]+)", desk.url).groups())
    track = picture.search(source.source.views(), "LAN008")[0]["track_id"]
    place = picture.details(source.source.views(), int(track))["geometry"]["coordinates"]
    assert (lon, lat) == pytest.approx(place, abs=0.15)
    desk.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    assert "sel=" not in desk.url


def test_search_finds_and_selects_by_keyboard(page, live):
    desk = opened(page, live())
    desk.keyboard.press("/")
    desk.keyboard.type("lan01")
    expect(desk.get_by_role("option").first).to_be_visible()
    desk.keyboard.press("ArrowDown")
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("complementary").get_by_text("LAN011").first).to_be_visible()


def test_the_whole_room_turns_to_arabic(page, live):
    desk = opened(page, live())
    desk.get_by_role("button", name="العربية").click()
    expect(desk.locator("html")).to_have_attribute("dir", "rtl")
    expect(desk.locator("html")).to_have_attribute("lang", "ar")
    expect(desk.get_by_text("يحتاج إليك الآن")).to_be_visible()
    assert desk.locator(".side").bounding_box()["x"] > 900
    desk.keyboard.press("l")
    expect(desk.locator("html")).to_have_attribute("dir", "ltr")


@pytest.mark.journey
def test_a_click_on_the_map_selects_the_track_there(page, live):
    source = live(1)
    source.source._tracks = source.source._tracks.replace(ve_mps=[0.0], vn_mps=[0.0])
    place = picture.collection(source.source.views(), [0])["features"][0]["geometry"]["coordinates"]
    desk = opened(page, source, f"#lang=en&map=9/{place[1]}/{place[0]}")
    box = desk.locator(".maplibregl-canvas").bounding_box()
    desk.wait_for_timeout(2_500)
    desk.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(desk.get_by_role("complementary")).to_be_visible()
    desk.mouse.click(box["x"] + 60, box["y"] + 60)
    expect(desk.get_by_role("complementary")).to_have_count(0)


@pytest.mark.journey
def test_an_address_restores_place_language_and_track(page, live):
    source = live()
    track_id = picture.search(source.source.views(), "LAN008")[0]["track_id"]
    desk = opened(page, source, f"#map=8.00/12.5000/-38.2500&lang=ar&sel={track_id}")
    expect(desk.get_by_role("complementary").get_by_text("LAN008").first).to_be_visible()
    desk.wait_for_timeout(500)
    assert f"#map=8.00/12.5000/-38.2500&lang=ar&sel={track_id}" in desk.url


@pytest.mark.journey
def test_names_off_hides_names_and_identities_everywhere(page, live):
    desk = opened(page, live(), "#lang=en&names=off")
    desk.get_by_role("button", name="Emergency (7700)").click()
    expect(desk.get_by_role("complementary").get_by_text("#9").first).to_be_visible()
    desk.keyboard.press("b")
    expect(desk.get_by_role("table")).to_be_visible()
    expect(desk.get_by_role("row")).to_have_count(121)
    shown = desk.locator("body").inner_text()
    for secret in ("LAN0", "COASTER", "LANTERN", "2910", "D000", "SART ACTIVE"):
        assert secret not in shown


@pytest.mark.journey
def test_the_table_holds_the_picture_and_sorts(page, live):
    desk = opened(page, live())
    desk.keyboard.press("b")
    expect(desk.get_by_role("row")).to_have_count(121)
    desk.get_by_role("button", name="Speed").click()
    desk.get_by_role("button", name="Speed").click()
    expect(desk.locator("th[aria-sort=descending]")).to_have_text(re.compile("Speed"))
    desk.wait_for_timeout(500)
    speeds = [float(t.split()[0]) for t in desk.locator("tbody td:nth-child(7)").all_inner_texts()]
    assert speeds == sorted(speeds, reverse=True)
    desk.locator("tbody button").first.click()
    expect(desk.get_by_role("complementary")).to_be_visible()


@pytest.mark.journey
def test_without_webgl_the_table_stands_in(chromium, live):
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.add_init_script(
        "const get = HTMLCanvasElement.prototype.getContext;"
        "HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {"
        " return kind.startsWith('webgl') ? null : get.call(this, kind, ...rest) }"
    )
    opened(page, live())
    expect(page.get_by_text("This browser cannot draw the map")).to_be_visible()
    expect(page.get_by_role("row")).to_have_count(121)
    context.close()


@pytest.mark.journey
def test_an_old_picture_says_so_and_a_lost_one_is_grey(page, live):
    source = live()
    desk = opened(page, source)
    _, colourful = colours(desk, MAP)
    source.pause()
    expect(desk.locator("[data-standing=stale]")).to_be_visible(timeout=10_000)
    expect(desk.locator("[data-standing=stale]")).to_have_text(re.compile(r"Last update .*[5-9].* ago"))
    expect(desk.locator("[data-standing=silent]")).to_be_visible(timeout=20_000)
    source.stop()
    expect(desk.locator("[data-standing=disconnected]")).to_be_visible(timeout=10_000)
    expect(desk.get_by_text("this picture is")).to_be_visible()
    _, grey = colours(desk, MAP)
    assert grey < colourful / 2
    desk.goto("about:blank")  # it would go on trying, and complaining
    assert all("ERR_CONNECTION_REFUSED" in error or "WebSocket" in error for error in desk.errors)
    desk.errors.clear()


@pytest.mark.journey
def test_an_empty_picture_says_so(page, live):
    page.goto(live(0).url + "#lang=en")
    expect(page.get_by_text("No tracks yet – waiting for the feeds")).to_be_visible()
    expect(page.get_by_text("Nothing needs you")).to_be_visible()


@pytest.mark.journey
def test_feeds_in_detail(page, live):
    desk = opened(page, live())
    desk.keyboard.press("h")
    feeds = desk.get_by_role("region", name="Feeds")
    for text in ("checksum 41", "udp://127.0.0.1:10110", "+1.2 s", "silent"):
        expect(feeds.get_by_text(text).first).to_be_visible()


@pytest.mark.journey
def test_trails_are_drawn(page, live):
    desk = opened(page, live(200))
    before, _ = colours(desk, MAP)
    desk.keyboard.press("t")
    expect(desk.get_by_role("button", name="Trails")).to_have_attribute("aria-pressed", "true")
    desk.wait_for_timeout(2_000)
    from io import BytesIO

    import numpy as np
    from PIL import Image

    shot = np.asarray(Image.open(BytesIO(desk.screenshot(clip=MAP))).convert("L"), np.int16)
    assert before > 1_000
    assert int(((shot > 60) & (shot < 130)).sum()) > 3_000


@pytest.mark.journey
@pytest.mark.parametrize("lang", ["en", "ar"])
def test_numbers_with_units_and_identifiers_are_isolated_left_to_right(page, live, lang):
    """What no accessibility checker sees: a number and its unit must not swap sides in Arabic."""
    desk = opened(page, live(), f"#lang={lang}")
    desk.locator(".side ul button").first.click()
    expect(desk.locator("aside dl .num").first).to_be_visible()
    styles = desk.evaluate(
        "() => [...document.querySelectorAll('.num, .id')].map(e => {"
        " const s = getComputedStyle(e); return [s.direction, s.unicodeBidi] })"
    )
    assert len(styles) > 10
    assert all(style == ["ltr", "isolate"] for style in styles)
    overflow = desk.evaluate("() => [document.body.scrollWidth, innerWidth]")
    assert overflow[0] <= overflow[1]


@pytest.mark.journey
def test_the_real_coastline_is_drawn_offline(page, live):
    source = live(30, with_land=False)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    desk = opened(page, source, "#lang=en&map=5/56/11")
    desk.wait_for_timeout(2_500)
    from io import BytesIO

    from PIL import Image

    seen = Image.open(BytesIO(desk.screenshot(clip=MAP))).convert("RGB").getcolors(1 << 20)
    land = sum(n for n, (r, g, b) in seen if abs(r - 0x1A) < 3 and abs(g - 0x24) < 3 and abs(b - 0x34) < 3)
    assert land > 50_000
    assert all(url.startswith((desk.url.split("#")[0], "blob:", "ws://127.0.0.1")) for url in asked)


def test_an_empty_picture_is_a_valid_answer():
    assert json.loads(json.dumps(picture.collection(Views(), [])))["features"] == []


@pytest.mark.journey
def test_many_of_one_kind_stand_as_one_line_until_opened(page, live):
    source = live(120)
    flags = source.source._tracks.flags.copy()
    flags[30:40] = int(Flag.IDENTITY_CONFLICT)
    source.source._tracks = source.source._tracks.replace(flags=flags)
    desk = opened(page, source)
    fold = desk.get_by_role("button", name="Two craft claim one identity")
    expect(fold).to_have_text(re.compile("11.? tracks"))
    expect(fold).to_have_count(1)
    fold.click()
    expect(fold).to_have_count(12)
    expect(desk.get_by_role("button", name="Emergency (7700)")).to_be_visible()


@pytest.mark.journey
def test_an_ordinary_vessel_that_says_distress_is_amber_and_below_every_real_one(page, live):
    source = live(120)
    flags = source.source._tracks.flags.copy()
    flags[5] = int(Flag.DISTRESS)
    source.source._tracks = source.source._tracks.replace(flags=flags)
    desk = opened(page, source)
    wrong = desk.get_by_role("button", name="Says distress (status 14)")
    expect(wrong).to_have_class(re.compile("level1"))
    expect(wrong).to_contain_text("probably a wrong setting")
    said = desk.locator(".side ul strong").all_inner_texts()
    assert said[:3] == ["Distress signal", "Unlawful interference (7500)", "Emergency (7700)"]
    assert sorted(said[3:]) == ["Says distress (status 14)", "Two craft claim one identity"]
    wrong.click()
    panel = desk.get_by_role("complementary")
    expect(panel.locator(".warning").get_by_text("Says distress (status 14)")).to_be_visible()
    expect(panel.locator(".critical")).to_have_count(0)
    expect(panel.get_by_text("Cargo")).to_be_visible()  # the code 70, in words


@pytest.mark.journey
def test_trouble_in_the_node_stands_across_the_map_and_the_table(page, live):
    source = live(30)
    publish = source.source._published
    source.source._published = lambda: dataclasses.replace(
        publish(), trouble="halted: disk: no space left", refused={"too_late": 7}
    )
    desk = opened(page, source)
    expect(desk.get_by_role("alert")).to_contain_text("halted: disk: no space left")
    desk.keyboard.press("b")
    expect(desk.get_by_role("alert")).to_be_visible()
    desk.keyboard.press("h")
    feeds = desk.get_by_role("region", name="Feeds")
    expect(feeds.get_by_text("too old to help its track")).to_be_visible()
    expect(feeds.get_by_text("checksum does not fit: interference or cut lines").first).to_be_visible()


@pytest.mark.journey
def test_a_safety_text_leads_to_its_sender(page, live):
    desk = opened(page, live(120))
    text = desk.locator(".said", has_text="SART ACTIVE")
    expect(text).to_contain_text("ago")
    text.get_by_role("button").click()
    expect(desk.get_by_role("complementary").get_by_text("970010001").first).to_be_visible()


@pytest.mark.journey
def test_the_demonstration_says_what_one_sees_until_it_is_closed(page, live):
    desk = opened(page, live(30, speed=20.0))
    expect(desk.get_by_text("An invented sea")).to_contain_text("×20")
    expect(desk.locator("header")).to_contain_text("×20")
    desk.locator(".caption button").click()
    expect(desk.get_by_text("An invented sea")).to_have_count(0)
    desk.reload()
    desk.wait_for_selector(READY, state="attached")
    expect(desk.get_by_text("An invented sea")).to_have_count(0)


@pytest.mark.journey
def test_a_fictional_sea_opens_on_all_its_lands_with_their_names(page, live):
    source = live(30)
    corners = [(-40.0, 10.0), (-36.0, 14.0)]
    land = [
        {
            "type": "Feature",
            "properties": {"name": name, "name_ar": "أرفينا"},
            "geometry": {"type": "Polygon", "coordinates": [[[o, a], [o + 1, a], [o + 1, a + 1], [o, a + 1], [o, a]]]},
        }
        for name, (o, a) in zip(("Arvena", "Delmara"), corners, strict=True)
    ]
    source.source.land = lambda: json.dumps({"type": "FeatureCollection", "features": land}).encode()
    desk = opened(page, source)
    expect(desk).to_have_url(re.compile(r"map=\d"))
    zoom, lat, lon = (float(x) for x in re.search(r"map=([\d.]+)/([-\d.]+)/([-\d.]+)", desk.url).groups())
    assert (lat, lon) == (pytest.approx(12.5, abs=0.4), pytest.approx(-37.5, abs=0.1))
    wide_deg = 992 / (512 * 2**zoom) * 360
    assert 5.0 < wide_deg < 9.0
