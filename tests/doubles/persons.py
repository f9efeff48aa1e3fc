"""Fictional persons with keys made from their names, and the directory that knows them."""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from manara.records.directory import Area, Directory, Partner, Person
from manara.release import statements
from manara.release.statements import AnyStatement

ARVENA = ("arvena.minister", "arvena.chief")
BELORA = ("belora.minister", "belora.watch")


def key_of(name: str) -> Ed25519PrivateKey:
    """The same key for the same name."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def public(name: str) -> str:
    """Its public half, hexadecimal."""
    return key_of(name).public_key().public_bytes_raw().hex()


def person(name: str, capacity: str) -> Person:
    """Somebody of the partner before the dot."""
    home, _, _ = name.partition(".")
    return Person(id=name, partner=home, name=name.title(), capacity=capacity, key=public(name))


def partner(name: str) -> Partner:
    """A partner whose node signs with the key of its own name."""
    return Partner(id=name, name=name.title(), ledger_key=public(name + "/ledger"), agreement_key=public(name))


def area(name: str, home: str) -> Area:
    """A square somewhere."""
    return Area(id=name, partner=home, name=name, corners_deg=((1.0, 1.0), (1.0, 2.0), (2.0, 2.0)), warned=True)


DIRECTORY = Directory(
    version=3,
    partners=tuple(map(partner, ("arvena", "belora", "corvia", "delmara"))),
    persons=(
        person("arvena.minister", "policy"),
        person("arvena.chief", "operational"),
        person("belora.minister", "policy"),
        person("belora.watch", "operational"),
        person("corvia.watch", "operational"),
    ),
    areas=(area("strait", "arvena"), area("harbour", "belora")),
    witnesses={"lantern": "lantern+0a0b0c0d+AAAA"},
)


def signed(statement: AnyStatement, *who: str) -> bytes:
    """The envelope of a statement that these persons (with a dot) and nodes have signed."""
    text = statements.canonical(statement)
    made = [
        statements.signed(
            text, bytes.fromhex(public(w)), key_of(w).sign, **({"person": w} if "." in w else {"node": w})
        )
        for w in who
    ]
    return statements.envelope(text, made)
