"""The reference of agreements names every key and every value that a file may hold, and no other reason."""

from __future__ import annotations

import re

import pytest

from manara.records.agreement import Agreement, Promise, Rule, Signatory, When
from manara.release.conditions import CRAFT, DOMAINS, PURPOSES, SENSITIVITIES, SORTS, STRIPS
from manara.release.rules import Denial


@pytest.fixture(scope="module")
def page(repository) -> str:
    return (repository / "docs/reference/agreement.md").read_text("utf-8")


@pytest.mark.parametrize("kind", [Agreement, Rule, When, Promise, Signatory])
def test_every_key_stands_on_the_page(page, kind):
    assert not [name for name in kind.__struct_fields__ if f"`{name}`" not in page]


@pytest.mark.parametrize("names", [CRAFT, DOMAINS, PURPOSES, SENSITIVITIES, SORTS, STRIPS])
def test_every_value_stands_on_the_page(page, names):
    assert not [name for name in names if f"`{name}`" not in page]


def test_the_reasons_are_those_of_the_program(page):
    table = page.split("| reason | when |")[1].split("\n\n")[0]
    told = {
        word for row in table.splitlines() for word in re.findall(r"`(\w+)`", row.split("|")[1] if "|" in row else "")
    }
    assert told == {one.name.lower() for one in Denial} - {"none"}
