"""The directory's file: TOML bytes to a Directory or its faults by line, its hash, and what may replace what."""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
import re
import tomllib
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from manara.records.directory import (
    AREAS_MAX,
    CAPACITIES,
    CORNERS_MAX,
    PARTNERS_MAX,
    PERSONS_MAX,
    Area,
    Directory,
    Partner,
    Person,
)
from manara.release import statements
from manara.release.document import SIDECAR_BYTES, Fault, unseen
from manara.release.statements import Refusal
from manara.release.toml_lines import line_of, lines_of

PREFIX = b"manara/directory/v1\n"
DIRECTORY_BYTES = 4 << 20
WITNESSES_MAX = 63
VERSION_MAX = 0x7FFFFFFF
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_PERSON = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")
_KEY = re.compile(r"[0-9a-f]{64}")
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/=\n]{1,16384})\n-----END CERTIFICATE-----\n?")
_URL = re.compile(r"https://[^\s/]{1,200}:\d{1,5}")
_TABLES: tuple[tuple[str, type[msgspec.Struct], int], ...] = (
    ("partners", Partner, PARTNERS_MAX),
    ("persons", Person, PERSONS_MAX),
    ("areas", Area, AREAS_MAX),
)


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A directory that reads well, and its bytes."""

    directory: Directory
    sha256: str
    text: bytes


def directory_sha256(text: bytes) -> str:
    """By what statements name the directory."""
    return hashlib.sha256(PREFIX + text).hexdigest()


def read(text: bytes) -> Listed | tuple[Fault, ...]:
    """The directory in these bytes, or every fault that was found, in the order of the lines."""
    if len(text) > DIRECTORY_BYTES:
        return (Fault(0, "", f"larger than {DIRECTORY_BYTES} bytes"),)
    try:
        words = text.decode("utf-8")
        table = tomllib.loads(words)
    except (ValueError, RecursionError) as fault:
        found = re.search(r"at line (\d+)", str(fault))
        return (Fault(int(found[1]) if found else 0, "", f"not TOML: {fault}"),)
    faults = [*unseen(words, table), *_shape(table)]
    directory = None
    if not faults:
        directory = msgspec.convert(table, Directory)
        faults = list(check(directory))
    if directory is None or faults:
        lines = lines_of(words)
        placed = [msgspec.structs.replace(one, line=one.line or line_of(lines, one.where)) for one in faults]
        return tuple(sorted(placed, key=lambda one: one.line))
    return Listed(directory=directory, sha256=directory_sha256(text), text=text)


def _shape(table: dict[str, Any]) -> Iterator[Fault]:
    """What keeps the table from being a directory, each with its own row: msgspec alone does not count them."""
    for name, kind, most in _TABLES:
        rows = table.get(name, [])
        if not isinstance(rows, list) or len(rows) > most:
            yield Fault(0, name, f"expected at most {most} [[{name}]] tables")
            return
        for place, row in enumerate(rows):
            yield from _wrong(row, kind, f"{name}[{place}]")
    yield from _wrong({**table, "partners": [], "persons": [], "areas": []}, Directory, "")


def _wrong(row: Any, kind: Any, at: str) -> Iterator[Fault]:
    try:
        msgspec.convert(row, kind)
    except msgspec.ValidationError as fault:
        why, _, path = str(fault).partition(" - at `$")
        inner = path.rstrip("`").lstrip(".")
        yield Fault(0, f"{at}.{inner}" if at and inner else at or inner, why)


def check(one: Directory) -> Iterator[Fault]:
    """What the types cannot say."""
    if not 1 <= one.version <= VERSION_MAX:
        yield Fault(0, "version", f"counts from 1 to {VERSION_MAX}")
    if len(one.witnesses) > WITNESSES_MAX:
        yield Fault(0, "witnesses", f"at most {WITNESSES_MAX}")
    partners = {p.id for p in one.partners}
    yield from _unique([p.id for p in one.partners], "partners", "id")
    yield from _unique([p.id for p in one.persons], "persons", "id")
    yield from _unique([a.id for a in one.areas], "areas", "id")
    yield from _one_key_one_use(one)
    for place, partner in enumerate(one.partners):
        yield from _partner(partner, f"partners[{place}]")
    for place, person in enumerate(one.persons):
        yield from _person(person, partners, f"persons[{place}]")
    for place, area in enumerate(one.areas):
        yield from _area(area, partners, f"areas[{place}]")


def _unique(ids: list[str], table: str, field: str) -> Iterator[Fault]:
    seen: set[str] = set()
    for place, one in enumerate(ids):
        if one in seen:
            yield Fault(0, f"{table}[{place}].{field}", f"{one!r} stands here twice")
        seen.add(one)


def _one_key_one_use(one: Directory) -> Iterator[Fault]:
    """A key that two hold would let one sign for the other."""
    seen: dict[str, str] = {}
    keys = [(p.key, p.id, f"persons[{n}].key") for n, p in enumerate(one.persons)]
    for place, partner in enumerate(one.partners):
        for field in ("ledger_key", "witness_key", "agreement_key", "seal_key"):
            keys.append((getattr(partner, field), f"{field} of {partner.id}", f"partners[{place}].{field}"))
    for key, whose, where in keys:
        if key and key in seen:
            yield Fault(0, where, f"the same key as {seen[key]}; each has one of its own")
        seen.setdefault(key, whose)


def _partner(one: Partner, at: str) -> Iterator[Fault]:
    yield from _is(_ID.fullmatch, one.id, f"{at}.id", "lower case, digits and -, at most 32")
    yield from _is(_KEY.fullmatch, one.ledger_key, f"{at}.ledger_key", "64 hexadecimal digits, lower case")
    for field in ("witness_key", "agreement_key", "seal_key", "tls_sha256"):
        if found := getattr(one, field):
            yield from _is(_KEY.fullmatch, found, f"{at}.{field}", "64 hexadecimal digits, lower case")
    if one.tls_certificate and pinned(one.tls_certificate) != one.tls_sha256:
        yield Fault(0, f"{at}.tls_certificate", "is not the certificate that tls_sha256 pins")
    if one.url:
        yield from _is(_URL.fullmatch, one.url, f"{at}.url", "https://host:port")


def pinned(certificate: str) -> str:
    """SHA-256 of the DER within a PEM certificate; "" where there is no single one."""
    found = _PEM.fullmatch(certificate)
    try:
        return hashlib.sha256(base64.b64decode("".join(found[1].split()), validate=True)).hexdigest() if found else ""
    except (binascii.Error, ValueError):
        return ""


def _person(one: Person, partners: set[str], at: str) -> Iterator[Fault]:
    yield from _is(_PERSON.fullmatch, one.id, f"{at}.id", "lower case, digits, . and -, at most 64")
    yield from _is(partners.__contains__, one.partner, f"{at}.partner", "a partner of this directory")
    yield from _is(CAPACITIES.__contains__, one.capacity, f"{at}.capacity", " or ".join(CAPACITIES))
    yield from _is(_KEY.fullmatch, one.key, f"{at}.key", "64 hexadecimal digits, lower case")


def _area(one: Area, partners: set[str], at: str) -> Iterator[Fault]:
    yield from _is(_ID.fullmatch, one.id, f"{at}.id", "lower case, digits and -, at most 32")
    yield from _is(partners.__contains__, one.partner, f"{at}.partner", "a partner of this directory")
    at = f"{at}.corners_deg"
    corners = one.corners_deg
    if not 3 <= len(corners) <= CORNERS_MAX:
        yield Fault(0, at, f"an area has 3 to {CORNERS_MAX} corners; this one has {len(corners)}")
        return
    if not all(math.isfinite(x) and abs(x) <= most for c in corners for x, most in zip(c, (90, 180), strict=True)):
        yield Fault(0, at, "latitude -90 to 90, longitude -180 to 180")
        return
    lons = [lon for _, lon in corners]
    if max(lons) - min(lons) >= 180:
        yield Fault(0, at, "crosses the 180th meridian or holds a pole; make two areas of it")
    if len(set(corners)) < len(corners):
        yield Fault(0, at, "a corner stands here twice; the last joins the first by itself")
    elif twice_area(corners) == 0.0:
        yield Fault(0, at, "the corners lie on one line")


def twice_area(corners: tuple[tuple[float, float], ...]) -> float:
    """Twice the area in square degrees, by the shoelace sum; 0 for corners on a line.

    >>> twice_area(((0.0, 0.0), (0.0, 2.0), (1.0, 2.0)))
    2.0
    """
    ahead = (*corners[1:], corners[0])
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(corners, ahead, strict=True)))


def _is(known: Callable[[str], Any], found: str, where: str, which: str) -> Iterator[Fault]:
    if not known(found):
        yield Fault(0, where, f"{found!r}: expected {which}")


def replaces(new: Listed, old: Listed | None) -> Refusal | None:
    """Why a directory may not take another's place: a lower version never does, and one version has one text."""
    if old is None or new.sha256 == old.sha256:
        return None
    if new.directory.version < old.directory.version:
        said = f"version {new.directory.version} is older than {old.directory.version}"
        return Refusal("older_directory", f"This directory's {said}.")
    if new.directory.version == old.directory.version:
        return Refusal("two_texts", f"There are two texts of version {new.directory.version}; one of them is false.")
    return None


def signature_line(text: bytes, person: str, key: bytes, sign: Callable[[bytes], bytes]) -> bytes:
    """One line of the directory's signatures file."""
    made = statements.signed(b"", key, lambda _: sign(PREFIX + text), person=person)
    return msgspec.json.encode(made) + b"\n"


def signers(listed: Listed, sidecar: bytes, known: Directory) -> tuple[Person, ...] | Refusal:
    """Who of the directory that is ``known`` so far has signed this one. One bad line spoils the file."""
    if len(sidecar) > SIDECAR_BYTES:
        return Refusal("too_large", f"Signatures take at most {SIDECAR_BYTES} bytes.")
    return statements.persons_of(sidecar, PREFIX + listed.text, known)
