"""Issue 4, Core 3, the register: between two real nodes, by rule, with caveat, owner and age; and what stays hidden."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from tests.doubles.two_nodes import SECOND_NS, Sea, Two

from manara.desk import capability as desk
from manara.link import heads
from manara.node.arrows import picture_to_release, register_to_release
from manara.records.agreement import Phase
from manara.records.capability import Availability, Capability
from manara.records.released import CAPABILITY, RowTable
from manara.release.explain import explain
from manara.release.rules import compile_rules
from manara.release.statements import CapabilityChange, Recall, Suspend

STREAM = "arvena>belora"
CANARY = "xylophone-in-the-engine-room"
HIDDEN = Capability(
    id="coast", kind="sensor", form="radar", name="Coast radar", source="coast-arvena", caveat="rusty-mast"
)
REGISTER = (
    Capability(id="boat-1", kind="rescue", form="boat", name="Lantern", name_ar="فانوس", owner="Harbour office",
               lat_deg=-46.5, lon_deg=-117.0, caveat=CANARY, caveat_ar="لا تعمل ليلًا", purpose=("search_and_rescue",),
               endurance_s=36_000, speed_mps=15.0, reach_m=200_000.0, persons=40),
    Capability(id="navtex", kind="channel", form="navtex", name="NAVTEX Arvena", owner="Coast radio",
               area="arvena-waters"),
    Capability(id="siren", kind="channel", form="siren", name="Selvane siren", owner="Town", domain="land"),
    Capability(id="beast", kind="sensor", form="adsb_receiver", name="Roof", source="beast-arvena", domain="air"),
    Capability(id="closed", kind="rescue", form="station", name="Not for others", sensitivity="closed"),
    Capability(id="unwired", kind="sensor", form="radar", name="A radar that feeds nobody"),
    HIDDEN,
)  # fmt: skip


def configure(register=REGISTER):
    def change(config):
        return msgspec.structs.replace(config, capability=register) if config.partner == "arvena" else config

    return change


@pytest.fixture(scope="module")
def sea():
    return Sea()


@pytest.fixture(scope="module")
def told(tmp_path_factory, sea) -> Two:
    """Everything of the register that may go has gone."""
    return warmed(Two(tmp_path_factory.mktemp("register"), sea, configure()))


def warmed(two: Two) -> Two:
    """In force, and the view warm."""
    two.step(1)
    two.activate("arvena", "belora")
    for seconds in (1, 1, 62, 1, 1):
        two.step(seconds)
    return two


def theirs(two: Two) -> dict:
    return {one.id: one for one in two["belora"].views.capability if one.partner == "arvena"}


def change(two: Two, one: str, availability: str, **more) -> None:
    after = two["arvena"].state.release.standings.heads.get(f"capability/{one}", "")
    said = CapabilityChange(id=one, availability=availability, nonce="55" * 16, after=after, **more)
    two["arvena"].hand_in(f"change-{one}", said, ["arvena.operational"])


def everything(two: Two) -> bytes:
    """All that has left Arvena: heads and rows of every stream."""
    return b"".join(
        one.head + b"".join(b.rows for b in one.blocks) for some in two["arvena"].sent.values() for one in some
    )


def test_a_partner_lists_what_the_rule_lets_go_with_owner_caveat_and_age(told):
    assert set(theirs(told)) == {"boat-1", "navtex", "beast"}
    boat = theirs(told)["boat-1"]
    assert (boat.owner, boat.caveat, boat.caveat_ar, boat.name_ar) == (
        "Harbour office",
        CANARY,
        "لا تعمل ليلًا",
        "فانوس",
    )
    assert (boat.endurance_s, boat.speed_mps, boat.reach_m, boat.persons) == (36_000, 15.0, 200_000.0, 40)
    assert boat.rules == ("means",)
    shown = {one["id"]: one for one in desk.capability(told["belora"].views)["capability"]}
    assert shown["boat-1"]["marking"]["purpose"] == ["search_and_rescue"], "the entry's own marking binds"
    assert shown["boat-1"]["age_s"] >= 0
    assert (shown["boat-1"]["lat"], shown["boat-1"]["lon"]) == (-46.5, -117.0)
    own = {one["id"] for one in desk.capability(told["arvena"].views)["capability"]}
    assert own == {one.id for one in REGISTER}, "its own desk lists all of it"


def test_a_hidden_sensor_its_changes_and_its_caveat_leave_no_trace(told, tmp_path):
    with_it, without = (Two.of(told, configure(register)) for register in (REGISTER, REGISTER[:-1]))
    for two in (with_it, without):
        warmed(two)
        assert set(theirs(two)) == {"boat-1", "navtex", "beast"}
    change(with_it, "coast", "no", caveat="mast fell")
    for two in (with_it, without):
        two.step(1)
        two.step(1)
    assert with_it["arvena"].answers[-1].refusal == ""
    standing = {one.id: one for one in with_it["arvena"].views.capability}
    assert standing["coast"].availability == Availability.NO
    assert everything(with_it) == everything(without)
    for word in (b"rusty-mast", b"mast fell", b"coast", b"unwired", b"Not for others"):
        assert word not in everything(with_it)


def test_a_change_is_an_input_that_one_person_signs_and_the_partner_sees_it(told):
    two = told.copy()
    change(two, "boat-1", "no", caveat="engine in repair")
    two.step(1)
    two.step(1)
    boat = theirs(two)["boat-1"]
    assert (boat.availability, boat.caveat) == (Availability.NO, "engine in repair")
    assert boat.since_ns == two["arvena"].now_ns - SECOND_NS
    again = two.copy()  # through a dump: it was not only in memory
    again.step(1)
    assert {one.id: one for one in again["arvena"].views.capability}["boat-1"].availability == Availability.NO
    change(two, "boat-1", "configured")
    two.step(1)
    two.step(1)
    assert (theirs(two)["boat-1"].availability, theirs(two)["boat-1"].caveat) == (Availability.YES, CANARY)


def test_nobody_else_may_change_it_and_nothing_is_taken_twice(told):
    two = told.copy()
    said = CapabilityChange(id="boat-1", availability="no", nonce="56" * 16)
    two["arvena"].hand_in("foreign", said, ["belora.operational"])
    two["arvena"].hand_in("first", said, ["arvena.operational"])
    two["arvena"].hand_in("again", said, ["arvena.operational"])
    two.step(1)
    assert {one.name: one.refusal for one in two["arvena"].answers[-3:]} == {
        "foreign": "not_authorised", "first": "", "again": "already",
    }  # fmt: skip


def test_what_is_said_until_a_time_lapses_then(told):
    two = told.copy()
    change(two, "navtex", "limited", until_ns=str(two["arvena"].now_ns + 10 * SECOND_NS))
    two.step(1)
    two.step(1)
    assert theirs(two)["navtex"].availability == Availability.LIMITED
    two.step(10)
    two.step(1)
    assert theirs(two)["navtex"].availability == Availability.YES


def test_withdrawn_and_void_entries_vanish_at_the_partner(told):
    two = told.copy()
    change(two, "beast", "withdrawn")
    two.step(1)
    two.step(1)
    assert set(theirs(two)) == {"boat-1", "navtex"}
    void = msgspec.structs.replace(REGISTER[0], until="2030-03-21T06:01:12Z")
    again = warmed(Two.of(two, configure((void, *REGISTER[1:]))))
    assert "boat-1" in theirs(again)
    again.step(6)
    again.step(1)
    assert "boat-1" not in theirs(again)
    assert "boat-1" not in {one.id for one in again["arvena"].views.capability}


def test_what_is_not_renewed_vanishes_whatever_the_partner_said(told):
    two = told.copy()
    two.cut.add(STREAM)
    two.step(3_000)
    assert theirs(two), "a cut of some minutes leaves the list, with its age"
    two.step(700)
    assert not theirs(two)


def test_a_recall_takes_back_all_of_it_or_one_entry(told):
    for which in ("all", "one"):
        two = told.copy()
        number = theirs(two)["boat-1"].number
        named = ("all",) if which == "all" else (str(number),)
        said = Recall(stream=STREAM, tracks=named, to_ns=str(two["arvena"].now_ns), nonce="57" * 16)
        two["arvena"].hand_in("recall", said, ["arvena.operational"])
        two.step(1)
        recalls = [heads.parse(one.head) for one in two["arvena"].sent[STREAM]]
        told_of = [msgspec.json.decode(h.subject)["tracks"] for h in recalls if h.kind == "recall"]
        assert told_of == [list(named)]
        two.step(1)
        assert set(theirs(two)) == (set() if which == "all" else {"navtex", "beast"})


def test_a_suspension_empties_the_list_at_once(told):
    two = told.copy()
    after = two["arvena"].last_statement("belora")
    said = Suspend(agreement=two.made.agreements["arvena", "belora"].sha256, nonce="58" * 16, after=after)
    two["arvena"].hand_in("suspend", said, ["arvena.operational"])
    two.step(1)
    two.step(1)
    assert not theirs(two)


def program(two: Two, **changed):
    """The agreement's rules with another ``means``."""
    one = two.made.agreements["arvena", "belora"].agreement
    rules = tuple(msgspec.structs.replace(r, **changed) if r.id == "means" else r for r in one.rules)
    book = picture_to_release.codebook(two["arvena"].config, two.made.directory)
    return compile_rules(msgspec.structs.replace(one, rules=rules), book, Phase.FULL), book


def test_explain_says_of_each_entry_why_it_goes_and_why_not(told):
    made, book = program(told)
    areas = picture_to_release.corners(told.made.directory)
    stand = told["arvena"].views.capability
    marked = register_to_release.marking(stand, book, areas, told["arvena"].now_ns)
    why = {
        one.id: explain(made, marked.take(np.array([k])), told["arvena"].now_ns).denial for k, one in enumerate(stand)
    }
    assert why == {
        "boat-1": "none", "navtex": "none", "beast": "none", "siren": "domain", "closed": "forbidden",
        "unwired": "source", "coast": "source",
    }  # fmt: skip


def test_a_rule_takes_out_what_it_strips_coarsens_the_place_and_never_the_caveat(told):
    from manara.kernels import grid
    from manara.release import means

    made, book = program(told, cell_m=16_000, strip=("names", "kinematics", "kind"))
    areas = picture_to_release.corners(told.made.directory)
    offer = register_to_release.means(told["arvena"].views.capability, book, areas, told["arvena"].now_ns)
    told_rows = means.fill(means.init(), made, offer, lambda d, a, m: np.zeros(len(a), np.uint32), b"s", 5 * SECOND_NS)
    row = next(r for r in told_rows[0][1] if r["id"] == b"boat-1")
    assert (row["name"], row["owner"], row["form"], row["persons"], row["reach_m"]) == (b"", b"", 0, 0, 0)
    assert row["caveat"] == CANARY.encode()
    cell = grid.cell_of(np.radians([-46.5]), np.radians([-117.0]), 4)
    assert row["cell"] == cell[0]
    assert row["lat_rad"] == grid.centre(cell)[0][0]


def test_a_delay_is_kept_and_a_tick_tells_a_bounded_number(told):
    from manara.release import means

    made, book = program(told, delay_s=60)
    areas = picture_to_release.corners(told.made.directory)
    many = tuple(msgspec.structs.replace(REGISTER[0], id=f"boat-{k}") for k in range(11))
    stand = register_to_release.capability.entries(many, {}, 0)
    offer = register_to_release.means(stand, book, areas, SECOND_NS)
    state, sizes = means.init(), []
    for second in (1, 60, 61, 62, 63, 64):
        out = means.fill(state, made, offer, lambda d, a, m: np.zeros(len(a), np.uint32), b"s", second * SECOND_NS)
        sizes.append(len(out[0][1]) if out else 0)
    assert sizes == [0, 0, 4, 4, 3, 0]


@pytest.mark.parametrize("field", ["kind", "form", "availability", "domain", "terms"])
def test_a_row_of_an_unknown_kind_is_dropped_and_counted_and_its_neighbours_stay(told, field):
    two = told.copy()
    last = next(
        one for one in reversed(two["arvena"].sent[STREAM]) if any(b.table == RowTable.CAPABILITY for b in one.blocks)
    )
    blocks = []
    for block in last.blocks:
        if block.table == RowTable.CAPABILITY:
            bad = np.frombuffer(block.rows, CAPABILITY).copy()
            bad[field][0] = 200
            blocks.append(msgspec.structs.replace(block, rows=bad.tobytes()))
        else:
            blocks.append(block)
    head = heads.parse(last.head)
    from manara.link import rows as link_rows

    read = link_rows.read(head, blocks)
    whole = link_rows.read(head, last.blocks)
    kept, before = (len(one.tables[RowTable.CAPABILITY]) for one in (read, whole))
    assert before - kept == 1
    assert sum(read.dropped.values()) == 1
