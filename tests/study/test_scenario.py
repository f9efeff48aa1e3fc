"""Scenario files: what is refused is refused in one line that says where and what."""

from __future__ import annotations

import pytest

from manara.study import scenario as scenarios

GOOD = """
name = "small"
title = "Small"
title_ar = "صغير"
start = 2030-01-01T23:59:50Z
lat_deg = -47.0
lon_deg = 179.9
width_km = 200.0
height_km = 200.0
land_seed = 3
islets = 2
[counts]
cargo = 2
[[partner]]
name = "Arvena"
name_ar = "أرفينا"
east_km = 0.0
north_km = 0.0
radius_km = 20.0
mid = 291
operator = "ARVE"
[[town]]
name = "Tirrel"
name_ar = "تيرل"
partner = "Arvena"
bearing_deg = 20
[[craft]]
name = "stray"
kind = "unmanned"
path_km = [[-60.0, 0.0], [60.0, 40.0]]
speed_mps = 100.0
"""


def test_a_small_scenario_parses_to_what_it_says() -> None:
    scenario = scenarios.parse(GOOD)
    assert (scenario.name, scenario.counts.cargo, scenario.counts.ferry) == ("small", 2, 0)
    assert scenario.craft[0].path_km == ((-60.0, 0.0), (60.0, 40.0))
    assert scenarios.start_ns(scenario) == 1_893_542_390_000_000_000


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("islets = 2", "isles = 2", "unknown field `isles`"),
        ("islets = 2", "", "missing required field `islets`"),
        ("islets = 2", 'islets = "two"', "Expected `int`, got `str`"),
        ("islets = 2", "islets = ", "Invalid value"),
        ("23:59:50Z", "23:59:50", "time zone"),
        ("lat_deg = -47.0", "lat_deg = 91.0", "lat_deg"),
        ("width_km = 200.0", "width_km = 0.0", "width_km"),
        ("cargo = 2", "cargo = -1", "counts"),
        ('partner = "Arvena"', 'partner = "Nowhere"', "no partner is called 'Nowhere'"),
        ('kind = "unmanned"', 'kind = "missile"', "is none of"),
        ("speed_mps = 100.0", "", "speed_mps"),
        ("speed_mps = 100.0", 'speed_mps = 100.0\nto_town = "X"', "no town is called 'X'"),
        ("speed_mps = 100.0", 'speed_mps = 100.0\nsame_identity_as = "X"', "no scripted craft is called 'X'"),
        (", [60.0, 40.0]]", "]", "path_km is too short"),
        ('name = "stray"', 'name = "Tirrel"', "two things are called 'Tirrel'"),
        ("[counts]", "[rates]\nadsb_position_s = 0.0\n[counts]", "rates"),
        ("[counts]", '[[relation]]\nbetween = ["Arvena", "Nowhere"]\n[counts]', "it takes two partners"),
        ("[counts]", '[[relation]]\nbetween = ["Arvena", "Arvena"]\n[counts]', "it takes two partners"),
        ("[counts]", '[[relation]]\nbetween = ["Arvena"]\n[counts]', "length"),
    ],
)
def test_a_wrong_file_is_one_clear_line(old: str, new: str, says: str) -> None:
    assert old in GOOD
    with pytest.raises(ValueError) as fault:
        scenarios.parse(GOOD.replace(old, new, 1), "small.toml")
    text = str(fault.value)
    assert text.startswith("small.toml: ")
    assert says in text
    assert "\n" not in text


PERSON = '[[person]]\nname="Ilme"\nname_ar="إلمه"\npartner="Arvena"\ncapacity="policy"\n'


def test_persons_sign_for_a_partner_in_one_capacity() -> None:
    assert scenarios.parse(GOOD + PERSON).person[0].office == ""
    for old, new, says in [
        ("policy", "both", "capacity 'both' is none of policy, operational"),
        ("Arvena", "Nowhere", "no partner is called 'Nowhere'"),
        ("Ilme", "Tirrel", "two things are called 'Tirrel'"),
    ]:
        with pytest.raises(ValueError, match=says):
            scenarios.parse(GOOD + PERSON.replace(old, new))


def test_partners_differ_in_more_than_case_and_spaces() -> None:
    partner = GOOD[GOOD.index("[[partner]]") : GOOD.index("[[town]]")]
    with pytest.raises(ValueError, match="two partners have one name"):
        scenarios.parse(GOOD + partner.replace("Arvena", "ARVENA"))


def test_a_radar_needs_a_turn_and_a_sector() -> None:
    radar = '[[radar]]\nname="r"\nchannel="r"\npartner="Arvena"\nsac=1\nsic=1\neast_km=0\nnorth_km=0\nheight_m=9\n'
    assert scenarios.parse(GOOD + radar).radar[0].period_s == 4.0
    with pytest.raises(ValueError, match="period_s"):
        scenarios.parse(GOOD + radar + "period_s = 0.0\n")


def test_files_are_found_by_name_and_by_path(tmp_path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(GOOD, encoding="utf-8")
    assert scenarios.load(scenarios.find(str(own))).name == "small"
    assert scenarios.find("lantern").name == "lantern.toml"
    with pytest.raises(ValueError, match=r"no scenario 'atlantis'; known by name: .*lantern"):
        scenarios.find("atlantis")
    with pytest.raises(ValueError, match="No such file"):
        scenarios.load(tmp_path / "gone.toml")
    own.write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="not UTF-8"):
        scenarios.load(own)


def test_relations_name_a_phase_in_which_to_begin_and_each_pair_once() -> None:
    text = scenarios.find("lantern").read_text("utf-8")
    one = '[[relation]]\nbetween = ["Belora", "Arvena"]\n'
    with pytest.raises(ValueError, match="two relations between Arvena and Belora"):
        scenarios.parse(text + one)
    with pytest.raises(ValueError, match="phase 'suspended' is none of warning_only, interim, full"):
        scenarios.parse(text.replace('phase = "interim"', 'phase = "suspended"', 1))
    sea = scenarios.parse(text)
    assert [one.phase for one in scenarios.relations(sea, ("Corvia", "Arvena"))] == ["interim"]
    assert scenarios.relations(sea, ("Arvena", "Delmara")) == ()  # nobody is there to carry
    assert {one.via for one in scenarios.relations(sea, ("Arvena", "Corvia", "Delmara"))} == {"", "Corvia"}
    with pytest.raises(ValueError, match="via takes a third partner"):
        scenarios.parse(text.replace('via = "Corvia"', 'via = "Delmara"'))
