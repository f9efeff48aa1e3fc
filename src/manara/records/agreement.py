"""Agreements: what one partner lets another have. One document for each direction, signed by both."""

from __future__ import annotations

from enum import IntEnum

import msgspec

RULES_MAX = 128
FOREVER_S = 0xFFFFFFFF


class Phase(IntEnum):
    """How much of an agreement is in force. What each allows and what moves it: release/phases.py."""

    SUSPENDED = 0
    WARNING_ONLY = 1
    INTERIM = 2  # air and sea only
    FULL = 3


class When(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Conditions of a rule; all that are given must hold. Empty: not asked."""

    sort: tuple[str, ...] = ()  # track, warning, remark, coverage, alert, claim, capability
    domain: tuple[str, ...] = ()  # air, sea, land
    craft: tuple[str, ...] = ()  # names of reports.Kind, lower case
    area: tuple[str, ...] = ()  # it lies in one of them
    outside: tuple[str, ...] = ()  # it lies in none of them
    source: tuple[str, ...] = ()  # one of them contributed
    originator: tuple[str, ...] = ()  # ids of partners; "own"
    sensitivity: tuple[str, ...] = ()  # open, limited, restricted, closed
    emergency: bool | None = None
    age_max_s: int | None = None  # not older than
    phase: tuple[str, ...] = ()


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One rule. Obligations stand in permits only; they are joined to the stricter over all permits that match."""

    id: str
    effect: str  # permit, forbid
    reason: str = ""  # for people, in the document's language
    reason_ar: str = ""
    when: When = When()
    cell_m: int = 0
    epoch_s: int = 0
    delay_s: int = 0
    rate_s: int = 0
    pseudonym_s: int = FOREVER_S
    strip: tuple[str, ...] = ()  # names of marking.Strip, lower case
    purpose: tuple[str, ...] = ()  # empty: those of the agreement
    retention_s: int = FOREVER_S
    onward: tuple[str, ...] | None = None  # None: as the agreement says


class Signatory(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who signs the document, as named in it."""

    person: str  # id in the directory
    name: str
    capacity: str  # policy, operational
    partner: str


class Promise(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Time promises, measured alike on both sides."""

    warning_s: int = 0  # from knowledge to the partner's desk; 0: none promised
    answer_s: int = 0
    recall_s: int = 0
    first_s: int = 0  # from the first detection of a track that may go to the recipient's receipt
    alarm_s: int = 0  # from a warning until a person at the recipient's desk has taken it
    clock_s: int = 0  # how far the two nodes' clocks may be apart; 0: nothing of this is measured


class Concern(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Something that both sides worry about and have put on record. Empty: any. ``since``: the edition of the agreement
    that put it on the list."""

    id: str
    text: str
    text_ar: str = ""
    hazard: tuple[str, ...] = ()  # names of warnings.Hazard, lower case
    domain: tuple[str, ...] = ()
    craft: tuple[str, ...] = ()
    area: tuple[str, ...] = ()
    since: int = 1


class Label(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The recipient's own word for one of our sensitivities, and a level of the Traffic Light Protocol, or none."""

    word: str
    tlp: str = ""  # clear, green, amber, amber+strict, red


class Labels(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How our markings read over there. With any of it given, what has no word is not released. ``policy``: what the
    recipient calls its set of markings."""

    policy: str = ""
    open: Label | None = None
    limited: Label | None = None
    restricted: Label | None = None
    closed: Label | None = None


class Agreement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One direction: ``releaser`` lets ``recipient`` have what the rules permit."""

    version: int = 1  # of this format
    id: str
    title: str
    title_ar: str = ""
    releaser: str
    recipient: str
    edition: int = 1  # of this document; a later one replaces an earlier one
    not_before: str  # UTC, RFC 3339
    not_after: str
    treaty_sha256: str = ""  # of the treaty text that it stands under
    prevailing: str = "en"  # en, ar
    signatories: tuple[Signatory, ...] = ()
    no_use_of_force: bool = True
    purposes: tuple[str, ...] = ("safety_of_life", "search_and_rescue", "civil_protection", "traffic_safety")
    onward: tuple[str, ...] = ()  # ids of partners to whom the recipient may pass it on
    retention_s: int = 30 * 86_400
    backfill_s: int = 0  # of history that goes along when it is put in force; 0: none
    sources: tuple[str, ...] = ()  # names of feeds or sensors that the recipient may know of; the source view
    domains: tuple[str, ...] = ("air", "sea")
    areas: tuple[str, ...] = ()  # empty: everywhere
    constant_cadence: bool = True  # one padded entry each tick, whatever there is to say
    witnesses: tuple[str, ...] = ()
    quorum: int = 0
    window: int = 600  # entries that may stand without a receipt before nothing new is sent
    concerns: tuple[str | Concern, ...] = ()
    labels: Labels = Labels()
    promises: Promise = Promise()
    rules: tuple[Rule, ...] = ()
