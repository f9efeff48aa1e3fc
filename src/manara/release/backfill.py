"""Back-fill: history for a new recipient, in a stream of its own, under today's agreement and no other.

::

    journal ─▶ replay through a fresh source view and today's rules (node/backfill.py) ─▶ Replayed ─▶ admitted ─▶ Told

What was replayed was decided under a policy and a phase; it goes only while both still hold. Suspended: none of it.
Each past tick goes once and in order, however often the host offers it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from manara.records.agreement import Agreement
from manara.records.inputs import Input, Replayed
from manara.release import standing
from manara.release.phases import phase_name
from manara.release.stage import State, Told

STREAM = "backfill"


def stream(own: str, recipient: str) -> str:
    """The stream of a recipient's history.

    >>> stream("arvena", "belora")
    'arvena>belora/backfill'
    """
    return f"{own}>{recipient}/{STREAM}"


def begins_ns(agreement: Agreement, now_ns: int) -> int:
    """From when on history goes along, if the agreement is put in force now."""
    return now_ns - agreement.backfill_s * 1_000_000_000


def admitted(state: State, inputs: Iterable[Input], room: Mapping[str, int], now_ns: int) -> tuple[Told, ...]:
    """Frames of history that may go now. ``room``: of each stream, how many entries may be added before its recipient
    must sign for what it has; what finds no room is offered again by the host."""
    left = dict(room)
    told = []
    for one in inputs:
        if isinstance(one, Replayed):
            name = stream(state.own, one.recipient)
            agreement = _in_force(state, one, now_ns)
            if agreement is not None and left.get(name, 0) > 0:
                left[name] -= 1
                state.filled[one.recipient] = (one.policy, one.of_ns)
                padded = agreement.constant_cadence
                told.append(Told(name, "batch", one.policy, one.phase, one.terms, one.blocks, padded=padded))
    return tuple(told)


def _in_force(state: State, one: Replayed, now_ns: int) -> Agreement | None:
    """The agreement under which this was decided, if it still stands so and lets history go that was not told yet."""
    stands = state.standings.agreements.get(f"{state.own}>{one.recipient}")
    known = state.documents.get(one.policy)
    if stands is None or known is None or stands.agreement != one.policy or not known.document.agreement.backfill_s:
        return None
    phase = standing.phase_at(stands, now_ns)
    policy, of_ns = state.filled.get(one.recipient, ("", 0))
    if not phase or phase_name(phase) != one.phase or (policy == one.policy and one.of_ns <= of_ns):
        return None
    return known.document.agreement
