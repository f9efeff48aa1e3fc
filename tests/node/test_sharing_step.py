"""Two whole nodes: what a step lets go, when it stops, and that it is the same step after a restart."""

from __future__ import annotations

import itertools

import msgspec
import numpy as np
import pytest
from tests.doubles.two_nodes import SECOND_NS, Sea, Two

from manara.link import heads
from manara.records.inputs import Publish
from manara.records.released import DTYPES, RowTable
from manara.release.statements import Recall, Resume, Suspend

STREAM = "arvena>belora"
WARM_S = 64


@pytest.fixture(scope="module")
def warm(tmp_path_factory) -> Two:
    """Both agreements in force and both views warm; tests take copies."""
    two = Two(tmp_path_factory.mktemp("two"), Sea())
    two.run(1)
    two.activate("arvena", "belora")
    two.activate("belora", "arvena")
    two.run(WARM_S)
    return two


def frames(two: Two, stream: str = STREAM):
    """(head, entry) of a stream, in order."""
    releaser = two[stream.partition(">")[0]]
    return [(heads.parse(one.head), one) for one in releaser.sent.get(stream, [])]


def kinds(two: Two, first: int = 0, stream: str = STREAM) -> list[str]:
    return [head.kind for head, _ in frames(two, stream)[first:]]


def rows(entry, table: RowTable):
    return np.concatenate(
        [np.frombuffer(b.rows, DTYPES[table]) for b in entry.blocks if b.table == table] or [np.zeros(0, DTYPES[table])]
    )


def suspend(two: Two, who: str, reason: str = "") -> None:
    pair = two.made.agreements["arvena", "belora"]
    said = Suspend(agreement=pair.sha256, nonce="11" * 16, after=two["arvena"].last_statement("belora"), reason=reason)
    two[who.partition(".")[0]].hand_in("suspend", said, [who])


def test_a_stream_begins_with_its_agreement_and_is_silent_until_its_view_is_warm(warm):
    said = frames(warm)
    assert said[0][0].kind == "policy"
    assert [head.kind for head, _ in said[1:50]] == ["withheld"] * 49
    assert {head.subject for head, _ in said[1:50]} == {"warming"}
    assert said[-1][0].kind == "batch"
    assert len(rows(said[-1][1], RowTable.PRECISE))


def test_row_1_and_3_each_direction_has_its_own_stream_and_agreement(warm):
    assert {STREAM, "belora>arvena"} <= warm["arvena"].sent.keys() | warm["belora"].sent.keys()
    policies = {stream: frames(warm, stream)[0][0].policy for stream in (STREAM, "belora>arvena")}
    assert policies[STREAM] == warm.made.agreements["arvena", "belora"].sha256
    assert policies["belora>arvena"] == warm.made.agreements["belora", "arvena"].sha256


def test_row_10_purposes_and_row_11_retention_and_row_13_rules_travel_with_each_row(warm):
    for head, entry in frames(warm)[-5:]:
        for row in rows(entry, RowTable.PRECISE):
            terms = head.terms[row["terms"]]
            assert terms.rules == ("air",)
            assert terms.purpose
            assert terms.retention_s == warm.made.agreements["arvena", "belora"].agreement.retention_s
            assert terms.pedigree == ("arvena",)


def test_frames_are_of_one_length_each_tick(warm):
    two = warm.copy()
    two.run(12)
    made = [head for head, _ in frames(two)[-12:]]
    assert [int(head.time_ns) for head in made] == [int(made[0].time_ns) + k * SECOND_NS for k in range(12)]
    sizes = {
        len(e.head) + sum(len(b.rows) + 16 * (len(b.rows) // b.width) for b in e.blocks) for _, e in frames(two)[-12:]
    }
    assert len(sizes) == 1


def test_a_suspension_takes_effect_in_its_own_step_and_nothing_follows(warm):
    two = warm.copy()
    count = len(frames(two))
    suspend(two, "arvena.operational")
    now_ns = two["arvena"].now_ns + SECOND_NS // 10  # between two ticks
    two["arvena"].hear(now_ns, [])
    assert kinds(two, count) == ["phase"]
    assert frames(two)[-1][0].phase == "suspended"
    assert two["arvena"].answers[-1].refusal == ""
    two.run(5)
    assert set(kinds(two, count + 1)) <= {"heartbeat"}
    assert two["belora"].views.partners[0].phase_in == "suspended"


def test_the_recipient_s_person_suspends_from_its_own_node(warm):
    two = warm.copy()
    two.run(1)  # Belora holds the agreement by the policy frame
    count = len(frames(two))
    suspend(two, "belora.operational", "we ask for a pause")
    two.run(3)
    assert "phase" in kinds(two, count)
    assert "batch" not in kinds(two, len(frames(two)) - 1)
    assert two["arvena"].state.release.standings.agreements[STREAM].by == ("belora.operational",)


def test_resuming_takes_two_and_delivers_nothing_of_what_was_withheld(warm):
    two = warm.copy()
    suspend(two, "arvena.policy")
    two.run(3)
    pair = two.made.agreements["arvena", "belora"]

    def resume(name: str, *who: str) -> None:
        after = two["arvena"].last_statement("belora")
        two["arvena"].hand_in(
            name, Resume(agreement=pair.sha256, phase="full", nonce="22" * 16, after=after), list(who)
        )

    resume("alone", "arvena.policy")
    two.run(1)
    assert [one.refusal for one in two["arvena"].answers if one.name == "alone"] == ["capacity_missing"]
    resume("both", "arvena.policy", "arvena.operational")
    resumed_ns = two["arvena"].now_ns
    count = len(frames(two))
    two.run(70)
    assert kinds(two, count)[0] == "phase"
    later = [rows(entry, RowTable.PRECISE) for head, entry in frames(two)[count:] if head.kind == "batch"]
    told = np.concatenate(later)
    assert len(told)
    assert (told["time_ns"] >= resumed_ns).all()


def test_without_receipts_the_stream_stops_at_its_window_and_goes_on_after_them(warm):
    two = warm.copy()
    document = two["arvena"].state.release.documents[two.made.agreements["arvena", "belora"].sha256]
    small = msgspec.structs.replace(document.document.agreement, window=len(frames(two)) + 4)
    made = msgspec.structs.replace(document, document=msgspec.structs.replace(document.document, agreement=small))
    two["arvena"].state.release.documents[document.document.sha256] = made
    two.cut.add(STREAM)
    two["belora"].state.link.reading.clear()
    answered = two["arvena"].state.link.answered
    answered.clear()
    count = len(frames(two))
    two.run(8)
    assert len(frames(two)) == count + 4, "no tracks beyond the window"
    answered[STREAM] = count
    two.run(2)
    assert len(frames(two)) > count + 4


def test_row_24_a_recall_names_the_recipient_s_numbers_and_empties_its_picture(warm):
    two = warm.copy()
    two.run(2)
    belora = two["belora"]
    place = next(k for k, p in enumerate(("belora", "arvena")) if p == "arvena")
    seen = np.count_nonzero(belora.last.views.pedigree & np.uint64(1 << place))
    assert seen
    said = Recall(stream=STREAM, tracks=("all",), to_ns=str(two["arvena"].now_ns), nonce="33" * 16, reason="an error")
    two["arvena"].hand_in("recall", said, ["arvena.operational"])
    two.cut.add("belora>arvena")
    suspend(two, "arvena.operational")
    two.run(2)
    recalls = [head for head, _ in frames(two) if head.kind == "recall"]
    assert len(recalls) == 1
    assert msgspec.json.decode(recalls[0].subject)["tracks"] == ["all"]
    two.run(1)
    assert np.count_nonzero(two["belora"].views.pedigree & np.uint64(1 << place)) == 0


def test_a_recall_of_one_track_is_told_in_the_numbers_that_were_given(warm):
    two = warm.copy()
    given = int(rows(frames(two)[-1][1], RowTable.PRECISE)["track"][0])
    to_ns = str(two["arvena"].now_ns)
    said = Recall(stream=STREAM, tracks=(str(given),), to_ns=to_ns, nonce="44" * 16)
    suspend(two, "arvena.operational")  # numbers outlive a suspension
    two.run(2)
    two["arvena"].hand_in("recall", said, ["arvena.policy"])
    two.run(1)
    recalls = [head for head, _ in frames(two) if head.kind == "recall"]
    assert msgspec.json.decode(recalls[0].subject)["tracks"] == [str(given)]


def test_the_same_inputs_give_the_same_bytes_also_over_a_restart(warm):
    one, two = warm.copy(), warm.copy()
    one.run(6)
    two.run(3)
    two = two.copy()  # through dump and load, in the middle
    two.run(3)
    for name in ("arvena", "belora"):
        assert msgspec.msgpack.encode(one[name].published) == msgspec.msgpack.encode(two[name].published)


def test_publish_is_the_last_effect_and_numbers_repeat(warm):
    two = warm.copy()
    effects = two["arvena"].hear(two["arvena"].now_ns + SECOND_NS, [])
    assert isinstance(effects[-1], Publish)
    ids = [one.effect_id for one in effects]
    assert ids == sorted(set(ids))


def test_a_row_never_carries_what_only_the_node_calls_a_craft(warm):
    for _, entry in frames(warm)[-5:]:
        spaces = rows(entry, RowTable.PRECISE)["identity"] >> np.uint64(56)
        assert set(spaces.tolist()) <= {0, 1, 2}


def test_what_came_is_in_the_log_of_who_got_it(warm):
    own = [heads.parse(one.head) for one in warm["belora"].sent["belora"]]
    said = [msgspec.json.decode(head.subject) for head in own]
    received = [one for one in said if one.get("type") == "received" and one["stream"] == STREAM]
    assert received
    ends = [(int(one["first"]), int(one["next"])) for one in received]
    assert all(a[1] == b[0] for a, b in itertools.pairwise(ends)), "no gap, no overlap"
    assert any("signatures" in one for one in said), "and the statements of persons"


def test_what_was_logged_before_a_suspension_is_cut_off_there(warm):
    two = warm.copy()
    suspend(two, "arvena.operational")
    two["arvena"].hear(two["arvena"].now_ns + 1, [])
    (place,) = [int(head.offset) for head, _ in frames(two) if head.phase == "suspended"]
    assert two["arvena"].views.cut == {STREAM: place}
    assert two.copy()["arvena"].state.ledger.cut == {STREAM: place}
