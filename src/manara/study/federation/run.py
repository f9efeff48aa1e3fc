"""One run: a seed, a plan of faults, and seconds that pass for everybody at once.

::

    second ─▶ faults begin and end ─▶ each member: sensors, step, effects, desks ─▶ lines: pulls, receipts … ─▶ next
"""

from __future__ import annotations

from dataclasses import dataclass

from manara.records.inputs import Command
from manara.release import statements
from manara.study.federation import desks, faults, sea, trouble
from manara.study.federation.caller import Caller
from manara.study.federation.chance import Chance
from manara.study.federation.faults import Fault
from manara.study.federation.invariants import Invariants, Violation
from manara.study.federation.links import Line
from manara.study.federation.member import Host, Member
from manara.study.federation.papers import RING, STAR, START_NS, Papers, make, people

S = 1_000_000_000
SETTLED_S = 15  # what was told so long before the end must have come


@dataclass(frozen=True)
class Setting:
    """What a run follows from. ``faults``: kinds, or the very faults in ``planned``."""

    seed: int
    nodes: int = 3
    seconds: int = 180
    craft: int = 20
    kinds: tuple[str, ...] = ()
    planned: tuple[Fault, ...] | None = None
    pace_s: int = 1  # seconds between two steps of a node

    def plan(self) -> tuple[Fault, ...]:
        """Its faults."""
        if self.planned is not None:
            return self.planned
        return faults.plan(Chance(f"{self.seed}/faults"), self.nodes, self.seconds, self.kinds)

    @property
    def shape(self) -> str:
        """Who has agreed with whom."""
        return STAR if self.seed % 2 else RING


@dataclass(frozen=True)
class Outcome:
    """What a run came to. ``digest``: of everything that was told; the same seed gives the same."""

    setting: Setting
    violations: tuple[Violation, ...]
    seconds: int
    steps: int
    rows: int
    entries: int
    lives: int
    positions: int
    beyond: int


class Federation:
    """Members, lines, sea and whoever looks on, for one setting."""

    def __init__(self, setting: Setting, host: Host) -> None:
        self.setting = setting
        self.papers: Papers = make(setting.nodes, setting.shape, host.signer)
        self.sea = sea.make(Chance(f"{setting.seed}/sea"), setting.nodes, setting.craft)
        self.watch = Invariants(self.papers, self.sea)
        names = [one.id for one in self.papers.directory.partners]
        self.members = [Member(name, self.papers, host, self.watch, str(setting.seed)) for name in names]
        self._noise = [Chance(f"{setting.seed}/noise/{name}") for name in names]
        self.callers: list[Caller] = []
        for direction in self.papers.agreements:
            a, _, b = direction.partition(">")
            there, back = (Line(Chance(f"{setting.seed}/{direction}/{way}")) for way in ("there", "back"))
            me, other = self.members[names.index(b)], self.members[names.index(a)]
            self.callers.append(Caller(me, other, there, back))
        self.chance = Chance(f"{setting.seed}/trouble")
        self._desks = Chance(f"{setting.seed}/desks")
        self.plan = setting.plan()
        self.heads: dict[str, int] = {}

    def run(self) -> Outcome:
        """All seconds, or until something does not hold."""
        self._sign()
        second = 0
        for second in range(self.setting.pace_s, self.setting.seconds + 1, self.setting.pace_s):
            self.second(second)
            if self.watch.violations:
                break
        else:
            pairs = [(one.other.id, one.me.id) for one in self.callers]
            self.watch.ended(self.members, pairs, self.heads)
        return self._outcome(second)

    def second(self, second: int) -> None:
        """One second for everybody."""
        self.watch.second, pace_s = second, self.setting.pace_s
        for one in self.plan:
            if second - pace_s < one.begin_s <= second:
                trouble.begin(self, one)
            if second - pace_s < one.end_s <= second:
                trouble.end(self, one)
            if one.begin_s <= second < one.end_s:
                trouble.lasting(self, one)
        due = [k for k, one in enumerate(self.members) if second // pace_s % one.every == 0]
        spans = {k: pace_s * self.members[k].every for k in due}
        said = {k: list(sea.documents(self.sea, k, second, spans[k], self._noise[k])) for k in due}
        for k in due:
            member = self.members[k]
            ghosts = sea.ghosts(member.ghosts, second, self._noise[k])
            heard = [*enumerate(said[k]), (0, ghosts), (0, said.get(member.echoes, [b""])[0])]
            member.tick(START_NS + second * S + member.skew_ns, heard)
        desks.sit(self.members, self.papers, self._desks)
        for caller in self.callers:
            caller.ask(second)
            caller.serve(second)
            caller.take(second)
        if second <= self.setting.seconds - SETTLED_S:
            self.heads = {k: v for one in self.members if one.alive for k, v in one.store.heads().items()}

    def _sign(self) -> None:
        """Each releaser's people put their agreements in force."""
        for direction, one in self.papers.agreements.items():
            releaser = direction.partition(">")[0]
            said = statements.Activate(agreement=one.sha256, phase="full", nonce="00" * 16)
            envelope = self.papers.envelope(said, people(releaser))
            name = f"activate-{direction.replace('>', '-')}"
            self._member(releaser).spool[name] = Command(name, envelope, 0, (self.papers.attachment(direction),))

    def _member(self, name: str) -> Member:
        return next(one for one in self.members if one.id == name)

    def _outcome(self, second: int) -> Outcome:
        watch = self.watch
        return Outcome(
            setting=self.setting,
            violations=tuple(watch.violations),
            seconds=second,
            steps=watch.steps,
            rows=watch.rows,
            entries=watch.entries,
            lives=sum(one.lives for one in self.members),
            positions=watch.positions,
            beyond=watch.beyond,
        )
