"""The list of concerns: read with its faults, signed with its agreement, compared by id."""

from __future__ import annotations

import msgspec
import pytest
from tests.doubles.agreements import TEXT, read

from manara.records.agreement import Concern
from manara.records.directory import Area, Directory
from manara.records.marking import Codebook
from manara.release import document
from manara.release.diff import diff

LIST = """
[[concerns]]
id = "drones"
text = "Drones without transponder over the strait"
text_ar = "طائرات مسيّرة بلا مجيب فوق المضيق"
hazard = ["unidentified_aircraft", "falling"]
area = ["strait"]
domain = ["air"]
craft = ["unmanned_aircraft"]
since = 1

[[concerns]]
id = "cables"
text = "Ships that go dark near the cables"
domain = ["sea"]
"""
LISTED = TEXT.replace('concerns = ["fishing grounds"]\n', "").replace("[promises]", f"{LIST}\n[promises]", 1)


def test_the_list_is_read_and_is_part_of_what_is_signed():
    one = read(LISTED)
    assert [said.id for said in one.agreement.concerns] == ["drones", "cables"]
    other = read(LISTED.replace("near the cables", "near the wells"))
    assert one.sha256 != other.sha256, "the hash that persons sign is over the list too"


def test_plain_texts_are_read_as_before():
    assert read(TEXT).agreement.concerns == ("fishing grounds",)


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ('id = "cables"', 'id = "drones"', "concerns[1].id"),
        ('id = "cables"', 'id = "No good"', "concerns[1].id"),
        ('"falling"]', '"invasion"]', "concerns[0].hazard"),
        ('craft = ["unmanned_aircraft"]', 'craft = ["bird"]', "concerns[0].craft"),
        ("since = 1", "since = 99", "concerns[0].since"),
        ('text = "Ships that go dark near the cables"', 'text = ""', "concerns[1].text"),
        ("since = 1", "sinc = 1", "concerns"),
    ],
)
def test_a_fault_has_its_place_and_line(old, new, where):
    made = document.read(LISTED.replace(old, new, 1).encode())
    assert isinstance(made, tuple)
    assert any(one.where.startswith(where) and one.line > 0 for one in made), made


def test_areas_are_held_against_the_directory():
    known = Directory(version=1, areas=(Area(id="harbour", partner="arvena", name="H", corners_deg=()),))
    wrong = [one for one in document.against(read(LISTED), known) if one.where.startswith("concerns")]
    assert [one.why for one in wrong] == ["strait is not in the directory"]


def test_diff_tells_concerns_by_their_id():
    old = read(LISTED).agreement
    drones, cables = old.concerns
    new = msgspec.structs.replace(
        old, concerns=(msgspec.structs.replace(drones, area=("harbour",)), Concern(id="fuel", text="Spills"))
    )
    book = Codebook(("strait", "harbour"), ("hill radar",), ("arvena", "belora", "corvia"))
    found = diff(old, new, book)
    assert [one.where for one in found.fields] == ["concerns.drones.area", "concerns.cables", "concerns.fuel"]
    assert found.fields[1].new is None
    assert found.shifts == (), "a concern permits nothing"
    assert diff(old, msgspec.structs.replace(old, concerns=(cables, drones)), book).same, "an order is no difference"
