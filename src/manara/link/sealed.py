"""What two partners send one another through a third who must not read it: bytes in, values out.

::

    Letter ─▶ body ─▶ [signature │ length │ body │ zeros] ─▶ HPKE ─▶ [MNSE │ version │ epoch │ sequence │ sealed]
                        always as long as the size that was chosen        the broker sees this, the route and the time

``binding`` (who to whom, epoch, sequence) is what HPKE takes as ``info`` and what stands before the body in the text
that is signed: an envelope that is handed to somebody else, or at another place, opens nowhere. The host does both.
"""

from __future__ import annotations

import re
import struct
from typing import Annotated, NamedTuple

import msgspec

from manara.records.brokered import SIZES
from manara.records.reject import KEPT_BYTES, Reject

VERSION = 1
MAGIC = b"MNSE"
PREFIX = b"manara/brokered/v1\n"
SIGNATURE_BYTES = 64
SEAL_BYTES = 48  # of HPKE with X25519: 32 for the key, 16 for the tag
NUMBER_MAX = (1 << 63) - 1
EPOCH_MAX = (1 << 32) - 1
WANTS_MAX = 8
PARTS_MAX = 64
DONE_MAX = 64
PART_KINDS = ("answer", "receipt", "statement")
ALIAS = re.compile(r"x[0-9a-f]{24}")

_OUTER = struct.Struct("<4sBIQ")
_LENGTH = struct.Struct("<I")
OVERHEAD = _OUTER.size + SEAL_BYTES + SIGNATURE_BYTES + _LENGTH.size


class Place(NamedTuple):
    """Where an envelope belongs. ``sender``, ``recipient``: aliases; ``epoch`` grows with each start of the sender."""

    sender: str
    recipient: str
    epoch: int
    sequence: int


class Want(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """From which place a stream is wanted, and the size of the releaser's log that is known: as in a pull."""

    stream: Annotated[str, msgspec.Meta(max_length=200)]
    next: int
    size: int


class Part(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A piece of something: ``data`` stands ``at`` this byte of ``total``; pieces of one ``number`` belong together.
    An answer names its stream, first place, and the size of log from which it shows growth."""

    kind: str
    number: int
    at: int
    total: int
    data: bytes
    stream: Annotated[str, msgspec.Meta(max_length=200)] = ""
    first: int = 0
    size: int = 0


class Letter(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """All that one envelope says. ``epoch``, ``seen``: the newest place of the other's that was opened (-1: none);
    ``missing``: places of this epoch that never came; ``done``: numbers of what came whole, the newest last."""

    v: int
    epoch: int
    seen: int
    missing: int
    done: Annotated[tuple[int, ...], msgspec.Meta(max_length=DONE_MAX)] = ()
    wants: Annotated[tuple[Want, ...], msgspec.Meta(max_length=WANTS_MAX)] = ()
    parts: Annotated[tuple[Part, ...], msgspec.Meta(max_length=PARTS_MAX)] = ()


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Letter)


def is_alias(text: str) -> bool:
    """``x`` and 24 hexadecimal digits: a hash of the keys behind it (host/broker_keys.py).

    >>> is_alias("x" + "0" * 24), is_alias("arvena")
    (True, False)
    """
    return ALIAS.fullmatch(text) is not None


def body_max(size: int) -> int:
    """The longest body that an envelope of a size holds, in bytes.

    >>> body_max(4096)
    3963
    """
    return size - OVERHEAD


def binding(place: Place) -> bytes:
    """What ties an envelope to its place.

    >>> binding(Place("xa", "xb", 1, 7))
    b'manara/brokered/v1\\nxa>xb\\n1\\n7\\n'
    """
    return PREFIX + f"{place.sender}>{place.recipient}\n{place.epoch}\n{place.sequence}\n".encode("ascii")


def signed_text(place: Place, body: bytes) -> bytes:
    """What the sender's alias key signs."""
    return binding(place) + body


def plaintext(signature: bytes, body: bytes, size: int) -> bytes:
    """What is sealed: exactly as long as an envelope of this size needs. Raises ValueError for a body that is longer
    than ``body_max``."""
    if len(body) > body_max(size) or size not in SIZES:
        raise ValueError(f"a body of {len(body)} bytes in an envelope of {size}")
    return signature + _LENGTH.pack(len(body)) + body + bytes(body_max(size) - len(body))


def split(opened: bytes) -> tuple[bytes, bytes] | Reject:
    """Signature and body of what was sealed; a filling that is not zeros says something, and is refused."""
    begin = SIGNATURE_BYTES + _LENGTH.size
    if len(opened) < begin:
        return Reject("not_a_letter", opened[:KEPT_BYTES], "too short")
    (length,) = _LENGTH.unpack(opened[SIGNATURE_BYTES:begin])
    if length > len(opened) - begin or opened[begin + length :].strip(b"\0"):
        return Reject("not_a_letter", b"", f"a body of {length} bytes in {len(opened)}, and zeros")
    return opened[:SIGNATURE_BYTES], opened[begin : begin + length]


def outer(epoch: int, sequence: int, sealed: bytes) -> bytes:
    """The envelope as the broker gets it."""
    return _OUTER.pack(MAGIC, VERSION, epoch, sequence) + sealed


def parse(envelope: bytes) -> tuple[int, int, bytes] | Reject:
    """Epoch, sequence and sealed bytes, or why not: size, not_an_envelope, version."""
    if len(envelope) not in SIZES:
        return Reject("size", envelope[:KEPT_BYTES], f"{len(envelope)} bytes; one of {SIZES}")
    magic, version, epoch, sequence = _OUTER.unpack_from(envelope)
    if magic != MAGIC or sequence > NUMBER_MAX:
        return Reject("not_an_envelope", envelope[:KEPT_BYTES], "it does not begin with MNSE")
    if version != VERSION:
        return Reject("version", envelope[:KEPT_BYTES], f"version {version}; this node reads {VERSION}")
    return epoch, sequence, envelope[_OUTER.size :]


def encode(letter: Letter) -> bytes:
    """The body of an envelope.

    >>> read(encode(Letter(1, 3, 9, 0))).seen
    9
    """
    return _ENCODER.encode(letter)


def read(body: bytes) -> Letter | Reject:
    """What a body says, or why it cannot be read: not_a_letter, version, out_of_bounds."""
    try:
        letter = _DECODER.decode(body)
    except (msgspec.MsgspecError, RecursionError, ValueError) as fault:
        return Reject("not_a_letter", body[:KEPT_BYTES], str(fault)[:200])
    if letter.v != VERSION:
        return Reject("version", b"", f"version {letter.v}; this node reads {VERSION}")
    numbers = [letter.epoch, letter.missing, letter.seen + 1, *letter.done]
    for want in letter.wants:
        numbers += [want.next, want.size]
    for part in letter.parts:
        numbers += [part.number, part.at, part.first, part.size, part.total - part.at - len(part.data)]
    if min(numbers) < 0 or max(numbers) > NUMBER_MAX or any(one.kind not in PART_KINDS for one in letter.parts):
        return Reject("out_of_bounds", b"", "a number, or a kind of part")
    return letter
