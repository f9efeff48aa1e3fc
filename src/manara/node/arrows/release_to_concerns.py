"""release ─▶ views: what both sides have put on record that they worry about, by the agreements that stand."""

from __future__ import annotations

from collections.abc import Iterator

from manara.records.agreement import Agreement, Concern
from manara.records.partners import Concerned
from manara.release import stage as release


def concerned(released: release.State, partner: str) -> Iterator[Concerned]:
    """The concerns of all agreements between this node and a partner that it knows the documents of, both directions;
    what both list alike is said once."""
    seen: set[tuple[str, str]] = set()
    for one in released.standings.agreements.values():
        known = released.documents.get(one.agreement)
        if known is None or partner not in (one.releaser, one.recipient):
            continue
        for said in _listed(known.document.agreement):
            if (said.id, said.text) not in seen:
                seen.add((said.id, said.text))
                yield said


def _listed(one: Agreement) -> Iterator[Concerned]:
    for said in one.concerns:
        if isinstance(said, Concern):
            yield Concerned(
                agreement=one.id,
                edition=one.edition,
                text=said.text,
                text_ar=said.text_ar,
                id=said.id,
                hazard=said.hazard,
                domain=said.domain,
                craft=said.craft,
                area=said.area,
                since=said.since,
            )
        else:
            yield Concerned(agreement=one.id, edition=one.edition, text=said)
