"""Issue 4, Core 3, coverage: what a partner may know of is joined with whom; gaps are told only where a rule names
them; a hidden sensor shows in no byte; a sensor that is down covers nothing at once."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from tests.doubles.two_nodes import Sea, Two

from manara.desk import coverage as desk
from manara.kernels import coverage as arithmetic
from manara.link import heads
from manara.link import rows as link_rows
from manara.node.arrows import picture_to_release, to_coverage
from manara.node.sources import OWN
from manara.picture import coverage as joint
from manara.picture.means import MeansRows
from manara.records.agreement import Phase, Rule, When
from manara.records.capability import Capability
from manara.records.coverage import EPOCH_S, Cover
from manara.records.directory import Area
from manara.records.marking import OWN as OURS
from manara.records.released import COVER, DTYPES, RowTable, Terms
from manara.records.reports import Domain
from manara.records.sensors import Sensor
from manara.release import covering, never
from manara.release.rules import compile_rules
from manara.tracking import stage as tracking

STREAM = "arvena>belora"
HIDDEN, NAMED = "coast-arvena", "radar-arvena"
NS = 1_000_000_000
TABLES = (RowTable.COVERAGE, RowTable.GAP)


@pytest.fixture(scope="module")
def sea():
    return Sea()


def told(two: Two, stream: str = STREAM, table: RowTable = RowTable.COVERAGE) -> np.ndarray:
    """All rows of a table that left in a stream."""
    sent = two[stream.partition(">")[0]].sent.get(stream, [])
    found = [np.frombuffer(b.rows, DTYPES[table]) for one in sent for b in one.blocks if b.table == table]
    return np.concatenate(found) if found else np.zeros(0, DTYPES[table])


def heard(two: Two, *steps: int, without: tuple[str, ...] = ()) -> None:
    """Steps so many seconds apart; the same few seconds of the sea are heard again and again: who is heard counts here,
    not what."""
    for k, seconds in enumerate(steps):
        two.step(seconds, [one for one in two.sea.second(1 + k % 4) if one[0] not in without])


@pytest.fixture(scope="module")
def warm(tmp_path_factory, sea) -> Two:
    """Both directions in force; the views are warm and coverage has been told."""
    two = Two(tmp_path_factory.mktemp("coverage"), sea)
    heard(two, 1)
    two.activate("arvena", "belora")
    two.activate("belora", "arvena")
    heard(two, 1, 1, 62, *[1] * 22)
    return two


def layer(two: Two, who: str, domain: str = "air", band: str = "high", size: str = "large") -> dict:
    plain = desk.coverage(two[who].views, domain, band, size)
    assert plain is not None
    return plain


def test_each_joins_what_the_other_may_tell_with_whom(warm):
    found = layer(warm, "belora")
    by = {tuple(one["properties"]["who"]) for one in found["features"]}
    assert ("own", "arvena") in by
    assert ("arvena",) in by, "cells that only the partner covers"
    rows = told(warm)
    tiers = set((rows["cell"] >> np.uint64(48) & np.uint64(0xFF)).tolist())
    assert tiers == {4}, "in cells of sixteen kilometres, as the rule says"
    assert (rows["domain"] == Domain.AIR).all(), "the coast radar, which alone sees the sea by echo, stays at home"
    alone = Two.of(warm)
    assert alone["belora"].state.held.own.surveyed is None
    assert found["counts"]["covered"] > 0
    assert found["marking"]["onward"] == []


def test_a_gap_is_a_cell_of_our_own_waters_that_nobody_covers(warm):
    low = layer(warm, "arvena", band="low", size="small")
    high = layer(warm, "arvena", band="high", size="large")
    assert low["counts"]["gap"] > high["counts"]["gap"] == 0, "what is low and small hides behind the horizon"
    gaps = [one["properties"] for one in low["features"] if one["properties"]["state"] == "gap"]
    assert gaps
    assert all(one["interest"] and not one["who"] and one["probability"] is None for one in gaps)
    assert len(gaps) == low["counts"]["gap"] == len(low["features"][: len(gaps)]), "gaps stand first"
    assert desk.coverage(warm["arvena"].views, "air", "low", "tiny") is None


def test_gaps_are_never_told_unless_a_rule_names_them(warm):
    for stream in (STREAM, "belora>arvena"):
        assert len(told(warm, stream)) > 0
        assert len(told(warm, stream, RowTable.GAP)) == 0
    _, offer, book = offered(warm)
    assert len(offer.gaps) > 100, "they are there to be told, and the rules hold them back"
    everything = Rule(id="everything", effect="permit", when=When(originator=("own",)))
    for name, rules in (("all", (everything,)), ("tracks", None)):
        made = program(warm, book, rules)
        out = covering.fill(covering.init(), made, offer.gaps, offer.gap_marking, tag, NS, RowTable.GAP)
        assert out == [], name
    named = Rule(id="gaps", effect="permit", when=When(sort=("gap",)), cell_m=16_000)
    out = covering.fill(
        covering.init(), program(warm, book, (named,)), offer.gaps, offer.gap_marking, tag, NS, RowTable.GAP
    )
    assert len(out[0][1]) == covering.ROOM


def offered(two: Two, who: str = "arvena"):
    node = two[who]
    view = next(one for name, one in node.state.held.views.items() if name != OWN)
    book = picture_to_release.codebook(node.config, node.state.release.directory)
    areas = picture_to_release.corners(node.state.release.directory)
    from manara.release.means import Means

    return view, to_coverage.means(Means(), view, book, areas, node.config, node.now_ns), book


def program(two: Two, book, rules=None):
    one = two.made.agreements["arvena", "belora"].agreement
    made = compile_rules(msgspec.structs.replace(one, rules=rules or one.rules), book, Phase.FULL)
    assert not isinstance(made, tuple), made
    return made


def tag(decided, allowed, marked):
    return np.zeros(len(allowed), np.uint32)


def released(two: Two, without: str = "") -> bytes:
    """Arvena's stream to Belora, byte by byte."""
    two.cut |= {STREAM, "belora>arvena"}
    heard(two, 1, without=(without,))
    two.activate("arvena", "belora")
    heard(two, 1, 1, 62, *[1] * 12, without=(without,))
    sent = two["arvena"].sent[STREAM]
    return b"".join(one.head + b"".join(block.rows for block in one.blocks) for one in sent)


def test_row_8_an_attacker_learns_nothing_of_a_hidden_sensor_from_coverage(warm):
    """With the radar, without it, where it stands elsewhere and sees farther, and when it fails: the same bytes."""
    gaps = Rule(id="gaps", effect="permit", when=When(sort=("gap",), originator=("own",)), cell_m=16_000)
    two = Two.of(warm)
    whole = released(two)
    assert len(told(two)) > 100

    def moved(config):
        def elsewhere(one: Sensor) -> Sensor:
            far = {"lat_deg": one.lat_deg + 1.0, "range_max_m": 400_000.0, "height_m": 900.0, "domain": "air"}
            return msgspec.structs.replace(one, **far) if one.feed == HIDDEN else one

        entry = Capability(id="c", kind="sensor", form="radar", name="Coast", source=HIDDEN, availability="limited")
        return msgspec.structs.replace(config, sensors=tuple(map(elsewhere, config.sensors)), capability=(entry,))

    assert released(Two.of(warm, moved)) == whole
    assert released(Two.of(warm), HIDDEN) == whole
    mine, theirs = (Two.of(warm, change)["arvena"] for change in (moved, lambda config: config))
    assert mine.config.sensors != theirs.config.sensors
    view, offer, book = offered(two)
    silent = Two.of(warm)
    released(silent, HIDDEN)
    other = offered(silent)[1]
    made = program(two, book, (gaps,))
    pair = [
        covering.fill(covering.init(), made, one.gaps, one.gap_marking, tag, NS, RowTable.GAP) for one in (offer, other)
    ]
    assert pair[0][0][1].tobytes() == pair[1][0][1].tobytes(), "nor from the gaps, were they told"
    own = two["arvena"].views.coverage, silent["arvena"].views.coverage
    assert int(own[0].levels.sum()) > int(own[1].levels.sum()), "it matters to Arvena itself, else this shows nothing"
    assert view.sources is not None
    assert HIDDEN not in view.sources


def test_a_named_sensor_does_show(warm):
    two = Two.of(warm)
    assert released(two, NAMED)
    assert len(told(two)) == 0


def test_silence_is_not_coverage_a_radar_that_falls_silent_covers_nothing_here_and_there(warm):
    two = warm.copy()
    before = layer(two, "belora")["counts"]
    by_them = sum("arvena" in one["properties"]["who"] for one in layer(two, "belora")["features"])
    assert by_them
    quiet = [radar.feed for radar in two["arvena"].config.sensors]
    heard(two, 31, *[1] * 14, without=tuple(quiet))
    assert sum("arvena" in one["properties"]["who"] for one in layer(two, "belora")["features"]) == 0
    assert sum("own" in one["properties"]["who"] for one in layer(two, "arvena")["features"]) == 0
    assert layer(two, "belora")["counts"] != before


def test_what_the_register_says_of_a_sensor_counts_at_once(warm):
    def says(availability):
        entry = Capability(id="c", kind="sensor", form="radar", name="R", source=NAMED, availability=availability)
        return lambda config: msgspec.structs.replace(config, capability=(entry,))

    found = {}
    for availability in ("yes", "limited", "no"):
        two = Two.of(warm, says(availability))
        heard(two, 1)
        surveyed = two["arvena"].state.held.own.surveyed
        air = surveyed.own.take(surveyed.own.domain == Domain.AIR)
        found[availability] = arithmetic.unpack(air.levels, 9)
    assert found["no"].size == 0
    assert found["limited"].max() == 1 < found["yes"].max()
    assert (found["limited"] > 0).sum() == (found["yes"] > 0).sum()


def test_what_was_told_expires_when_the_partner_falls_silent_and_goes_at_once_when_it_suspends(warm):
    two = warm.copy()
    two.cut.add(STREAM)
    held = len(two["belora"].state.held.own.means.cover[1])
    assert held
    two.step(3 * EPOCH_S + 100)
    assert not any("arvena" in one["properties"]["who"] for one in layer(two, "belora")["features"])
    again = warm.copy()
    from manara.release.statements import Suspend

    after = again["arvena"].last_statement("belora")
    said = Suspend(agreement=again.made.agreements["arvena", "belora"].sha256, nonce="61" * 16, after=after)
    again["arvena"].hand_in("suspend", said, ["arvena.policy"])
    again.step(1)
    again.step(1)
    assert not any("arvena" in one["properties"]["who"] for one in layer(again, "belora")["features"])


def cover_rows(cells, levels=3, domain=Domain.AIR, terms=0):
    rows = np.zeros(len(cells), COVER)
    rows["cell"], rows["levels"], rows["domain"], rows["epoch_s"], rows["terms"] = cells, levels, domain, EPOCH_S, terms
    return rows


def test_row_18_what_a_third_partner_told_reaches_nobody_whom_it_does_not_name(warm):
    """Gaps are joint. Arvena may pass on what it learned, yet Corvia's part only where Corvia lets it."""
    _, _, book = offered(warm)
    node = warm["arvena"]
    fusing = next(one for one in warm.copy()["arvena"].state.held.views.values() if one.name != OWN)
    fusing.recipient = "belora"
    belora, third = book.partner("belora"), 7
    areas = picture_to_release.corners(node.state.release.directory)
    from manara.node.arrows import link_to_means
    from manara.picture import means as held
    from manara.release.means import Means

    def joined(onward):
        one = fusing
        one.means = held.init()
        one.surveyed = one.beside = None
        base = to_coverage.interest(node.state.release.directory, node.config)
        big = np.unique(arithmetic.grid.parent(base, 2))
        goes = one.recipient in onward
        rows = cover_rows(big) if goes else cover_rows(big[:0])
        none = np.zeros(0, DTYPES[RowTable.CAPABILITY])
        terms = (Terms((), 511, 86_400, onward),)
        held.take(one.means, (MeansRows(third, "corvia", node.now_ns, node.now_ns, terms, none, rows, rows[:0]),))
        heard_nothing = type("Heard", (), {"batches": (), "health": ()})()
        to_coverage.survey(
            one, tracking.Inbox(), heard_nothing, (), book, node.state.release.directory, node.config, node.now_ns
        )
        return to_coverage.means(Means(), one, book, areas, node.config, node.now_ns)

    assert link_to_means.take is not None
    kept, passed, nothing = joined(()), joined(("belora",)), joined(("delmara",))
    assert kept.gaps.levels.tobytes() == nothing.gaps.levels.tobytes()
    assert passed.gaps.levels.tobytes() != kept.gaps.levels.tobytes()
    assert set(kept.gap_marking.originator.tolist()) == {OURS}
    assert set(passed.gap_marking.originator.tolist()) == {65_535}, "joint: nobody's own"
    assert set(passed.gap_marking.onward.tolist()) == {1 << belora}
    named = Rule(id="gaps", effect="permit", when=When(sort=("gap",)), cell_m=16_000)
    foreign = passed.gap_marking.replace(onward=np.zeros(len(passed.gaps), np.uint64))
    made = program(warm, book, (named,))
    assert covering.fill(covering.init(), made, passed.gaps, passed.gap_marking, tag, NS, RowTable.GAP)
    assert covering.fill(covering.init(), made, passed.gaps, foreign, tag, NS, RowTable.GAP) == []
    own_only = Rule(id="gaps", effect="permit", when=When(sort=("gap",), originator=("own",)))
    assert covering.fill(covering.init(), program(warm, book, (own_only,)), passed.gaps, passed.gap_marking, tag, NS,
                         RowTable.GAP) == []  # fmt: skip
    assert never.may_fuse(made.agreement), "such a rule is one of onward release, and never_to sees it"


def test_the_arrow_takes_of_a_partners_frame_only_what_may_go_on_to_the_views_recipient(warm):
    from manara.node.arrows import link_to_means
    from manara.picture import means as held

    stream = [one for one in warm["arvena"].sent[STREAM] if any(b.table == RowTable.COVERAGE for b in one.blocks)]
    head = heads.parse(stream[0].head)
    onward = tuple(msgspec.structs.replace(one, onward=("corvia",)) for one in head.terms)
    from manara.link.stage import Frame, Outbox

    view, _, book = offered(warm, "belora")
    found = {}
    for who in ("corvia", "delmara", ""):
        view.recipient, view.means = who, held.init()
        frame = Frame("arvena", STREAM, 1, msgspec.structs.replace(head, terms=onward),
                      link_rows.read(head, stream[0].blocks), warm["belora"].now_ns, True)  # fmt: skip
        link_to_means.take(view, Outbox((frame,)), book)
        found[who] = sum(len(rows) for rows in view.means.cover.values())
    assert found["corvia"] > 0
    assert found["delmara"] == found[""] == 0


def random_cover(rng, n):
    cells = np.unique(arithmetic.grid.cell_of(rng.uniform(0.5, 0.52, n), rng.uniform(0.2, 0.22, n), 3))
    return Cover(
        cell=cells,
        domain=np.full(len(cells), Domain.SEA, np.uint8),
        levels=rng.integers(0, 64, len(cells)).astype(np.uint32),
        counts=np.zeros(len(cells), np.uint32),
        sources=np.zeros(len(cells), np.uint64),
    )


@pytest.mark.parametrize("seed", range(8))
def test_the_union_takes_nothing_away_and_does_not_know_the_order(seed):
    rng = np.random.Generator(np.random.Philox(seed))
    own, now = random_cover(rng, 40), 5 * NS

    def rows_of(cover, tier):
        some = cover.take(cover.levels > 0)
        big = np.unique(arithmetic.grid.parent(some.cell, tier - 3))
        terms = (Terms((), 511, 86_400),)
        sea_rows = cover_rows(big, 0, Domain.SEA)
        sea_rows["levels"] = rng.integers(1, 64, len(big))
        return joint.take(np.zeros(0, joint.TOLD), sea_rows, terms, now)

    one, two = rows_of(random_cover(rng, 30), 4), rows_of(random_cover(rng, 30), 5)
    none = np.zeros(0, np.uint64)
    small = joint.join(own, {1: one}, none, now)
    large, turned = joint.join(own, {1: one, 2: two}, none, now), joint.join(own, {2: two, 1: one}, none, now)
    for name in ("cell", "levels", "counts", "who", "domain", "interest", "until_ns"):
        assert getattr(large, name).tobytes() == getattr(turned, name).tobytes()
    at = np.searchsorted(large.cell, small.cell)
    assert (large.cell[at] == small.cell).all()
    more, less = (arithmetic.unpack(x, 3) for x in (large.levels[at], small.levels))
    assert (more >= less).all()
    assert (large.who[at] & small.who == small.who).all()
    assert (arithmetic.unpack(large.counts[at], 3) >= arithmetic.unpack(small.counts, 3)).all()


@pytest.mark.parametrize("seed", range(4))
def test_a_larger_cell_promises_nothing_that_its_parts_do_not_hold(seed):
    rng = np.random.Generator(np.random.Philox(100 + seed))
    cover = random_cover(rng, 200)
    n = len(cover)
    asked = np.full(n, 32_000, np.uint32)
    zero = np.zeros(n, np.uint32)
    cells = covering.enlarged(cover, asked, zero, zero, zero, False)
    held = dict(zip(cover.cell.tolist(), arithmetic.unpack(cover.levels, 3).tolist(), strict=True))
    for key, content in zip(cells.key.tolist(), cells.content.tolist(), strict=True):
        parts, _ = arithmetic.children(np.array([key & (1 << 60) - 1], np.uint64), 3)
        told_levels = arithmetic.unpack(np.array([content & 0xFFFFFFFF], np.uint32), 3)[0].tolist()
        assert len(parts) == 16
        for part in parts.tolist():
            assert all(a <= b for a, b in zip(told_levels, held[part], strict=True))


def test_what_is_gained_waits_for_the_epoch_and_what_is_lost_does_not(warm):
    _, offer, book = offered(warm)
    made = program(warm, book)
    state, begin = covering.init(), EPOCH_S * NS * 1_000
    order = np.argsort(offer.cover.cell)
    whole, marked = offer.cover.take(order), offer.cover_marking.take(order)
    half = np.arange(len(whole)) < len(whole) // 2

    def fill(keep, now_ns):
        cover, marking = whole.take(keep), marked.take(keep)
        out = covering.fill(state, made, cover, marking.replace(time_ns=np.full(len(cover), now_ns)), tag, now_ns,
                            RowTable.COVERAGE)  # fmt: skip
        return out[0][1] if out else np.zeros(0, COVER)

    def all_told(keep, now_ns):
        some, rows = [], fill(keep, now_ns)
        while len(rows):
            some.append(rows)
            now_ns += NS // 1_000
            rows = fill(keep, now_ns)
        return np.concatenate(some) if some else np.zeros(0, COVER)

    first = all_told(half, begin + 5 * NS)
    assert len(first)
    assert (first["levels"] > 0).all()
    every = np.ones(len(whole), bool)
    assert len(all_told(every, begin + 100 * NS)) == 0, "not before the next full epoch"
    later = all_told(every, begin + EPOCH_S * NS + NS)
    assert not set(later["cell"].tolist()) <= set(first["cell"].tolist())
    lost = all_told(half, begin + EPOCH_S * NS + 60 * NS)
    assert len(lost)
    assert (lost["levels"][~np.isin(lost["cell"], first["cell"])] == 0).all()


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [("domain", 3, "kind"), ("domain", 200, "kind"), ("levels", 1 << 20, "kind"), ("cell", 5, "position"),
     ("terms", 9, "terms"), ("epoch_s", 0, "time"), ("cell", (1 << 56) | (9 << 48), "position")],
)  # fmt: skip
def test_a_row_of_an_unknown_kind_is_dropped_and_counted(warm, field, value, why):
    one = next(o for o in warm["arvena"].sent[STREAM] if any(b.table == RowTable.COVERAGE for b in o.blocks))
    head, blocks = heads.parse(one.head), []
    for block in one.blocks:
        bad = np.frombuffer(block.rows, COVER).copy() if block.table == RowTable.COVERAGE else None
        if bad is None:
            blocks.append(block)
            continue
        bad["domain"], bad["levels"], bad["counts"] = Domain.SEA, 3, 1
        bad[field][0] = value
        blocks.append(msgspec.structs.replace(block, rows=bad.tobytes()))
    read = link_rows.read(head, blocks)
    assert read.dropped == {why: 1}


def test_a_flood_of_cells_is_bounded():
    rng = np.random.Generator(np.random.Philox(5))
    lat, lon = rng.uniform(-1.4, 1.4, 120_000), rng.uniform(-3.1, 3.1, 120_000)
    rows = cover_rows(np.unique(arithmetic.grid.cell_of(lat, lon, 4)))
    taken = joint.take(np.zeros(0, joint.TOLD), rows, (Terms((), 511, 10**9),), NS)
    assert len(rows) > joint.CELLS_MAX == len(taken)
    assert (taken["until_ns"] <= NS + 3 * 86_400 * NS).all()


def test_an_ocean_of_interest_is_passed_over(warm):
    whole = Area(id="ocean", partner="arvena", name="x", corners_deg=((-80, -170), (-80, 170), (80, 170), (80, -170)))
    listed = msgspec.structs.replace(warm.made.directory, areas=(whole,))
    assert len(to_coverage.interest(listed, warm["arvena"].config)) == 0
