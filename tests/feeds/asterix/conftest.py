"""What the ASTERIX tests share: the oracle (libasterix) in our shape, and inventors of valid records."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from asterix import base, generated

from manara.feeds.asterix import encode, outgoing
from manara.feeds.asterix.definitions import Definition, definition
from manara.feeds.asterix.encode import choose_content
from manara.records.identity import Space, pack
from manara.records.particulars import Particulars
from manara.records.tracks import Life, Tracks

LIMIT = 3  # repetitions of an invented field


def _content(element: Any, siblings: dict[str, Any]) -> Any:
    rule = element.cv_rule
    if issubclass(rule, base.RuleContentContextFree):
        content = rule.cv_content(element.bs)
    else:
        key = [siblings.get(path[-1]) for path in rule.cv_depends_on]
        content = rule._find_content(key if None not in key else None)(element.bs)
    if isinstance(content, base.ContentString):
        return content.as_string()
    if isinstance(content, base.ContentQuantity):
        return content._as_quantity()
    return content.as_integer() if isinstance(content, base.ContentInteger) else content.as_uint()


def _members(items: list[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in items:
        if isinstance(one, base.Item):
            found[one.cv_non_spare.cv_name] = _value(one.arg.arg, found)
    return found


def _value(rule: Any, siblings: dict[str, Any] | None = None) -> Any:
    variation = rule.arg if isinstance(rule, base.RuleVariationContextFree) else rule
    if isinstance(variation, base.RuleVariationDependent):
        parsed = variation.cv_default_variation.parse(variation.bs)
        return _value(parsed[0], siblings)
    if isinstance(variation, base.Element):
        return _content(variation, siblings or {})
    if isinstance(variation, base.Group):
        return _members(variation.arg)
    if isinstance(variation, base.Extended):
        return _members([one for part in variation.arg for one in part])
    if isinstance(variation, base.Repetitive):
        return [_value(one) for one in variation.arg]
    if isinstance(variation, base.Explicit):
        return variation.get_bytes().hex()
    return {name: _value(one.arg) for name, one in variation.arg.items()}


def _expanded(category: int, text: str) -> Any:
    specs = generated.manifest["REFS"].get(category, [])
    if not specs:
        return text
    got = specs[-1].cv_expansion._parse(base.Bits.from_bytes(bytes.fromhex(text)))
    if isinstance(got, ValueError) or len(got[1]):
        return text
    return {name: _value(one.arg) for name, one in got[0].arg.items()}


class Oracle:
    """libasterix, its answers in the shape of ``plain``."""

    def spec(self, category: int, edition: str) -> Any:
        specs = generated.manifest["CATS"][category]
        return next(s for s in specs if "{}.{}".format(*s.cv_edition) == edition)

    def records(self, category: int, edition: str, body: bytes, profile: str = "") -> list[dict[str, Any]] | None:
        """The records of one block's body; None where libasterix refuses."""
        uap = self.spec(category, edition).cv_uap
        bits = base.Bits.from_bytes(body)
        got = uap.parse(profile, bits) if profile else uap.parse(bits)
        return None if isinstance(got, ValueError) else [self.items(category, one) for one in got]

    def items(self, category: int, one: Any) -> dict[str, Any]:
        found = {name: _value(ns.arg) for name, ns in one.items_regular.items()}
        if "RE" in found:
            found["RE"] = _expanded(category, found["RE"])
        if one.items_rfs:
            found["RFS"] = [{name: _value(ns.arg)} for name, ns in one.items_rfs[0]]
        return found


@pytest.fixture(scope="session")
def oracle() -> Oracle:
    return Oracle()


class Inventor:
    """Invents valid fields from the definition alone: every node kind, raw numbers anywhere in their range."""

    def __init__(self, d: Definition, rng: random.Random) -> None:
        self.d, self.rng = d, rng

    def items(self, profile: int = 0, share: float = 0.4) -> dict[str, Any]:
        rows = [row for row in self.d.profiles[profile].rows if isinstance(row, tuple)]
        body = self.d.expansion  # random bytes might happen to follow the table of the RE field
        found = {
            name: self.value(body if name == "RE" and body >= 0 else number)
            for name, number in rows
            if self.rng.random() < share
        }
        if self.d.selector:
            name, subfield, names = self.d.selector
            number = dict(rows)[name]
            wanted = next(k for k, v in names.items() if v == self.d.profiles[profile].name)
            found[name] = self.value(number) | {subfield: wanted}
        return dict(sorted(found.items(), key=lambda pair: self.d.profiles[profile].by_name[pair[0]]))

    def value(self, number: int, siblings: dict[str, Any] | None = None) -> Any:
        node = self.d.nodes[number]
        if node[0] == "e":
            return self.element(node[1], choose_content(node[2], siblings))
        if node[0] == "g":
            return self.members(node[1])
        if node[0] == "x":
            parts = node[1][: self.rng.randint(1, len(node[1]))]
            return self.members([m for part in parts for m in part if m])
        if node[0] == "r":
            least = 1 if node[1] == 0 else 0
            return [self.value(node[2]) for _ in range(self.rng.randint(least, LIMIT))]
        if node[0] == "z":
            return self.rng.randbytes(self.rng.randint(0, 9)).hex()
        rows = [row for row in node[2] if row and self.rng.random() < 0.5]
        return {name: self.value(inner) for name, inner in rows}

    def members(self, members: list[Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, _, number in members:
            if name:
                found[name] = self.value(number, found)
        return found

    def element(self, bits: int, content: list[Any]) -> Any:
        if content[0] == "str":
            per = {"ascii": 8, "icao": 6, "octal": 3}[content[1]]
            letters = "01234567" if content[1] == "octal" else "ABCXYZ 019"
            return "".join(self.rng.choice(letters) for _ in range(bits // per))
        raw = self.rng.choice([0, 1, (1 << bits) - 1, 1 << bits - 1, self.rng.getrandbits(bits)])
        if content[0] not in ("q", "int"):
            return raw
        signed = raw - (1 << bits) if content[1] and raw >> bits - 1 else raw
        return signed * content[2] if content[0] == "q" else signed


@pytest.fixture(scope="session")
def invent() -> Callable[[int, str, int], Iterator[dict[str, Any]]]:
    """``invent(category, edition, n)``: n seeded records as items, profiles in turn."""

    def some(category: int, edition: str, n: int) -> Iterator[dict[str, Any]]:
        d = definition(category, edition)
        inventor = Inventor(d, random.Random(f"{category} {edition}"))
        for i in range(n):
            yield inventor.items(i % len(d.profiles), (0.1, 0.4, 1.0)[i % 3])

    return some


@pytest.fixture(scope="session")
def radar_block() -> Callable[..., bytes]:
    """One CAT048 block with one record; keyword ``items`` replaces or (None) removes fields."""

    def build(time_s: float = 43_200.0, **items: Any) -> bytes:
        fields: dict[str, Any] = {
            "010": {"SAC": 1, "SIC": 2}, "140": time_s, "020": {"TYP": 5}, "040": {"RHO": 10.0, "THETA": 90.0},
            "070": {"V": 0, "MODE3A": "1234"}, "090": {"FL": 100.0}, "220": 0xD00001, "240": "MNR123",
            "161": {"TRN": 77}, "200": {"GSP": 0.125, "HDG": 180.0},
        }  # fmt: skip
        fields |= {key.lstrip("_"): value for key, value in items.items()}
        return encode.block(48, [encode.record(48, "1.31", {k: v for k, v in fields.items() if v is not None})])

    return build


@pytest.fixture
def sent_tracks() -> list[bytes]:
    """Forty tracks as we send them, MNR42 with code 4321 among them."""
    n, now_ns = 40, 1_700_000_000_000_000_000
    identity = pack(Space.ICAO24, 0xD00001)
    tracks = Tracks.blank(n).replace(
        number=np.arange(1, n + 1, dtype=np.uint32),
        time_ns=np.full(n, now_ns),
        born_ns=np.full(n, now_ns - 5_000_000_000),
        life=np.full(n, Life.CONFIRMED, np.uint8),
        lat_rad=np.radians(np.full(n, 34.5)),
        lon_rad=np.radians(np.full(n, 13.25)),
        identity=np.array([identity] + [0] * (n - 1), np.uint64),
        mode_3a=np.array([0o4321] + [0xFFFFFFFF] * (n - 1), np.uint32),
        cov=np.eye(1, 10).repeat(n, 0) * 400.0 + np.eye(1, 10, 4).repeat(n, 0) * 400.0,
    )
    names = {identity: Particulars(identity=identity, time_ns=0, source=0, callsign="MNR42")}
    return outgoing.encode_tracks(tracks, names, now_ns, 1, 9)
