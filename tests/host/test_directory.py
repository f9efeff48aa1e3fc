"""The directory: faults by line, no two of anything, a lower version never takes the place of a higher one."""

from __future__ import annotations

import hashlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.doubles.persons import DIRECTORY, key_of, public

from manara.host import directory, keys
from manara.host.problems import BadInput
from manara.records.directory import Area, Directory
from manara.release import register
from manara.release.document import Fault
from manara.release.register import Listed
from manara.release.statements import Refusal

TEXT = directory.text(DIRECTORY)


def read(text: str) -> Listed:
    found = register.read(text.encode())
    assert isinstance(found, Listed), found
    return found


def faults(text: str) -> tuple[Fault, ...]:
    found = register.read(text.encode())
    assert isinstance(found, tuple), "no fault was found"
    assert found
    return found


def test_a_directory_comes_back_as_it_was_written(tmp_path):
    listed = directory.write(tmp_path / "directory.toml", DIRECTORY)
    assert directory.load(tmp_path / "directory.toml") == listed
    assert listed.directory == DIRECTORY
    assert listed.sha256 == hashlib.sha256(b"manara/directory/v1\n" + TEXT.encode()).hexdigest()


WORDS = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cf", "Cc", "Zl", "Zp"]), max_size=12)


@settings(max_examples=40)
@given(WORDS, st.tuples(*[st.floats(-89, 89)] * 3), st.tuples(*[st.floats(-80, 80)] * 3))
def test_whatever_names_and_corners_it_holds_it_comes_back(name, lats, lons):
    corners = tuple(zip(lats, lons, strict=True))
    area = Area(id="a", partner="arvena", name=name, corners_deg=corners)
    one = msgspec.structs.replace(DIRECTORY, issued=name, areas=(area,))
    found = register.read(directory.text(one).encode())
    if isinstance(found, Listed):
        assert found.directory == one
    else:
        assert {f.where for f in found} == {"areas[0].corners_deg"}


SQUARE = "[[1.0, 1.0], [1.0, 2.0], [2.0, 2.0]]"
CHANGES = [
    ("version = 3", "version = 0", "version"),
    ("version = 3", 'version = "3"', "version"),
    ("version = 3", "version = 99999999999999999999", "version"),
    ("version = 3", "version = 3\ncolour = 1", ""),
    ('id = "belora"', 'id = "arvena"', "partners[1].id"),
    ('id = "belora"', 'id = "Belora"', "partners[1].id"),
    ('id = "belora.watch"', 'id = "arvena.chief"', "persons[3].id"),
    ('id = "harbour"', 'id = "strait"', "areas[1].id"),
    ('id = "harbour"', f'id = "{"h" * 33}"', "areas[1].id"),
    ('id = "harbour"\npartner = "belora"', 'id = "harbour"\npartner = "zeta"', "areas[1].partner"),
    (f'key = "{public("belora.watch")}"', 'key = "00"', "persons[3].key"),
    (f'key = "{public("belora.watch")}"', f'key = "{public("belora.watch").upper()}"', "persons[3].key"),
    (f'key = "{public("belora.watch")}"', f'key = "{public("belora.minister")}"', "persons[3].key"),
    (f'key = "{public("belora.watch")}"', f'key = "{public("corvia/ledger")}"', "partners[2].ledger_key"),
    ('name = "Belora.Watch"\ncapacity = "operational"', 'name = "W"\ncapacity = "both"', "persons[3].capacity"),
    (f'agreement_key = "{public("belora")}"', 'agreement_key = "x"', "partners[1].agreement_key"),
    (f'agreement_key = "{public("belora")}"', 'url = "http://belora:1"', "partners[1].url"),
    (SQUARE, "[[1.0, 1.0], [1.0, 2.0]]", "areas[0].corners_deg"),
    (SQUARE, "[[1.0, 1.0], [1.0, 2.0], [91.0, 2.0]]", "areas[0].corners_deg"),
    (SQUARE, "[[1.0, 1.0], [1.0, 2.0], [nan, 2.0]]", "areas[0].corners_deg"),
    (SQUARE, "[[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]", "areas[0].corners_deg"),
    (SQUARE, "[[1.0, -91.0], [1.0, 91.0], [2.0, 2.0]]", "areas[0].corners_deg"),
    (SQUARE, "[[1.0, 1.0], [1.0, 2.0], [2.0, 2.0], [1.0, 1.0]]", "areas[0].corners_deg"),
    (SQUARE, '"everywhere"', "areas[0].corners_deg"),
    ('name = "Arvena.Chief"', 'name = "A\\u202e"', "persons[1].name"),
    ('name = "Arvena.Chief"', 'name = "A\u202e"', ""),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "where"), CHANGES)
def test_each_fault_is_found_on_its_line(old, new, where):
    text = TEXT.replace(old, new, 1)
    assert text != TEXT
    found = [f for f in faults(text) if f.where == where]
    assert found, faults(text)
    if where:
        line = text.split("\n")[found[0].line - 1]
        assert line.startswith(where.rsplit(".", 1)[-1] + " = "), (found[0], line)


def test_what_is_no_directory_is_a_list_of_faults():
    for text in ("", "partners = 3", "partners = [3]", "a = ", "\x00", "persons = [[]]"):
        assert faults(text)
    assert "larger" in faults("#" * (register.DIRECTORY_BYTES + 1))[0].why
    many = "version = 1\n" + "".join(f'[[partners]]\nid = "p{n}"\n' for n in range(64))
    assert any("at most 63" in f.why for f in faults(many))


def test_bad_input_is_one_line_with_the_place(tmp_path):
    path = tmp_path / "directory.toml"
    path.write_text(TEXT.replace('id = "harbour"', 'id = "Harbour"'))
    with pytest.raises(BadInput) as caught:
        directory.load(path)
    assert "areas[1].id" in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(BadInput, match="cannot be read"):
        directory.load(tmp_path / "none.toml")


def test_a_lower_version_never_replaces_a_higher_one(tmp_path):
    path = tmp_path / "directory.toml"
    directory.write(path, DIRECTORY)
    with pytest.raises(BadInput, match="older"):
        directory.write(path, msgspec.structs.replace(DIRECTORY, version=2))
    with pytest.raises(BadInput, match="two texts"):
        directory.write(path, msgspec.structs.replace(DIRECTORY, issued="2026-01-01T00:00:00Z"))
    assert directory.load(path).directory == DIRECTORY
    assert directory.write(path, DIRECTORY).directory == DIRECTORY
    assert directory.write(path, msgspec.structs.replace(DIRECTORY, version=4)).directory.version == 4
    assert [p.name for p in tmp_path.iterdir()] == ["directory.toml"]


def test_nothing_that_has_faults_is_written(tmp_path):
    with pytest.raises(BadInput):
        directory.write(tmp_path / "d.toml", msgspec.structs.replace(DIRECTORY, version=0))
    assert not list(tmp_path.iterdir())


def test_signatures_are_over_the_bytes_by_persons_that_were_known_before():
    new = read(TEXT.replace("version = 3", "version = 4"))
    line = register.signature_line(
        new.text, "arvena.chief", bytes.fromhex(public("arvena.chief")), key_of("arvena.chief").sign
    )
    found = register.signers(new, line, DIRECTORY)
    assert not isinstance(found, Refusal)
    assert [p.id for p in found] == ["arvena.chief"]
    for listed, sidecar, known, why in (
        (read(TEXT), line, DIRECTORY, "bad_signature"),
        (new, line, Directory(version=1), "unknown_person"),
        (new, line + b"x", DIRECTORY, "malformed"),
        (new, line * 1_000, DIRECTORY, "too_large"),
    ):
        refused = register.signers(listed, sidecar, known)
        assert isinstance(refused, Refusal)
        assert refused.why == why


def test_a_pinned_certificate_stands_in_it_whole_and_is_the_one_that_is_pinned(tmp_path):
    made = keys.load_or_make(tmp_path / "keys", "arvena")
    pem = made.tls_certificate.read_text()
    one = msgspec.structs.replace(
        DIRECTORY.partners[0], tls_sha256=made.fingerprints()["tls_sha256"], tls_certificate=pem
    )
    whole = msgspec.structs.replace(DIRECTORY, partners=(one, *DIRECTORY.partners[1:]))
    assert read(directory.text(whole)).directory == whole
    for spoilt in (pem[:100] + pem[101:], pem + pem, "x", pem.replace("\n", "\r\n")):
        wrong = msgspec.structs.replace(one, tls_certificate=spoilt)
        text = directory.text(msgspec.structs.replace(whole, partners=(wrong, *whole.partners[1:])))
        assert {f.where for f in faults(text)} == {"partners[0].tls_certificate"}
