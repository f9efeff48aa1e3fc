"""The document of an agreement: TOML bytes, their hash, their faults by line, and who has signed them.

The bytes are what is hashed and signed, never a rewriting of them. Signatures stand beside the document, one JSON line
each. The format: docs/spec/agreement.md.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

from manara.records.agreement import RULES_MAX, Agreement, Rule
from manara.records.directory import Directory, Person
from manara.records.marking import Purpose, Sensitivity, Sort, Strip
from manara.records.reports import Domain, Kind
from manara.release import concerns, labels, statements
from manara.release.phases import BOTH, phase_of
from manara.release.statements import Refusal
from manara.release.toml_lines import line_of, lines_of

PREFIX = b"manara/agreement/v1\n"
ATTACHMENT = b"manara/attachment/v1 %d\n"
DOCUMENT_BYTES = 256 << 10
SIDECAR_BYTES = 64 << 10
NAMES_MAX = 63
SECONDS_MAX = 0xFFFFFFFF
BACKFILL_MAX_S = 7 * 86_400  # a week of history is replayed in hours
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_SHA = re.compile(r"[0-9a-f]{64}")
_UTC = re.compile(r"(?:19[7-9]|20\d|21\d)\d-\d\d-\d\dT\d\d:\d\d:\d\dZ")
# Signs that are not seen, or that turn the direction of what follows: a document must read as it stands.
# The reader's work grows with the square of a dotted key's parts: 100 KB of them stop a node for minutes.
_DEEP = re.compile(r"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){8}""")
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
_TURNED = re.compile(f"{_UNSEEN.pattern}|[\t\n\r]")  # within one value a line does not end either
_MARKS = {"cell_m", "epoch_s", "delay_s", "rate_s", "pseudonym_s", "strip", "purpose", "retention_s", "onward"}


class Fault(msgspec.Struct, frozen=True):
    """What is wrong in a document. ``line`` 0: of no one line. ``where``: ``rules[3].when.area``."""

    line: int
    where: str
    why: str

    def text(self) -> str:
        """One line for people."""
        place = f"line {self.line}: " if self.line else ""
        return f"{place}{self.where}: {self.why}" if self.where else f"{place}{self.why}"


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """An agreement that reads well, and the bytes that it was read from."""

    agreement: Agreement
    sha256: str
    text: bytes
    lines: dict[str, int]
    not_before_ns: int
    not_after_ns: int


def names(kind: Any) -> frozenset[str]:
    """The words of an enumeration as files write them.

    >>> sorted(names(Sensitivity))
    ['closed', 'limited', 'open', 'restricted']
    """
    return frozenset(one.name.lower() for one in kind if one.name not in ("NONE", "UNKNOWN"))


SORTS, DOMAINS, CRAFT = names(Sort), names(Domain), names(Kind)
PURPOSES, STRIPS, SENSITIVITIES = names(Purpose), names(Strip), names(Sensitivity)


def document_sha256(text: bytes) -> str:
    """By what statements name the document."""
    return hashlib.sha256(PREFIX + text).hexdigest()


def utc_ns(text: str) -> int | None:
    """Nanoseconds of a time written as 2026-11-23T00:00:00Z, from 1970 to 2199; None for anything else.

    >>> utc_ns("1970-01-02T00:00:00Z"), utc_ns("tomorrow")
    (86400000000000, None)
    """
    if not _UTC.fullmatch(text):
        return None
    try:
        return int(datetime.fromisoformat(text).astimezone(UTC).timestamp()) * 1_000_000_000
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=64)
def read(text: bytes) -> Document | tuple[Fault, ...]:
    """The agreement in these bytes, or every fault that was found, in the order of the lines. Each signature that is
    added or checked asks again: the same bytes are read once."""
    if len(text) > DOCUMENT_BYTES:
        return (Fault(0, "", f"larger than {DOCUMENT_BYTES} bytes"),)
    try:
        words = text.decode("utf-8")
        if deep := _DEEP.search(words):
            return (Fault(words.count("\n", 0, deep.start()) + 1, "", "a key of more than eight parts"),)
        table = tomllib.loads(words)
    except (ValueError, RecursionError) as fault:
        found = re.search(r"at line (\d+)", str(fault))
        return (Fault(int(found[1]) if found else 0, "", f"not TOML: {fault}"),)
    lines = lines_of(words)
    agreement, faults = _convert(table)
    faults = [*unseen(words, table), *faults]
    if agreement is not None:
        faults += list(_check(agreement))
    if faults or agreement is None:
        placed = [msgspec.structs.replace(one, line=one.line or line_of(lines, one.where)) for one in faults]
        return tuple(sorted(placed, key=lambda one: one.line))
    return Document(
        agreement=agreement,
        sha256=document_sha256(text),
        text=text,
        lines=lines,
        not_before_ns=utc_ns(agreement.not_before) or 0,
        not_after_ns=utc_ns(agreement.not_after) or 0,
    )


def unseen(words: str, table: dict[str, Any]) -> Iterator[Fault]:
    """Each sign that is not seen, or that turns the direction of what follows: in the text, or written as an escape."""
    there = [(n, found) for n, line in enumerate(words.split("\n"), 1) if (found := _UNSEEN.search(line))]
    for number, found in there:
        yield Fault(number, "", f"holds the sign U+{ord(found[0]):04X}, which is not seen or turns the text")
    if not there:
        yield from _escaped(table, "")


def _escaped(value: Any, at: str) -> Iterator[Fault]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _escaped(key, at)
            yield from _escaped(inner, _join(at, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _escaped(inner, f"{at}[{place}]")
    elif isinstance(value, str) and not at.endswith(".tls_certificate") and (found := _TURNED.search(value)):
        yield Fault(0, at, f"holds the sign U+{ord(found[0]):04X}, which is not seen or turns the text")


def _convert(table: dict[str, Any]) -> tuple[Agreement | None, list[Fault]]:
    """The struct, or what keeps the table from being one: msgspec alone stops at the first and counts no rows."""
    faults: list[Fault] = []
    rules = table.get("rules", [])
    if not isinstance(rules, list) or len(rules) > RULES_MAX:
        return None, [Fault(0, "rules", f"expected at most {RULES_MAX} [[rules]] tables")]
    for place, rule in enumerate(rules):
        faults += _unknown(rule, Rule, f"rules[{place}]")
        faults += _unknown(rule.get("when", {}) if isinstance(rule, dict) else {}, _WHEN, f"rules[{place}].when")
        faults += _wrong(rule, Rule, f"rules[{place}]")
    faults += _unknown(table, Agreement, "")
    faults += _wrong({**table, "rules": []}, Agreement, "")
    if faults:
        return None, list({(f.where, f.why): f for f in faults}.values())
    return msgspec.convert(table, Agreement), []


_WHEN = next(one.type for one in msgspec.structs.fields(Rule) if one.name == "when")


def _unknown(table: Any, kind: Any, at: str) -> Iterator[Fault]:
    if not isinstance(table, dict):
        return
    for key in table:
        if key not in kind.__struct_fields__:
            yield Fault(0, _join(at, str(key)), "unknown field; known: " + ", ".join(kind.__struct_fields__))


def _wrong(table: Any, kind: Any, at: str) -> Iterator[Fault]:
    try:
        msgspec.convert(table, kind)
    except msgspec.ValidationError as fault:
        why, _, path = str(fault).partition(" - at `$")
        # What stands in a rule or at the top is told by _unknown, with the names that are known there.
        if "unknown field" not in why or path.rstrip("`") not in ("", ".when"):
            yield Fault(0, _join(at, path.rstrip("`").lstrip(".")), why)


def _join(at: str, key: str) -> str:
    return f"{at}.{key}" if at and key else at or key


def _check(one: Agreement) -> Iterator[Fault]:
    """What the types cannot say."""
    if one.version != 1:
        yield Fault(0, "version", "this program reads version 1")
    yield from _known("id", (one.id,), _NAME.fullmatch, "lower case, digits, - and _, at most 32")
    yield from _known("releaser", (one.releaser,), _NAME.fullmatch, "lower case, digits, - and _, at most 32")
    yield from _known("recipient", (one.recipient,), _NAME.fullmatch, "lower case, digits, - and _, at most 32")
    if one.releaser == one.recipient:
        yield Fault(0, "recipient", "is the releaser; one document stands for one direction between two partners")
    if one.releaser in one.onward or one.recipient in one.onward:
        yield Fault(0, "onward", "names a partner of the agreement itself; onward lists third partners")
    begin_ns, end_ns = utc_ns(one.not_before), utc_ns(one.not_after)
    for where, found in (("not_before", begin_ns), ("not_after", end_ns)):
        if found is None:
            yield Fault(0, where, 'not a time; write "2026-11-23T00:00:00Z", in quotes')
    if begin_ns is not None and end_ns is not None and end_ns <= begin_ns:
        yield Fault(0, "not_after", "is not later than not_before")
    if one.treaty_sha256 and not _SHA.fullmatch(one.treaty_sha256):
        yield Fault(0, "treaty_sha256", "expected 64 hexadecimal digits, lower case, or nothing")
    yield from _known("prevailing", (one.prevailing,), ("en", "ar").__contains__, "en or ar")
    yield from _known("purposes", one.purposes, PURPOSES.__contains__, ", ".join(sorted(PURPOSES)))
    if not one.purposes:
        yield Fault(0, "purposes", "is empty: then nothing could ever be released")
    yield from _known("domains", one.domains, DOMAINS.__contains__, ", ".join(sorted(DOMAINS)))
    yield from _bounds(one)
    lists = (*concerns.faults(one, DOMAINS, CRAFT), *labels.faults(one))
    yield from (Fault(0, where, why) for where, why in lists)
    yield from _signatories(one)
    yield from _rules(one)


def _bounds(one: Agreement) -> Iterator[Fault]:
    for where, found, least, most in (
        ("edition", one.edition, 1, 1_000_000),
        ("retention_s", one.retention_s, 1, SECONDS_MAX),
        ("backfill_s", one.backfill_s, 0, BACKFILL_MAX_S),
        ("quorum", one.quorum, 0, len(one.witnesses)),
        ("window", one.window, 1, 1_000_000),
        *((f"promises.{name}", getattr(one.promises, name), 0, SECONDS_MAX) for name in one.promises.__struct_fields__),
    ):
        if not least <= found <= most:
            yield Fault(0, where, f"{found} is not within {least} and {most}")
    for where in ("purposes", "onward", "sources", "domains", "areas", "witnesses", "concerns", "signatories"):
        found_names = getattr(one, where)
        if len(found_names) > NAMES_MAX:
            yield Fault(0, where, f"at most {NAMES_MAX}")
        if len(set(found_names)) < len(found_names):
            yield Fault(0, where, "names something twice")


def _signatories(one: Agreement) -> Iterator[Fault]:
    for place, who in enumerate(one.signatories):
        at = f"signatories[{place}]"
        yield from _known(f"{at}.capacity", (who.capacity,), BOTH.__contains__, "policy or operational")
        if who.partner not in (one.releaser, one.recipient):
            yield Fault(0, f"{at}.partner", f"{who.partner} is neither releaser nor recipient")
    for side in (one.releaser, one.recipient):
        if not any(who.partner == side and who.capacity == "policy" for who in one.signatories):
            yield Fault(0, "signatories", f"nobody signs for {side} with the capacity policy")


def _rules(one: Agreement) -> Iterator[Fault]:
    seen: set[str] = set()
    for place, rule in enumerate(one.rules):
        at = f"rules[{place}]"
        if rule.id in seen:
            yield Fault(0, f"{at}.id", f"a rule before it is also called {rule.id!r}")
        seen.add(rule.id)
        yield from _known(f"{at}.id", (rule.id,), _NAME.fullmatch, "lower case, digits, - and _, at most 32")
        yield from _known(f"{at}.effect", (rule.effect,), ("permit", "forbid").__contains__, "permit or forbid")
        yield from _rule_names(rule, at)
        for field in ("cell_m", "epoch_s", "delay_s", "rate_s", "pseudonym_s", "retention_s"):
            if not 0 <= getattr(rule, field) <= SECONDS_MAX:
                yield Fault(0, f"{at}.{field}", f"is not within 0 and {SECONDS_MAX}")
        if rule.pseudonym_s == 0 or rule.retention_s == 0:
            yield Fault(0, at, "pseudonym_s and retention_s are at least 1")
        if rule.when.age_max_s is not None and not 0 <= rule.when.age_max_s <= SECONDS_MAX:
            yield Fault(0, f"{at}.when.age_max_s", f"is not within 0 and {SECONDS_MAX}")
        if rule.effect == "forbid":
            for field in sorted(_MARKS & msgspec.to_builtins(rule).keys()):
                yield Fault(0, f"{at}.{field}", "an obligation stands in permits only")
        if rule.onward and (extra := set(rule.onward) - set(one.onward)):
            yield Fault(0, f"{at}.onward", f"{', '.join(sorted(extra))}: not in the agreement's own onward")


def _rule_names(rule: Rule, at: str) -> Iterator[Fault]:
    when = rule.when
    for where, found, known in (
        ("strip", rule.strip, STRIPS),
        ("purpose", rule.purpose, PURPOSES),
        ("when.sort", when.sort, SORTS),
        ("when.domain", when.domain, DOMAINS),
        ("when.craft", when.craft, CRAFT),
        ("when.sensitivity", when.sensitivity, SENSITIVITIES),
    ):
        yield from _known(f"{at}.{where}", found, known.__contains__, ", ".join(sorted(known)))
    yield from _known(f"{at}.when.phase", when.phase, _is_phase, "suspended, warning_only, interim, full")


def _is_phase(name: str) -> bool:
    return phase_of(name) is not None


def _known(where: str, found: Iterable[str], known: Callable[[str], Any], which: str) -> Iterator[Fault]:
    for one in found:
        if not known(one):
            yield Fault(0, where, f"{one!r} is not one of: {which}" if "," in which else f"{one!r}: expected {which}")


def against(document: Document, directory: Directory) -> tuple[Fault, ...]:
    """What the document names and the directory does not know, by line."""
    return tuple(
        msgspec.structs.replace(one, line=line_of(document.lines, one.where))
        for one in _strangers(document.agreement, directory)
    )


def _strangers(one: Agreement, directory: Directory) -> Iterator[Fault]:
    partners = {p.id for p in directory.partners}
    areas = {a.id for a in directory.areas}
    for where, found, known in (
        ("releaser", (one.releaser,), partners),
        ("recipient", (one.recipient,), partners),
        ("onward", one.onward, partners),
        ("areas", one.areas, areas),
        ("witnesses", one.witnesses, partners | directory.witnesses.keys()),
    ):
        for name in sorted(set(found) - known):
            yield Fault(0, where, f"{name} is not in the directory")
    yield from (Fault(0, where, why) for where, why in concerns.strangers(one, areas))
    for place, rule in enumerate(one.rules):
        for where, found, known in (
            ("when.area", rule.when.area, areas),
            ("when.outside", rule.when.outside, areas),
            ("when.originator", rule.when.originator, partners | {"own"}),
        ):
            for name in sorted(set(found) - known):
                yield Fault(0, f"rules[{place}].{where}", f"{name} is not in the directory")
    for place, who in enumerate(one.signatories):
        person = directory.person(who.person)
        if person is None:
            yield Fault(0, f"signatories[{place}].person", f"{who.person} is not in the directory")
        elif (person.partner, person.capacity) != (who.partner, who.capacity):
            said = f"{who.person} is {person.capacity} of {person.partner} in the directory"
            yield Fault(0, f"signatories[{place}]", said)


def signature_line(document: Document, person: str, key: bytes, sign: Callable[[bytes], bytes]) -> bytes:
    """One line of the sidecar file. ``key``: the public key; ``sign``: 64 bytes of Ed25519 over PREFIX and the text."""
    made = statements.signed(b"", key, lambda _: sign(PREFIX + document.text), person=person)
    return msgspec.json.encode(made) + b"\n"


def signers(document: Document, sidecar: bytes, directory: Directory) -> tuple[Person, ...] | Refusal:
    """Who has signed the document. One line that does not hold spoils the file: somebody meant it to be there."""
    if len(sidecar) > SIDECAR_BYTES:
        return Refusal("too_large", f"Signatures take at most {SIDECAR_BYTES} bytes.")
    return statements.persons_of(sidecar, PREFIX + document.text, directory)


def awaited(agreement: Agreement, persons: Iterable[Person]) -> tuple[str, ...]:
    """Whose signature is still missing: every signatory by id, then ``policy of PARTNER`` where none has signed.

    >>> awaited(Agreement(id="x", title="", releaser="arvena", recipient="belora", not_before="", not_after=""), ())
    ('policy of arvena', 'policy of belora')
    """
    there = tuple(persons)
    ids = {one.id for one in there}
    missing = [who.person for who in agreement.signatories if who.person not in ids]
    for side in (agreement.releaser, agreement.recipient):
        if not any(one.partner == side and one.capacity == "policy" for one in there):
            missing.append(f"policy of {side}")
    return tuple(missing)


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """A document with those who have signed it. ``attachment``: both as bytes, as a command carries them."""

    document: Document
    persons: tuple[Person, ...]
    attachment: bytes


def attach(text: bytes, sidecar: bytes) -> bytes:
    """A document with its signatures behind it, as one run of bytes."""
    return ATTACHMENT % len(text) + text + sidecar


def detach(attachment: bytes) -> tuple[bytes, bytes] | Refusal:
    """What ``attach`` put together: document and signatures."""
    found = re.match(rb"manara/attachment/v1 (0|[1-9][0-9]{0,6})\n", attachment)
    if not found or len(attachment) < found.end() + int(found[1]):
        return Refusal("malformed", "An attachment is no document with signatures.")
    end = found.end() + int(found[1])
    return attachment[found.end() : end], attachment[end:]


def admit(attachment: bytes, directory: Directory) -> Admitted | Refusal:
    """A document that reads well, names only what the directory knows, and bears only signatures that hold."""
    parts = detach(attachment)
    if isinstance(parts, Refusal):
        return parts
    document = read(parts[0])
    if not isinstance(document, Document):
        return Refusal("malformed", f"The agreement: {document[0].text()}")
    if strange := against(document, directory):
        return Refusal("unknown_name", f"The agreement: {strange[0].text()}")
    persons = signers(document, parts[1], directory)
    if isinstance(persons, Refusal):
        return persons
    return Admitted(document=document, persons=persons, attachment=attachment)
