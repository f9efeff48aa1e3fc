"""Encode and plain are inverse, libasterix agrees with both, and so does the kernel: all categories and editions."""

from __future__ import annotations

import numpy as np
import pytest

from manara.feeds.asterix import encode, plain, walker
from manara.feeds.asterix.definitions import CATEGORIES, definition, editions
from manara.feeds.asterix.program import compile_program
from manara.feeds.decoder import Options
from manara.records.reject import Reject

ALL = [(c, e) for c in CATEGORIES for e in editions(c)]
N = 30


@pytest.mark.parametrize(("category", "edition"), ALL)
def test_what_goes_in_comes_out_and_the_oracle_agrees(category, edition, invent, oracle):
    d = definition(category, edition)
    for items in invent(category, edition, N):
        body = encode.record(category, edition, items)
        (found,) = plain.records(body, 0, len(body), d)
        assert found["items"] == items
        assert oracle.records(category, edition, body, found.get("profile", "")) == [items]


@pytest.mark.parametrize(("category", "edition"), ALL)
def test_the_kernel_walks_as_plain_does(category, edition, invent):
    d = definition(category, edition)
    blocks = b"".join(
        encode.block(category, [encode.record(category, edition, i)]) for i in invent(category, edition, N)
    )
    wanted = {row[0]: row[0] for row in d.profiles[0].rows if isinstance(row, tuple)}
    paths = _paths(d, wanted)
    buf = np.frombuffer(blocks, np.uint8)
    starts, ends, _, state = walker.find_blocks(buf)
    bad = np.zeros((len(starts), 2), np.int64)
    (found,) = walker.walk(buf, starts, ends, starts, compile_program(d, paths), bad)
    assert state == 0
    assert not bad.any()
    expected = [one["items"] for one in plain.full(blocks, Options(editions={f"{category}": edition}), raw=True)]
    for path in paths:
        for row, items in zip(found[path].tolist(), expected, strict=True):
            value = _at(items, path.split("."))
            assert (np.isnan(row) and value is None) or row == value, (path, row, value)


def _paths(d, names):
    """The bare path of each element of at most 48 bits that is no member of a repetition."""
    return {path: path + "#" for name in names for path, bits in _below(d, name, d.node(name)) if bits <= 48}


def _below(d, path, node):
    if node[0] == "e":
        yield path, node[1]
    elif node[0] == "g":
        for name, _, number in node[1]:
            if name:
                yield from _below(d, f"{path}.{name}", d.nodes[number])
    elif node[0] == "x":
        for member in [m for part in node[1] for m in part if m and m[0]]:
            yield from _below(d, f"{path}.{member[0]}", d.nodes[member[2]])
    elif node[0] == "c":
        for row in node[2]:
            if row and d.nodes[row[1]][0] in "eg":
                yield from _below(d, f"{path}.{row[0]}", d.nodes[row[1]])


def test_columns_in_engineering_units_are_those_of_plain(invent):
    paths = {"040": "161.TRN", "070": "070.MODE3A", "rho": "040.RHO", "fl": "090.FL", "x": "042.X", "rpd": "130.RPD"}
    d = definition(48, "1.32")
    some = list(invent(48, "1.32", 60))
    buf = np.frombuffer(encode.block(48, [encode.record(48, "1.32", items) for items in some]), np.uint8)
    starts, ends, _, _ = walker.find_blocks(buf)
    (found,) = walker.walk(buf, starts, ends, starts, compile_program(d, paths), np.zeros((1, 2), np.int64))
    for name, path in (("rho", ["040", "RHO"]), ("fl", ["090", "FL"]), ("x", ["042", "X"]), ("rpd", ["130", "RPD"])):
        expected = [_at(items, path) for items in some]
        assert [None if np.isnan(v) else v for v in found[name].tolist()] == expected
        assert any(v is not None and v < 0 for v in expected) or name == "rho", "signs are among them"


def _at(items, path):
    for name in path:
        items = items.get(name) if items else None
    return items


@pytest.mark.parametrize(("category", "edition"), ALL)
def test_a_record_cut_anywhere_is_bad_for_plain_kernel_and_oracle(category, edition, invent, oracle):
    d = definition(category, edition)
    program = compile_program(d, {})
    for items in invent(category, edition, 6):
        body = encode.record(category, edition, items)
        name = next(plain.records(body, 0, len(body), d)).get("profile", "")
        for cut in {1, len(body) // 2, len(body) - 1} - {0, len(body)}:
            part = body[:cut]
            ours = list(plain.records(part, 0, cut, d))
            assert isinstance(ours[-1], Reject) == (oracle.records(category, edition, part, name) is None)
            assert _kernel_refuses(category, part, program) == isinstance(ours[-1], Reject)


def _kernel_refuses(category, body, program):
    buf = np.frombuffer(encode.block(category, [body]), np.uint8)
    starts, ends, _, _ = walker.find_blocks(buf)
    bad = np.zeros((1, 2), np.int64)
    list(walker.walk(buf, starts, ends, starts, program, bad))
    return bool(bad[0, 1])


def test_random_field_sequencing_goes_through_all_three(oracle):
    items = {"010": {"SAC": 1, "SIC": 2}, "020": {"TYP": 0}, "RFS": [{"141": 2.5}, {"030": [3, 4]}]}
    full = {"TYP": 0, "SIM": 0, "SSRPSR": 0, "ANT": 0, "SPI": 0, "RAB": 0}
    body = encode.record(1, "1.4", items)
    (found,) = plain.records(body, 0, len(body), definition(1, "1.4"))
    assert found["items"] == items | {"020": full}
    assert oracle.records(1, "1.4", body, "plot") == [found["items"]]
    program = compile_program(definition(1, "1.4"), {"t": "141"})
    buf = np.frombuffer(encode.block(1, [body]), np.uint8)
    starts, ends, _, _ = walker.find_blocks(buf)
    (walked,) = walker.walk(buf, starts, ends, starts, program, np.zeros((1, 2), np.int64))
    assert walked["t"].tolist() == [2.5]


def test_the_expansion_field_is_read_where_a_table_exists_and_hex_elsewhere():
    body = encode.record(48, "1.31", {"RE": {"MD5": {}}})
    assert next(plain.records(body, 0, len(body), definition(48, "1.31")))["items"] == {"RE": {"MD5": {}}}
    odd = encode.record(48, "1.31", {"RE": "ffffff"})
    assert next(plain.records(odd, 0, len(odd), definition(48, "1.31")))["items"] == {"RE": "ffffff"}


@pytest.mark.parametrize(
    ("items", "part"),
    [
        ({"999": 1}, "no field '999'"),
        ({"040": {"RHO": 300.0}}, "040/RHO: 300.0 is out of range"),
        ({"040": {"ROH": 1.0}}, "no subfield 'ROH'"),
        ({"040": 3.0}, "group of subfields"),
        ({"020": {"XYZ": 1}}, "no subfield 'XYZ'"),
        ({"130": {"XYZ": 1}}, "no subfield 'XYZ'"),
        ({"140": "noon"}, "a number is needed"),
        ({"140": float("nan")}, "finite number"),
        ({"240": "TOOLONGNAME"}, "longer than 8"),
        ({"240": "lower"}, "alphabet"),
        ({"070": {"MODE3A": "8888"}}, "alphabet"),
        ({"030": []}, "at least one repetition"),
        ({"250": [{}] * 256}, "do not fit"),
        ({"SP": bytes(255)}, "at most 254 bytes"),
    ],
)
def test_our_own_faults_are_one_clear_line(items, part):
    with pytest.raises(ValueError, match=part) as caught:
        encode.record(48, "1.31", items)
    assert "\n" not in str(caught.value)


def test_a_block_holds_at_most_what_its_length_can_say():
    assert len(encode.block(48, [bytes(65_532)])) == 65_535
    with pytest.raises(ValueError, match="at most 65535"):
        encode.block(48, [bytes(65_533)])


def test_an_expansion_without_a_table_cannot_be_built_from_names():
    with pytest.raises(ValueError, match="give it as hex"):
        encode.record(34, "1.29", {"RE": {"X": 1}})


def test_airspeed_depends_on_the_bit_beside_it():
    slow = encode.record(21, "2.6", {"150": {"IM": 0, "AS": 0.125}})
    fast = encode.record(21, "2.6", {"150": {"IM": 1, "AS": 0.8}})
    d = definition(21, "2.6")
    assert next(plain.records(slow, 0, len(slow), d))["items"]["150"]["AS"] == 0.125
    assert next(plain.records(fast, 0, len(fast), d))["items"]["150"]["AS"] == pytest.approx(0.8, abs=5e-4)
    assert slow[-2:] == (2048).to_bytes(2, "big")
    assert fast[-2:] == (0x8000 | 800).to_bytes(2, "big")
