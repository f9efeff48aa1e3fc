"""Signing on disk: only the right person, only this text, only where never_to allows."""

from __future__ import annotations

import re

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.doubles.agreements import TEXT
from tests.doubles.persons import DIRECTORY, key_of

from manara.host import agreements
from manara.host.keys import FileSigner
from manara.host.problems import BadInput
from manara.records.agreement import Phase
from manara.release import document
from manara.release.document import awaited
from manara.release.rules import Program, compile_rules


def signer(name: str) -> FileSigner:
    return FileSigner(key_of(name))


@pytest.fixture
def path(tmp_path):
    one = tmp_path / "arvena-belora.toml"
    one.write_text(TEXT)
    return one


def test_signatures_gather_beside_the_document_and_the_document_stays_as_it_is(path):
    first = agreements.sign(path, "arvena.minister", signer("arvena.minister"), DIRECTORY)
    assert awaited(first.document.agreement, first.persons) == ("belora.minister", "policy of belora")
    both = agreements.sign(path, "belora.minister", signer("belora.minister"), DIRECTORY)
    assert awaited(both.document.agreement, both.persons) == ()
    again = agreements.sign(path, "belora.minister", signer("belora.minister"), DIRECTORY)
    assert again == both
    assert path.read_text() == TEXT
    assert len(agreements.sidecar(path).splitlines()) == 2
    assert sorted(p.name for p in path.parent.iterdir()) == ["arvena-belora.toml", "arvena-belora.toml.sig"]


def test_a_text_changed_after_signing_is_found(path):
    agreements.sign(path, "arvena.minister", signer("arvena.minister"), DIRECTORY)
    path.write_text(TEXT.replace("cell_m = 4_000", "cell_m = 1_000"))
    with pytest.raises(BadInput, match="did not sign this very text"):
        agreements.admit(path, DIRECTORY)
    with pytest.raises(BadInput, match="did not sign this very text"):
        agreements.sign(path, "belora.minister", signer("belora.minister"), DIRECTORY)


@pytest.mark.parametrize(
    ("person", "key", "says"),
    [
        ("arvena.ghost", "arvena.ghost", "not in the directory"),
        ("arvena.minister", "belora.minister", "not the key"),
        ("arvena.chief", "arvena.chief", "not named as a signatory"),
        ("corvia.watch", "corvia.watch", "not named as a signatory"),
    ],
)
def test_who_may_not_sign_is_told_in_one_line(path, person, key, says):
    with pytest.raises(BadInput, match=says) as caught:
        agreements.sign(path, person, signer(key), DIRECTORY)
    assert "\n" not in str(caught.value)
    assert not agreements.sidecar_path(path).exists()


def test_row_18_never_to_blocks_signing(path):
    with pytest.raises(BadInput, match="arvena → belora → corvia"):
        agreements.sign(path, "arvena.minister", signer("arvena.minister"), DIRECTORY, never_to=("corvia",))
    assert not agreements.sidecar_path(path).exists()


def test_a_fused_path_is_found_through_the_agreements_beside_it(path):
    other = TEXT.replace('releaser = "arvena"', 'releaser = "belora"').replace(
        'recipient = "belora"', 'recipient = "delmara"'
    )
    other = other.replace('partner = "arvena"', 'partner = "delmara"').replace('originator = ["own"]\n', "")
    other = other.replace('onward = ["corvia"]', "onward = []").replace('"arvena.minister"', '"delmara.minister"')
    (path.parent / "belora-delmara.toml").write_text(other)
    (path.parent / "broken.toml").write_text("[")
    import msgspec
    from tests.doubles.persons import person

    book = msgspec.structs.replace(DIRECTORY, persons=(*DIRECTORY.persons, person("delmara.minister", "policy")))
    known = [one.document.agreement for one in agreements.beside(path, book).values()]
    assert len(known) == 2
    with pytest.raises(BadInput, match="arvena → belora → delmara"):
        agreements.sign(path, "arvena.minister", signer("arvena.minister"), book, known, ("delmara",))


def test_bad_files_are_said_in_one_line(tmp_path):
    with pytest.raises(BadInput, match="cannot be read"):
        agreements.load(tmp_path / "none.toml")
    path = tmp_path / "bad.toml"
    path.write_text(TEXT.replace("age_max_s", "age_max").replace("prevailing", "prevail"))
    with pytest.raises(BadInput, match="line 11: prevail: unknown field") as caught:
        agreements.load(path)
    assert "1 more" in str(caught.value)
    path.write_text(TEXT.replace('witnesses = ["lantern"]', 'witnesses = ["ghost"]'))
    with pytest.raises(BadInput, match="ghost is not in the directory"):
        agreements.admit(path, DIRECTORY)


def test_a_key_of_nobody_signs_nothing(path):
    stranger = FileSigner(Ed25519PrivateKey.generate())
    with pytest.raises(BadInput, match="not the key"):
        agreements.sign(path, "arvena.minister", stranger, DIRECTORY)


def test_the_agreement_of_the_page_reads_well(repository):
    page = (repository / "docs/how-to/agreements.md").read_text("utf-8")
    [text] = re.findall(r"^```toml\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    found = document.read(text.encode())
    assert isinstance(found, document.Document), found
    assert len(found.agreement.rules) == 2
    book = agreements.codebook(found.agreement, DIRECTORY)
    assert (book.partners[0], book.sources) == ("arvena", ("hill radar", "coast ais"))
    for phase in Phase:
        assert isinstance(compile_rules(found.agreement, book, phase), Program)
