"""Statements: one encoding, every signature held to the directory, anything else a reason in one line."""

from __future__ import annotations

import hashlib
import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.doubles.persons import DIRECTORY, key_of, public, signed

from manara.records.directory import Directory
from manara.release import phases, statements
from manara.release.statements import (
    AnyStatement,
    HoldPlace,
    Recall,
    Receipt,
    Refusal,
    Resume,
    Signature,
    Suspend,
    Verified,
)

BOOK = DIRECTORY
SHA = "ab" * 32
STOP = Suspend(agreement=SHA, nonce="01" * 16, reason="تعليق")


def why(data: bytes, book: Directory = BOOK) -> str:
    found = statements.verify(data, book)
    assert isinstance(found, Refusal), found
    assert found.sentence
    assert "\n" not in found.sentence
    return found.why


def altered(data: bytes, **fields) -> bytes:
    """The same envelope with its first signature changed."""
    plain = json.loads(data)
    plain["signatures"][0].update(fields)
    return json.dumps(plain).encode()


def test_what_persons_signed_is_known_by_their_capacities():
    found = statements.verify(signed(STOP, "arvena.minister", "arvena.chief", "belora.watch"), BOOK)
    assert isinstance(found, Verified)
    assert found.statement == STOP
    assert found.capacities("arvena") == {"policy", "operational"}
    assert found.capacities("belora") == {"operational"}
    assert found.capacities("corvia") == set()
    assert found.sha256 == hashlib.sha256(b"manara/statement/v1\n" + found.text).hexdigest()


def test_row_21_a_receipt_is_signed_by_the_recipients_node():
    receipt = Receipt(stream="arvena>belora", next="18446744073709551615", root=SHA, size="7")
    found = statements.verify(signed(receipt, "belora"), BOOK)
    assert isinstance(found, Verified)
    assert (found.nodes, found.persons) == (("belora",), ())
    assert why(altered(signed(receipt, "belora"), node="arvena")) == "wrong_key"


@pytest.mark.parametrize(
    ("fields", "slug"),
    [
        ({"key": public("belora.watch")}, "wrong_key"),
        ({"person": "arvena.nobody"}, "unknown_person"),
        ({"person": "", "node": "elsewhere"}, "unknown_node"),
        ({"person": "", "node": ""}, "malformed"),
        ({"node": "arvena"}, "malformed"),
        ({"sig": "AAAA"}, "bad_signature"),
        ({"sig": "not base64!"}, "bad_signature"),
        ({"capacity": "policy"}, "malformed"),
    ],
)
def test_a_signature_that_does_not_hold_spoils_the_envelope(fields, slug):
    assert why(altered(signed(STOP, "arvena.minister"), **fields)) == slug


def test_one_person_is_not_two():
    assert why(signed(STOP, "arvena.minister", "arvena.minister")) == "signed_twice"
    assert why(signed(STOP)) == "unsigned"


@settings(max_examples=60)
@given(st.data())
def test_no_byte_of_a_signed_statement_can_be_changed(draw):
    data = signed(STOP, "arvena.minister")
    place = draw.draw(st.integers(0, len(data) - 1))
    other = draw.draw(st.integers(0, 255).filter(lambda b: b != data[place]))
    assert isinstance(statements.verify(data[:place] + bytes([other]) + data[place + 1 :], BOOK), Refusal)


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"recall.done","after":"","count":"1","nonce":"","recall":"' + SHA + '","stream":"s"}',  # order
        '{"after":"","count":"1","nonce":"","recall":"' + SHA + '","stream":"s", "type":"recall.done"}',  # a blank
        '{"after":"","after":"","count":"1","nonce":"","recall":"' + SHA + '","stream":"s","type":"recall.done"}',
        '{"after":"","count":1,"nonce":"","recall":"' + SHA + '","stream":"s","type":"recall.done"}',
        '{"after":"","count":"-1","nonce":"","recall":"' + SHA + '","stream":"s","type":"recall.done"}',
        '{"after":"","count":"1","nonce":"","recall":"' + SHA + '\\n","stream":"s","type":"recall.done"}',
        '{"after":"","count":"1","more":1,"nonce":"","recall":"' + SHA + '","stream":"s","type":"recall.done"}',
        '{"after":"","nonce":"","sha256":"' + SHA + '","type":"directory.update","version":1.0}',
        '{"after":"","nonce":"","sha256":"' + SHA + '","type":"directory.update","version":true}',
        '{"type":"agreement.forge"}',
        "[]",
        "",
        "[" * 20_000,
        '{"a":"\\ud800"}',
    ],
)
def test_what_would_not_be_written_alike_is_refused(text):
    key = key_of("arvena.minister")
    made = statements.signed(
        text.encode(), bytes.fromhex(public("arvena.minister")), key.sign, person="arvena.minister"
    )
    assert why(statements.envelope(text.encode(), [made])) in {"malformed", "not_canonical"}


@pytest.mark.parametrize(
    "statement",
    [
        Recall(stream="s", tracks=("18446744073709551616",), to_ns="1"),
        Recall(stream="s", tracks=("1",), to_ns="9223372036854775808"),
        Receipt(stream="s", next="18446744073709551616", root=SHA, size="1"),
        HoldPlace(name="n", originator="o", tracks=("1",), from_ns="9223372036854775808", to_ns="1"),
    ],
)
def test_a_number_beyond_a_machine_word_is_refused(statement):
    assert why(signed(statement, "arvena.chief")) == "malformed"


def test_the_largest_numbers_are_taken():
    most = Recall(stream="s", tracks=("18446744073709551615",), to_ns="9223372036854775807")
    assert isinstance(statements.verify(signed(most, "arvena.chief"), BOOK), Verified)


def test_the_same_statement_written_well_is_taken():
    """The refusals above are not of the type itself."""
    text = b'{"after":"","count":"1","nonce":"","recall":"' + SHA.encode() + b'","stream":"s","type":"recall.done"}'
    assert not isinstance(statements.read(statements.envelope(text, [])), Refusal)


def test_sizes_are_bounded_before_anything_is_read():
    assert why(b"{" * (statements.ENVELOPE_BYTES + 1)) == "too_large"
    many = [Signature(person="a", key="", sig="")] * (statements.SIGNATURES_MAX + 1)
    assert why(statements.envelope(statements.canonical(STOP), many)) == "too_many"
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"type": "recall", "stream": "s", "tracks": ["1"] * 1_001, "to_ns": "1"}, AnyStatement)


@settings(max_examples=100)
@given(st.binary(max_size=300))
def test_nothing_raises(data):
    assert isinstance(statements.verify(data, BOOK), Refusal)


@pytest.mark.parametrize(
    "statement",
    [
        STOP,
        Resume(agreement=SHA, phase="interim"),
        Recall(stream="arvena>belora", tracks=("all",), to_ns="5"),
        HoldPlace(name="case 7", originator="belora", tracks=("1", "2"), to_ns="9"),
    ],
)
def test_a_statement_comes_back_as_it_was_made(statement):
    found = statements.verify(signed(statement, "arvena.chief"), BOOK)
    assert isinstance(found, Verified)
    assert found.statement == statement
    assert statements.canonical(found.statement) == found.text


def test_every_type_has_its_signers_in_the_table():
    kinds = {one.__struct_config__.tag for one in AnyStatement.__args__}
    assert kinds == set(phases.NEEDS)
    assert statements.type_of(STOP) == "agreement.suspend"
