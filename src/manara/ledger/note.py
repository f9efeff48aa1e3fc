"""Signed notes (C2SP signed-note): text, a blank line, and one line for each signature; and the keys that sign them.

::

    text\\n  \\n  — name base64(key id ‖ signature)\\n …
    vkey  name+keyid+base64(type ‖ public key)         skey  PRIVATE+KEY+name+keyid+base64(type ‖ seed)

A note is refused when writing it anew would not give the same bytes. A signature by an unknown key is passed over; one
by a known key that does not hold condemns the note. No key is held here: who signs gives a function.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

Sign = Callable[[bytes], bytes]  # 64 bytes of Ed25519 over the bytes given

ED25519 = 0x01
COSIGNATURE = 0x04  # with a time, over a checkpoint only: cosign.py
KINDS = (ED25519, COSIGNATURE)
NOTE_MAX = 256 << 10  # bytes
SIGNATURES_MAX = 100
NAME_MAX = 255
TIME_MAX_S = (1 << 63) - 1
PRIVATE = "PRIVATE+KEY+"


class Key(NamedTuple):
    """A public key under a name. ``kind``: ED25519 or COSIGNATURE."""

    name: str
    kind: int
    public: bytes

    @property
    def number(self) -> int:
        """The key id: the first four bytes of a hash over name, type and key."""
        return int.from_bytes(sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4], "big")


class Signature(NamedTuple):
    """One signature line: whose it claims to be, and its bytes behind the key id."""

    name: str
    number: int
    body: bytes

    def line(self) -> str:
        """As it stands in a note."""
        return f"— {self.name} {b64(self.number.to_bytes(4, 'big') + self.body)}\n"


class Note(NamedTuple):
    """A note: its text, with the newline at its end, and its signatures in order."""

    text: str
    signatures: tuple[Signature, ...]

    def encode(self) -> bytes:
        """Bytes of the note."""
        return (self.text + "\n" + "".join(one.line() for one in self.signatures)).encode()


def b64(data: bytes) -> str:
    """Standard base64."""
    return base64.b64encode(data).decode()


def unb64(text: str) -> bytes | None:
    """Bytes of a base64 text; None when writing them anew gives another text.

    >>> unb64("AQI="), unb64("AQJ="), unb64("AQI")
    (b'\\x01\\x02', None, None)
    """
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return found if b64(found) == text else None


def named_well(name: str) -> bool:
    """May a key be called so? Not empty, no space of any kind, no plus, nothing that cannot be seen."""
    return 0 < len(name.encode(errors="replace")) <= NAME_MAX and name.isprintable() and not set(name) & set(" +")


def vkey(key: Key) -> str:
    """The line by which a key is handed on.

    >>> key = parse_vkey("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    >>> key.name, vkey(key)
    ('PeterNeumann', 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW')
    """
    return f"{key.name}+{key.number:08x}+{b64(bytes([key.kind]) + key.public)}"


def parse_vkey(text: str) -> Key | str:
    """The key of such a line, or why it is none."""
    parts = text.strip().split("+", 2)
    if len(parts) != 3 or text.startswith(PRIVATE):
        return "not a verifier key: want name+keyid+base64"
    found = unb64(parts[2])
    if found is None or len(found) != 33 or found[0] not in KINDS:
        return "not a verifier key: its last part is no Ed25519 key of a kind known here (1, 4)"
    key = Key(parts[0], found[0], found[1:])
    if not named_well(key.name) or parts[1] != f"{key.number:08x}":
        return "not a verifier key: its key id is not that of its name and key"
    return key


def skey(name: str, kind: int, seed: bytes, public: bytes) -> str:
    """The line by which a private key is kept, in Go's form."""
    return f"{PRIVATE}{name}+{Key(name, kind, public).number:08x}+{b64(bytes([kind]) + seed)}"


def parse_skey(text: str) -> tuple[str, int, bytes] | str:
    """Name, kind and seed of such a line, or why it is none. That its key id fits is seen with the public key."""
    text = text.strip()
    parts = text.removeprefix(PRIVATE).split("+", 2)
    found = unb64(parts[-1])
    if not text.startswith(PRIVATE) or len(parts) != 3 or found is None or len(found) != 33 or found[0] not in KINDS:
        return "not a private note key"
    return (parts[0], found[0], found[1:]) if named_well(parts[0]) else "not a private note key"


def parse(data: bytes) -> Note | str:
    """The note of these bytes, or why they are none. Nothing is verified."""
    if len(data) > NOTE_MAX:
        return f"a note of {len(data)} bytes, at most {NOTE_MAX}"
    try:
        whole = data.decode()
    except UnicodeDecodeError:
        return "not UTF-8"
    if any(c < " " and c != "\n" for c in whole):
        return "a control character"
    cut = whole.rfind("\n\n")
    if cut < 0 or not whole.endswith("\n"):
        return "not a note: no blank line before its signatures"
    lines = whole[cut + 2 :].split("\n")[:-1]
    if not 0 < len(lines) <= SIGNATURES_MAX:
        return f"{len(lines)} signatures, at most {SIGNATURES_MAX} and not none"
    signatures = [parse_line(one) for one in lines]
    found = Note(whole[: cut + 1], tuple(one for one in signatures if isinstance(one, Signature)))
    if len(found.signatures) != len(lines):
        return next(f"signature line {n}: {one}" for n, one in enumerate(signatures, 1) if isinstance(one, str))
    return found if found.encode() == data else "writing it anew gives other bytes"


def parse_line(line: str) -> Signature | str:
    """One signature line, without its newline, or why it is none."""
    parts = line.split(" ")
    found = unb64(parts[2]) if len(parts) == 3 else None
    if found is None or parts[0] != "—" or len(found) < 5 or not named_well(parts[1]):
        return "not a signature"
    return Signature(parts[1], int.from_bytes(found[:4], "big"), found[4:])


def sign(text: str, key: Key, signer: Sign) -> Signature:
    """The signature of a text by a key of kind ED25519."""
    return Signature(key.name, key.number, signer(text.encode()))


def cosigned_bytes(text: str, time_s: int) -> bytes:
    """What a cosignature/v1 signs."""
    return f"cosignature/v1\ntime {time_s}\n{text}".encode()


def holds(text: str, one: Signature, key: Key) -> bool:
    """Is this signature by this key, over this text?"""
    if (one.name, one.number) != (key.name, key.number):
        return False
    signed, body = text.encode(), one.body
    if key.kind == COSIGNATURE:
        time_s = int.from_bytes(body[:8], "big")
        if time_s > TIME_MAX_S:
            return False
        signed, body = cosigned_bytes(text, time_s), body[8:]
    return verify_bytes(key.public, signed, body)


def verify_bytes(public: bytes, signed: bytes, signature: bytes) -> bool:
    """One Ed25519 signature."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def verify(note: Note, keys: Iterable[Key]) -> tuple[tuple[Key, Signature], ...] | str:
    """Which of these keys have signed, each once; or why the note is refused: a known key's signature that does not
    hold, or none by a known key."""
    known = {(key.name, key.number): key for key in keys}
    found: dict[Key, Signature] = {}
    for one in note.signatures:
        key = known.get((one.name, one.number))
        if key is None or key in found:
            continue
        if not holds(note.text, one, key):
            return f"the signature of {key.name} does not hold"
        found[key] = one
    return tuple(found.items()) or "no signature by a known key"
