"""The tables are those of the public definitions, and editions are found however they are written."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys

import pytest
from asterix import generated

from manara.feeds.asterix import tables
from manara.feeds.asterix.definitions import CATEGORIES, bits_of, definition, editions, editions_of, normal_edition


def test_the_script_writes_what_the_repository_holds(repository):
    script = runpy.run_path(str(repository / "tools/asterix_tables.py"))
    for number in CATEGORIES:
        assert json.loads(json.dumps(script["category"](number))) == json.loads(tables.TEXT[number])


def test_every_published_edition_is_there():
    for number in CATEGORIES:
        published = tuple("{}.{}".format(*s.cv_edition) for s in generated.manifest["CATS"][number])
        assert editions(number) == published
    assert set(CATEGORIES) >= {1, 2, 10, 19, 20, 21, 34, 48, 62, 63, 65}
    assert {"0.23", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6"} <= set(editions(21))


def test_the_newest_edition_is_the_default():
    for number in CATEGORIES:
        newest = max(editions(number), key=lambda e: tuple(map(int, e.split("."))))
        assert definition(number).edition == newest


@pytest.mark.parametrize("text", ["2.4", "v2.4", " V2.4 ", "2.40"])
def test_an_edition_may_be_written_in_several_ways(text):
    assert normal_edition(21, text) == "2.4"
    assert normal_edition(20, "1.10") == "1.10"


@pytest.mark.parametrize(
    ("wanted", "part"),
    [({"021": "9.9"}, "known: 0.23"), ({"099": "1.0"}, "not supported"), ({"radar": "1.0"}, "not a number")],
)
def test_a_wrong_edition_is_one_clear_line(wanted, part):
    with pytest.raises(ValueError, match=part) as caught:
        editions_of(wanted)
    assert "\n" not in str(caught.value)


def test_categories_may_be_written_with_or_without_zeros():
    assert editions_of({"021": "0.23", "48": "1.31", "cat062": ""}) == {21: "0.23", 48: "1.31", 62: "1.21"}


def test_elements_and_groups_fill_whole_bytes_where_they_are_fields():
    for number in CATEGORIES:
        for edition in editions(number):
            d = definition(number, edition)
            for profile in d.profiles:
                fixed = [bits_of(d.nodes, row[1]) for row in profile.rows if isinstance(row, tuple)]
                assert all(bits == -1 or bits % 8 == 0 for bits in fixed)


def test_an_unknown_field_has_no_node():
    assert definition(48).node("999") is None
    assert definition(48).node("140")[0] == "e"


def test_the_running_program_does_not_import_libasterix(repository):
    code = "import sys, manara.feeds.asterix; print('asterix' in sys.modules, 'asterix.generated' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=repository)
    assert done.stdout.split() == ["False", "False"]
