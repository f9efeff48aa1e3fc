"""The phases of an agreement: what each allows, what moves it, and who must sign for that.

::

    (none) ──activate──▶ warning_only ◀─phase─▶ interim ◀─phase─▶ full        two sign: policy and operational
                              │                    │                │
                              └──────suspend───────┴────────────────┘         any one of either partner, at once
                                         ▼
                                     suspended ──resume──▶ no higher than before   two sign

Rule 0, the duty to warn, stands above every phase.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from manara.records.agreement import Phase

BOTH = ("policy", "operational")


class PhaseRule(msgspec.Struct, frozen=True, kw_only=True):
    """What a phase lets through. ``nothing``: not even what the rules permit; otherwise empty means all. ``handover``:
    tracks that the recipient was told of may be offered to it, and offers are answered."""

    nothing: bool = False
    handover: bool = False
    sorts: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    sentence_en: str
    sentence_ar: str


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """Who must sign a statement. ``of``: releaser, either (partner of the agreement), own (this node's partner),
    sender (the node that it comes from). ``capacities``: one person of each; empty: one person of any capacity.
    ``node``: the node's own key signs, no person need to (an offer or its answer: for whoever sits at its desk)."""

    of: str
    capacities: tuple[str, ...] = ()
    node: bool = False


def phase_name(phase: Phase | int) -> str:
    """The word of files and frames for a phase.

    >>> phase_name(Phase.WARNING_ONLY)
    'warning_only'
    """
    return Phase(phase).name.lower()


def phase_of(name: str) -> Phase | None:
    """The phase that a word names; None for another word.

    >>> phase_of("interim"), phase_of("INTERIM"), phase_of("war")
    (<Phase.INTERIM: 2>, None, None)
    """
    return next((one for one in Phase if phase_name(one) == name), None)


ALLOWS: Mapping[Phase, PhaseRule] = MappingProxyType(
    {
        Phase.SUSPENDED: PhaseRule(
            nothing=True,
            sentence_en="Suspended: nothing is released. Only the duty to warn (rule 0) remains.",
            sentence_ar="معلّق: لا يُتاح أي شيء، ولا يبقى قائمًا إلا واجب التحذير (القاعدة 0).",
        ),
        Phase.WARNING_ONLY: PhaseRule(
            sorts=("warning", "alert"),
            sentence_en="Warning only: warnings and alerts are released as the rules permit; no tracks, nothing else.",
            sentence_ar="تحذير فقط: تُتاح التحذيرات والإنذارات بما تسمح به القواعد، ولا تُتاح مسارات ولا غيرها.",
        ),
        Phase.INTERIM: PhaseRule(
            handover=True,
            domains=("air", "sea"),
            sentence_en="Interim: what the rules permit is released, in the air and at sea only.",
            sentence_ar="مؤقت: يُتاح ما تسمح به القواعد في الجو والبحر فقط.",
        ),
        Phase.FULL: PhaseRule(
            handover=True,
            sentence_en="Full: everything that the rules permit is released.",
            sentence_ar="كامل: يُتاح كل ما تسمح به القواعد.",
        ),
    }
)

NEEDS: Mapping[str, Needs] = MappingProxyType(
    {
        "agreement.activate": Needs(of="releaser", capacities=BOTH),
        "agreement.phase": Needs(of="releaser", capacities=BOTH),
        "agreement.suspend": Needs(of="either"),
        "agreement.resume": Needs(of="releaser", capacities=BOTH),
        "recall": Needs(of="own"),
        "recall.done": Needs(of="sender", node=True),
        "directory.update": Needs(of="own", capacities=BOTH),
        "key.rotate": Needs(of="own", capacities=BOTH),
        "hold.place": Needs(of="own", capacities=BOTH),
        "hold.lift": Needs(of="own", capacities=BOTH),
        "retention.erased": Needs(of="sender", node=True),
        "broker.hops": Needs(of="sender", node=True),
        "receipt": Needs(of="sender", node=True),
        "capability.change": Needs(of="own"),
        "handover.offer": Needs(of="own", node=True),
        "handover.decide": Needs(of="own", node=True),
        "handover.answer": Needs(of="sender", node=True),
        "warning.taken": Needs(of="sender", node=True),
        "ledger.epoch": Needs(of="own", capacities=BOTH),
    }
)

MOVES_EN = (
    "A first phase, and every later change of phase, takes two signatures of the releaser: one of a person who "
    "answers for policy and one of a person who answers for operations.",
    "Any one authorised person of either partner suspends the agreement, at once and without giving a reason.",
    "To resume takes two signatures of the releaser again, one for policy and one for operations, and leads no "
    "higher than the phase before the suspension. What was withheld in between is not delivered afterwards.",
)
MOVES_AR = (
    "يتطلب بدء أول مرحلة، وكل تغيير لاحق في المرحلة، توقيعين من الجهة المُتيحة: توقيع مسؤول عن السياسات وتوقيع مسؤول "
    "عن العمليات.",
    "لأي شخص مخوّل واحد من أيٍّ من الشريكين أن يعلّق الاتفاق فورًا ومن غير إبداء أسباب.",
    "يتطلب الاستئناف توقيعين من الجهة المُتيحة مجددًا، أحدهما للسياسات والآخر للعمليات، ولا يتجاوز المرحلة التي سبقت "
    "التعليق. وما حُجب في تلك الفترة لا يُسلَّم لاحقًا.",
)
