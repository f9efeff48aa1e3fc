"""The keys of one brokered relation, the two cards that were exchanged, and whether people have compared them.

::

    <keys>/brokered/<partner>/sign.key  seal.key     made for this relation, used for no other
                              ours.card theirs.card  as they were sent and came; their very bytes are compared
                              invited                empty: our card was the invitation
                              confirmed              the fingerprint that two people read to each other

An alias is a hash of the two public keys behind it: whoever exchanges a key has another alias.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from manara.host import files, keys, meeting
from manara.host.keys import SealKey, Signer
from manara.host.problems import BadInput
from manara.link import sealed
from manara.link.sealed import Place
from manara.records.config import NodeConfig
from manara.records.directory import Area, Directory, Partner, Person
from manara.records.reject import Reject

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
_ALIAS = b"manara/alias/v1\n"
Key = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]


class AliasCard(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one end tells the other of itself; nothing of it is secret, and no address or certificate is in it.
    ``answers``: hash of the card that it answers, "" for an invitation."""

    v: int = 1
    nonce: str
    answers: str = ""
    sign_key: Key
    seal_key: Key
    version: int = 0  # of the directory that it was taken from
    partner: Partner
    persons: tuple[Person, ...] = ()
    areas: tuple[Area, ...] = ()

    @property
    def alias(self) -> str:
        """What the broker knows this end by."""
        return alias_of(bytes.fromhex(self.sign_key), bytes.fromhex(self.seal_key))


def alias_of(sign_key: bytes, seal_key: bytes) -> str:
    """The alias of two public keys.

    >>> alias_of(bytes(32), bytes(32))
    'xe31b6cb01064db8c420cb66e'
    """
    return "x" + hashlib.sha256(_ALIAS + sign_key + seal_key).hexdigest()[:24]


@dataclass(frozen=True)
class Relation:
    """One end's side of a relation. ``verified``: two people have compared the fingerprint of both cards."""

    partner: str
    sign: Signer
    seal: SealKey
    alias: str
    theirs: AliasCard
    verified: bool

    def shut(self, place: Place, body: bytes, size: int) -> bytes:
        """Sign, then seal: an envelope of this size. Raises ValueError for a body that is too long for it."""
        signature = self.sign.sign(sealed.signed_text(place, body))
        public = X25519PublicKey.from_public_bytes(bytes.fromhex(self.theirs.seal_key))
        inner = _SUITE.encrypt(sealed.plaintext(signature, body, size), public, info=sealed.binding(place))
        return sealed.outer(place.epoch, place.sequence, inner)

    def open(self, envelope: bytes) -> tuple[Place, bytes] | Reject:
        """Place and body of what the other end sent to us; or why it is none of that: besides what ``sealed.parse``
        says, seal (nothing that was sealed for us at this place) and signature (not by the other end's key)."""
        found = sealed.parse(envelope)
        if isinstance(found, Reject):
            return found
        epoch, sequence, inner = found
        place = Place(self.theirs.alias, self.alias, epoch, sequence)
        try:
            opened = _SUITE.decrypt(inner, self.seal.private, info=sealed.binding(place))
        except (InvalidTag, ValueError):
            return Reject("seal", b"", "not sealed for this end, or not for this place")
        parts = sealed.split(opened)
        if isinstance(parts, Reject):
            return parts
        signature, body = parts
        try:
            signer = Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.theirs.sign_key))
            signer.verify(signature, sealed.signed_text(place, body))
        except (InvalidSignature, ValueError):
            return Reject("signature", b"", "not signed by the key on the other end's card")
        return place, body


def folder_of(config: NodeConfig, base: Path, partner: str) -> Path:
    """Where the keys of a relation lie. ``base``: beside the configuration."""
    return base / config.keys / "brokered" / partner


def make_card(folder: Path, directory: Directory, own: str, answers: bytes = b"") -> bytes:
    """Keys for a relation, and this end's card, written beside them. Raises BadInput where there are some already: a
    relation begins once, and anew only with a new folder."""
    partner = directory.partner(own)
    if partner is None:
        raise BadInput(f"{own} is not in the directory", str(folder), "see docs/how-to/agreements.md")
    if (folder / "ours.card").exists():
        raise BadInput("this relation has begun", str(folder), "move the folder away to begin anew with new keys")
    _folder(folder)
    sign, seal = keys.signer_of_file(folder / "sign.key"), keys.seal_of_file(folder / "seal.key")
    made = AliasCard(
        nonce=secrets.token_hex(16),
        answers=hashlib.sha256(answers).hexdigest() if answers else "",
        sign_key=sign.public().hex(),
        seal_key=seal.public().hex(),
        version=directory.version,
        partner=unreachable(partner),
        persons=tuple(one for one in directory.persons if one.partner == own),
        areas=tuple(one for one in directory.areas if one.partner == own),
    )
    text = msgspec.json.encode(made)
    if not answers:
        files.write(folder / "invited", b"", private=True)
    files.write(folder / "ours.card", text, private=True)
    return text


def unreachable(partner: Partner) -> Partner:
    """The row of a partner without what leads to its machines.

    >>> unreachable(Partner(id="a", name="A", ledger_key="", url="https://a:1", tls_sha256="00")).url
    ''
    """
    return msgspec.structs.replace(partner, url="", tls_sha256="", tls_certificate="")


def read_card(path: Path) -> tuple[bytes, AliasCard]:
    """A card's bytes and what they say. Raises BadInput."""
    found = files.read(path, meeting.CARD_BYTES)
    try:
        one = msgspec.json.decode(found, type=AliasCard)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as fault:
        raise BadInput(f"not a card for a brokered relation: {fault}", str(path)) from None
    if one.v != 1 or one.partner != unreachable(one.partner):
        raise BadInput("a card of another version, or one with an address on it", str(path), "ask for a sound card")
    meeting.check_card(one.partner, one.persons, one.areas, path)
    return found, one


def keep_card(folder: Path, theirs: bytes) -> None:
    """Keep the other end's card; what was confirmed of an earlier one is confirmed no more. Raises BadInput."""
    (folder / "confirmed").unlink(missing_ok=True)
    files.write(folder / "theirs.card", theirs, private=True)


def confirm(folder: Path, said: str) -> bool:
    """Take down that two people have compared the fingerprint; False where it is another. Raises BadInput."""
    expected = fingerprint(folder)
    if not meeting.same(said, expected):
        return False
    files.write(folder / "confirmed", expected.encode(), private=True)
    return True


def fingerprint(folder: Path) -> str:
    """What both ends read to each other, over both cards, the invitation first. Raises BadInput."""
    ours, theirs = (files.read(folder / f"{whose}.card", meeting.CARD_BYTES) for whose in ("ours", "theirs"))
    return meeting.fingerprint(*((ours, theirs) if (folder / "invited").exists() else (theirs, ours)))


def load(folder: Path, partner: str) -> Relation:
    """A relation as it lies there. Raises BadInput: nothing was exchanged yet, a file is damaged, or what was confirmed
    is not what lies there: then somebody has exchanged a card or a key since."""
    if not (folder / "theirs.card").exists():
        raise BadInput(f"no card of {partner} yet", str(folder), "see docs/how-to/broker.md")
    sign, seal = keys.signer_of_file(folder / "sign.key"), keys.seal_of_file(folder / "seal.key")
    _, theirs = read_card(folder / "theirs.card")
    _, ours = read_card(folder / "ours.card")
    if theirs.partner.id != partner or (ours.sign_key, ours.seal_key) != (sign.public().hex(), seal.public().hex()):
        raise BadInput(f"the cards are not those of {partner} and of these keys", str(folder), "begin anew")
    said = folder / "confirmed"
    verified = said.exists()
    if verified and not meeting.same(files.read(said, 200).decode("ascii", "replace"), fingerprint(folder)):
        raise BadInput(
            f"the cards are not those that were confirmed: somebody has exchanged the keys of {partner}",
            str(folder),
            "compare the fingerprint again, over another channel than the broker",
        )
    return Relation(partner, sign, seal, ours.alias, theirs, verified)


def bound(config: NodeConfig, base: Path) -> NodeConfig:
    """The configuration as it binds what is released: a partner that only an unconfirmed relation leads to stands in
    ``never_to``, above which rule 0 alone stands. So the broker, who could read it, reads a warning at most."""
    unsure = [one.partner for one in config.broker if not _verified(folder_of(config, base, one.partner), one.partner)]
    more = tuple(one for one in unsure if one not in config.never_to)
    return msgspec.structs.replace(config, never_to=(*config.never_to, *more)) if more else config


def _verified(folder: Path, partner: str) -> bool:
    try:
        return load(folder, partner).verified
    except BadInput:
        return False  # what is wrong with it, the node says when it starts


def _folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as fault:
        raise BadInput(f"no folder of keys: {fault.strerror}", str(folder), "see to room and rights") from None
