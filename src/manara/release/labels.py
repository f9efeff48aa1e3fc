"""Markings of one partner in the words of another: nothing goes whose marking has no word over there.

An agreement's ``[labels]`` maps each of our sensitivities to the recipient's own word and, where it helps, to a level
of the Traffic Light Protocol 2.0. Which sensitivities are mapped bounds every permit (``rules.Denial.LABEL``); the word
goes along with the row's terms, and the recipient sees its own. An agreement without the table tells no marking.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from manara.records.agreement import Agreement, Label
from manara.records.marking import Sensitivity
from manara.release.words import isolated, listed

LEVELS = tuple(one.name.lower() for one in Sensitivity)
TLP = ("clear", "green", "amber", "amber+strict", "red")  # from the widest circle to the narrowest
WORD_MAX = 60


def of_level(one: Agreement, level: int) -> Label | None:
    """What the recipient calls a sensitivity; None where it has no word for it.

    >>> from manara.records.agreement import Labels
    >>> made = Agreement(id="x", title="x", releaser="a", recipient="b", not_before="", not_after="",
    ...                  labels=Labels(open=Label(word="PUBLIC")))
    >>> of_level(made, 0).word, of_level(made, 2)
    ('PUBLIC', None)
    """
    return getattr(one.labels, LEVELS[level]) if level < len(LEVELS) else None


def mapped(one: Agreement) -> tuple[str, ...] | None:
    """The sensitivities that may go; None where the agreement has no table, and markings bound nothing."""
    found = tuple(name for name in LEVELS if getattr(one.labels, name) is not None)
    return found if found or one.labels.policy else None


def faults(one: Agreement) -> Iterator[tuple[str, str]]:
    """What is wrong in the table: where, and why."""
    for name in LEVELS:
        label = getattr(one.labels, name)
        if label is None:
            continue
        if not 0 < len(label.word) <= WORD_MAX:
            yield f"labels.{name}.word", f"expected a word of at most {WORD_MAX} signs"
        if label.tlp and label.tlp not in TLP:
            yield f"labels.{name}.tlp", f"{label.tlp!r} is not one of: {', '.join(TLP)}"
    if len(one.labels.policy) > WORD_MAX:
        yield "labels.policy", f"at most {WORD_MAX} signs"
    chosen = [
        (name, TLP.index(label.tlp)) for name in LEVELS if (label := getattr(one.labels, name)) and label.tlp in TLP
    ]
    for (wide, before), (close, after) in itertools.pairwise(chosen):
        if after < before:
            yield f"labels.{close}.tlp", f"is wider than that of {wide}, which is kept less close"


def unmapped(one: Agreement) -> Iterator[tuple[str, str]]:
    """What stays here for want of a word: for ``agreement check``."""
    there = mapped(one)
    if there is None:
        return
    for name in LEVELS:
        if name not in there:
            why = f"{name} has no word of {one.recipient}'s: nothing that is marked {name} is released"
            yield "labels", why
    for rule in one.rules:
        missing = [name for name in rule.when.sensitivity if name not in there]
        if missing and rule.effect == "permit":
            yield f"rules[].{rule.id}", f"permits {', '.join(missing)}, which has no word in [labels]: it stays here"


def sentence_en(one: Agreement) -> str:
    """The table as the agreement's text says it."""
    there = mapped(one)
    if there is None:
        return "How closely the releaser keeps a record is not told to the recipient."
    said = "; ".join(f"what is {name} bears “{_label(one, name)}”" for name in there)
    missing = [name for name in LEVELS if name not in there]
    policy = f" of “{one.labels.policy}”" if one.labels.policy else ""
    rest = f" What is {listed(tuple(missing), 'en', 'or')} is not released: it has no such word." if missing else ""
    return f"The recipient is told a marking in its own words{policy}: {said or 'none'}.{rest}"


def sentence_ar(one: Agreement) -> str:
    """The same in Arabic."""
    there = mapped(one)
    if there is None:
        return "لا تُخبَر الجهة المتلقية بدرجة حفظ أي سجل."
    said = "؛ ".join(f"{listed((name,), 'ar')}: «{isolated(_label(one, name), 'ar')}»" for name in there)
    missing = tuple(name for name in LEVELS if name not in there)
    policy = f" ({isolated(one.labels.policy, 'ar')})" if one.labels.policy else ""
    rest = f" ولا يُتاح ما درجته {listed(missing, 'ar', 'or')} إذ لا مقابل لها." if missing else ""
    return f"تُخبَر الجهة المتلقية بالوسم بكلماتها{policy}: {said or 'لا شيء'}.{rest}"


def _label(one: Agreement, name: str) -> str:
    label: Label = getattr(one.labels, name)
    return f"{label.word}, TLP:{label.tlp.upper()}" if label.tlp else label.word
