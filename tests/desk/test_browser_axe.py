"""The desk's screens under axe-core: no violation of WCAG 2.2 A or AA, in both languages.

axe sees names, roles, contrast, order of headings and the size of targets; it does not see whether an Arabic line
reads in the right order. That is looked at by people.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.conftest import missing
from tests.desk import test_drafts, test_handovers
from tests.desk.test_browser import opened
from tests.doubles.desk_shared import SharedSource, told_to_belora

from manara.records.inputs import Views

AXE = Path(__file__).parents[2] / "web/node_modules/axe-core/axe.min.js"
RUN = """async () => (await axe.run(document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'],
    resultTypes: ['violations'],
})).violations.flatMap(v => v.nodes.map(n => `${v.id}: ${n.target.join(' ')}: ${n.failureSummary}: ${n.html}`))"""
FOUND = "#found [aria-selected=true]"
SCREENS = {  # what is typed, what must then stand there, then what is pressed, and what must stand there at last
    "drafts": ("", "section[aria-labelledby=drafts]"),
    "hand-overs": ("", "section[aria-labelledby=handovers]"),
    "track": ("/lan008", FOUND, "Enter", "aside[aria-labelledby=track]"),
    "search": ("/lan", FOUND),
    "search without a hit": ("/xqxq", "#found [aria-disabled=true]"),
    "feeds": ("h", "section[aria-labelledby=feeds] article dl"),
    "partners": ("p", "section[aria-labelledby=partners].open"),
    "table": ("b", "section[aria-labelledby=table] tbody tr"),
    "region": ("b", ".regions button", "click", "aside[aria-labelledby=region]"),
    "what a partner gets": ("v", "[data-given=belora]"),
    "keys": ("?", "dialog[open]"),
}


class Watch(SharedSource):
    """A node with partners, on a watch that has something to do."""

    def _published(self) -> Views:
        one = test_drafts.ONE
        return dataclasses.replace(
            super()._published(), drafts=(one,), areas=(test_drafts.AREA,), handovers=test_handovers.ALL
        )


def opens(desk, typed, there, pressed="", then=""):
    """By keyboard, and by a click where a row of a list is meant; fails when the screen is not what it should be."""
    desk.keyboard.type(typed)
    expect(desk.locator(there).first).to_be_visible()
    if pressed == "click":
        desk.locator(there).first.click()
    elif pressed:
        desk.keyboard.press(pressed)
    if then:
        expect(desk.locator(then)).to_be_visible()
    if typed == "b":  # a row that is half scrolled out of sight is no smaller for it
        desk.locator("section[aria-labelledby=table] .scroll").evaluate("box => { box.scrollTop = 0 }")


@pytest.mark.journey
@pytest.mark.parametrize("language", ["en", "ar"])
def test_row_20_no_screen_violates_wcag(page, live, language):
    if not AXE.is_file():
        missing("axe-core is not installed: make install")
    shared = live(source=Watch(120))
    shared.source.streams = {"belora": told_to_belora()}
    found = []
    for name, steps in SCREENS.items():
        page.goto("about:blank")
        desk = opened(page, shared, f"#lang={language}")
        opens(desk, *steps)
        desk.evaluate(AXE.read_text("utf-8"))
        found += [f"{name}: {one}" for one in desk.evaluate(RUN)]
    assert not found, "\n".join(found)
