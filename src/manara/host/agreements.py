"""Agreements on disk: the document, the signatures beside it (NAME.toml.sig), and the signing of both."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from manara.host import files
from manara.host.keys import Signer
from manara.host.problems import BadInput
from manara.records.agreement import Agreement
from manara.records.directory import Directory, Person
from manara.records.marking import Codebook
from manara.release import document
from manara.release.document import Admitted, Document
from manara.release.never import blocks
from manara.release.statements import Refusal

_PAGE = "see docs/spec/agreement.md"


def load(path: Path) -> Document:
    """The document in a file. Raises BadInput with the first fault and its line."""
    found = document.read(files.read(path, document.DOCUMENT_BYTES, _PAGE))
    if isinstance(found, Document):
        return found
    more = f" (and {len(found) - 1} more: manara agreement check {path})" if len(found) > 1 else ""
    raise BadInput(f"{found[0].text()}{more}", str(path), _PAGE)


def sidecar_path(path: Path) -> Path:
    """Where the signatures of a document stand."""
    return path.with_name(f"{path.name}.sig")


def sidecar(path: Path) -> bytes:
    """The signatures beside a document; none where nobody has signed. Raises BadInput."""
    beside = sidecar_path(path)
    return files.read(beside, document.SIDECAR_BYTES) if beside.exists() else b""


def admit(path: Path, directory: Directory) -> Admitted:
    """The document with those who have signed it, all held against the directory. Raises BadInput."""
    load(path)
    found = document.admit(attachment(path), directory)
    if isinstance(found, Refusal):
        raise BadInput(found.sentence, str(path), _PAGE)
    return found


def attachment(path: Path) -> bytes:
    """Document and signatures as a command carries them. Raises BadInput."""
    return document.attach(files.read(path, document.DOCUMENT_BYTES, _PAGE), sidecar(path))


def signer_person(person: str, signer: Signer, directory: Directory) -> Person:
    """The person of the directory whose key this is. Raises BadInput for a stranger or another's key."""
    found = directory.person(person)
    if found is None:
        raise BadInput(f"{person} is not in the directory", "--person", "write the id of a [[persons]] table")
    if found.key != signer.public().hex():
        raise BadInput(f"this is not the key that the directory gives for {person}", "--key", "use the person's own")
    return found


def sign(
    path: Path,
    person: str,
    signer: Signer,
    directory: Directory,
    known: Iterable[Agreement] = (),
    never_to: Iterable[str] = (),
) -> Admitted:
    """Put a person's signature beside the document, once. Raises BadInput where that person may not, the document
    names somebody unknown, or ``never_to`` stands against it."""
    one = admit(path, directory)
    agreement = one.document.agreement
    whose = signer_person(person, signer, directory)
    named = {who.person for who in agreement.signatories}
    if person not in named and (whose.capacity != "policy" or whose.partner not in parties(agreement)):
        raise BadInput(f"{person} is not named as a signatory", str(path), "and is no policy person of either partner")
    if blocked := blocks(agreement, known, never_to):
        raise BadInput(blocked.sentence, str(path), "see never_to in the node's configuration")
    if whose in one.persons:
        return one
    line = document.signature_line(one.document, person, signer.public(), signer.sign)
    files.write(sidecar_path(path), sidecar(path) + line)
    return admit(path, directory)


def parties(agreement: Agreement) -> tuple[str, str]:
    """Both partners.

    >>> parties(Agreement(id="x", title="", releaser="a", recipient="b", not_before="", not_after=""))
    ('a', 'b')
    """
    return agreement.releaser, agreement.recipient


def beside(path: Path, directory: Directory) -> dict[str, Admitted]:
    """Every well-formed agreement in the same folder, by hash: what this node may know of others."""
    found: dict[str, Admitted] = {}
    for one in sorted(path.parent.glob("*.toml"))[:256]:
        try:
            admitted = admit(one, directory)
        except BadInput:
            continue
        found[admitted.document.sha256] = admitted
    return found


def codebook(one: Agreement, directory: Directory) -> Codebook:
    """The names that an agreement can speak of: all areas and partners of the directory, the releaser first, and the
    sources that the agreement itself names."""
    named = (*one.sources, *(name for rule in one.rules for name in rule.when.source))
    others = (p.id for p in directory.partners if p.id != one.releaser)
    return Codebook(
        areas=tuple(area.id for area in directory.areas),
        sources=tuple(dict.fromkeys(named)),
        partners=(one.releaser, *others),
    )
