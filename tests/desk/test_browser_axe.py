"""Every screen of the desk under axe-core: no violation of WCAG 2.2 A or AA, in both languages.

axe sees names, roles, contrast, order of headings and the size of targets; it does not see whether an Arabic line
reads in the right order. That is looked at by people.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import missing
from tests.desk.test_browser import opened
from tests.doubles.desk_shared import SharedSource, told_to_belora

AXE = Path(__file__).parents[2] / "web/node_modules/axe-core/axe.min.js"
RUN = """async () => (await axe.run(document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'],
    resultTypes: ['violations'],
})).violations.flatMap(v => v.nodes.map(n => `${v.id}: ${n.target.join(' ')}: ${n.failureSummary}: ${n.html}`))"""


def keys(*pressed: str) -> Callable[[object], None]:
    """Opens a screen by keyboard alone."""

    def work(page: object) -> None:
        for key in pressed:
            page.keyboard.press(key)
        page.wait_for_timeout(600)

    return work


SCREENS = {
    "map": keys(),
    "track": keys("/", "l", "a", "n", "0", "0", "8", "ArrowDown", "Enter"),
    "search": keys("/", "l", "a", "n"),
    "search without a hit": keys("/", "x", "q", "x", "q"),
    "feeds": keys("h"),
    "partners": keys("p"),
    "table": keys("b"),
    "what a partner gets": keys("v"),
    "keys": keys("?"),
}


@pytest.mark.journey
@pytest.mark.parametrize("language", ["en", "ar"])
def test_row_20_no_screen_violates_wcag(page, live, language):
    if not AXE.is_file():
        missing("axe-core is not installed: make install")
    shared = live(source=SharedSource(120))
    shared.source.streams = {"belora": told_to_belora()}
    found = []
    for name, opens in SCREENS.items():
        page.goto("about:blank")
        desk = opened(page, shared, f"#lang={language}")
        desk.wait_for_timeout(800)
        opens(desk)
        desk.evaluate(AXE.read_text("utf-8"))
        found += [f"{name}: {one}" for one in desk.evaluate(RUN)]
    assert not found, "\n".join(found)
