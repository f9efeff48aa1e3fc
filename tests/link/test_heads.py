"""Heads are RFC 8785 JSON and nothing else is read."""

from __future__ import annotations

import json

import msgspec
import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from manara.link import heads
from manara.records.reject import Reject
from manara.records.released import FRAME_KINDS, Head, Terms

number = st.integers(0, 2**32 - 1)
words = st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=20)
terms = st.builds(Terms, rules=st.tuples(words), purpose=number, retention_s=number, cell_m=number, delay_s=number)
some_heads = st.builds(
    Head,
    kind=st.sampled_from(FRAME_KINDS),
    stream=st.sampled_from(["arvena", "arvena>belora", "arvena>belora/backfill"]),
    offset=st.integers(0, heads.NUMBER_MAX).map(str),
    time_ns=st.integers(0, heads.NUMBER_MAX).map(str),
    policy=st.sampled_from(["", "ab" * 32]),
    phase=st.sampled_from(["", "full", "warning_only"]),
    terms=st.lists(terms, max_size=3).map(tuple),
    blocks=st.lists(st.tuples(number, number, number), max_size=3).map(tuple),
    subject=words,
)
GOOD = Head(kind="batch", stream="arvena>belora", offset="7", time_ns="1", terms=(Terms(("r",), 1, 2),))


@given(some_heads)
@settings(max_examples=200, deadline=None)
def test_what_is_written_is_rfc_8785_and_is_read_again(head):
    data = heads.encode(head)
    assert data == rfc8785.dumps(msgspec.to_builtins(head))
    assert heads.parse(data) == head


@given(st.binary(max_size=80))
@settings(max_examples=300, deadline=None)
def test_any_bytes_give_a_value(data):
    assert isinstance(heads.parse(data), Reject)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_a_changed_byte_never_reads_as_the_same_head(data):
    good = heads.encode(GOOD)
    at = data.draw(st.integers(0, len(good) - 1))
    spoilt = good[:at] + bytes([data.draw(st.integers(0, 255).filter(lambda b: b != good[at]))]) + good[at + 1 :]
    read = heads.parse(spoilt)
    assert isinstance(read, Reject) or (read != GOOD and heads.encode(read) == spoilt)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda d: d.update(v=2), "version"),
        (lambda d: d.update(further=1), "not_canonical"),
        (lambda d: d.update(kind="Batch!"), "out_of_bounds"),
        (lambda d: d.update(stream="../etc"), "out_of_bounds"),
        (lambda d: d.update(stream="arvena>belora/x/y"), "out_of_bounds"),
        (lambda d: d.update(offset="07"), "out_of_bounds"),
        (lambda d: d.update(offset="-1"), "out_of_bounds"),
        (lambda d: d.update(offset=str(2**63)), "out_of_bounds"),
        (lambda d: d.update(offset=7), "not_a_head"),
        (lambda d: d.update(time_ns="1e3"), "out_of_bounds"),
        (lambda d: d.update(policy="xyz"), "out_of_bounds"),
        (lambda d: d.update(blocks=[[1, 2, -3]]), "out_of_bounds"),
        (lambda d: d.update(blocks=[[0, 40, 1]] * 65), "out_of_bounds"),
        (lambda d: d["terms"][0].update(purpose=-1), "out_of_bounds"),
        (lambda d: d.update(v=1), "not_canonical"),  # a default is not written
        (lambda d: d.update(subject="x" * heads.HEAD_BYTES), "too_long"),
        (lambda d: d.pop("kind"), "not_a_head"),
    ],
)
def test_what_is_refused_and_why(change, why):
    plain = msgspec.to_builtins(GOOD)
    change(plain)
    assert heads.parse(rfc8785.dumps(plain)).why == why


def test_other_spellings_of_the_same_head_are_refused():
    plain = msgspec.to_builtins(GOOD)
    assert heads.parse(json.dumps(plain).encode()).why == "not_canonical"
    good = heads.encode(GOOD)
    assert heads.parse(good + b"\n").why == "not_canonical"
    assert heads.parse(good.replace(b'"batch"', b'"\\u0062atch"')).why == "not_canonical"
    assert heads.parse(b'{"v":1,' + good[1:]).why == "not_canonical"


def test_nesting_without_end_is_a_value():
    assert heads.parse(b'{"x":' + b"[" * 200_000).why == "not_a_head"


def test_a_kind_of_a_later_version_is_read():
    later = msgspec.structs.replace(GOOD, kind="consultation")
    assert heads.parse(heads.encode(later)) == later
