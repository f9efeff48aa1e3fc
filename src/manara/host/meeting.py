"""How two partners come to know each other: two cards, and one fingerprint that two people compare.

::

    inviter   invite ──────── card A ────────▶   join --reply      invitee
              join   ◀─────── card B (of A) ──   fingerprint of A and B, the same on both sides

A card is JSON, and its very bytes are what is hashed. The fingerprint is scrypt over both hashes: whoever stands
between the two would have to find, before they compare, a pair of false cards with the same 128 bits, at a tenth of
a second and 32 MiB a try.
"""

from __future__ import annotations

import hashlib
import secrets
from functools import lru_cache
from pathlib import Path

import msgspec

from manara.host import files
from manara.host.keys import NodeKeys, spoken
from manara.host.problems import BadInput
from manara.records.directory import Area, Directory, Partner, Person
from manara.release import register

CARD_BYTES = 2 << 20
_PREFIX = b"manara/meeting/v1\n"
_SCRYPT = {"n": 1 << 15, "r": 8, "p": 1, "maxmem": 64 << 20, "dklen": 32}


class Card(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one partner tells the other of itself; nothing of it is secret. ``answers``: hash of the card that it
    answers, "" for an invitation."""

    v: int = 1
    nonce: str
    answers: str = ""
    version: int = 0  # of the directory that it was taken from
    partner: Partner
    persons: tuple[Person, ...] = ()
    areas: tuple[Area, ...] = ()


def card(directory: Directory, own: str, answers: bytes = b"") -> bytes:
    """This partner's card, out of its own directory. Raises BadInput."""
    partner = directory.partner(own)
    if partner is None:
        raise BadInput(f"{own} is not in the directory", "", "see docs/how-to/agreements.md")
    made = Card(
        nonce=secrets.token_hex(16),
        answers=hashlib.sha256(answers).hexdigest() if answers else "",
        version=directory.version,
        partner=partner,
        persons=tuple(one for one in directory.persons if one.partner == own),
        areas=tuple(one for one in directory.areas if one.partner == own),
    )
    return msgspec.json.encode(made)


def read(path: Path) -> tuple[bytes, Card]:
    """A card's bytes and what they say, as sound as a directory of it alone would be. Raises BadInput."""
    found = files.read(path, CARD_BYTES)
    try:
        one = msgspec.json.decode(found, type=Card)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as fault:
        raise BadInput(f"not a partner's card: {fault}", str(path)) from None
    if one.v != 1:
        raise BadInput(f"a card of version {one.v}; this program reads 1", str(path))
    check_card(one.partner, one.persons, one.areas, path)
    return found, one


def check_card(partner: Partner, persons: tuple[Person, ...], areas: tuple[Area, ...], path: Path) -> None:
    """Raises BadInput where what a card says would be no sound directory by itself."""
    wrong = next(register.check(Directory(version=1, partners=(partner,), persons=persons, areas=areas)), None)
    if wrong:
        raise BadInput(wrong.text(), str(path), "ask the partner for a sound card")


@lru_cache(maxsize=64)
def fingerprint(invitation: bytes, reply: bytes) -> str:
    """What both sides read to each other: 8 groups of 4 digits over both cards. Slow on purpose, so once for a pair.

    >>> fingerprint(b"a", b"b")
    '7fd2 87b6 496f 7e64 dbc2 a7d4 7689 9b45'
    """
    both = hashlib.sha256(invitation).digest() + hashlib.sha256(reply).digest()
    return spoken(hashlib.scrypt(both, salt=_PREFIX, **_SCRYPT))


def same(said: str, expected: str) -> bool:
    """Whether a typed fingerprint is the one, however it was spaced.

    >>> same("AB-cd 12", "abcd 12"), same("", "abcd")
    (True, False)
    """
    typed = "".join(c for c in said.lower() if c in "0123456789abcdef")
    return secrets.compare_digest(typed, expected.replace(" ", "")) and bool(typed)


def joined(directory: Directory, other: Card, witnesses: dict[str, str]) -> Directory:
    """The directory with the other partner in it. What stood there of other partners stays in its place. Raises
    BadInput where the partner is known already with other keys: that is a rotation, no first meeting."""
    old = directory.partner(other.partner.id)
    if old is not None and old != other.partner:
        raise BadInput(
            f"{old.id} is known already, with other keys or another address", "", "a key is rotated, not met"
        )
    partners = directory.partners if old else (*directory.partners, other.partner)
    made = Directory(
        version=max(directory.version, other.version) + 1,
        issued=directory.issued,
        partners=partners,
        persons=(*(one for one in directory.persons if one.partner != other.partner.id), *other.persons),
        areas=(*(one for one in directory.areas if one.partner != other.partner.id), *other.areas),
        witnesses={**directory.witnesses, **witnesses},
    )
    if wrong := next(register.check(made), None):
        raise BadInput(wrong.text(), other.partner.id, "two partners may not use one name or one key")
    return made


def own_partner(directory: Directory, own: str, keys: NodeKeys, url: str) -> Directory:
    """The directory with this partner's own row as its key files say, a version higher if that changes it."""
    row = directory.partner(own) or Partner(id=own, name=own.title(), ledger_key="")
    public = {**keys.fingerprints(), "tls_certificate": keys.tls_certificate.read_text("ascii")}
    fresh = msgspec.structs.replace(row, **public, **({"url": url} if url else {}))
    if fresh == row:
        return directory
    place = [one.id for one in directory.partners].index(own) if row in directory.partners else len(directory.partners)
    partners = (*directory.partners[:place], fresh, *directory.partners[place + 1 :])
    return msgspec.structs.replace(directory, version=directory.version + 1, partners=partners)
