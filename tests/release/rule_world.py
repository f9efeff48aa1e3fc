"""Rules and markings by chance, and a plain reading of the rules in Python: the reference of the tests."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from manara.kernels.grid import CELLS_M
from manara.records.agreement import FOREVER_S, Agreement, Label, Labels, Phase, Rule, When
from manara.records.marking import UNKNOWN, UNKNOWN_BIT, Codebook, Marking, Purpose, Sensitivity, Sort, Strip
from manara.records.reports import Domain, Kind
from manara.release.adversary import min_epoch_s

S = 1_000_000_000
NOW = 1_700_000_000 * S
BOOK = Codebook(
    areas=("north", "strait", "south"),
    sources=("ais", "radar", "adsb"),
    partners=("arvena", "belora", "corvia", "delmara"),
)
PURPOSES = ("safety_of_life", "search_and_rescue", "traffic_safety")


LABELS = (
    Labels(open=Label(word="PUBLIC"), limited=Label(word="DUTY", tlp="green")),
    Labels(closed=Label(word="SECRET", tlp="red")),
    Labels(policy="nothing of ours has a word there"),
)


def agreement(*rules: Rule, **fields) -> Agreement:
    """Arvena to Belora."""
    plain = {
        "id": "arvena-belora", "title": "Test", "releaser": "arvena", "recipient": "belora",
        "not_before": "2026-01-01T00:00:00Z", "not_after": "2027-01-01T00:00:00Z", "sources": BOOK.sources,
        "purposes": PURPOSES, "onward": ("corvia",), "domains": ("air", "sea", "land"), "rules": rules,
    }  # fmt: skip
    return Agreement(**{**plain, **fields})


def permit(name: str = "all", /, **fields) -> Rule:
    when = {key: fields.pop(key) for key in list(fields) if key in When.__struct_fields__}
    return Rule(id=name, effect="permit", when=When(**when), **fields)


def forbid(name: str = "none", /, **when) -> Rule:
    return Rule(id=name, effect="forbid", when=When(**when))


def marking(n: int = 1, **columns) -> Marking:
    """Rows that are fully known: a vessel of our own, seen by AIS ten seconds ago; ``columns`` say what differs."""
    plain = {
        "sort": Sort.TRACK, "domain": Domain.SEA, "craft": Kind.VESSEL_A, "area_bits": 0, "sources": 1, "originator": 0,
        "sensitivity": Sensitivity.OPEN, "emergency": 0, "time_ns": NOW - 10 * S, "onward": UNKNOWN_BIT - 1,
    }  # fmt: skip
    blank = Marking.blank(n)
    made = {}
    for name, value in {**plain, **columns}.items():
        like = getattr(blank, name)
        made[name] = np.broadcast_to(np.asarray(value, like.dtype), like.shape).copy()
    return blank.replace(**made)


def subset(names):
    return st.lists(st.sampled_from(names), unique=True, max_size=2).map(tuple)


KINDS = ("vessel_a", "aircraft", "unmanned_aircraft")
whens = st.builds(
    When,
    sort=subset(("track", "warning", "alert", "capability", "gap")),
    domain=subset(("air", "sea", "land")), craft=subset(KINDS),
    area=subset(BOOK.areas), outside=subset(BOOK.areas), source=subset(BOOK.sources),
    originator=subset(("own", "corvia", "delmara")), sensitivity=subset(("open", "limited", "closed")),
    emergency=st.sampled_from((None, None, None, True, False)), age_max_s=st.sampled_from((None, None, 5, 60)),
    phase=subset(("full", "interim")),
)  # fmt: skip
duties = st.fixed_dictionaries(
    {
        "cell_m": st.sampled_from((0, 0, 1_000, 4_000, 1_500)), "epoch_s": st.sampled_from((0, 60, 4_000)),
        "delay_s": st.sampled_from((0, 30)), "rate_s": st.sampled_from((0, 10)),
        "pseudonym_s": st.sampled_from((FOREVER_S, 3_600)), "strip": subset(("identity", "names", "kinematics")),
        "purpose": subset(PURPOSES), "retention_s": st.sampled_from((FOREVER_S, 86_400)),
        "onward": st.sampled_from((None, (), ("corvia",))),
    }
)  # fmt: skip


@st.composite
def agreements(draw, most=5):
    rules = []
    for k in range(draw(st.integers(0, most))):
        when = draw(whens)
        if draw(st.integers(0, 3)):
            rules.append(Rule(id=f"r{k}", effect="permit", when=when, **draw(duties)))
        else:
            rules.append(Rule(id=f"r{k}", effect="forbid", when=when))
    areas = draw(st.sampled_from(((), (), ("north", "strait"))))
    sources = draw(st.sampled_from((BOOK.sources, ("ais",), ())))
    domains = draw(st.sampled_from((("air", "sea"), ("air", "sea", "land"))))
    labels = draw(st.sampled_from((Labels(), Labels(), *LABELS)))
    return agreement(*rules, areas=areas, sources=sources, domains=domains, labels=labels)


def rows(seed: int, n: int = 200) -> Marking:
    """Markings by chance, many of them with something unknown."""
    rng = np.random.default_rng(seed)

    def one_of(*values):
        return rng.choice(np.array(values, np.uint64), n)

    return marking(
        n,
        sort=one_of(Sort.TRACK, Sort.TRACK, Sort.WARNING, Sort.ALERT, Sort.CAPABILITY, Sort.GAP, UNKNOWN),
        domain=one_of(Domain.AIR, Domain.SEA, Domain.LAND, 0, UNKNOWN),
        craft=one_of(Kind.VESSEL_A, Kind.AIRCRAFT, Kind.UNMANNED_AIRCRAFT, 0, UNKNOWN, 77),
        area_bits=one_of(*range(8), UNKNOWN_BIT, UNKNOWN_BIT | 1, 1 << 40),
        sources=one_of(*range(8), UNKNOWN_BIT, UNKNOWN_BIT | 1, 1 << 40),
        originator=one_of(0, 0, 2, 3, 65_535),
        sensitivity=one_of(0, 1, 2, 3, UNKNOWN),
        emergency=one_of(0, 0, 1, UNKNOWN),
        purpose=one_of(511, 511, 1, 256, 0),
        time_ns=one_of(NOW, NOW - 5 * S, NOW - 5 * S - 1, NOW - 60 * S, NOW - 61 * S, 0),
        expires_ns=one_of(NOW, NOW - 1, NOW + S, NOW + S),
        onward=one_of(UNKNOWN_BIT - 1, 0b10, 0b100, 0),
    )


def member(kinds, names, value) -> bool | None:
    """Is it one of them? None: not known."""
    known = {int(one): one.name.lower() for one in kinds if one.name != "UNKNOWN"}
    return known[value] in names if value in known else None


def meets(book_names, names, bits) -> bool | None:
    found = any(bits >> book_names.index(name) & 1 for name in names)
    return True if found else None if bits & UNKNOWN_BIT else False


def answers(when: When, row: dict, phase: Phase, permit: bool) -> list[bool | None]:
    """What each condition that is asked says of a row; a permit without sorts is not about what must be named."""
    said: list[bool | None] = []
    if when.sort:
        said.append(member(Sort, when.sort, row["sort"]))
    elif permit:
        said.append(member(Sort, ("track", "warning", "remark", "alert", "claim"), row["sort"]))
    if when.domain:
        said.append(member(Domain, when.domain, row["domain"]))
    if when.craft:
        said.append(member(Kind, when.craft, row["craft"]))
    if when.area:
        said.append(meets(BOOK.areas, when.area, row["area_bits"]))
    if when.outside:
        inside = meets(BOOK.areas, when.outside, row["area_bits"])
        said.append(None if inside is None else not inside)
    if when.source:
        said.append(meets(BOOK.sources, when.source, row["sources"]))
    if when.originator:
        places = [0 if name == "own" else BOOK.partners.index(name) for name in when.originator]
        said.append(None if row["originator"] == 65_535 else row["originator"] in places)
    if when.sensitivity:
        said.append(member(Sensitivity, when.sensitivity, row["sensitivity"]))
    if when.emergency is not None:
        said.append(None if row["emergency"] == UNKNOWN else bool(row["emergency"]) == when.emergency)
    if when.age_max_s is not None:
        said.append(None if row["time_ns"] <= 0 else NOW - row["time_ns"] <= when.age_max_s * S)
    if when.phase:
        said.append(phase.name.lower() in when.phase)
    return said


def plain(one: Agreement, row: dict, phase: Phase) -> tuple[bool, set[str], dict]:
    """Allowed, rules that match, obligations: read from the rules as they are written, a row at a time."""
    matched = set()
    for rule in one.rules:
        said = answers(rule.when, row, phase, rule.effect == "permit")
        if all(x is True if rule.effect == "permit" else x is not False for x in said):
            matched.add(rule.id)
    permits = [rule for rule in one.rules if rule.id in matched and rule.effect == "permit"]
    bounded = permits and len(permits) == len(matched) and within(one, row, phase)
    if not bounded:
        return False, matched, {}
    purpose, onward = row["purpose"], row["onward"]
    for rule in permits:
        purpose &= sum(Purpose[name.upper()] for name in rule.purpose or one.purposes)
        onward &= BOOK.partner_bits(one.onward if rule.onward is None else rule.onward)
    joined = {name: max(getattr(rule, name) for rule in permits) for name in ("cell_m", "epoch_s", "delay_s", "rate_s")}
    joined["pseudonym_s"] = min(rule.pseudonym_s for rule in permits)
    joined["retention_s"] = min(one.retention_s, *(rule.retention_s for rule in permits))
    joined["strip"] = sum(Strip[name.upper()] for name in {name for rule in permits for name in rule.strip})
    joined |= {"purpose": purpose, "onward": onward}
    cell_m = joined["cell_m"]
    meetable = not cell_m or (
        cell_m in CELLS_M and joined["epoch_s"] in (0, *range(min_epoch_s(row["domain"], cell_m), 5_000))
    )
    return bool(purpose) and meetable, matched, joined


def within(one: Agreement, row: dict, phase: Phase) -> bool:
    """What bounds every permit, and what the marking itself binds."""
    known = [BOOK.sources.index(name) for name in one.sources]
    sources = row["sources"]
    return (
        phase is not Phase.SUSPENDED
        and (phase is not Phase.WARNING_ONLY or row["sort"] in (Sort.WARNING, Sort.ALERT))
        and (phase is not Phase.INTERIM or row["domain"] in (Domain.AIR, Domain.SEA))
        and member(Domain, one.domains, row["domain"]) is True
        and (one.labels == Labels() or member(Sensitivity, mapped(one.labels), row["sensitivity"]) is True)
        and (not one.areas or meets(BOOK.areas, one.areas, row["area_bits"]) is True)
        and not sources & UNKNOWN_BIT
        and (sources == 0 or any(sources >> k & 1 for k in known))
        and row["expires_ns"] >= NOW
        and (row["originator"] == 0 or bool(row["onward"] >> 1 & 1))
    )


def mapped(labels: Labels) -> set[str]:
    return {name for name in ("open", "limited", "restricted", "closed") if getattr(labels, name)}


def row_of(table: Marking, k: int) -> dict:
    return {name: int(getattr(table, name)[k]) for name in table.__dataclass_fields__}
