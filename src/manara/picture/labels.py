"""How partners mark what they tell, in our own words: kept by track, shown with the system track that it belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from manara.picture.correlate import Follower, System
from manara.picture.partners import Partner, PartnerRows
from manara.records.columns import I8, U8

WORD_MAX = 60
Said = tuple[str, str]  # the word, a level of the Traffic Light Protocol or ""
Kept = dict[tuple[int, int], Said]  # partner and its number
Shown = dict[int, tuple[tuple[int, str, str], ...]]  # our id -> partner, word, level


def take(kept: Kept, told: Iterable[PartnerRows]) -> None:
    """Take in the markings of rows; one that is told without takes an earlier one away."""
    for rows in told:
        known = any(word for word, _ in rows.labels)
        if not (known or kept) or not len(rows.precise):
            continue
        for number, terms in zip(rows.precise["track"].tolist(), rows.precise["terms"].tolist(), strict=True):
            said = rows.labels[terms] if terms < len(rows.labels) else ("", "")
            if said[0]:
                kept[rows.partner, number] = said
            elif known or (rows.partner, number) in kept:
                kept.pop((rows.partner, number), None)


def forget(kept: Kept, partners: dict[int, Partner]) -> None:
    """What has ended or was recalled bears no marking any more."""
    there = {(partner, number) for partner, one in partners.items() for number in one.held.track.tolist()}
    for key in [key for key in kept if key not in there]:
        del kept[key]


def shown(kept: Kept, system: System, followers: Sequence[Follower], partners: dict[int, Partner]) -> Shown:
    """Of each system track all that its contributors marked it with, in the directory's order."""
    out: Shown = {}
    for partner, one in sorted(partners.items()):
        led = system.of_partner == partner
        pairs = [(system.row[led], system.id[led])]
        pairs += [(f.row, system.id[f.system]) for f in followers if f.partner == partner]
        for row, ids in pairs:
            _mark(out, kept, partner, one, row, ids)
    return out


def _mark(out: Shown, kept: Kept, partner: int, one: Partner, row: I8, ids: U8) -> None:
    for number, track_id in zip(one.held.track[row].tolist(), ids.tolist(), strict=True):
        if said := kept.get((partner, number)):
            out[track_id] = (*out.get(track_id, ()), (partner, *said))


def dump(kept: Kept) -> list[list[Any]]:
    """Plain values."""
    return [[*key, *said] for key, said in kept.items()]


def load(plain: Iterable[Sequence[Any]]) -> Kept:
    """Take what ``dump`` gave."""
    return {(int(p), int(number)): (str(word), str(tlp)) for p, number, word, tlp in plain}
