"""Why a record goes, and why not: the rules that matched and what they oblige; or what struck; or what came nearest."""

from __future__ import annotations

import msgspec
import numpy as np

from manara.records.agreement import FOREVER_S
from manara.records.columns import U8
from manara.records.marking import Marking, Obligations
from manara.release.conditions import PURPOSES, STRIPS, Condition, column, fires, holds, of_rule
from manara.release.rules import Decisions, Denial, Program, decide, join

DENIALS_EN = {
    Denial.NONE: "it goes",
    Denial.DEFAULT: "no rule permits it",
    Denial.FORBIDDEN: "a rule forbids it",
    Denial.PHASE: "the phase of the agreement does not allow it",
    Denial.PURPOSE: "no purpose is left for which it may be used",
    Denial.EXPIRED: "it has expired",
    Denial.MARKING_ONWARD: "its originator does not let it go to this partner",
    Denial.UNMEETABLE: "this node cannot do what the rules oblige it to",
    Denial.DOMAIN: "its domain is not within the agreement, or is not known",
    Denial.AREA: "it is not within the areas of the agreement, or that is not known",
    Denial.NEVER: "nothing may reach this partner by any path",
    Denial.SOURCE: "a source contributed that this partner may not know of",
    Denial.LABEL: "its marking has no word of this partner's, or is not known",
}
DENIALS_AR = {
    Denial.NONE: "يُتاح",
    Denial.DEFAULT: "لا قاعدة تسمح به",
    Denial.FORBIDDEN: "تمنعه قاعدة",
    Denial.PHASE: "مرحلة الاتفاق لا تسمح به",
    Denial.PURPOSE: "لم يبقَ غرض استخدام مسموح",
    Denial.EXPIRED: "انتهت صلاحيته",
    Denial.MARKING_ONWARD: "الجهة المُنشِئة لا تسمح بإتاحته لهذا الشريك",
    Denial.UNMEETABLE: "لا تستطيع هذه العُقدة الوفاء بما تُلزم به القواعد",
    Denial.DOMAIN: "مجاله خارج الاتفاق أو غير معروف",
    Denial.AREA: "موقعه خارج مناطق الاتفاق أو غير معروف",
    Denial.NEVER: "لا يجوز أن يصل شيء إلى هذا الشريك بأي طريق",
    Denial.SOURCE: "أسهم فيه مصدر لا يحق لهذا الشريك معرفته",
    Denial.LABEL: "لا مقابل لوسمه عند هذا الشريك، أو وسمه غير معروف",
}
FIELDS_AR = {
    "sort": "النوع", "domain": "المجال", "craft": "صنف المركبة", "area": "المنطقة", "outside": "خارج المنطقة",
    "source": "المصدر", "originator": "الجهة المُنشِئة", "sensitivity": "الحساسية", "emergency": "الطوارئ",
    "age_max_s": "أقصى عمر", "phase": "المرحلة",
}  # fmt: skip


class Because(msgspec.Struct, frozen=True):
    """A rule that matched. ``unknown``: conditions of a forbid that count as met because the value is not known."""

    rule: str
    effect: str
    reason: str = ""
    reason_ar: str = ""
    unknown: tuple[str, ...] = ()


class Nearest(msgspec.Struct, frozen=True):
    """The permit with the fewest conditions that fail, and the first of these."""

    rule: str
    where: str  # "rules[3].when.area"
    field: str
    names: tuple[str, ...]
    unknown: bool  # the value is not known
    failing: int
    of: int


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why one record goes to one partner, or why not."""

    allowed: bool
    denial: str
    recipient: str
    phase: str
    rules: tuple[Because, ...] = ()
    obligations: dict[str, int | tuple[str, ...]] = {}
    nearest: Nearest | None = None

    def text(self, lang: str = "en") -> str:
        """In sentences, one a line; ``lang``: en or ar."""
        return "\n".join(_arabic(self) if lang == "ar" else _english(self))


def explain(program: Program, marking_row: Marking, now_ns: int) -> Explanation:
    """Explain the decision about the first row of a marking."""
    row = marking_row.take(np.arange(1))
    decided = decide(program, row, now_ns)
    denial = Denial(int(decided.denial[0]))
    rules = tuple(_because(program, k, row, now_ns) for k in _matching(decided.matched))
    return Explanation(
        allowed=bool(decided.allowed[0]),
        denial=denial.name.lower(),
        recipient=program.agreement.recipient,
        phase=program.phase.name.lower(),
        rules=rules,
        obligations=_obligations(program, decided, denial),
        nearest=_nearest(program, row, now_ns) if denial is Denial.DEFAULT else None,
    )


def _obligations(program: Program, decided: Decisions, denial: Denial) -> dict[str, int | tuple[str, ...]]:
    """Of what goes; and of what goes not because they cannot be met."""
    if denial is Denial.UNMEETABLE:
        return spoken(join(program.duties, decided.matched), program)
    return spoken(decided.obligations, program) if denial is Denial.NONE else {}


def _matching(matched: U8) -> list[int]:
    return [k for k in range(128) if int(matched[0, k // 64]) >> k % 64 & 1]


def _because(program: Program, k: int, row: Marking, now_ns: int) -> Because:
    rule = program.agreement.rules[k]
    missing = [c.field for c in program.rules.conditions[k] if holds(c, column(row, c.attribute, now_ns))[1][0]]
    return Because(rule.id, rule.effect, rule.reason, rule.reason_ar, tuple(missing))


def _nearest(program: Program, row: Marking, now_ns: int) -> Nearest | None:
    found: list[Nearest] = []
    for k, rule in enumerate(program.agreement.rules):
        if rule.effect != "permit":
            continue
        failing = [c for c in _conditions(program, k) if not _met(c, row, now_ns)]
        written = len(program.rules.conditions[k]) - (not rule.when.sort)  # without the sort that is understood
        of = max(written + bool(rule.when.phase), len(failing))
        if not program.rules.active[k]:
            found.append(
                Nearest(rule.id, f"rules[{k}].when.phase", "phase", rule.when.phase, False, len(failing) + 1, of)
            )
        elif failing:
            first = failing[0]
            missing = bool(holds(first, column(row, first.attribute, now_ns))[1][0])
            where = f"rules[{k}].when.{first.field}"
            found.append(Nearest(rule.id, where, first.field, first.names, missing, len(failing), of))
    return min(found, key=lambda one: (one.failing, -one.of), default=None)


def _conditions(program: Program, k: int) -> tuple[Condition, ...]:
    """In the order in which a document writes them."""
    return of_rule(program.agreement.rules[k], f"rules[{k}]", program.book)[0]


def _met(condition: Condition, row: Marking, now_ns: int) -> bool:
    return bool(fires(condition, column(row, condition.attribute, now_ns), permit=True)[0])


def spoken(duty: Obligations, program: Program, k: int = 0) -> dict[str, int | tuple[str, ...]]:
    """The obligations of a row in words and numbers; what obliges to nothing is left out."""
    told: dict[str, int | tuple[str, ...]] = {}
    for name in ("cell_m", "epoch_s", "delay_s", "rate_s"):
        if value := int(getattr(duty, name)[k]):
            told[name] = value
    for name in ("pseudonym_s", "retention_s"):
        if (value := int(getattr(duty, name)[k])) != FOREVER_S:
            told[name] = value
    told["strip"] = tuple(name for name, bit in STRIPS.items() if int(duty.strip[k]) & bit)
    told["purpose"] = tuple(name for name, bit in PURPOSES.items() if int(duty.purpose[k]) & bit)
    told["onward"] = tuple(name for i, name in enumerate(program.book.partners) if int(duty.onward[k]) >> i & 1)
    return told


def _english(one: Explanation) -> list[str]:
    if one.allowed:
        lines = [f"{one.recipient} gets it: permitted by {_rules(one, 'permit')}."]
        told = "; ".join(
            f"{name} {_value(value) or 'nobody'}" for name, value in one.obligations.items() if name != "strip" or value
        )
        return [*lines, *_reasons(one, "en"), f"Obligations: {told}."]
    lines = [f"{one.recipient} does not get it: {DENIALS_EN[Denial[one.denial.upper()]]}."]
    if one.denial == "forbidden":
        lines.append(f"Forbidden by {_rules(one, 'forbid')}.")
        lines += [
            f"Rule {rule.rule}: {', '.join(rule.unknown)} is not known, and what is not known counts against release."
            for rule in one.rules
            if rule.effect == "forbid" and rule.unknown
        ]
        lines += _reasons(one, "en")
    elif one.rules:
        lines.append(f"But for that it would go by {_rules(one, 'permit')}.")
    if one.denial == "phase":
        lines.append(f"The phase is {one.phase}.")
    if one.obligations:
        asked = one.obligations
        lines.append(f"It would have to be: cell_m {asked.get('cell_m', 0)}, epoch_s {asked.get('epoch_s', 0)}.")
    if near := one.nearest:
        asks = f"{near.field} {_value(near.names)}"
        why = "which is not known here" if near.unknown else "which does not hold"
        lines.append(
            f"Nearest permit: {near.rule} ({near.where}) asks for {asks}, {why}; {near.failing} of {near.of} fail."
        )
    return lines


def _arabic(one: Explanation) -> list[str]:
    if one.allowed:
        lines = [f"يُتاح للشريك {one.recipient} بموجب القاعدة {_rules(one, 'permit')}."]
        told = "؛ ".join(
            f"{name}: {_value(value) or '–'}" for name, value in one.obligations.items() if name != "strip" or value
        )
        return [*lines, *_reasons(one, "ar"), f"الالتزامات: {told}."]
    lines = [f"لا يُتاح للشريك {one.recipient}: {DENIALS_AR[Denial[one.denial.upper()]]}."]
    if one.denial == "forbidden":
        lines.append(f"القاعدة المانعة: {_rules(one, 'forbid')}.")
        lines += [
            f"القاعدة {rule.rule}: {'، '.join(FIELDS_AR[name] for name in rule.unknown)} غير معروف، والمجهول مانع."
            for rule in one.rules
            if rule.effect == "forbid" and rule.unknown
        ]
        lines += _reasons(one, "ar")
    elif one.rules:
        lines.append(f"ولولا ذلك لأُتيح بموجب القاعدة {_rules(one, 'permit')}.")
    if one.denial == "phase":
        lines.append(f"المرحلة: {one.phase}.")
    if one.obligations:
        lines.append(
            f"المطلوب: cell_m {one.obligations.get('cell_m', 0)}، epoch_s {one.obligations.get('epoch_s', 0)}."
        )
    if near := one.nearest:
        why = "وهو غير معروف هنا" if near.unknown else "وهو غير متحقق"
        asks = f"{FIELDS_AR[near.field]} {_value(near.names)}"
        lines.append(
            f"أقرب قاعدة سامحة: {near.rule} ({near.where})، تشترط {asks}، {why}؛ لم يتحقق {near.failing} من {near.of}."
        )
    return lines


def _reasons(one: Explanation, lang: str) -> list[str]:
    effect = "permit" if one.allowed else "forbid"
    said = [(rule.rule, rule.reason_ar if lang == "ar" else rule.reason) for rule in one.rules if rule.effect == effect]
    return [f"{name}: {reason}" for name, reason in said if reason]


def _rules(one: Explanation, effect: str) -> str:
    return ", ".join(rule.rule for rule in one.rules if rule.effect == effect)


def _value(value: int | tuple[str, ...]) -> str:
    return f"{value:,}" if isinstance(value, int) else ", ".join(value)
