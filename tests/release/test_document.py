"""Documents: each fault is found on its line; the bytes are what is signed; a stranger's name is no name."""

from __future__ import annotations

import hashlib
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.doubles.agreements import TEXT, admitted, read, sidecar
from tests.doubles.persons import DIRECTORY, key_of, public

from manara.records.directory import Directory
from manara.release import document, toml_lines
from manara.release.document import Admitted, Document, Fault
from manara.release.statements import Refusal


def faults(text: str) -> tuple[Fault, ...]:
    found = document.read(text.encode())
    assert isinstance(found, tuple), "no fault was found"
    return found


def line_with(text: str, words: str, at_last: bool = False) -> int:
    there = [n for n, line in enumerate(text.split("\n"), 1) if words in line]
    return there[-1 if at_last else 0]


def test_the_example_reads_well_and_names_nobody_unknown():
    one = read()
    assert one.agreement.rules[0].when.age_max_s == 120
    assert one.sha256 == hashlib.sha256(b"manara/agreement/v1\n" + TEXT.encode()).hexdigest()
    assert one.not_after_ns - one.not_before_ns == 365 * 86_400 * 10**9
    assert document.against(one, DIRECTORY) == ()


CHANGES = [
    ('edition = 2', 'edition = 0', "edition"),
    ('edition = 2', 'edition = "2"', "edition"),
    ('edition = 2', 'edition = 2\ncolour = "red"', "colour"),
    ('version = 1', 'version = 2', "version"),
    ('id = "arvena-belora"', 'id = "Arvena Belora"', "id"),
    ('recipient = "belora"', 'recipient = "arvena"', "recipient"),
    ('not_before = "2026-01-01T00:00:00Z"', 'not_before = "2026-13-01T00:00:00Z"', "not_before"),
    ('not_before = "2026-01-01T00:00:00Z"', 'not_before = "tomorrow"', "not_before"),
    ('not_after = "2027-01-01T00:00:00Z"', 'not_after = "2025-01-01T00:00:00Z"', "not_after"),
    ('not_after = "2027-01-01T00:00:00Z"', 'not_after = 2027-01-01T00:00:00Z', "not_after"),
    ('not_after = "2027-01-01T00:00:00Z"', 'not_after = "9999-12-31T23:59:59Z"', "not_after"),
    ('treaty_sha256 = "01', 'treaty_sha256 = "XX', "treaty_sha256"),
    ('prevailing = "ar"', 'prevailing = "fr"', "prevailing"),
    ('purposes = ["safety_of_life", "search_and_rescue"]', 'purposes = ["strike"]', "purposes"),
    ('purposes = ["safety_of_life", "search_and_rescue"]', 'purposes = []', "purposes"),
    ('onward = ["corvia"]', 'onward = ["belora"]', "onward"),
    ('onward = ["corvia"]', 'onward = ["corvia", "corvia"]', "onward"),
    ('retention_s = 86_400', 'retention_s = -1', "retention_s"),
    ('domains = ["air", "sea"]', 'domains = ["space"]', "domains"),
    ('quorum = 1', 'quorum = 2', "quorum"),
    ('window = 600', 'window = 0', "window"),
    ('answer_s = 3_600', 'answer_s = -1', "promises.answer_s"),
    ('capacity = "policy"', 'capacity = "both"', "signatories[0].capacity"),
    ('partner = "arvena"', 'partner = "corvia"', "signatories[0].partner"),
    ('id = "closed"', 'id = "strait"', "rules[1].id"),
    ('effect = "forbid"', 'effect = "deny"', "rules[1].effect"),
    ('effect = "forbid"', 'effect = "forbid"\ncell_m = 1_000', "rules[1].cell_m"),
    ('effect = "forbid"', 'effect = "forbid"\nonward = []', "rules[1].onward"),
    ('cell_m = 4_000', 'cell_m = -4', "rules[0].cell_m"),
    ('cell_m = 4_000', 'cell_m = 1.5', "rules[0].cell_m"),
    ('strip = ["identity", "names"]', 'strip = ["nmes"]', "rules[0].strip"),
    ('onward = ["corvia"]\n[rules.when]', 'onward = ["delmara"]\n[rules.when]', "rules[0].onward"),
    ('age_max_s = 120', 'age_max_s = -1', "rules[0].when.age_max_s"),
    ('age_max_s = 120', 'speed = 120', "rules[0].when.speed"),
    ('phase = ["full"]', 'phase = ["FULL"]', "rules[0].when.phase"),
    ('sort = ["track"]', 'sort = ["trak"]', "rules[0].when.sort"),
    ('craft = ["vessel_a"]', 'craft = ["submarine"]', "rules[0].when.craft"),
    ('emergency = false', 'emergency = "no"', "rules[0].when.emergency"),
    ('sensitivity = ["closed"]', 'sensitivety = ["closed"]', "rules[1].when.sensitivety"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "where"), CHANGES)
def test_each_fault_is_found_on_its_line(old, new, where):
    text = TEXT.replace(old, new, 1)
    assert text != TEXT
    found = [f for f in faults(text) if f.where == where]
    assert found, faults(text)
    last = new.split("\n[")[0].split("\n")[-1]
    assert found[-1].line in (line_with(text, last), line_with(text, last, at_last=True)), found
    assert found[-1].text().startswith(f"line {found[-1].line}: {where}: ")


def test_a_rule_for_an_unknown_field_says_which_are_known():
    [one] = faults(TEXT.replace("age_max_s = 120", "speed = 120"))
    assert "unknown field" in one.why
    assert "age_max_s" in one.why


def test_all_faults_are_told_at_once_and_in_order():
    text = TEXT.replace("edition = 2", "edition = 0").replace('effect = "forbid"', 'effect = "deny"')
    text = text.replace('prevailing = "ar"', 'prevailing = "fr"')
    assert [f.where for f in faults(text)] == ["edition", "prevailing", "rules[1].effect"]


def test_who_does_not_sign_is_a_fault():
    text = TEXT.replace('capacity = "policy"', 'capacity = "operational"', 1)
    assert any("nobody signs for arvena" in f.why for f in faults(text))


@pytest.mark.parametrize("sign", ["\u202e", "\u2067", "\u200b", "\x9f", "\u200f", "\ufeff"])
def test_signs_that_are_not_seen_are_refused_wherever_they_stand(sign):
    """In a remark too: a document must read as it stands."""
    [one] = faults(TEXT.replace("# ] = [", f"# {sign}"))
    assert one.line == line_with(TEXT, '"harbour",')
    assert f"U+{ord(sign):04X}" in one.why
    [escaped] = faults(TEXT.replace("fishing grounds", f"\\u{ord(sign):04x}"))
    assert escaped.line == line_with(TEXT, "concerns")
    assert f"U+{ord(sign):04X}" in escaped.why


def test_what_is_no_toml_says_the_line():
    [one] = faults(TEXT.replace("edition = 2", "edition = "))
    assert one.line == line_with(TEXT, "edition")
    assert faults("a = " + "[" * 5_000)
    assert document.read(b"\xff\xfe") != ()
    assert "larger" in faults("#" * (document.DOCUMENT_BYTES + 1))[0].why


@pytest.mark.parametrize(
    "text", ["", "rules = 3", "rules = [3]", 'when = "x"', "[[rules]]\nwhen = 3", "signatories = [1]"]
)
def test_a_document_of_another_shape_is_a_list_of_faults(text):
    assert faults(text)


def test_too_many_rules_are_refused():
    text = TEXT + "".join(f'[[rules]]\nid = "r{n}"\neffect = "permit"\n' for n in range(127))
    assert any(f.where == "rules" for f in faults(text))


def paths(value, at="") -> set[str]:
    """Every path of a TOML tree, but not into inline lists of plain values."""
    found = {at} if at else set()
    if isinstance(value, dict):
        for key, inner in value.items():
            found |= paths(inner, f"{at}.{key}" if at else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for place, inner in enumerate(value):
            found |= paths(inner, f"{at}[{place}]")
    return found


def test_every_field_has_a_line_and_no_line_names_what_is_not_there():
    """The oracle is the standard reader's tree."""
    there, found = paths(tomllib.loads(TEXT)), toml_lines.lines_of(TEXT)
    assert there - found.keys() == {"rules[1].when.sensitivity"}  # inside an inline table: the table's line
    assert not found.keys() - there
    assert toml_lines.line_of(found, "rules[1].when.sensitivity") == found["rules[1].when"]


ABOVE = ["", "# note = [", 'x{} = """\n[a]\nb = 1\n"""', "y{} = '''\nz = ['''", 'k{} = ["[", "]"]', 'q{} = "\\"#["']


@settings(max_examples=40)
@given(st.lists(st.sampled_from(ABOVE), max_size=5))
def test_lines_hold_whatever_stands_above(above):
    text = "\n".join([*(one.format(n) for n, one in enumerate(above)), "[table]", "field = 1"]) + "\n"
    assert tomllib.loads(text)["table"]["field"] == 1
    assert toml_lines.lines_of(text)["table.field"] == text.split("\n").index("field = 1") + 1


@settings(max_examples=100)
@given(st.text(max_size=200))
def test_nothing_raises(text):
    toml_lines.lines_of(text)
    assert isinstance(document.read(text.encode("utf-8", "surrogatepass")), tuple)


# Names that the directory must know


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ('onward = ["corvia"]', 'onward = ["corvia", "elsewhere"]', "onward"),
        ('witnesses = ["lantern"]', 'witnesses = ["nobody"]', "witnesses"),
        ('area = ["strait"]', 'area = ["gulf"]', "rules[0].when.area"),
        ('originator = ["own"]', 'originator = ["zeta"]', "rules[0].when.originator"),
        ('person = "arvena.minister"', 'person = "arvena.ghost"', "signatories[0].person"),
        ('person = "arvena.minister"', 'person = "arvena.chief"', "signatories[0]"),
    ],
)
def test_what_the_directory_does_not_know_is_found_on_its_line(old, new, where):
    text = TEXT.replace(old, new, 1)
    [one] = document.against(read(text), DIRECTORY)
    assert one.where == where
    if "." in where:
        assert one.line == line_with(text, new)


# Signatures


def test_both_partners_must_have_signed():
    one = read()
    for who, missing in (
        ((), ("arvena.minister", "belora.minister", "policy of arvena", "policy of belora")),
        (("arvena.minister",), ("belora.minister", "policy of belora")),
        (("arvena.minister", "belora.watch"), ("belora.minister", "policy of belora")),
        (("arvena.minister", "belora.minister"), ()),
    ):
        persons = document.signers(one, sidecar(one, *who), DIRECTORY)
        assert not isinstance(persons, Refusal)
        assert document.awaited(one.agreement, persons) == missing


def test_a_signature_over_another_text_does_not_hold():
    other = read(TEXT.replace("edition = 2", "edition = 3"))
    found = document.signers(read(), sidecar(other, "arvena.minister"), DIRECTORY)
    assert isinstance(found, Refusal)
    assert found.why == "bad_signature"
    assert "Line 1" in found.sentence


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"garbage", "malformed"),
        (b"{}", "malformed"),
        (b'{"person":"arvena.ghost","key":"","sig":""}', "unknown_person"),
        (b'{"person":"arvena.minister","key":"00","sig":""}', "wrong_key"),
        (b"\xff", "malformed"),
        (b" " * (document.SIDECAR_BYTES + 1), "too_large"),
    ],
)
def test_one_bad_line_spoils_the_signatures(line, why):
    one = read()
    found = document.signers(one, sidecar(one, "arvena.minister") + line, DIRECTORY)
    assert isinstance(found, Refusal)
    assert found.why == why


def test_a_statement_signature_is_none_of_a_document():
    """The prefixes keep the two apart: a person cannot be made to sign one by signing the other."""
    one = read()

    def other(text: bytes) -> bytes:
        return key_of("arvena.minister").sign(text.replace(b"manara/agreement", b"manara/statement"))

    line = document.signature_line(one, "arvena.minister", bytes.fromhex(public("arvena.minister")), other)
    assert isinstance(document.signers(one, line, DIRECTORY), Refusal)


def test_an_attachment_comes_back_as_it_was_made():
    one = admitted()
    assert document.admit(one.attachment, DIRECTORY) == one
    assert [p.id for p in one.persons] == ["arvena.minister", "belora.minister"]
    assert document.detach(one.attachment) == (
        TEXT.encode(),
        sidecar(one.document, "arvena.minister", "belora.minister"),
    )


@pytest.mark.parametrize(
    ("attachment", "why"),
    [
        (b"", "malformed"),
        (b"manara/attachment/v1 9\nshort", "malformed"),
        (document.attach(b"id = 3", b""), "malformed"),
        (document.attach(TEXT.replace('["lantern"]', '["ghost"]').encode(), b""), "unknown_name"),
        (document.attach(TEXT.encode(), b"x"), "malformed"),
    ],
)
def test_an_attachment_that_is_none_is_refused(attachment, why):
    found = document.admit(attachment, DIRECTORY)
    assert isinstance(found, Refusal)
    assert found.why == why


def test_an_empty_directory_knows_nobody():
    found = document.admit(admitted().attachment, Directory(version=1))
    assert isinstance(found, Refusal)
    assert not isinstance(found, Admitted | Document)
