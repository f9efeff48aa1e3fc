"""The papers of a simulated federation: persons with keys, the directory, agreements signed by all, statements.

Everything follows from the names and the seed; keys and signatures come from the ``Signer`` that the host gives.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from manara.records.agreement import Agreement, Rule, Signatory, When
from manara.records.directory import Area, Directory, Partner, Person
from manara.release import document, register, statements
from manara.release.document import Document

NAMES = ("arvena", "belora", "corvia", "delmara", "ember")
CAPACITIES = ("policy", "operational")
START_NS = 1_790_000_000_000_000_000
WINDOW = 30  # entries without a receipt
RING, STAR = "ring", "star"


class Signer(Protocol):
    """An Ed25519 key that does not show itself."""

    def public(self) -> bytes:
        """The 32 bytes of the public key."""
        ...

    def sign(self, data: bytes) -> bytes:
        """The 64 bytes of the signature."""
        ...


Keys = Callable[[bytes], Signer]  # from a name


@dataclass(frozen=True)
class Papers:
    """``agreements``: direction ``a>b`` -> document; ``sidecars``: its signatures; ``never_to``: node -> partners."""

    keys: Mapping[str, Signer]
    listed: bytes
    directory: Directory
    agreements: Mapping[str, Document]
    sidecars: Mapping[str, bytes]
    never_to: Mapping[str, tuple[str, ...]]
    forbidden: Mapping[str, tuple[str, Document, bytes]]  # node -> direction, and what it must never put in force

    def attachment(self, direction: str) -> bytes:
        """The document of a direction with its signatures."""
        return document.attach(self.agreements[direction].text, self.sidecars[direction])

    def envelope(self, statement: statements.AnyStatement, people: Sequence[str]) -> bytes:
        """A statement signed by these persons."""
        text = statements.canonical(statement)
        made = [statements.signed(text, self.keys[who].public(), self.keys[who].sign, person=who) for who in people]
        return statements.envelope(text, made)

    def of_node(self, text: bytes, node: str) -> bytes:
        """A statement signed by a node's own key."""
        key = self.keys[f"{node}/agreement"]
        return statements.envelope(text, [statements.signed(text, key.public(), key.sign, node=node)])


def people(partner: str) -> tuple[str, ...]:
    """Who signs for a partner: one for policy, one for operations."""
    return tuple(f"{partner}.{capacity}" for capacity in CAPACITIES)


def make(nodes: int, shape: str, new_key: Keys) -> Papers:
    """Partners among whom each has agreed with its neighbours in a ring, or all with the first in a star. The first
    and the third never agreed: what the first has must not reach the third."""
    names = NAMES[:nodes]
    keys = {one: new_key(hashlib.sha256(one.encode()).digest()) for one in _key_names(names)}
    directory = _directory(names, keys)
    listed = toml(directory).encode()
    read = register.read(listed)
    if not isinstance(read, register.Listed):
        raise ValueError(f"the directory: {read[0].text()}")
    never = {names[0]: (names[2],)} if nodes > 2 and shape == RING else {}
    if shape == STAR and nodes > 2:
        never = {names[1]: (names[2],)}
    agreements, sidecars, forbidden = {}, {}, {}
    for a, b in _pairs(names, shape):
        agreed = _agreement(a, b, names, shape, never)
        agreements[f"{a}>{b}"], sidecars[f"{a}>{b}"] = _signed(agreed, keys)
        if a in never and a not in forbidden:
            wide = msgspec.structs.replace(agreed, edition=2, onward=tuple(n for n in names if n not in (a, b)))
            text, sidecar = _signed(wide, keys)
            forbidden[a] = f"{a}>{b}", text, document.attach(text.text, sidecar)
    return Papers(keys, listed, read.directory, agreements, sidecars, never, forbidden)


def _signed(agreed: Agreement, keys: Mapping[str, Signer]) -> tuple[Document, bytes]:
    """The document, and the signatures of everybody in it."""
    found = document.read(toml(agreed).encode())
    if not isinstance(found, Document):
        raise ValueError(f"the agreement {agreed.id}: {found[0].text()}")
    who = (*people(agreed.releaser), *people(agreed.recipient))
    return found, b"".join(document.signature_line(found, w, keys[w].public(), keys[w].sign) for w in who)


def _key_names(names: Sequence[str]) -> list[str]:
    purposes = ("ledger", "agreement", "witness")
    return [*(f"{n}/{p}" for n in names for p in purposes), *(who for n in names for who in people(n))]


def _pairs(names: Sequence[str], shape: str) -> list[tuple[str, str]]:
    if shape == STAR:
        beside = [(names[0], one) for one in names[1:]]
    else:
        beside = list(zip(names, (*names[1:], names[0]), strict=True))
    both = {pair for a, b in beside for pair in ((a, b), (b, a)) if a != b}
    if shape == RING and len(names) > 2:  # the first and the third have nothing to do with each other
        both -= {(names[0], names[2]), (names[2], names[0])}
    return sorted(both)


def _directory(names: Sequence[str], keys: Mapping[str, Signer]) -> Directory:
    def public(name: str) -> str:
        return keys[name].public().hex()

    return Directory(
        version=1,
        partners=tuple(
            Partner(
                id=n,
                name=n.title(),
                ledger_key=public(f"{n}/ledger"),
                agreement_key=public(f"{n}/agreement"),
                witness_key=public(f"{n}/witness"),
            )
            for n in names
        ),
        persons=tuple(
            Person(id=who, partner=n, name=who, capacity=capacity, key=public(who))
            for n in names
            for who, capacity in zip(people(n), CAPACITIES, strict=True)
        ),
        areas=tuple(_waters(n, k, len(names)) for k, n in enumerate(names)),
    )


def _waters(name: str, k: int, nodes: int) -> Area:
    """A strip of the box from south to north."""
    west, east = 59.8 + 2.4 * k / nodes, 59.8 + 2.4 * (k + 1) / nodes
    corners = ((22.8, west), (25.2, west), (25.2, east), (22.8, east))
    return Area(id=f"{name}-waters", partner=name, name=name, corners_deg=corners, responsibility=True, warned=True)


def _agreement(
    releaser: str, recipient: str, names: Sequence[str], shape: str, never: Mapping[str, tuple[str, ...]]
) -> Agreement:
    """Air everywhere; vessels in the recipient's waters, elsewhere by the square; the hub of a star passes on."""
    hub = shape == STAR and releaser == names[0]
    originator = () if hub else ("own",)
    closed = never.get(releaser, ())
    onward = tuple(n for n in names[1:] if n != releaser and n not in closed) if shape == STAR and not hub else ()
    near = (f"{recipient}-waters",)
    return Agreement(
        id=f"{releaser}-{recipient}",
        title=f"What {releaser} lets {recipient} have",
        releaser=releaser,
        recipient=recipient,
        not_before="2026-01-01T00:00:00Z",
        not_after="2028-01-01T00:00:00Z",
        signatories=tuple(
            Signatory(person=who, name=who, capacity=c, partner=p)
            for p in (releaser, recipient)
            for who, c in zip(people(p), CAPACITIES, strict=True)
        ),
        sources=("open", "close"),
        onward=onward,
        window=WINDOW,
        witnesses=tuple(one for one in names if one != releaser),
        quorum=min(2, len(names) - 1),
        rules=(
            Rule(id="air", effect="permit", when=When(sort=("track",), domain=("air",), originator=originator)),
            Rule(
                id="sea-near",
                effect="permit",
                when=When(sort=("track",), domain=("sea",), area=near, originator=originator),
                delay_s=10,
                strip=("height",),
            ),
            Rule(
                id="sea-far",
                effect="permit",
                when=When(sort=("track",), domain=("sea",), outside=near, originator=("own",)),
                cell_m=8000,
                epoch_s=1024,
                strip=("identity", "names"),
            ),
            Rule(id="kept-close", effect="forbid", when=When(sensitivity=("closed",))),
        ),
    )


def toml(record: msgspec.Struct) -> str:
    """A record as TOML; what has its default is left out.

    >>> print(toml(Area(id="x", partner="p", name="X", corners_deg=((1.0, 2.0),))), end="")
    id = "x"
    partner = "p"
    name = "X"
    corners_deg = [[1.0, 2.0]]
    """
    plain, tables = [], []
    for one in msgspec.structs.fields(record):
        value = getattr(record, one.name)
        if value in (one.default, {}):
            continue
        if isinstance(value, tuple) and value and isinstance(value[0], msgspec.Struct):
            tables += [f"\n[[{one.name}]]\n{toml(row)}" for row in value]
        else:
            plain.append(f"{one.name} = {_value(value)}\n")
    return "".join(plain) + "".join(tables)


def _value(value: Any) -> str:
    if isinstance(value, msgspec.Struct):
        said = ((one.name, getattr(value, one.name), one.default) for one in msgspec.structs.fields(value))
        return "{ " + ", ".join(f"{n} = {_value(v)}" for n, v, default in said if v != default) + " }"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return msgspec.json.encode(value).decode()
