"""Signed statements: what persons and nodes decide, in one encoding. The format: docs/spec/statements.md.

A statement is RFC 8785 JSON, integers and strings only. An envelope carries it verbatim, as a string, beside the
signatures; what is signed is ``PREFIX`` and the statement's bytes. Nothing here reads a clock: a replayed statement is
known by ``after``, the hash of the last statement about the same subject.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable
from typing import Annotated, Any, TypeVar

import msgspec
import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from manara.records.directory import Directory, Person

PREFIX = b"manara/statement/v1\n"
ENVELOPE_BYTES = 65_536
SIGNATURES_MAX = 16
TRACKS_MAX = 1_000
_WORD_MAX, _TIME_MAX = (1 << 64) - 1, (1 << 63) - 1
_NUMBERS = (
    "first",
    "from_ns",
    "to_ns",
    "until_ns",
    "before_ns",
    "count",
    "next",
    "size",
    "old_size",
    "track",
    "wait_s",
    "time_ns",
    "places",
)

Sha256 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Link = Annotated[str, msgspec.Meta(pattern=r"\A([0-9a-f]{64})?\Z")]
Nonce = Annotated[str, msgspec.Meta(pattern=r"\A([0-9a-f]{32})?\Z")]
Number = Annotated[str, msgspec.Meta(pattern=r"\A(0|[1-9][0-9]{0,19})\Z")]
Short = Annotated[str, msgspec.Meta(pattern=r"\A[^\x00-\x1f\x7f]*\Z", max_length=120)]
Text = Annotated[str, msgspec.Meta(pattern=r"\A[^\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]*\Z", max_length=1_000)]
Remark = Annotated[str, msgspec.Meta(pattern=r"\A[^\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]*\Z", max_length=200)]
Stamp = Annotated[str, msgspec.Meta(pattern=r"\A(|0|[1-9][0-9]{0,18})\Z")]
PhaseWord = Annotated[str, msgspec.Meta(pattern=r"\A(warning_only|interim|full)\Z")]
Tracks = Annotated[
    tuple[Annotated[str, msgspec.Meta(pattern=r"\A(all|0|[1-9][0-9]{0,19})\Z")], ...],
    msgspec.Meta(min_length=1, max_length=TRACKS_MAX),
]


class Statement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag=""):
    """What all statements carry. ``nonce``: 16 random bytes. ``after``: hash of the statement before; "": the first."""

    nonce: Nonce = ""
    after: Link = ""


class Activate(Statement, frozen=True, kw_only=True, tag="agreement.activate"):
    """Put an agreement in force, in this phase. It replaces what stood for the same direction."""

    agreement: Sha256
    phase: PhaseWord


class ChangePhase(Statement, frozen=True, kw_only=True, tag="agreement.phase"):
    """Move an agreement in force to another phase."""

    agreement: Sha256
    phase: PhaseWord


class Suspend(Statement, frozen=True, kw_only=True, tag="agreement.suspend"):
    """Stop an agreement at once."""

    agreement: Sha256
    reason: Text = ""


class Resume(Statement, frozen=True, kw_only=True, tag="agreement.resume"):
    """Let a suspended agreement go on, no higher than it stood before."""

    agreement: Sha256
    phase: PhaseWord
    reason: Text = ""


class Recall(Statement, frozen=True, kw_only=True, tag="recall"):
    """Ask the recipient of a stream to cease use. ``tracks``: the releaser's own track ids, or the one word all."""

    stream: Short
    tracks: Tracks
    from_ns: Number = "0"
    to_ns: Number
    reason: Text = ""


class RecallDone(Statement, frozen=True, kw_only=True, tag="recall.done"):
    """A recipient has erased so many rows for a recall."""

    stream: Short
    recall: Sha256
    count: Number


class DirectoryUpdate(Statement, frozen=True, kw_only=True, tag="directory.update"):
    """From now on this version of the directory holds."""

    version: int
    sha256: Sha256


class KeyRotate(Statement, frozen=True, kw_only=True, tag="key.rotate"):
    """One key follows another. ``new`` "": the old one is revoked and nothing follows it."""

    partner: Short
    purpose: Annotated[str, msgspec.Meta(pattern=r"\A(ledger|witness|agreement|seal|tls|person)\Z")]
    old: Sha256
    new: Link
    person: Short = ""


class HoldPlace(Statement, frozen=True, kw_only=True, tag="hold.place"):
    """A legal hold: nothing of this originator and these tracks is erased while it stands."""

    name: Short
    originator: Short
    tracks: Tracks
    from_ns: Number = "0"
    to_ns: Number
    reason: Text = ""


class HoldLift(Statement, frozen=True, kw_only=True, tag="hold.lift"):
    """A legal hold ends."""

    name: Short
    reason: Text = ""


class RetentionErased(Statement, frozen=True, kw_only=True, tag="retention.erased"):
    """The node erased the keys of so many rows from before a time."""

    originator: Short
    before_ns: Number
    count: Number


class BrokerHops(Statement, frozen=True, kw_only=True, tag="broker.hops"):
    """A broker's node carried these envelopes from one alias to another: their numbers, bytes in all, and a hash over
    what it said of each."""

    sender: Short
    recipient: Short
    first: Number
    next: Number
    size: Number
    hops: Sha256


class Receipt(Statement, frozen=True, kw_only=True, tag="receipt"):
    """A recipient's node has everything of a stream before ``next``; ``root`` and ``size`` of the log it saw.
    ``time_ns``: when it signed, by its clock, where the agreement asks for it; else left out."""

    stream: Short
    next: Number
    root: Sha256
    size: Number
    time_ns: Stamp = ""


class HandoverOffer(Statement, frozen=True, kw_only=True, tag="handover.offer"):
    """Offer the recipient of a stream to answer for a track from now on. ``track``: an id of our own picture, or the
    number that the recipient has for it; ``wait_s``: how long an answer is waited for."""

    stream: Short
    track: Number
    area: Short = ""
    wait_s: Number
    reason: Text = ""


class HandoverDecide(Statement, frozen=True, kw_only=True, tag="handover.decide"):
    """What our people say to a partner's offer."""

    stream: Short
    offer: Sha256
    answer: Annotated[str, msgspec.Meta(pattern=r"\A(accept|decline)\Z")]
    reason: Text = ""


class HandoverAnswer(Statement, frozen=True, kw_only=True, tag="handover.answer"):
    """A recipient's node says what its people decided, and who; ``time_ns`` by its clock."""

    stream: Short
    offer: Sha256
    answer: Annotated[str, msgspec.Meta(pattern=r"\A(accept|decline)\Z")]
    by: Short
    time_ns: Stamp
    reason: Text = ""


class WarningTaken(Statement, frozen=True, kw_only=True, tag="warning.taken"):
    """A person at the recipient's desk has taken, or closed, what these entries of the stream warn of."""

    stream: Short
    places: Annotated[tuple[Number, ...], msgspec.Meta(min_length=1, max_length=64)]
    time_ns: Stamp


class CapabilityChange(Statement, frozen=True, kw_only=True, tag="capability.change"):
    """What is said of an entry of the register holds until ``until_ns``; "0": until something else is said. It stands
    in no log that partners read: that a sensor is down is for those only who may know of it."""

    id: Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9][a-z0-9-]{0,30}\Z")]
    availability: Annotated[str, msgspec.Meta(pattern=r"\A(yes|limited|no|withdrawn|configured)\Z")]
    until_ns: Number = "0"
    caveat: Remark = ""
    caveat_ar: Remark = ""


class LedgerEpoch(Statement, frozen=True, kw_only=True, tag="ledger.epoch"):
    """A log begins anew after a restored backup and names the head that it had."""

    origin: Short
    epoch: int
    old_size: Number
    old_root: Sha256


AnyStatement = (
    Activate
    | ChangePhase
    | Suspend
    | Resume
    | Recall
    | RecallDone
    | DirectoryUpdate
    | KeyRotate
    | HoldPlace
    | HoldLift
    | RetentionErased
    | BrokerHops
    | Receipt
    | HandoverOffer
    | HandoverDecide
    | HandoverAnswer
    | WarningTaken
    | LedgerEpoch
    | CapabilityChange
)


class Signature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One signature: of a person or of a partner's node, never both. ``key`` hex, ``sig`` base64."""

    person: str = ""
    node: str = ""
    key: str
    sig: str


class Envelope(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A statement's text, verbatim, and who signed it."""

    statement: str
    signatures: tuple[Signature, ...]


class Refusal(msgspec.Struct, frozen=True):
    """Why not: a short stable slug, and one sentence for people."""

    why: str
    sentence: str


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """A statement whose signatures all hold. ``sha256``: what the next statement names as ``after``."""

    statement: AnyStatement
    text: bytes
    sha256: str
    persons: tuple[Person, ...] = ()
    nodes: tuple[str, ...] = ()

    def capacities(self, partner: str) -> frozenset[str]:
        """In which capacities persons of this partner signed."""
        return frozenset(one.capacity for one in self.persons if one.partner == partner)


T = TypeVar("T")


def type_of(statement: AnyStatement) -> str:
    """The word on the wire: ``agreement.suspend``."""
    return str(statement.__struct_config__.tag)


def canonical(statement: AnyStatement) -> bytes:
    """The bytes that are hashed and signed.

    >>> canonical(HoldLift(name="case-7", nonce="00" * 16))[:44]
    b'{"after":"","name":"case-7","nonce":"0000000'
    """
    plain = msgspec.to_builtins(statement)
    if isinstance(statement, Receipt) and not statement.time_ns:
        del plain["time_ns"]  # a receipt of before there were stamps reads, and hashes, as it did
    return rfc8785.dumps(plain)


def statement_sha256(text: bytes) -> str:
    """By what a later statement names this one."""
    return hashlib.sha256(PREFIX + text).hexdigest()


def signed(text: bytes, key: bytes, sign: Callable[[bytes], bytes], *, person: str = "", node: str = "") -> Signature:
    """One signature over a statement's bytes. ``key``: the public key; ``sign``: 64 bytes of Ed25519."""
    sig = base64.b64encode(sign(PREFIX + text)).decode("ascii")
    return Signature(person=person, node=node, key=key.hex(), sig=sig)


def envelope(text: bytes, signatures: Iterable[Signature]) -> bytes:
    """The envelope as it is handed in."""
    return msgspec.json.encode(Envelope(statement=text.decode("utf-8"), signatures=tuple(signatures)))


def read(data: bytes) -> tuple[Envelope, AnyStatement] | Refusal:
    """Take an envelope apart without believing a word of it."""
    if len(data) > ENVELOPE_BYTES:
        return Refusal("too_large", f"An envelope holds at most {ENVELOPE_BYTES} bytes; this one has {len(data)}.")
    outer = _decoded(data, Envelope)
    if isinstance(outer, Refusal):
        return outer
    if len(outer.signatures) > SIGNATURES_MAX:
        return Refusal("too_many", f"An envelope holds at most {SIGNATURES_MAX} signatures.")
    found = inner(outer.statement.encode("utf-8"))
    return found if isinstance(found, Refusal) else (outer, found)


def inner(text: bytes) -> AnyStatement | Refusal:
    """The statement of these bytes, whoever has signed it."""
    found: Any = _decoded(text, AnyStatement)
    if isinstance(found, Refusal):
        return found
    if not is_canonical(text):
        return Refusal("not_canonical", "The statement is not RFC 8785 JSON of integers and strings.")
    if not _in_range(found):
        return Refusal("malformed", "Not a statement: a number is larger than 64 bits hold.")
    one: AnyStatement = found
    return one


def _in_range(statement: AnyStatement) -> bool:
    """Times fit 63 bits, other numbers 64: what takes them further counts in machine words."""
    for name in statement.__struct_fields__:
        value = getattr(statement, name)
        found = value if isinstance(value, tuple) else (value,) if name in _NUMBERS else ()
        most = _TIME_MAX if name.endswith("_ns") else _WORD_MAX
        if any(one.isdecimal() and int(one) > most for one in found):
            return False
    return True


def is_canonical(text: bytes) -> bool:
    """Whether these bytes are RFC 8785 JSON of integers and strings, lists and tables of them, and nothing else."""
    try:
        plain = msgspec.json.decode(text)
        return _plain(plain) and rfc8785.dumps(plain) == text
    except (msgspec.DecodeError, rfc8785.CanonicalizationError, RecursionError, UnicodeError):
        return False


def _plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_plain, value.values()))
    if isinstance(value, list):
        return all(map(_plain, value))
    return isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool))


def _decoded(data: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as fault:
        said = " ".join(str(fault).split())[:300]
        return Refusal("malformed", f"Not a statement: {said}")


def verify(data: bytes, directory: Directory) -> Verified | Refusal:
    """The statement in an envelope, if every signature on it holds. One that does not spoils the envelope."""
    taken = read(data)
    if isinstance(taken, Refusal):
        return taken
    outer, about = taken
    if not outer.signatures:
        return Refusal("unsigned", "Nobody has signed this statement.")
    text = outer.statement.encode("utf-8")
    persons: list[Person] = []
    nodes: list[str] = []
    for one in outer.signatures:
        found = signer_of(one, directory, about)
        if isinstance(found, Refusal):
            return found
        if not holds(one, PREFIX + text):
            return Refusal("bad_signature", f"The signature of {one.person or one.node} does not hold.")
        if found in persons or found in nodes:
            return Refusal("signed_twice", f"{one.person or one.node} signed twice; that counts once.")
        if isinstance(found, Person):
            persons.append(found)
        else:
            nodes.append(found)
    return Verified(
        statement=about, text=text, sha256=statement_sha256(text), persons=tuple(persons), nodes=tuple(nodes)
    )


def signer_of(one: Signature, directory: Directory, about: AnyStatement | None = None) -> Person | str | Refusal:
    """The person, or the id of the partner whose node it is, if the key is the one that the directory gives. A node
    signs with its agreement key; that a key is followed by another is signed with the old one, if it can sign."""
    if bool(one.person) == bool(one.node):
        return Refusal("malformed", "A signature names a person or a node, one of the two.")
    if one.person:
        person = directory.person(one.person)
        if person is None:
            return Refusal("unknown_person", f"{one.person} is not in the directory.")
        return person if person.key == one.key else _wrong_key(one.person)
    partner = directory.partner(one.node)
    if partner is None:
        return Refusal("unknown_node", f"{one.node} is not in the directory.")
    expected = partner.agreement_key
    if isinstance(about, KeyRotate) and about.purpose in ("ledger", "witness") and about.partner == partner.id:
        expected = partner.ledger_key if about.purpose == "ledger" else partner.witness_key
    return partner.id if expected and expected == one.key else _wrong_key(one.node)


def _wrong_key(name: str) -> Refusal:
    return Refusal("wrong_key", f"The key is not the one that the directory gives for {name}.")


def holds(one: Signature, signed_bytes: bytes) -> bool:
    """Whether a signature holds over these bytes; a malformed one does not."""
    try:
        sig = base64.b64decode(one.sig, validate=True)
        if base64.b64encode(sig).decode("ascii") != one.sig or bytes.fromhex(one.key).hex() != one.key:
            return False
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(one.key)).verify(sig, signed_bytes)
    except (binascii.Error, ValueError, InvalidSignature):
        return False
    return True


def persons_of(sidecar: bytes, signed_bytes: bytes, directory: Directory) -> tuple[Person, ...] | Refusal:
    """The persons who signed these bytes, from one JSON line each. A line that does not hold spoils all."""
    found: list[Person] = []
    for number, line in enumerate(sidecar.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            one = msgspec.json.decode(line, type=Signature)
        except (msgspec.MsgspecError, RecursionError, UnicodeError) as fault:
            return Refusal("malformed", f"Line {number} of the signatures is none: {fault}")
        person = signer_of(one, directory)
        if isinstance(person, Refusal):
            return Refusal(person.why, f"Line {number} of the signatures: {person.sentence}")
        if isinstance(person, str) or not holds(one, signed_bytes):
            return Refusal("bad_signature", f"Line {number}: {one.person or one.node} did not sign this very text.")
        if person not in found:
            found.append(person)
    return tuple(found)
