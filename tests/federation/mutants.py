"""Planted bugs: each one line of the product bent by a patch, the faults under which it shows, and who must notice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import msgspec
import numpy as np

from manara.host import link_checks
from manara.host.log_store import LogStore
from manara.ledger import cosign, witness
from manara.ledger import stage as ledger
from manara.link import stage as link
from manara.node import sources
from manara.node.arrows import link_to_picture, picture_to_release, release_to_ledger
from manara.node.durable.journal import Journal
from manara.node.durable.outbox import Outbox
from manara.records.agreement import Phase
from manara.release import channel, delay, handover, precise, standing
from manara.release import stage as release
from manara.tracking import stage as tracking


class Mutant(NamedTuple):
    """``patch(monkeypatch)``; found as one of ``invariants`` within ``seeds`` runs under ``kinds``; ``star``: it shows
    only where somebody passes on (odd seeds)."""

    name: str
    patch: Callable[[Any], None]
    invariants: tuple[str, ...]
    kinds: tuple[str, ...] = ()
    seeds: int = 4


def _wrapped(owner: object, name: str, change: Callable[..., Any]) -> Callable[[Any], None]:
    """Call ``change(original, *arguments)`` in the place of an attribute."""

    def patch(monkeypatch: Any) -> None:
        original = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *a, **k: change(original, *a, **k))

    return patch


def _all_allowed(decide, *a):
    found = decide(*a)
    duties = found.obligations.replace(cell_m=np.zeros_like(found.obligations.cell_m))
    return replace(found, allowed=np.ones(len(found.allowed), bool), obligations=duties)


def _everyone_onward(terms, *a):
    return msgspec.structs.replace(terms(*a), onward=("arvena", "belora", "corvia"))


def _again(arrived, state, one, again):
    known = state.reading.get(one.stream)
    if known is not None and one.offset < known.next:
        known.next = one.offset
    return arrived(state, one, again)


def _one_more(receipt, name, stream, *a):
    return receipt(name, replace(stream, next=stream.next + 1), *a)


def _by_our_own_id(told, held, track, now_ns):
    return told(held, track, now_ns) if isinstance(told(held, track, now_ns), str) else track


def _no_means_yes(answer, state, known, said, *a):
    return answer(state, known, msgspec.structs.replace(said, answer="accept") if known.subject else said, *a)


def _believed(grows, signed, path, log, last):
    return grows(signed, path, log, link_checks.Remembered())


def _place_skipped(place, state, stream):
    if ">" in stream and state.next.get(stream) == 40:
        place(state, stream)
    return place(state, stream)


def _crash_on_recall(recalled, state, recipient):
    if state.recalls:
        raise KeyError(recipient)
    return recalled(state, recipient)


def _surer(advance, state, inbox, now_ns):
    reports = inbox.reports
    return advance(state, replace(inbox, reports=reports.replace(sigma_m=reports.sigma_m / 8)), now_ns)


def _nothing(original, *a, **k):
    return None


def _heard_closely(sensitivity, tracks, slots, config):
    return np.zeros(len(tracks), np.uint8)


def _at_once(push, waiting, rows, subjects, tag, due_ns):
    return push(waiting, rows, subjects, tag, np.zeros_like(due_ns))


def _everywhere(bits, *a):
    return np.full_like(bits(*a), (1 << 3) - 1)


def _all_kept(kept, tables, table, goes):
    return kept(tables, table, np.ones_like(goes))


def _full(phase_at, one, now_ns):
    return Phase.FULL if one is not None else phase_at(one, now_ns)


def _lost_heads(dump, state):
    return {**dump(state), "next": {}}


def _taken_for_true(cosignatures, parsed, keys):
    return tuple(parsed.signatures) if hasattr(parsed, "signatures") else cosignatures(parsed, keys)


def _forgetful(judge, one, last):
    return judge(one._replace(old=0, path=()), witness.Remembered())


def _all_sources(monkeypatch):
    monkeypatch.setattr(sources.SourceView, "knows", lambda *_: True)
    _wrapped(picture_to_release, "source_bits", lambda bits, *a: bits(*a) & np.uint64(1))(monkeypatch)


MUTANTS = (
    Mutant("every row is allowed", _wrapped(channel, "decide", _all_allowed), ("permit",)),
    Mutant(
        "what a feed keeps close is open", _wrapped(picture_to_release, "_sensitivity", _heard_closely), ("permit",)
    ),
    Mutant("a view knows every source and does not say which", _all_sources, ("permit", "never_to")),
    Mutant("nothing waits", _wrapped(delay, "push", _at_once), ("permit",)),
    Mutant("nothing is stripped", _wrapped(precise, "_blank", _nothing), ("permit",)),
    Mutant("every area holds every craft", _wrapped(picture_to_release, "area_bits", _everywhere), ("permit",)),
    Mutant("a suspension changes nothing", _wrapped(standing, "phase_at", _full), ("phase",), ("suspend",), 8),
    Mutant("what waited is told in a warning phase", _wrapped(channel, "silence", _nothing), ("phase",), ("phase",), 8),
    Mutant("terms let all go on", _wrapped(channel, "_terms", _everyone_onward), ("permit",)),
    Mutant(
        "a hub passes on what it may not", _wrapped(link_to_picture, "kept", _all_kept), ("permit", "never_to"), (), 8
    ),
    Mutant("never_to guards nothing", _wrapped(standing, "blocks", _nothing), ("permit",), ("overreach",), 8),
    Mutant("an entry is taken again", _wrapped(link, "_arrived", _again), ("twice", "order"), ("crash", "kill"), 8),
    Mutant("a receipt says one more", _wrapped(link, "receipt", _one_more), ("receipt",)),
    Mutant("a track is offered by our own id", _wrapped(channel, "told", _by_our_own_id), ("handover",), (), 8),
    Mutant("no is taken for yes", _wrapped(handover, "_answer", _no_means_yes), ("handover",), (), 8),
    Mutant("a rewritten log is believed", _wrapped(link_checks, "grows", _believed), ("split_view",), ("rewrite",), 8),
    Mutant(
        "no entry is checked",
        _wrapped(link_checks.entry, "check_root", lambda *_: ""),
        ("not_published",),
        ("corrupt",),
        8,
    ),
    Mutant("a place is skipped", _wrapped(release_to_ledger.ledger, "place", _place_skipped), ("order", "stuck")),
    Mutant(
        "a snapshot forgets places",
        _wrapped(ledger, "dump", _lost_heads),
        ("order", "replay", "stuck", "exception"),
        ("crash",),
        20,
    ),
    Mutant("nobody waits for receipts", _wrapped(link, "paused", lambda *_: False), ("window",), ("revoke",), 20),
    Mutant(
        "a recall raises", _wrapped(release, "_recalled", _crash_on_recall), ("exception", "replay"), ("recall",), 8
    ),
    Mutant(
        "whatever a witness sends counts",
        _wrapped(cosign, "cosignatures", _taken_for_true),
        ("quorum",),
        ("perjury",),
        8,
    ),
    Mutant(
        "a witness forgets what it has seen",
        _wrapped(witness, "judge", _forgetful),
        ("cosigned", "behind"),
        ("restore",),
        8,
    ),
    Mutant(
        "a log does not heed its witnesses",
        _wrapped(LogStore, "behind", lambda *_: ""),
        ("behind", "cosigned"),
        ("restore",),
        8,
    ),
    Mutant("the tracker is too sure", _wrapped(tracking, "advance", _surer), ("covariance",)),
    Mutant(
        "the journal is not synced",
        _wrapped(Journal, "commit", _nothing),
        ("acknowledged_lost", "replay", "order", "exception"),
        ("crash",),
        20,
    ),
    Mutant(
        "what was owed is forgotten",
        _wrapped(Outbox, "waiting", lambda *_: ()),
        ("stuck", "lost"),
        ("crash", "kill"),
        40,
    ),
)
