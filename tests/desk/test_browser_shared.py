"""Partners in Chromium: violet where they speak, squares where they are coarse, and how each of them stands."""

from __future__ import annotations

import re
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect
from tests.desk.test_browser import MAP, colours, opened
from tests.doubles.desk_shared import RecordedSource, SharedSource, told_to_belora
from tests.doubles.two_nodes import Sea, Two

from manara.desk import picture

MIDDLE = {"x": 310, "y": 150, "width": 600, "height": 520}  # of the map, also beside an open panel
VIOLET = np.array([0xB5, 0x8C, 0xFF])


def violet(page, box) -> int:
    """Pixels in the partners' colour."""
    shot = np.asarray(Image.open(BytesIO(page.screenshot(clip=box))).convert("RGB"), np.int16)
    return int((np.abs(shot - VIOLET).max(axis=2) < 24).sum())


def test_partners_are_violet_their_squares_open_and_both_turn_to_arabic(page, live):
    shared = live(source=SharedSource(120))
    lat, lon = shared.source.views().regions.lat_rad[2], shared.source.views().regions.lon_rad[2]
    desk = opened(page, shared, f"#lang=en&map=8/{np.degrees(lat):.4f}/{np.degrees(lon):.4f}")
    desk.wait_for_timeout(1_500)
    assert violet(desk, MAP) > 100
    expect(desk.get_by_role("region", name="Partners")).to_contain_text("no agreement with us is in force")

    box = desk.locator(".maplibregl-canvas").bounding_box()
    for dx, dy in ((0, 0), (30, 20), (-30, 20)):  # wherever no symbol lies
        desk.mouse.click(box["x"] + box["width"] / 2 + dx, box["y"] + box["height"] / 2 + dy)
        if desk.get_by_text("Something is in here").count():
            break
    panel = desk.get_by_role("complementary")
    for text in ("Something is in here", "Belora", "2025-06-15 15:06:40Z", "on purpose"):
        expect(panel.get_by_text(text).first).to_be_visible()

    desk.keyboard.press("p")
    for text in (
        "signed for",
        "a rule forbids it",
        "two histories of one log",
        "until the inquiry is over",
        "12,340",
        "4,211",
    ):
        expect(desk.get_by_role("region", name="Partners").get_by_text(text).first).to_be_attached()
    expect(desk.get_by_role("region", name="Partners").get_by_text("Its log began anew")).to_be_attached()
    desk.keyboard.press("l")
    expect(panel.get_by_text("بيلورا").first).to_be_visible()
    partners = desk.get_by_role("region", name="الشركاء")
    expect(partners.get_by_text("تمنعه قاعدة")).to_be_attached()
    expect(partners.get_by_text("بدأ سجله من جديد")).to_be_attached()
    assert desk.evaluate("() => document.body.scrollWidth <= innerWidth")
    expect(partners.get_by_text("شاهدان")).to_have_count(0)  # with two partners there are three nodes
    inside = partners.evaluate("box => box.scrollWidth <= box.clientWidth")
    assert inside, "nothing runs out of the panel"


@pytest.mark.journey
def test_through_a_partners_eyes_only_its_own_stream_is_seen(page, live):
    shared = live(source=SharedSource(120))
    shared.source.streams = {"belora": told_to_belora()}
    desk = opened(page, shared, "#lang=en&map=8/12.2/-38.0")
    desk.wait_for_timeout(1_500)
    own, _ = colours(desk, MIDDLE)
    desk.keyboard.press("v")
    panel = desk.locator("[data-given=belora]")
    expect(desk.locator(".whose")).to_have_text(re.compile("What .?Belora.? gets from you"))
    expect(panel.locator("[data-count=exact]")).to_contain_text(re.compile("3.? as points"))
    expect(panel.locator("[data-count=cells]")).to_contain_text(re.compile("1.? as squares only"))
    expect(panel).to_contain_text(re.compile("Belora.? also has sensors of its own"))
    desk.wait_for_timeout(1_500)
    theirs, _ = colours(desk, MIDDLE)
    assert theirs < own / 2, "one's own tracks are not on the map"
    assert violet(desk, MIDDLE) > 100
    panel.get_by_role("button", name="SALT WIND").click()
    for text in ("air", "safety of life", "Corvia", "274.9"):
        expect(panel.get_by_text(text).first).to_be_visible()
    desk.keyboard.press("l")
    expect(panel).to_contain_text(re.compile("ما تحصل عليه .?بيلورا.? منك"))
    expect(panel).to_contain_text("سلامة الأرواح")
    desk.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    desk.wait_for_timeout(1_500)
    again, _ = colours(desk, MIDDLE)
    assert again > theirs


@pytest.mark.journey
def test_what_a_real_node_has_of_a_real_partner_is_seen_from_its_desk(page, live, tmp_path):
    two = Two(tmp_path, Sea())
    two.run(1)
    two.activate("arvena", "belora")
    two.activate("belora", "arvena")
    two.run(70)  # a view warms up for sixty seconds
    recorded = []
    for _ in range(8):
        two.run(1)
        recorded.append(two["arvena"].views)
    here = recorded[-1]
    told = [row for row in range(len(here.tracks)) if int(here.tracks.track_id[row]) >> 63]
    assert told, "Belora sees craft that Arvena does not"
    shared = live(source=RecordedSource(recorded))
    led = int(here.tracks.track_id[told[0]])

    desk = opened(page, shared, f"#lang=en&sel={led}")
    panel = desk.get_by_role("complementary")
    for text in ("Told by", "none of ours see it", "Belora"):
        expect(panel.get_by_text(text).first).to_be_visible()
    expect(desk.get_by_role("region", name="Partners")).to_contain_text(re.compile("to it .?full.? · from it .?full"))
    desk.wait_for_timeout(1_500)
    assert violet(desk, MAP) > 40

    desk.keyboard.press("p")
    standing = here.partners[0]
    expect(desk.get_by_role("region", name="Partners").get_by_text(f"{standing.rows_in:,}")).to_be_attached()
    expect(desk.get_by_text("two witnesses cannot outvote one liar")).to_be_attached()
    desk.keyboard.press("Escape")
    desk.keyboard.press("b")
    rows = desk.locator("section:has(#table) tbody tr")
    desk.get_by_role("button", name="From").click()
    desk.get_by_role("button", name="From").click()
    expect(desk.locator("th[aria-sort=descending]")).to_have_text(re.compile("From"))
    expect(rows.first).to_contain_text("Belora")
    shown = picture.collection(here, range(len(here.tracks)))["features"]
    fused = [one["properties"] for one in shown if one["properties"]["from"] == ["own", "belora"]]
    assert fused
    expect(desk.get_by_text("own · Belora").first).to_be_visible()
    desk.keyboard.press("l")
    expect(rows.first).to_contain_text("بيلورا" if standing.name_ar else "Belora")
