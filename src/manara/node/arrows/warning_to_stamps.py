"""warning ─▶ release: that a person at our desk took or closed what a partner warned of; for its promise of time.

Only where the agreement promises such a time does a partner learn of it: by node and hour, never who it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from manara.link import heads
from manara.link import stage as link
from manara.records.released import RowTable
from manara.records.warnings import Draft, Hazard
from manara.release import stage as release
from manara.release import statements
from manara.release.stamps import Alarm
from manara.warning import stage as warning

ALARMS_MAX = 64  # of one stream that nobody has taken yet; the oldest go first
_HAZARDS = frozenset(int(one) for one in Hazard)


def taken(
    state: release.State, agreed: release.Agreed, frames: Sequence[link.Frame], feared: warning.Outbox, now_ns: int
) -> release.Agreed:
    """What commands led to, with the statements by which this node says what was taken."""
    for one in frames:
        if one.head.kind == "warning" and _promised(state, one.stream):
            alarms = (*state.between.stamps.alarms.get(one.stream, ()), _alarm(state, one))
            state.between.stamps.alarms[one.stream] = alarms[-ALARMS_MAX:]
    if not state.between.stamps.alarms:
        return agreed
    drafts = {(one.area, one.hazard): one for one in feared.drafts}  # the newest of each
    says = []
    for stream, waiting in list(state.between.stamps.alarms.items()):
        done = [one for one in waiting if all(_decided(drafts, pair) for pair in one.of)]
        left = tuple(one for one in waiting if one not in done and any(_open(drafts, pair) for pair in one.of))
        state.between.stamps.alarms[stream] = left
        if not left:
            del state.between.stamps.alarms[stream]
        if done:
            places = tuple(str(one.place) for one in done)
            said = statements.WarningTaken(stream=stream, places=places, time_ns=str(now_ns))
            says.append((heads.releaser(stream), statements.canonical(said)))
    return replace(agreed, says=(*agreed.says, *says))


def _promised(state: release.State, stream: str) -> bool:
    """Does the agreement of this direction promise that a person takes a warning in time, and is it measured?"""
    known = state.standings.agreements.get(stream)
    admitted = state.documents.get(known.agreement) if known else None
    return bool(admitted and admitted.document.agreement.promises.alarm_s) and release.place(state).measured(stream)


def _alarm(state: release.State, one: link.Frame) -> Alarm:
    """What of ours an entry warns of; nothing, where it names no area of ours."""
    ours = {area.id for area in state.directory.areas if area.partner == state.own and area.warned}
    pairs = []
    for row in one.rows.tables.get(RowTable.WARNING, ()):
        area, hazard = row["area"].decode("ascii", "replace"), int(row["hazard"])
        if area in ours:
            pairs.append((area, hazard if hazard in _HAZARDS else 0))
    return Alarm(place=one.offset, of=tuple(dict.fromkeys(pairs)))


def _decided(drafts: Mapping[tuple[str, int], Draft], pair: tuple[str, int]) -> bool:
    one = drafts.get(pair)
    return one is not None and (one.state == "taken" or (one.state == "closed" and one.by != ""))


def _open(drafts: Mapping[tuple[str, int], Draft], pair: tuple[str, int]) -> bool:
    """Somebody may still take it; what closed of itself nobody took."""
    one = drafts.get(pair)
    return one is not None and one.state != "closed"
