"""Envelopes as bytes: always of a size, nothing said beside the body, nothing read that would be written otherwise."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from manara.link import sealed
from manara.link.sealed import Letter, Part, Place, Want
from manara.records.brokered import SIZES
from manara.records.reject import Reject

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/brokered/vectors.json").read_text("ascii"))
LETTER = Letter(1, 5, 40, 1, (3,), (Want("delmara>arvena", 9, 12),), (Part("statement", 4, 0, 5, b"hello"),))
PLACE = Place(GOLDEN["sender"]["alias"], GOLDEN["recipient"]["alias"], GOLDEN["epoch"], GOLDEN["sequence"])


def test_the_golden_body_and_binding_are_still_the_same():
    assert sealed.encode(LETTER).hex() == GOLDEN["body"]
    assert sealed.binding(PLACE).decode() == GOLDEN["binding"]
    assert sealed.read(bytes.fromhex(GOLDEN["body"])) == LETTER


@pytest.mark.parametrize("size", SIZES)
def test_what_is_sealed_is_as_long_whatever_it_says(size):
    chance = random.Random(size)
    for length in (0, 1, sealed.body_max(size) - 1, sealed.body_max(size), chance.randrange(sealed.body_max(size))):
        body = chance.randbytes(length)
        made = sealed.plaintext(bytes(64), body, size)
        assert len(made) + sealed.SEAL_BYTES + 17 == size
        assert sealed.split(made) == (bytes(64), body)
    with pytest.raises(ValueError, match="body"):
        sealed.plaintext(bytes(64), bytes(sealed.body_max(size) + 1), size)


def test_a_filling_that_says_something_is_refused():
    made = bytearray(sealed.plaintext(bytes(64), b"body", 4_096))
    made[-1] = 1
    assert sealed.split(bytes(made)).why == "not_a_letter"
    assert sealed.split(b"short").why == "not_a_letter"
    made = bytearray(sealed.plaintext(bytes(64), b"body", 4_096))
    made[64:68] = b"\xff" * 4
    assert sealed.split(bytes(made)).why == "not_a_letter"


def test_every_field_of_a_place_is_in_what_is_signed():
    texts = {sealed.signed_text(one, b"") for one in (
        PLACE, PLACE._replace(sender=PLACE.recipient), PLACE._replace(recipient=PLACE.sender),
        PLACE._replace(epoch=3), PLACE._replace(sequence=8), PLACE._replace(epoch=27, sequence=0),
    )}  # fmt: skip
    assert len(texts) == 6


@pytest.mark.parametrize(
    ("spoilt", "why"),
    [
        (lambda e: e[:-1], "size"),
        (lambda e: b"XNSE" + e[4:], "not_an_envelope"),
        (lambda e: e[:4] + b"\2" + e[5:], "version"),
        (lambda e: e[:9] + b"\xff" * 8 + e[17:], "not_an_envelope"),
    ],
)
def test_what_is_no_envelope_is_refused_with_its_reason(spoilt, why):
    whole = bytes.fromhex(GOLDEN["envelope"])
    assert sealed.parse(whole)[:2] == (2, 7)
    assert sealed.parse(spoilt(whole)).why == why


@pytest.mark.parametrize(
    ("letter", "why"),
    [
        (Letter(2, 0, -1, 0), "version"),
        (Letter(1, -1, -1, 0), "out_of_bounds"),
        (Letter(1, 0, -2, 0), "out_of_bounds"),
        (Letter(1, 0, 0, 0, (-1,)), "out_of_bounds"),
        (Letter(1, 0, 0, 0, (), (Want("a>b", -1, 0),)), "out_of_bounds"),
        (Letter(1, 0, 0, 0, (), (), (Part("answer", 1, 3, 4, b"ab"),)), "out_of_bounds"),
        (Letter(1, 0, 0, 0, (), (), (Part("order", 1, 0, 2, b"ab"),)), "out_of_bounds"),
        (Letter(1, 0, 0, 0, tuple(range(65))), "not_a_letter"),
        (Letter(1, 0, 0, 0, (), (Want("x" * 201, 0, 0),)), "not_a_letter"),
    ],
)
def test_a_letter_out_of_bounds_is_refused(letter, why):
    assert sealed.read(sealed.encode(letter)).why == why


def test_ten_thousand_mutations_raise_nothing():
    chance, body = random.Random(1), bytes.fromhex(GOLDEN["body"])
    for _ in range(10_000):
        made = bytearray(body)
        for _ in range(chance.randint(1, 4)):
            made[chance.randrange(len(made))] = chance.randrange(256)
        found = sealed.read(bytes(made[: chance.randint(0, len(made))]))
        assert isinstance(found, Reject | Letter)
