"""How far partners are believed: what stands apart, and how reliable each has been. One call a step, before correlate.

::

    partners' rows ─▶ align ─▶ motion ─▶ look (own tracks, sensors) ─▶ verdicts ─▶ evidence ─▶ Reliability
                                             └─▶ borne out             └─▶ as a whole ─▶ Partner.apart ─▶ Apart
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from manara.kernels import correlate
from manara.picture import quarantine, reliability, trials
from manara.picture.partners import Partner, brought_forward
from manara.picture.quarantine import Conduct
from manara.picture.reliability import Evidence
from manara.records.columns import U1, U8
from manara.records.confidence import Apart, Credibility, Judge, Reliability, Ruling
from manara.records.marking import UNKNOWN_BIT
from manara.records.reports import Flag
from manara.records.tracks import Tracks

_CONTRADICTS = np.uint32(Flag.IDENTITY_CONFLICT | Flag.POSITION_JUMP)


@dataclass
class Trust:
    """The memory of one picture."""

    conducts: dict[int, Conduct] = field(default_factory=dict)
    evidence: Evidence = field(default_factory=Evidence)


def advance(
    trust: Trust, partners: dict[int, Partner], own: Tracks, judge: Judge, rulings: Sequence[Ruling], now_ns: int
) -> None:
    """Judge what partners tell by what is known before this step's correlation; ``Partner.apart`` follows."""
    for partner, one in partners.items():
        if not len(one.held) and partner not in trust.conducts:
            continue
        conduct = trust.conducts.setdefault(partner, Conduct())
        conduct.watched = trials.align(conduct.watched, one.held)
        for ruling in rulings:
            if ruling.partner == partner:
                _rule(conduct, one, ruling, now_ns)
        if one.fuse:
            quarantine.motion(one.held, conduct.watched, now_ns)
        if one.fuse and len(judge.sensors):
            ended = trials.look(one, conduct.watched, own, judge, now_ns)
            reliability.take(trust.evidence, partner, one, ended, judge, now_ns)
            quarantine.verdicts(conduct, ended, now_ns)
            quarantine.borne_out(conduct, now_ns)
        quarantine.as_a_whole(conduct, one, now_ns)
        one.apart = quarantine.shut(conduct)


def _rule(conduct: Conduct, one: Partner, ruling: Ruling, now_ns: int) -> None:
    if ruling.act == "hold":
        conduct.held = True
    elif ruling.track == 0:
        quarantine.release(conduct, None, now_ns)
    else:
        found = np.flatnonzero(one.held.id == np.uint64(ruling.track))
        if len(found):
            quarantine.release(conduct, int(found[0]), now_ns)


def apart(trust: Trust, partners: dict[int, Partner], now_ns: int) -> Apart:
    """All that stands apart, partner by partner."""
    out = []
    for partner, one in sorted(partners.items()):
        which = np.flatnonzero(one.apart) if len(one.apart) == len(one.held) else np.zeros(0, np.int64)
        if len(which):
            sub = Partner(held=one.held.take(which))
            places = correlate.places(brought_forward(sub, now_ns).at)
            out.append(quarantine.apart(trust.conducts[partner], partner, one, places, which))
    return Apart.join(out)


def whole(trust: Trust) -> dict[int, str]:
    """Partners who as a whole stand apart or burst now, and why: held, swarm, burst."""
    words = {
        p: "held" if c.held else "swarm" if c.swarm else "burst" if c.burst else "" for p, c in trust.conducts.items()
    }
    return {partner: word for partner, word in words.items() if word}


def told(trust: Trust, now_ns: int) -> tuple[Reliability, ...]:
    """How reliable each partner has been."""
    return reliability.told(trust.evidence, now_ns)


def credibility(tracks: Tracks, pedigree: U8, n_own: int, judge: Judge) -> U1:
    """How credible each row of the picture is by itself, (n,): who bears it out, and whether it contradicts itself.
    Independent of how reliable anybody has been. ``n_own``: rows that our own tracks lead, which stand first."""
    hidden = (pedigree & np.uint64(UNKNOWN_BIT)) != 0
    named = np.bitwise_count(pedigree & ~np.uint64(UNKNOWN_BIT))
    measured = (np.arange(len(tracks)) < n_own) & (tracks.sources & np.uint64(judge.slots) != 0)
    out = np.full(len(tracks), Credibility.POSSIBLE, np.uint8)
    out[hidden & (named < 2)] = Credibility.CANNOT_BE_JUDGED
    out[(tracks.flags & _CONTRADICTS) != 0] = Credibility.DOUBTFUL
    out[named >= 2] = Credibility.PROBABLE
    out[(named >= 2) & measured] = Credibility.CONFIRMED
    out[pedigree == np.uint64(1)] = Credibility.NOT_RATED
    return out


def dump(trust: Trust) -> dict[str, Any]:
    """Plain values and arrays."""
    return {
        "conducts": [[partner, quarantine.dump(one)] for partner, one in trust.conducts.items()],
        "evidence": reliability.dump(trust.evidence),
    }


def load(plain: dict[str, Any], partners: dict[int, Partner]) -> Trust:
    """Take what ``dump`` gave; partners' rows that stood apart do so again."""
    trust = Trust(
        {partner: quarantine.load(one) for partner, one in plain["conducts"]}, reliability.load(plain["evidence"])
    )
    for partner, one in trust.conducts.items():
        if partner in partners:
            partners[partner].apart = quarantine.shut(one)
    return trust
