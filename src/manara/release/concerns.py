"""What both sides worry about, as an agreement lists it: signed with it, said in its sentences, told apart by id.

The list stands under the agreement's edition; ``since`` of each concern says from which edition on it has been there.
It permits nothing and forbids nothing: rules do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from manara.records.agreement import Agreement, Concern
from manara.records.warnings import Hazard
from manara.release.words import isolated, listed, quoted

HAZARDS = frozenset(one.name.lower() for one in Hazard if one)
TEXT_MAX = 300
_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_HAZARD_AR = {
    "distress": "استغاثة",
    "unidentified_aircraft": "طائرة مجهولة الهوية",
    "falling": "سقوط جسم",
    "collision": "تصادم",
    "pollution": "تلوث",
    "weather": "أحوال جوية",
}


def faults(one: Agreement, domains: frozenset[str], craft: frozenset[str]) -> Iterator[tuple[str, str]]:
    """What is wrong in the list: where, and why. A concern without an id is a text and nothing else."""
    seen: set[str] = set()
    for place, said in enumerate(one.concerns):
        if isinstance(said, str):
            continue
        at = f"concerns[{place}]"
        if not _ID.fullmatch(said.id):
            yield f"{at}.id", f"{said.id!r}: expected lower case, digits, - and _, at most 32"
        if said.id in seen:
            yield f"{at}.id", f"a concern before it is also called {said.id!r}"
        seen.add(said.id)
        if not 0 < len(said.text) <= TEXT_MAX or len(said.text_ar) > TEXT_MAX:
            yield f"{at}.text", f"expected a text of at most {TEXT_MAX} signs"
        if not 1 <= said.since <= one.edition:
            yield f"{at}.since", f"{said.since} is no edition of this agreement up to its own, {one.edition}"
        for where, found, known in (
            ("hazard", said.hazard, HAZARDS),
            ("domain", said.domain, domains),
            ("craft", said.craft, craft),
        ):
            for name in found:
                if name not in known:
                    yield f"{at}.{where}", f"{name!r} is not one of: {', '.join(sorted(known))}"


def strangers(one: Agreement, areas: set[str]) -> Iterator[tuple[str, str]]:
    """Areas that the directory does not know."""
    for place, said in enumerate(one.concerns):
        if isinstance(said, Concern):
            for name in sorted(set(said.area) - areas):
                yield f"concerns[{place}].area", f"{name} is not in the directory"


def by_id(one: Agreement) -> dict[str, Concern | str]:
    """The list as ``diff`` compares it; a plain text goes by itself."""
    return {said if isinstance(said, str) else said.id: said for said in one.concerns}


def sentence_en(one: Agreement) -> str:
    """The list as the agreement's text says it."""
    if not one.concerns:
        return "No concerns have been put on record."
    return f"Concerns that both sides have put on record: {'; '.join(_said_en(said) for said in one.concerns)}."


def _said_en(said: Concern | str) -> str:
    if isinstance(said, str):
        return f"“{said}”"
    about = [
        *([f"of the kind {listed(said.hazard, 'en', 'or').replace('_', ' ')}"] if said.hazard else []),
        *([listed(said.domain, "en", "or")] if said.domain else []),
        *([f"by {listed(said.craft, 'en', 'or')}"] if said.craft else []),
        *([f"in {quoted(said.area, 'en', 'or')}"] if said.area else []),
    ]
    arabic = f", in Arabic “{said.text_ar}”" if said.text_ar else ""
    return f"“{said.text}” ({', '.join([said.id, *about, f'since edition {said.since}'])}{arabic})"


def sentence_ar(one: Agreement) -> str:
    """The same in Arabic."""
    if not one.concerns:
        return "لم تُسجَّل أي شواغل."
    return f"شواغل سجّلها الطرفان: {'؛ '.join(_said_ar(said) for said in one.concerns)}."


def _said_ar(said: Concern | str) -> str:
    if isinstance(said, str):
        return f"«{isolated(said, 'ar')}»"
    about = [
        *([f"من نوع {'، '.join(_HAZARD_AR.get(name, name) for name in said.hazard)}"] if said.hazard else []),
        *([listed(said.domain, "ar", "or")] if said.domain else []),
        *([f"من {listed(said.craft, 'ar')}"] if said.craft else []),
        *([f"في {quoted(said.area, 'ar', 'or')}"] if said.area else []),
    ]
    text = f"«{isolated(said.text_ar or said.text, 'ar')}»"
    english = f"، وبالإنجليزية «{isolated(said.text, 'ar')}»" if said.text_ar else ""
    return f"{text} ({'، '.join([isolated(said.id, 'ar'), *about, f'منذ الطبعة {said.since}'])}{english})"
