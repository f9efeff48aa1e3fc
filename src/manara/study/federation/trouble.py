"""How each fault of a plan is done to a federation, and how it ends.

Lines lose and change what passes; machines die, fill up, slow down and misread the time; people suspend, resume,
recall and revoke; and a partner lies: with craft that there are not, a log that it rewrote, silence or noise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from manara.records.inputs import Command
from manara.release import statements
from manara.study.federation import faults
from manara.study.federation.caller import Caller
from manara.study.federation.chance import Chance
from manara.study.federation.faults import Fault
from manara.study.federation.invariants import Invariants
from manara.study.federation.links import Line, Weather
from manara.study.federation.member import Member
from manara.study.federation.papers import Papers, people

SKEW_NS = 20_000_000_000  # within what partners still fuse
JUMP_NS = 600_000_000_000
SLOW_TICKS = 6
JUNK = 30  # envelopes a second
GHOSTS = 40


class Stage(Protocol):
    """What trouble is made in."""

    @property
    def members(self) -> Sequence[Member]:
        """All nodes."""
        ...

    @property
    def callers(self) -> Sequence[Caller]:
        """What each wants of others."""
        ...

    papers: Papers
    watch: Invariants
    chance: Chance


Act = Callable[[Stage, Fault, Member, Member], None]


def begin(stage: Stage, fault: Fault) -> None:
    """It goes wrong."""
    a, b = stage.members[fault.a], stage.members[fault.b]
    if fault.kind in faults.LINES:
        for line in _ways(stage, fault):
            line.weather = faults.weather(fault)
    elif fault.kind in _BEGIN:
        _BEGIN[fault.kind](stage, fault, a, b)


def end(stage: Stage, fault: Fault) -> None:
    """It is over, or it is found."""
    a, b = stage.members[fault.a], stage.members[fault.b]
    if fault.kind in faults.LINES:
        for line in _ways(stage, fault):
            line.weather = Weather()
    elif fault.kind in _END:
        _END[fault.kind](stage, fault, a, b)


def lasting(stage: Stage, fault: Fault) -> None:
    """Each second while it lasts."""
    if fault.kind == "flood":
        _flood(stage, stage.members[fault.a], stage.members[fault.b])


def _ways(stage: Stage, fault: Fault) -> Iterator[Line]:
    a, b = stage.members[fault.a], stage.members[fault.b]
    yield from _between(stage, a, b)
    if fault.kind != "oneway":
        yield from _between(stage, b, a)


def _between(stage: Stage, a: Member, b: Member) -> Iterator[Line]:
    """Lines that carry something from one to the other."""
    for one in stage.callers:
        if (one.me, one.other) == (a, b):
            yield one.there
        if (one.other, one.me) == (a, b):
            yield one.back


# Machines


def _crash(_: Stage, fault: Fault, a: Member, __: Member) -> None:
    a.torn, a.power.cut_in = fault.kind == "crash", 1 + int(fault.size * 60)


def _full(_: Stage, __: Fault, a: Member, ___: Member) -> None:
    a.power.full = True


def _room(_: Stage, __: Fault, a: Member, ___: Member) -> None:
    a.power.full = False


def _slow(_: Stage, fault: Fault, a: Member, __: Member) -> None:
    a.every = 2 + int(fault.size * SLOW_TICKS)


def _fast(_: Stage, __: Fault, a: Member, ___: Member) -> None:
    a.every = 1


def _skew(stage: Stage, fault: Fault, a: Member, _: Member) -> None:
    most_ns = SKEW_NS if fault.kind == "skew" else JUMP_NS
    a.skew_ns = int((2 * fault.size - 1) * most_ns)
    stage.watch.exact = False


def _right(_: Stage, __: Fault, a: Member, ___: Member) -> None:
    a.skew_ns = 0


# People


def _hand_in(stage: Stage, at: Member, said: statements.AnyStatement, who: Sequence[str], *attachments: bytes) -> None:
    name = f"{statements.type_of(said).replace('.', '-')}-{stage.chance.data(8).hex()}"
    at.spool[name] = Command(name, stage.papers.envelope(said, who), 0, attachments)


def _last(a: Member, direction: str) -> str:
    found = a.standings.agreements.get(direction)
    return found.last if found else ""


def _suspend(stage: Stage, fault: Fault, a: Member, b: Member) -> None:
    """One person, of either side."""
    agreed = stage.papers.agreements.get(f"{a.id}>{b.id}")
    if agreed is not None:
        at = a if fault.size < 0.6 else b
        said = statements.Suspend(agreement=agreed.sha256, nonce=stage.chance.data(16).hex())
        _hand_in(stage, at, said, people(at.id)[:1])


def _resume(stage: Stage, _: Fault, a: Member, b: Member) -> None:
    direction = f"{a.id}>{b.id}"
    agreed = stage.papers.agreements.get(direction)
    if agreed is not None:
        nonce, last = stage.chance.data(16).hex(), _last(a, direction)
        said = statements.Resume(agreement=agreed.sha256, phase="full", nonce=nonce, after=last)
        _hand_in(stage, a, said, people(a.id))


def _overreach(stage: Stage, _: Fault, a: Member, __: Member) -> None:
    """All have signed an edition by which something would reach a partner whom its releaser has ruled out."""
    found = stage.papers.forbidden.get(a.id)
    if found is not None:
        direction, document, attachment = found
        nonce, last = stage.chance.data(16).hex(), _last(a, direction)
        said = statements.Activate(agreement=document.sha256, phase="full", nonce=nonce, after=last)
        _hand_in(stage, a, said, people(a.id), attachment)


def _lower(stage: Stage, fault: Fault, a: Member, b: Member) -> None:
    _change(stage, a, b, "interim" if fault.size < 0.3 else "warning_only")


def _raise(stage: Stage, _: Fault, a: Member, b: Member) -> None:
    _change(stage, a, b, "full")


def _change(stage: Stage, a: Member, b: Member, phase: str) -> None:
    direction = f"{a.id}>{b.id}"
    agreed = stage.papers.agreements.get(direction)
    if agreed is not None:
        nonce, last = stage.chance.data(16).hex(), _last(a, direction)
        said = statements.ChangePhase(agreement=agreed.sha256, phase=phase, nonce=nonce, after=last)
        _hand_in(stage, a, said, people(a.id))


def _recall(stage: Stage, _: Fault, a: Member, b: Member) -> None:
    stream = f"{a.id}>{b.id}"
    said = statements.Recall(
        stream=stream,
        tracks=("all",),
        to_ns=str(a.now_ns),
        nonce=stage.chance.data(16).hex(),
        after=a.standings.heads.get(f"recall/{stream}", ""),
    )
    _hand_in(stage, a, said, people(a.id)[:1])


def _revoke(stage: Stage, _: Fault, a: Member, b: Member) -> None:
    """People of one no longer believe the other's node."""
    known = stage.papers.keys[f"{b.id}/agreement"].public().hex()
    said = statements.KeyRotate(
        partner=b.id,
        purpose="agreement",
        old=known,
        new="",
        nonce=stage.chance.data(16).hex(),
        after=a.standings.heads.get(f"key/{b.id}/agreement/", ""),
    )
    _hand_in(stage, a, said, people(a.id))


# Partners


def _silent(_: Stage, __: Fault, a: Member, ___: Member) -> None:
    a.silent = True


def _speaks(_: Stage, __: Fault, a: Member, ___: Member) -> None:
    a.silent = False


def _may_lie(stage: Stage, a: Member) -> bool:
    """One liar in a run: nothing is asked of liars, and somebody must be left to notice."""
    return stage.watch.liars <= {a.id}


def _ghosts(stage: Stage, _: Fault, a: Member, __: Member) -> None:
    if not _may_lie(stage, a):
        return
    stage.watch.liars.add(a.id)
    a.ghosts = GHOSTS


def _echo(stage: Stage, _: Fault, a: Member, b: Member) -> None:
    """A false pedigree: b's plots come from a once more, as if a's own sensors had made them."""
    if _may_lie(stage, a) and a.id not in stage.watch.liars:
        a.echoes = stage.members.index(b)
        stage.watch.echoes(a.id, b.id)


def _perjury(_: Stage, __: Fault, a: Member, ___: Member) -> None:
    """As a witness it signs with a key that nobody knows."""
    a.perjures = True


def _true(_: Stage, __: Fault, a: Member, ___: Member) -> None:
    a.perjures = False


def _mistaken(stage: Stage, _: Fault, a: Member, __: Member) -> None:
    """A backup is put back by mistake; its witnesses are there to be asked."""
    if _may_lie(stage, a) and a.id not in stage.watch.liars and a.restore():
        stage.watch.restored(a)


def _backup(_: Stage, __: Fault, a: Member, ___: Member) -> None:
    a.backup()


def _restore(stage: Stage, _: Fault, a: Member, __: Member) -> None:
    """It goes on from the backup as if nothing had been told since."""
    if not _may_lie(stage, a) or a.id in stage.watch.liars:
        return
    believed = {one.id for one in stage.members if one is not a and one.last(a.id).size > a.backup_size}
    if a.restore():
        a.deaf = True
        stage.watch.forked(a.id, believed)


def _flood(stage: Stage, a: Member, b: Member) -> None:
    """Envelopes without sense, and true ones that say little, over and over."""
    if not b.alive:
        return
    for k in range(JUNK):
        nonce = stage.chance.data(16).hex()
        said = statements.RecallDone(stream=f"{b.id}>{a.id}", recall="00" * 32, count="1", nonce=nonce)
        envelope = stage.papers.of_node(statements.canonical(said), a.id) if k % 3 == 0 else stage.chance.data(200)
        b.hear(a.id, "receipt" if k % 2 else "statement", envelope)


_BEGIN: Mapping[str, Act] = {
    "crash": _crash,
    "kill": _crash,
    "full": _full,
    "slow": _slow,
    "skew": _skew,
    "jump": _skew,
    "suspend": _suspend,
    "phase": _lower,
    "overreach": _overreach,
    "recall": _recall,
    "revoke": _revoke,
    "silent": _silent,
    "ghosts": _ghosts,
    "echo": _echo,
    "perjury": _perjury,
    "restore": _backup,
    "rewrite": _backup,
}
_END: Mapping[str, Act] = {
    "full": _room,
    "slow": _fast,
    "skew": _right,
    "jump": _right,
    "suspend": _resume,
    "phase": _raise,
    "silent": _speaks,
    "perjury": _true,
    "restore": _mistaken,
    "rewrite": _restore,
}
