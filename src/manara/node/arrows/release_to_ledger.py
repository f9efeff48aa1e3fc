"""release, link and commands ─▶ ledger ─▶ effects: every entry gets its place, every tick at most one leaf.

Publish stands last among the effects of a step: once the log has it, all that stood before it was performed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import msgspec
import rfc8785

from manara.ledger import stage as ledger
from manara.link import heads
from manara.link import stage as link
from manara.node.arrows import link_to_picture
from manara.records.inputs import (
    Acknowledge,
    Answer,
    Answered,
    Arrived,
    Effect,
    Epoch,
    Erase,
    Erased,
    Input,
    Publish,
    Published,
    Send,
    Tell,
    Witnessed,
)
from manara.records.released import Block, Entry, Head
from manara.release import cadence
from manara.release import stage as release
from manara.release.stage import Told

PER_STEP_BITS = 20  # as node/durable/outbox.py numbers effects: the step's sequence above, the place in it below


def _grown(state: ledger.State, own: str, inputs: Iterable[Input]) -> None:
    """What the host tells of the log."""
    for one in inputs:
        if isinstance(one, Epoch) and one.partner == own:
            ledger.begin(state, one.epoch, one.first, one.next)
        if isinstance(one, Published):
            ledger.grown(state, one.leaf, one.size, one.root)
        elif isinstance(one, Witnessed):
            for witness in one.witnesses:
                ledger.seen(state, witness, one.size)


def effects(
    state: ledger.State,
    released: release.State,
    told: Sequence[Told],
    agreed: release.Agreed,
    arrived: link.Outbox,
    inputs: Sequence[Input],
    now_ns: int,
) -> tuple[Effect, ...]:
    """Everything that leaves or is written because of this step, but for the pictures of exits."""
    _grown(state, released.own, inputs)
    made: list[Effect] = [Answer(0, name, why, detail) for name, why, detail in agreed.answers]
    made += [Tell(0, partner, envelope) for partner, envelope in agreed.tell]
    made += [
        Erase(0, said.recall, one.stream, said.numbers(), int(said.from_ns), int(said.to_ns))
        for one, said in link_to_picture.recalls(arrived.frames)
    ]
    done = ((_releaser(one), _done(one)) for one in inputs if isinstance(one, Erased))
    acknowledged = [*arrived.receipts, *done, *agreed.says]
    made += [Acknowledge(0, partner, statement) for partner, statement in acknowledged]
    said = _statements(released.own, agreed, [one for _, one in acknowledged], inputs) if released.own else []
    entries = [_entry(state, released, one, now_ns) for one in (*said, *told)]
    made += [Publish(0, now_ns, tuple(entries))] if entries else []
    return tuple(made)


def numbered(made: Iterable[Effect], sequence: int) -> tuple[Effect, ...]:
    """With the ids that the outbox gives: they repeat when the step is repeated."""
    return tuple(
        one if isinstance(one, Send) else msgspec.structs.replace(one, effect_id=sequence << PER_STEP_BITS | place)
        for place, one in enumerate(made)
    )


def _statements(own: str, agreed: release.Agreed, signed: Sequence[bytes], inputs: Sequence[Input]) -> list[Told]:
    """The node's own stream: what persons decided, what came, what was acknowledged on either side."""
    said = [envelope.decode("utf-8", "replace") for envelope in agreed.statements]
    said += [one.envelope.decode("utf-8", "replace") for one in inputs if isinstance(one, Answered)]
    said += [one.decode("utf-8") for one in signed]
    said += _received([one for one in inputs if isinstance(one, Arrived)])
    return [Told(own, "statement", subject=one) for one in said]


def _received(arrived: Sequence[Arrived]) -> list[str]:
    """For each stream: which entries came, and a hash over their roots. What partners say enters through the log."""
    streams: dict[str, list[Arrived]] = {}
    for one in arrived:
        streams.setdefault(one.stream, []).append(one)
    return [
        rfc8785.dumps(
            {
                "type": "received",
                "stream": stream,
                "first": str(some[0].offset),
                "next": str(some[-1].offset + 1),
                "roots": hashlib.sha256(b"".join(one.root for one in some)).hexdigest(),
            }
        ).decode()
        for stream, some in streams.items()
    ]


def _releaser(one: Erased) -> str:
    return heads.releaser(one.stream)


def _done(one: Erased) -> bytes:
    said = {"type": "recall.done", "nonce": "", "after": one.recall, "stream": one.stream, "recall": one.recall,
            "count": str(one.count)}  # fmt: skip
    return rfc8785.dumps(said)


def _entry(state: ledger.State, released: release.State, told: Told, now_ns: int) -> Entry:
    """One frame at its place; padded to the size of its stream where the agreement asks for it."""
    offset = ledger.place(state, told.stream)
    if told.kind == "phase" and told.phase == "suspended":
        state.cut[told.stream] = offset  # what lies before and was not fetched is not given any more
    shape = tuple((one.table, one.width, _count(one)) for one in told.blocks)
    head = Head(
        kind=told.kind,
        stream=told.stream,
        offset=str(offset),
        time_ns=str(now_ns),
        policy=told.policy,
        phase=told.phase,
        terms=told.terms,
        blocks=shape,
        subject=told.subject,
    )
    if not told.padded:
        return Entry(told.stream, offset, heads.encode(head), told.blocks)

    def filled(pads: cadence.Pads) -> bytes:
        return heads.encode(msgspec.structs.replace(head, blocks=(*shape, *pads)))

    held = released.cadences.setdefault(told.stream, cadence.init())
    key = _key(released.secret, told.stream)
    pads = cadence.fill(held, cadence.cost(shape), lambda one: len(filled(one)), now_ns, key)
    blocks = (*told.blocks, *cadence.blocks(pads, bytes(cadence.noise_bytes(pads))))
    return Entry(told.stream, offset, filled(pads), blocks)


def _key(secret: bytes, stream: str) -> bytes:
    """A secret of its own for each stream."""
    return hashlib.blake2b(stream.encode(), key=secret[:64], digest_size=32, person=b"manara/cadence").digest()


def _count(block: Block) -> int:
    return len(block.rows) // block.width
