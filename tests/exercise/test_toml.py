"""What an exercise writes is what a node reads."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from manara.exercise import toml
from manara.records.agreement import Agreement, Rule, When
from manara.records.config import NodeConfig
from manara.records.directory import Area, Directory
from manara.records.sensors import FeedConfig, Sensor

words = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
whens = st.builds(
    When,
    sort=st.lists(words, max_size=3).map(tuple),
    emergency=st.sampled_from([None, True, False]),
    age_max_s=st.none() | st.integers(0, 1 << 40),
)
rules = st.builds(Rule, id=words, effect=words, when=whens, onward=st.none() | st.lists(words, max_size=2).map(tuple))


@settings(max_examples=60)
@given(words, words, st.lists(rules, max_size=4), st.booleans(), st.integers(0, 1 << 62))
def test_an_agreement_is_read_back_as_it_was(name: str, title: str, some: list[Rule], flag: bool, days: int) -> None:
    made = Agreement(
        id=name,
        title=title,
        releaser="a",
        recipient="b",
        not_before="2030-01-01T00:00:00Z",
        not_after=name,
        no_use_of_force=flag,
        retention_s=days,
        rules=tuple(some),
    )
    assert msgspec.toml.decode(toml.text(made), type=Agreement) == made


@settings(max_examples=30)
@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_numbers_keep_every_bit(lat: float, lon: float) -> None:
    made = Directory(
        version=3,
        witnesses={"a b": "x", "c.d": 'y"'},
        areas=(Area(id="x", partner="p", name="n", corners_deg=((lat, lon), (1.0, 2.0))),),
    )
    assert msgspec.toml.decode(toml.text(made), type=Directory) == made


def test_a_configuration_says_only_what_is_not_the_default() -> None:
    made = NodeConfig(
        name="here",
        feeds=(FeedConfig(name="r", url="udp://127.0.0.1:1", editions={"048": "1.31"}),),
        sensors=(Sensor(name="hill", lat_deg=-1.5, lon_deg=2.0),),
    )
    text = toml.text(made)
    assert "nan" not in text
    assert "stale_s" not in text
    read = msgspec.toml.decode(text, type=NodeConfig)
    assert msgspec.json.encode(read) == msgspec.json.encode(made)  # NaN is equal to nothing
