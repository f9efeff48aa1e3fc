"""The directory: partners, their persons with keys of their own, their areas, and aliases. Signed and versioned.

One TOML file, the same for every node that holds it; each partner signs what it says of itself. Two versions are
told apart by ``version`` and by the hash of their bytes; a lower version never replaces a higher one.
"""

from __future__ import annotations

import msgspec

PARTNERS_MAX = 63
AREAS_MAX = 63
PERSONS_MAX = 1_000
CORNERS_MAX = 1_000
CAPACITIES = ("policy", "operational")


class Person(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody who may sign. ``capacity``: policy or operational, never both."""

    id: str  # unique in the directory: "arvena.minister"
    partner: str
    name: str
    name_ar: str = ""
    office: str = ""
    office_ar: str = ""
    capacity: str
    key: str  # Ed25519 public key, 64 hexadecimal digits


class Partner(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A state or agency and the keys of its node. Public keys as 64 hexadecimal digits (Ed25519, X25519)."""

    id: str  # the alias under which it stands in agreements and frames; lower case, digits and hyphens
    name: str
    name_ar: str = ""
    ledger_key: str  # signs checkpoints
    witness_key: str = ""  # cosigns others' checkpoints
    agreement_key: str = ""  # the node's own statements: receipts, recalls
    seal_key: str = ""
    tls_sha256: str = ""  # SHA-256 of the DER of its pinned self-signed certificate
    tls_certificate: str = ""  # that certificate itself, in PEM
    url: str = ""  # https://host:port of its link; "" where none is known


class Area(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A published area. ``corners_deg``: latitude, longitude, in order; the last joins the first; it holds no pole and
    does not cross the 180th meridian."""

    id: str
    partner: str
    name: str
    name_ar: str = ""
    corners_deg: tuple[tuple[float, float], ...]
    responsibility: bool = False  # the partner answers for it
    warned: bool = False  # warnings under rule 0 may name it


class Directory(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of it. ``witnesses``: neutral witnesses by name and key, beside the partners."""

    version: int
    issued: str = ""  # UTC, RFC 3339
    partners: tuple[Partner, ...] = ()
    persons: tuple[Person, ...] = ()
    areas: tuple[Area, ...] = ()
    witnesses: dict[str, str] = {}  # name -> vkey line of C2SP signed-note, and its address

    def partner(self, id: str) -> Partner | None:  # noqa: A002 - the field's own word, as in Partner.id
        """The partner of this id."""
        return next((one for one in self.partners if one.id == id), None)

    def person(self, id: str) -> Person | None:  # noqa: A002 - as above
        """The person of this id."""
        return next((one for one in self.persons if one.id == id), None)
