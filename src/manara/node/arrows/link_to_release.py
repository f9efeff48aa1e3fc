"""link ─▶ release: what a partner's policy and phase frames say of its agreements, as commands of its people.

Every signature in them is checked as if they had been handed in here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from manara.ledger import stage as ledger
from manara.link import stage as link
from manara.records.inputs import Answered, Away, ClockJump, Command, Directed, Epoch, Input
from manara.release import backfill
from manara.release import stage as release


def room(released: release.State, logged: ledger.State, linked: link.State) -> dict[str, int]:
    """For each of our recipients, how many entries its stream of history may take before it must sign."""
    found = {}
    for one in released.standings.agreements.values():
        known = released.documents.get(one.agreement)
        if one.releaser == released.own and known is not None:
            stream = backfill.stream(released.own, one.recipient)
            open_entries = ledger.following(logged, stream) - link.signed_for(linked, stream)
            found[stream] = max(0, known.document.agreement.window - open_entries)
    return found


def stamped(released: release.State) -> frozenset[str]:
    """Partners' streams whose receipts bear the time: those whose agreement says how times are measured."""
    return frozenset(one for one in released.standings.agreements if release.place(released).measured(one))


class _Said(msgspec.Struct, frozen=True):
    envelope: str
    attachment: str = ""


def commands(inputs: Iterable[Input], came: link.Outbox) -> Iterator[Input]:
    """What persons have handed in here, the directory, what the clock and the log did, and what partners' frames say of
    their agreements; these are commands without a name: nobody waits for an answer."""
    yield from (one for one in inputs if isinstance(one, Command | Answered | Directed | ClockJump | Away | Epoch))
    for one in came.frames:
        if one.head.kind in ("policy", "phase") and one.head.subject:
            try:
                said = msgspec.json.decode(one.head.subject, type=_Said)
            except msgspec.MsgspecError:
                continue
            attachments = (said.attachment.encode(),) if said.attachment else ()
            yield Command("", said.envelope.encode(), one.received_ns, attachments)
