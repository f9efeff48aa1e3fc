"""What the demo tells of itself while it runs. Every number is read from the desks of its nodes; none is scripted.

::

    desks that are open ─▶ GET /api/drafts ─▶ lines (two languages) ─▶ the first desk shows the newest
"""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from manara.study.scenario import Scenario, alias, sharing

EVERY_S = 1.0
ANSWER_BYTES = 1 << 20
PATIENCE_S = 3.0
COUNTS = {3: ("Three", "ثلاثة"), 4: ("Four", "أربعة"), 5: ("Five", "خمسة"), 6: ("Six", "ستة")}
Drafts = Sequence[Mapping[str, Any]]


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One sentence. ``desk``: where it can be seen; "": here."""

    id: str
    en: str
    ar: str
    desk: str = ""


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """A partner's desk that is open."""

    partner: str
    name: str
    name_ar: str
    url: str


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """What is told, the newest last, and through whose eyes one may look."""

    lines: tuple[Line, ...] = ()
    desks: tuple[Desk, ...] = ()


def told(scenario: Scenario, desks: Sequence[Desk], drafts: Mapping[str, Drafts]) -> Story:
    """The story so far. ``drafts``: by partner, as its desk answers them; in the order of what happened."""
    lines = [*_stakes(scenario)]
    for desk in desks:
        lines += _warned(scenario, desk, drafts.get(desk.partner, ()))
    return Story(lines=tuple(lines), desks=tuple(desks))


def _stakes(scenario: Scenario) -> Iterator[Line]:
    names = {one.name: one.name_ar for one in scenario.partner}
    n = len(sharing(scenario))
    few, few_ar = COUNTS.get(n, (str(n), _ltr(n)))
    yield Line(
        id="stakes",
        en=f"{few} partners share one sea, each on its own terms, each with a node of its own, nobody above them.",
        ar=f"{few_ar} شركاء يتقاسمون بحرًا واحدًا، كلٌّ بشروطه. لكلٍّ منهم عُقدته، ولا سلطة فوقهم.",
    )
    for one in scenario.relation:
        if one.via:
            a, b = one.between
            yield Line(
                id=f"apart-{alias(a)}-{alias(b)}",
                en=f"{a} and {b} have no link. {one.via} carries warnings between them, sealed: it cannot read them.",
                ar=f"لا صلة بين {names[a]} و{names[b]}. "
                f"تنقل {names[one.via]} التحذيرات بينهما مختومةً ولا تستطيع قراءتها.",
            )


def _warned(scenario: Scenario, desk: Desk, drafts: Drafts) -> Iterator[Line]:
    """Of each danger that a partner told first: the warning, and by how much it came before the desk's own sensors."""
    names = {alias(one.name): (one.name, one.name_ar) for one in scenario.partner}
    for one in sorted(drafts, key=lambda one: int(one["id"])):
        if one["hazard"] != "unidentified_aircraft" or not one["partners"]:
            continue
        first = next(names.get(partner, (partner, partner)) for partner in one["partners"])
        area_ar = one["area_name_ar"] or one["area_name"]
        begin, end = _clock(one["first"]), _clock(one["last"])
        yield Line(
            id=f"warned-{desk.partner}-{one['id']}",
            en=f"{first[0]} warns {desk.name}: an unidentified aircraft for {one['area_name']}, {begin} to {end} UTC. "
            "An area and a time; no track, no source.",
            ar=f"{first[1]} تحذّر {desk.name_ar}: طائرة مجهولة الهوية نحو {area_ar} بين {_ltr(begin)} و{_ltr(end)} UTC. "
            "منطقة ووقت فقط، من غير مسار ولا مصدر.",
            desk=desk.url,
        )
        if one["ahead_s"] is not None and one["ahead_s"] > 0:
            minutes = f"{one['ahead_s'] / 60:.1f}"
            yield Line(
                id=f"ahead-{desk.partner}-{one['id']}",
                en=f"{desk.name}'s own sensors see it {minutes} min after that warning. Without it: 0 min.",
                ar=f"مستشعرات {desk.name_ar} ترصدها بعد التحذير بمقدار {_ltr(minutes)} دقيقة. "
                f"ومن دونه: {_ltr(0)} دقيقة.",
                desk=desk.url,
            )


def _clock(text: str) -> str:
    """Hours and minutes of an RFC 3339 time.

    >>> _clock("2030-03-21T06:07:08Z")
    '06:07'
    """
    return text[11:16]


def _ltr(value: object) -> str:
    """A number inside an Arabic sentence keeps its own direction."""
    return f"\u2066{value}\u2069"


async def follow(scenario: Scenario, desks: Sequence[Desk], tell: Callable[[Mapping[str, Any]], None]) -> None:
    """Read the desks again and again, and tell what is new. ``desks`` grows while the demo's nodes begin."""
    before = Story()
    while True:
        answers = await asyncio.gather(*(asyncio.to_thread(_drafts, one.url) for one in desks))
        now = told(scenario, tuple(desks), {one.partner: some for one, some in zip(desks, answers, strict=False)})
        if now != before:
            tell(msgspec.to_builtins(now))
            before = now
        await asyncio.sleep(EVERY_S)


def _drafts(url: str) -> Drafts:
    """What a desk of this demo answers; nothing while it does not answer."""
    try:
        with urllib.request.urlopen(f"{url}api/drafts", timeout=PATIENCE_S) as answer:  # noqa: S310 - our own loopback
            found: Drafts = json.loads(answer.read(ANSWER_BYTES))["drafts"]
            return found
    except (OSError, ValueError, KeyError):
        return ()
