"""One agreement at work: what its recipient gets in this tick.

::

    Offer (tracks of the recipient's source view, marking) ─▶ decide ─▶ precise rows, ended ┐
                                                                └─────▶ coarse rows         ├─▶ one padded frame
                                                                        names ──────────────┘

Decisions are taken at send time under the agreement in force. Everything here is computed from the recipient's view
alone; nothing that another view holds can change a byte of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from manara.records.agreement import Agreement, Phase
from manara.records.columns import I8, U1, U4, U8
from manara.records.identity import Space
from manara.records.marking import Codebook, Marking, Obligations, Strip
from manara.records.particulars import Particulars
from manara.records.released import NAMES, ROWS_MAX, Block, Rows, RowTable, Terms
from manara.records.reports import Domain
from manara.records.tracks import Life, Tracks
from manara.release import coarse, firsts, labels, means, names, precise, pseudonyms
from manara.release.adversary import Shadow
from manara.release.never import may_fuse
from manara.release.rules import Decisions, Denial, Program, decide

NS = 1_000_000_000
SEA_S = 5  # craft at sea are told of so often
TERMS_MAX = 255  # distinct rules and obligations in one frame; rows beyond are withheld and counted
TERMS_KEPT = 65_536  # of one stream; older ones are forgotten with the stream's state
OPEN_SPACES = (Space.MMSI, Space.ICAO24)  # identities that mean something outside this node


_TOLD = np.dtype([("track", "<u8"), ("number", "<u8")])
_DENIED = np.dtype([("track", "<u8"), ("why", "u1")])


@dataclass(frozen=True, eq=False)
class Offer:
    """What a view holds for release; ``warm``: it has seen enough."""

    tracks: Tracks
    marking: Marking
    particulars: Mapping[int, Particulars]
    warm: bool = True
    means: means.Means = field(default_factory=means.Means)


@dataclass(frozen=True)
class InForce:
    """An agreement, the hash of its document, and the phase it stands in."""

    agreement: Agreement
    sha256: str
    phase: Phase
    program: Program


@dataclass(frozen=True, eq=False)
class Filled:
    """What a tick put together: ``blocks`` and ``terms`` of its frame, rows let go, rows held back by reason.
    ``void``: tracks that are told within a cell and tell everybody where they are."""

    terms: tuple[Terms, ...] = ()
    blocks: tuple[Block, ...] = ()
    rows: int = 0
    void: int = 0
    withheld: Mapping[str, int] = field(default_factory=dict)
    firsts: tuple[tuple[int, ...], int] = ((), 0)  # as release/firsts.py, where the agreement measures


@dataclass
class State:
    """The memory of one stream of tracks. ``terms``: all that were given, by their number; ``cells``: tracks that
    were told within a cell, with their numbers; ``denied``: tracks that the last tick held back, with the reason; both
    sorted by track."""

    precise: precise.PreciseState = field(default_factory=precise.init)
    coarse: coarse.CoarseState = field(default_factory=coarse.init)
    pseudonyms: pseudonyms.Pseudonyms = field(default_factory=pseudonyms.init)
    means: means.State = field(default_factory=means.init)
    terms: dict[Terms, int] = field(default_factory=dict)
    names: names.State = field(default_factory=names.init)
    firsts: firsts.Firsts = field(default_factory=firsts.init)
    cells: Rows = field(default_factory=lambda: np.zeros(0, _TOLD))
    denied: Rows = field(default_factory=lambda: np.zeros(0, _DENIED))


def init() -> State:
    """Nothing has been said yet."""
    return State()


def silence(state: State) -> None:
    """A suspension: what waits is forgotten and never sent, and what comes after begins anew. The numbers that were
    given stay known, for recalls."""
    precise.drop(state.precise)
    coarse.drop(state.coarse)
    means.silence(state.means)
    names.silence(state.names)
    state.firsts, state.cells, state.denied = firsts.init(), np.zeros(0, _TOLD), np.zeros(0, _DENIED)


def fill(
    state: State, force: InForce, offer: Offer, shadow: Shadow | None, book: Codebook, secret: bytes, now_ns: int
) -> Filled:
    """Decide about every row and put the frame's rows together."""
    if not offer.warm:
        return Filled(withheld={"warming": len(offer.tracks)})
    tracks, decided, allowed = _decided(force, offer, now_ns)
    duties = decided.obligations
    numbers = pseudonyms.advance(
        state.pseudonyms, secret, force.agreement.recipient, tracks.track_id, duties.pseudonym_s, now_ns
    )
    tag = _tags(state, force, decided, allowed, book, offer.marking.sensitivity)
    sources = _sources(force.agreement, offer.marking, book)
    told = precise.advance(state.precise, tracks, allowed, duties, numbers, now_ns, sources, tag, room=ROWS_MAX // 2)
    cells = coarse.advance(state.coarse, tracks, allowed, duties, numbers, now_ns, shadow, tag)
    named = _names(state, offer, allowed & (duties.cell_m == 0), duties, numbers, tag, now_ns)
    leaving = [
        (RowTable.PRECISE, told.precise.rows, told.precise.subjects, told.precise.tag),
        (RowTable.ENDED, told.ended.rows, told.ended.subjects, told.ended.tag),
        (RowTable.COARSE, cells.rows, cells.subjects, cells.tag),
        (RowTable.NAMES, *named),
    ]

    def tags(of: Decisions, which: NDArray[np.bool_], marked: Marking) -> U4:
        return _tags(state, force, of, which, book, marked.sensitivity)

    leaving += means.fill(state.means, force.program, offer.means, tags, secret, now_ns)
    terms, blocks = _framed(state, [one for one in leaving if len(one[1])])
    gone = sum(len(one[1]) for one in leaving)
    void = int(np.count_nonzero(coarse.void(offer.tracks) & allowed & (duties.cell_m > 0)))
    _note(state, tracks, decided, allowed, cells)
    met: tuple[tuple[int, ...], int] = ((), 0)
    if force.agreement.promises.clock_s and force.agreement.promises.first_s:
        permitted = decided.allowed & (duties.cell_m == 0)
        met = firsts.advance(state.firsts, tracks, permitted, told.precise.subjects, now_ns)
    return Filled(terms, blocks, gone, void, _withheld(decided), met)


def _note(state: State, tracks: Tracks, decided: Decisions, allowed: NDArray[np.bool_], cells: coarse.Leaving) -> None:
    """What was told within a cell, and what was held back and why: an offer to hand over asks for both."""
    if len(cells.rows) or len(state.cells):
        told = np.zeros(len(cells.rows), _TOLD)
        told["track"], told["number"] = cells.subjects, cells.rows["track"]
        whole = np.concatenate([told, state.cells])
        _, first = np.unique(whole["track"], return_index=True)
        whole = whole[first]
        state.cells = whole[np.isin(whole["track"], tracks.track_id[allowed])]
    held = np.flatnonzero(~allowed)
    denied = np.zeros(len(held), _DENIED)
    denied["track"], denied["why"] = tracks.track_id[held], decided.denial[held]
    state.denied = denied[np.argsort(denied["track"], kind="stable")]


def told(state: State | None, track: int, now_ns: int) -> int | str:
    """The number that a recipient has for a track of its view, and has really been told of; or why it has none."""
    if state is None:
        return "nothing"
    denial = _row(state.denied, track)
    if denial is not None:
        why = Denial(int(denial["why"]))
        return why.name.lower() if why else "not_told"
    row = _row(state.precise.known, track)
    if row is not None and int(row["first_ns"]) + int(row["delay_ns"]) <= now_ns:
        return int(row["number"])
    cell = _row(state.cells, track)
    return "not_yet" if cell is None else int(cell["number"])


def _row(rows: Rows, track: int) -> Any:
    at = int(np.searchsorted(rows["track"], np.uint64(track)))
    return rows[at] if at < len(rows) and int(rows["track"][at]) == track else None


def _decided(force: InForce, offer: Offer, now_ns: int) -> tuple[Tracks, Decisions, NDArray[np.bool_]]:
    """Tracks as they may be told, the decisions, and which may go now. Tentative tracks never do; what a node alone
    calls a craft means nothing elsewhere."""
    tracks = offer.tracks
    space = tracks.identity >> np.uint64(56)
    known = np.isin(space, np.array(OPEN_SPACES, np.uint64))
    tracks = tracks.replace(identity=np.where(known, tracks.identity, np.uint64(0)))
    decided = decide(force.program, offer.marking, now_ns)
    allowed = decided.allowed & (tracks.life >= Life.CONFIRMED)
    allowed &= offer.marking.originator != force.program.recipient  # what it told us is no news to it
    duties = decided.obligations
    slow = np.where(tracks.domain == Domain.SEA, np.maximum(duties.rate_s, SEA_S), duties.rate_s).astype(np.uint32)
    return tracks, replace(decided, obligations=duties.replace(rate_s=slow)), allowed


def numbers(state: State | None, tracks: Sequence[str]) -> tuple[str, ...]:
    """What a recall names, in the recipient's own numbers: "all", a number that it was given, or a track of the view,
    which stands for all numbers that it was given."""
    if "all" in tracks:
        return ("all",)
    if state is None:
        return ()
    asked = np.array([int(one) for one in tracks], np.uint64)
    given = (pseudonyms.tracks_of(state.pseudonyms, asked) != 0) | np.isin(asked, means.keys(state.means))
    found = set(asked[given].tolist())
    for one in asked[~given].tolist():
        found |= set(pseudonyms.numbers_of(state.pseudonyms, one).tolist())
    return tuple(str(one) for one in sorted(found))


def _sources(agreement: Agreement, marking: Marking, book: Codebook) -> U4:
    """Bits in the order of the agreement's own list of sources."""
    bits = np.zeros(len(marking), np.uint32)
    for place, name in enumerate(agreement.sources[:32]):
        if name in book.sources:
            there = marking.sources >> np.uint64(book.sources.index(name)) & np.uint64(1)
            bits |= there.astype(np.uint32) << np.uint32(place)
    return bits


def _tags(
    state: State, force: InForce, decided: Decisions, allowed: NDArray[np.bool_], book: Codebook, sensitivity: U1
) -> U4:
    """For each row the number of the terms under which it goes; 0xFFFFFFFF where it does not."""
    tag = np.full(len(allowed), 0xFFFFFFFF, np.uint32)
    pick = np.flatnonzero(allowed)
    if not len(pick):
        return tag
    duties = decided.obligations
    columns = (duties.purpose, duties.retention_s, duties.onward, duties.cell_m, duties.delay_s)
    level = sensitivity if labels.mapped(force.agreement) is not None else np.zeros_like(sensitivity)
    keys = np.column_stack([decided.matched[pick], *(one[pick].astype(np.uint64) for one in (*columns, level))])
    first, back = _distinct(keys)
    own = () if may_fuse(force.agreement) else (force.agreement.releaser,)
    found = []
    for row in pick[first].tolist():
        made = _terms(force.agreement, decided, row, book, own, int(level[row]))
        if made not in state.terms and len(state.terms) >= TERMS_KEPT:
            state.terms.clear()
        found.append(state.terms.setdefault(made, len(state.terms)))
    tag[pick] = np.array(found, np.uint32)[back]
    return tag


def _distinct(keys: U8) -> tuple[I8, I8]:
    """Rows that stand for all others, and for each row which of them is like it."""
    _, first, back = np.unique(np.ascontiguousarray(keys).view([("", np.uint64)] * keys.shape[1]).ravel(),
                               return_index=True, return_inverse=True)  # fmt: skip
    return first, back.reshape(-1)


def _terms(
    agreement: Agreement, decided: Decisions, row: int, book: Codebook, own: tuple[str, ...], level: int
) -> Terms:
    duties = decided.obligations
    matched = int(decided.matched[row, 0]) | int(decided.matched[row, 1]) << 64
    onward = int(duties.onward[row])
    said = labels.of_level(agreement, level)
    return Terms(
        rules=tuple(rule.id for k, rule in enumerate(agreement.rules) if matched >> k & 1),
        purpose=int(duties.purpose[row]),
        retention_s=int(duties.retention_s[row]),
        onward=tuple(name for k, name in enumerate(book.partners) if k and onward >> k & 1),
        cell_m=int(duties.cell_m[row]),
        delay_s=int(duties.delay_s[row]),
        pedigree=own,
        label=said.word if said else "",
        tlp=said.tlp if said else "",
    )


def _names(
    state: State,
    offer: Offer,
    chosen: NDArray[np.bool_],
    duties: Obligations,
    numbers: U8,
    tag: U4,
    now_ns: int,
) -> tuple[Rows, U8, U4]:
    """What the craft are called, where that is new or long ago; never where identity or names are stripped."""
    strip = np.uint32(Strip.NAMES | Strip.IDENTITY)
    open_rows = np.flatnonzero(chosen & (duties.strip & strip == 0) & (offer.tracks.identity != 0))
    delay_ns = duties.delay_s[open_rows].astype(np.int64) * NS
    columns = numbers[open_rows], offer.tracks.identity[open_rows], delay_ns
    craft = zip(*(one.tolist() for one in columns), strict=True)
    found = names.choose(state.names, craft, offer.particulars, now_ns)
    at = open_rows[[place for place, _, _ in found]] if found else np.zeros(0, np.int64)
    rows = np.array([(key, *words, 0) for _, key, words in found], NAMES)
    return rows, offer.tracks.track_id[at], tag[at]


def _framed(
    state: State, leaving: Sequence[tuple[RowTable, Rows, U8, U4]]
) -> tuple[tuple[Terms, ...], tuple[Block, ...]]:
    """Blocks whose rows name their terms by the place in this frame's list."""
    if not leaving:
        return (), ()
    used = np.unique(np.concatenate([one[3] for one in leaving]))[:TERMS_MAX]
    by_number = {number: terms for terms, number in state.terms.items()}
    terms = tuple(by_number.get(int(number), _NOTHING) for number in used.tolist())
    blocks = []
    for table, rows, subjects, tag in leaving:
        fits = np.isin(tag, used)
        gone = rows[fits].copy()
        gone["terms"] = np.searchsorted(used, tag[fits]).astype(np.uint8)
        blocks.append(Block(table, gone.dtype.itemsize, gone.tobytes(), subjects[fits].astype("<u8").tobytes()))
    return terms, tuple(blocks)


_NOTHING = Terms((), 0, 0)


def _withheld(decided: Decisions) -> dict[str, int]:
    """Why rows do not go: reason -> rows."""
    counts = np.bincount(decided.denial, minlength=len(Denial))
    return {one.name.lower(): int(counts[one]) for one in Denial if one and counts[one]}


def dump(state: State) -> dict[str, Any]:
    """Plain values."""
    return {
        "precise": precise.dump(state.precise),
        "coarse": coarse.dump(state.coarse),
        "pseudonyms": pseudonyms.dump(state.pseudonyms),
        "means": means.dump(state.means),
        "terms": [msgspec.to_builtins(one) for one in state.terms],
        "names": names.dump(state.names),
        "firsts": firsts.dump(state.firsts),
        "cells": state.cells.tobytes(),
        "denied": state.denied.tobytes(),
    }


def load(plain: Mapping[str, Any]) -> State:
    """Take what ``dump`` gave."""
    return State(
        precise=precise.load(plain["precise"]),
        coarse=coarse.load(plain["coarse"]),
        pseudonyms=pseudonyms.load(plain["pseudonyms"]),
        means=means.load(plain["means"]) if "means" in plain else means.init(),
        terms={msgspec.convert(one, Terms): k for k, one in enumerate(plain["terms"])},
        names=names.load(plain["names"]) if "names" in plain else names.init(),
        firsts=firsts.load(plain["firsts"]) if "firsts" in plain else firsts.init(),
        cells=np.frombuffer(plain.get("cells", b""), _TOLD).copy(),
        denied=np.frombuffer(plain.get("denied", b""), _DENIED).copy(),
    )
