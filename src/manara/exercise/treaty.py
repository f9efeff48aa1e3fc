"""What fictional partners agree between two of them: precise in the air and near the neighbour, coarse elsewhere.

The same in both directions. A coast radar stays at home: what it alone sees, the neighbour does not learn of.
"""

from __future__ import annotations

import datetime as dt

from manara.records.agreement import Agreement, Concern, Promise, Rule, Signatory, When
from manara.records.directory import Area, Directory
from manara.study.scenario import Scenario, alias
from manara.study.world import feeds

DAY_S = 86_400


def agreement(scenario: Scenario, directory: Directory, releaser: str, recipient: str) -> Agreement:
    """What one partner lets another have, each by its name in the scenario."""
    ours, theirs = alias(releaser), alias(recipient)
    arabic = {partner.name: partner.name_ar for partner in scenario.partner}
    kept = {radar.channel for radar in scenario.radar if radar.partner == releaser and radar.domain == "sea"}
    return Agreement(
        id=f"{ours}-{theirs}",
        title=f"What {releaser} lets {recipient} have",
        title_ar=f"ما تتيحه {arabic[releaser]} لشريكتها {arabic[recipient]}",
        releaser=ours,
        recipient=theirs,
        not_before=_utc(scenario.start - dt.timedelta(days=1)),
        not_after=_utc(scenario.start + dt.timedelta(days=365)),
        signatories=tuple(
            Signatory(person=one.id, name=one.name, capacity=one.capacity, partner=one.partner)
            for one in directory.persons
            if one.partner in (ours, theirs)
        ),
        retention_s=7 * DAY_S,
        sources=tuple(feed.name for feed in feeds(scenario, releaser) if feed.name not in kept),
        witnesses=(theirs,),
        quorum=1,
        concerns=_concerns([one for one in directory.areas if one.partner == theirs and one.responsibility]),
        promises=Promise(warning_s=30, answer_s=120, recall_s=60, first_s=60, alarm_s=300, clock_s=2),
        rules=_rules([one for one in directory.areas if one.partner == theirs and one.responsibility]),
    )


def _concerns(waters: list[Area]) -> tuple[Concern, ...]:
    """What both sides worry about there."""
    near = tuple(one.id for one in waters)
    return (
        Concern(
            id="silent-aircraft",
            text="Unmanned aircraft that do not say who they are, on their way to a town.",
            text_ar="طائرات مسيّرة لا تُعرّف بنفسها وتتجه نحو بلدة.",
            hazard=("unidentified_aircraft", "falling"),
            domain=("air",),
            craft=("unmanned_aircraft",),
            area=near,
        ),
        Concern(
            id="distress",
            text="Anybody in distress, whoever is nearest.",
            text_ar="كل مستغيث أيًّا كان الأقرب إليه.",
            hazard=("distress",),
        ),
    )


def _rules(waters: list[Area]) -> tuple[Rule, ...]:
    near = tuple(one.id for one in waters)
    nearby = (
        Rule(
            id="sea-near",
            effect="permit",
            reason="Vessels in your own waters, as we see them.",
            reason_ar="السفن في مياهكم كما نراها.",
            when=When(sort=("track",), domain=("sea",), area=near, originator=("own",)),
        ),
        Rule(
            id="sea-far",
            effect="permit",
            reason="That there are vessels elsewhere, not where exactly.",
            reason_ar="وجود سفن في غير ذلك من المياه، من دون تحديد موقعها.",
            when=When(sort=("track",), domain=("sea",), outside=near, originator=("own",)),
            cell_m=8000,
            epoch_s=1024,
            strip=("identity", "names"),
        ),
    )
    return (
        Rule(
            id="air",
            effect="permit",
            reason="Whatever flies, wherever it is: minutes count.",
            reason_ar="كل ما يطير أينما كان، فالدقائق ثمينة.",
            when=When(sort=("track",), domain=("air",), originator=("own",)),
        ),
        *(nearby if near else ()),
        *_MEANS,
        Rule(
            id="warnings",
            effect="permit",
            reason="Warnings and alerts of every kind.",
            reason_ar="التحذيرات والإنذارات بأنواعها.",
            when=When(sort=("warning", "alert"), originator=("own",)),
        ),
        Rule(
            id="kept-close",
            effect="forbid",
            reason="What its originator keeps close stays here.",
            reason_ar="ما تتكتم عليه جهته المُنشِئة يبقى هنا.",
            when=When(sensitivity=("closed",)),
        ),
    )


_MEANS = (
    Rule(
        id="means",
        effect="permit",
        reason="Sensors, means of rescue and channels of alert, so that each knows whom to ask.",
        reason_ar="المستشعرات ووسائل الإنقاذ وقنوات الإنذار، ليعرف كل طرف ممن يطلب العون.",
        when=When(sort=("capability",), originator=("own",)),
    ),
    Rule(
        id="coverage",
        effect="permit",
        reason="Where our named sensors see, in large cells: so that gaps are known before they matter.",
        reason_ar="أين ترى مستشعراتنا المسمّاة، في خلايا كبيرة، لتُعرف الفجوات قبل أن يُحتاج إليها.",
        when=When(sort=("coverage",), originator=("own",)),
        cell_m=16000,
    ),
)


def _utc(when: dt.datetime) -> str:
    return when.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
