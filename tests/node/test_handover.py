"""Hand-over of a track between two nodes, step by step: what may be offered, what comes of it, who answers for it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np
import pytest
from tests.doubles.two_nodes import SECOND_NS, One, Sea, Two

from manara.host import desk_words
from manara.link import heads
from manara.node import sources
from manara.records.handovers import Handover
from manara.records.inputs import Command
from manara.records.released import PRECISE, RowTable
from manara.release import statements
from manara.release.statements import ChangePhase, HandoverAnswer, HandoverDecide, HandoverOffer, Suspend

STREAM = "arvena>belora"
ONE = "11" * 16


@pytest.fixture(scope="module")
def warm(tmp_path_factory) -> Iterator[Two]:
    """Both agreements in force and both views warm; tests take copies."""
    two = Two(tmp_path_factory.mktemp("two"), Sea())
    two.run(1)
    two.activate("arvena", "belora")
    two.activate("belora", "arvena")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "WARM_NS", 2_000_000_000)  # a minute is too long for a test
        two.run(25)
        yield two


def given(two: Two) -> int:
    """A number under which Belora holds a track of Arvena's, of an aircraft."""
    known = two["arvena"].state.release.channels["belora"].precise.known
    return next(int(n) for n in known["number"] if identities(two)[int(n)])


def identities(two: Two) -> dict[int, int]:
    """By Belora's numbers, what it was told that they are."""
    found = {}
    for one in two["arvena"].sent[STREAM]:
        for block in one.blocks:
            if block.table == RowTable.PRECISE:
                rows = np.frombuffer(block.rows, PRECISE)
                found |= dict(zip(rows["track"].tolist(), rows["identity"].tolist(), strict=True))
    return found


def own_track(two: Two, number: int) -> int:
    """The same craft in Arvena's own picture."""
    tracks = two["arvena"].views.tracks
    return int(tracks.track_id[tracks.identity == identities(two)[number]][0])


def offer(two: Two, track: int, name: str = "offer", who: str = "arvena.operational", **more) -> None:
    after = two["arvena"].state.release.standings.heads.get(f"handover/{STREAM}", "")
    said = HandoverOffer(
        **{"stream": STREAM, "track": str(track), "wait_s": "30", "nonce": ONE, "after": after, **more}
    )
    two["arvena"].hand_in(name, said, [who])


def decide(two: Two, answer: str = "accept", name: str = "decide", who: str = "belora.operational", offered="") -> None:
    known = offered or next(iter(two["belora"].views.handovers.all)).id
    said = HandoverDecide(stream=STREAM, offer=known, answer=answer, reason="we see it", nonce="22" * 16)
    two["belora"].hand_in(name, said, [who])


def answer_to(one: One, name: str) -> str:
    return next(a.refusal for a in reversed(one.answers) if a.name == name)


def at(one: One) -> Handover:
    return one.views.handovers.all[-1]


def said(two: Two, stream: str = STREAM) -> list[dict]:
    """Subjects of the statement frames of a stream that offer."""
    entries = [heads.parse(one.head) for one in two[stream.partition(">")[0]].sent.get(stream, [])]
    found = [msgspec.json.decode(one.subject) for one in entries if one.kind == "statement"]
    return [one for one in found if one.get("type") == "handover.offer"]


def test_a_track_is_offered_accepted_and_confirmed_and_its_ids_stay(warm):
    two = warm.copy()
    number = given(two)
    own = own_track(two, number)
    place = next(k for k, one in enumerate(two["belora"].state.held.own.picture.partners) if one) or 1
    held = two["belora"].state.held.own.picture.partners[place].held
    theirs = int(held.leader[held.track == number][0]) or int(held.id[held.track == number][0])
    offer(two, own, area="belora-waters", reason="it is nearer to you")
    two.run(1)
    assert answer_to(two["arvena"], "offer") == ""
    assert at(two["arvena"]).state == "offered"
    assert at(two["arvena"]).responsible == "arvena"
    two.run(1)
    there = at(two["belora"])
    assert (there.number, there.track, there.reason, there.state) == (number, theirs, "it is nearer to you", "offered")
    assert there.responsible == "arvena"

    decide(two)
    two.run(1)
    assert at(two["belora"]).state == "accepted"
    assert at(two["belora"]).responsible == "belora"
    assert not at(two["belora"]).confirmed
    two.run(1)
    assert (at(two["arvena"]).state, at(two["arvena"]).responsible) == ("accepted", "belora")
    assert at(two["arvena"]).by == "belora.operational"
    two.run(2)
    assert at(two["belora"]).confirmed
    assert at(two["arvena"]).track == own
    assert own in two["arvena"].views.tracks.track_id
    assert at(two["belora"]).track == theirs
    assert theirs in two["belora"].views.tracks.track_id


def test_the_offer_names_nothing_but_the_number_that_was_given(warm):
    """Neither the track of our picture nor that of the source view is in a byte that leaves."""
    two = warm.copy()
    number = given(two)
    own = own_track(two, number)
    subject = int(two["arvena"].state.release.channels["belora"].precise.known["track"][0])
    offer(two, own, reason="inbound")
    two.run(1)
    (one,) = said(two)
    assert set(one) == {"type", "offer", "track", "area", "wait_s", "reason", "by"}
    assert one["track"] == str(number)
    assert {str(own), str(subject)} & set(one.values()) == set()


def test_an_answer_is_in_both_logs_and_signed_by_the_recipients_node(warm):
    two = warm.copy()
    offer(two, given(two))
    two.run(2)
    decide(two, "decline")
    two.run(2)
    assert at(two["arvena"]).state == "declined"
    assert at(two["arvena"]).why == "we see it"
    assert at(two["arvena"]).responsible == "arvena"
    texts = {}
    for name in ("arvena", "belora"):
        own = [msgspec.json.decode(heads.parse(one.head).subject) for one in two[name].sent[name]]
        whole = [msgspec.json.decode(one["statement"]) if "statement" in one else one for one in own]
        texts[name] = [one for one in whole if one.get("type") == "handover.answer"]
    assert len(texts["arvena"]) == 1
    assert texts["arvena"] == texts["belora"]


def test_what_the_agreement_withholds_is_not_offered_and_the_reason_is_said(warm):
    two = warm.copy()
    tracks = two["arvena"].views.tracks
    told = set(identities(two).values())
    ours = [int(t) for t, i in zip(tracks.track_id, tracks.identity, strict=True) if int(i) not in told and int(i)]
    assert ours, "the sea holds something that Belora is not told of"
    before = len(said(two))
    for place, track in enumerate(ours[:3]):
        offer(two, track, f"no-{place}", nonce=f"{place:032d}")
        two.run(1)
        assert answer_to(two["arvena"], f"no-{place}") == "withheld", two["arvena"].answers[-1].detail
    assert len(said(two)) == before
    turned = two["arvena"].views.handovers.turned
    assert turned[-1].why == "withheld"
    assert "belora" in turned[-1].sentence or "source" in turned[-1].sentence


def test_an_unknown_track_a_wrong_stream_and_a_stranger_are_refused(warm):
    two = warm.copy()
    offer(two, 12345, "nothing")
    two.run(1)
    assert answer_to(two["arvena"], "nothing") == "unknown_track"
    offer(two, given(two), "area", area="arvena-waters", nonce="33" * 16)
    two.run(1)
    assert answer_to(two["arvena"], "area") == "unknown_area"
    offer(two, given(two), "stream", stream="belora>arvena", nonce="44" * 16)
    two.run(1)
    assert answer_to(two["arvena"], "stream") == "unknown_stream"
    offer(two, given(two), "stranger", who="belora.operational", nonce="55" * 16)
    two.run(1)
    assert answer_to(two["arvena"], "stranger") == "not_authorised"
    assert said(two) == []


def test_an_offer_is_replayed_into_nothing_and_a_track_is_offered_once(warm):
    two = warm.copy()
    number = given(two)
    offer(two, number, "first")
    two.run(1)
    offer(two, number, "again", after="")
    two.run(1)
    assert answer_to(two["arvena"], "again") == "already"
    offer(two, number, "stale", after="ab" * 32, nonce="33" * 16)
    two.run(1)
    assert answer_to(two["arvena"], "stale") == "stale"
    offer(two, number, "other", nonce="66" * 16)
    two.run(1)
    assert answer_to(two["arvena"], "other") == "already"
    assert len(said(two)) == 1


def test_two_offers_of_the_desk_in_one_tick_are_both_told_and_neither_twice(warm):
    two = warm.copy()
    known = two["arvena"].state.release.channels["belora"].precise.known["number"][:2].tolist()
    texts = [desk_words.offer(STREAM, track, 30, "") for track in known]
    for name, text in (("a", texts[0]), ("b", texts[1]), ("a-again", texts[0])):
        two["arvena"].waiting.append(Command(name, two["arvena"].signed(text), two["arvena"].now_ns))
    two.run(1)
    assert [answer_to(two["arvena"], name) for name in ("a", "b", "a-again")] == ["", "", "already"]
    assert [one["track"] for one in said(two)] == [str(track) for track in known]
    assert {one["by"] for one in said(two)} == {"desk"}


def test_no_answer_is_shown_as_that_on_both_sides_and_one_that_comes_late_counts(warm):
    two = warm.copy()
    offer(two, given(two), wait_s="3")
    two.run(6)
    for name in ("arvena", "belora"):
        assert at(two[name]).at(two[name].now_ns) == "unanswered"
        assert at(two[name]).responsible == "arvena"
    decide(two)
    two.run(2)
    assert at(two["arvena"]).at(two["arvena"].now_ns) == "accepted"


def test_an_answer_that_is_lost_leaves_both_answering_for_it_and_never_nobody(warm):
    two = warm.copy()
    two.dropped.add("handover.answer")
    offer(two, given(two))
    two.run(2)
    decide(two)
    two.run(5)
    assert at(two["belora"]).responsible == "belora"
    assert not at(two["belora"]).confirmed
    assert at(two["arvena"]).responsible == "arvena"


def test_a_second_answer_and_one_by_another_or_to_nothing_change_nothing(warm):
    two = warm.copy()
    offer(two, given(two))
    two.run(2)
    known = at(two["arvena"]).id
    decide(two, "accept", "one")
    two.run(2)
    decide(two, "decline", "two")
    two.run(1)
    assert answer_to(two["belora"], "two") == "already"
    for name, other in (("again", known), ("nothing", "cd" * 32)):
        said_so = HandoverAnswer(stream=STREAM, offer=other, answer="decline", by="x", time_ns="1")
        text = statements.canonical(said_so)
        two["arvena"].waiting.append(Command(name, two["belora"].signed(text), two["arvena"].now_ns))
        forged = Command(f"{name}-forged", two["arvena"].signed(text), two["arvena"].now_ns)
        two["arvena"].waiting.append(forged)
    two.run(1)
    assert answer_to(two["arvena"], "again") == "already"
    assert answer_to(two["arvena"], "nothing") == "unknown_offer"
    assert answer_to(two["arvena"], "again-forged") == "not_authorised"
    assert at(two["arvena"]).state == "accepted"


def test_only_the_recipients_people_decide(warm):
    two = warm.copy()
    offer(two, given(two))
    two.run(2)
    decide(two, name="theirs", who="arvena.operational")
    two.run(1)
    assert answer_to(two["belora"], "theirs") == "not_authorised"
    known = at(two["arvena"]).id
    mine = HandoverDecide(stream=STREAM, offer=known, answer="accept", nonce=ONE)
    two["arvena"].hand_in("mine", mine, ["arvena.operational"])
    two.run(1)
    assert answer_to(two["arvena"], "mine") == "unknown_stream"


@pytest.mark.parametrize("phase", ["suspended", "warning_only"])
def test_a_phase_without_tracks_has_no_offers_and_voids_those_that_are_open(warm, phase):
    two = warm.copy()
    offer(two, given(two))
    two.run(2)
    pair = two.made.agreements["arvena", "belora"]
    last = two["arvena"].last_statement("belora")
    if phase == "suspended":
        moved = Suspend(agreement=pair.sha256, nonce="77" * 16, after=last)
    else:
        moved = ChangePhase(agreement=pair.sha256, phase=phase, nonce="77" * 16, after=last)
    people = ["arvena.operational"] if phase == "suspended" else ["arvena.operational", "arvena.policy"]
    two["arvena"].hand_in("move", moved, people)
    two.run(2)
    assert answer_to(two["arvena"], "move") == ""
    for name in ("arvena", "belora"):
        assert (at(two[name]).state, at(two[name]).why) == ("void", "suspended" if phase == "suspended" else "phase")
    decide(two)
    offer(two, at(two["arvena"]).number, "more", nonce="88" * 16)
    two.run(1)
    assert answer_to(two["belora"], "decide") in ("suspended", "void")
    assert answer_to(two["arvena"], "more") == ("suspended" if phase == "suspended" else "phase")


def test_what_was_accepted_outlives_a_suspension(warm):
    two = warm.copy()
    offer(two, given(two))
    two.run(2)
    decide(two)
    two.run(3)
    pair = two.made.agreements["arvena", "belora"]
    stop = Suspend(agreement=pair.sha256, nonce="77" * 16, after=two["arvena"].last_statement("belora"))
    two["arvena"].hand_in("stop", stop, ["arvena.operational"])
    two.run(3)
    for name in ("arvena", "belora"):
        assert at(two[name]).responsible == "belora"


def test_a_partner_that_offers_what_it_never_told_is_turned_away(warm):
    """Arvena's node lies: its frame names a number that Belora has never had."""
    two = warm.copy()
    offer(two, given(two))
    two.run(1)
    lie = two["belora"].waiting
    for place, one in enumerate(lie):
        if getattr(one, "stream", "") == STREAM and b"handover.offer" in one.head:
            other = one.head.replace(str(at(two["arvena"]).number).encode(), b"77")
            lie[place] = msgspec.structs.replace(one, head=other)
    two.run(1)
    assert two["belora"].views.handovers.all == ()
    assert [one.why for one in two["belora"].views.handovers.turned] == ["unknown_track"]


def whole_life(two: Two, again: bool) -> Two:
    """From the offer to its confirmation; ``again``: through a dump of both nodes between any two steps."""
    offer(two, given(two))
    for second in range(6):
        two.run(1)
        if second == 1:
            decide(two)
        two = two.copy() if again else two
    return two


def test_a_restart_between_any_two_steps_changes_no_byte(warm):
    one, two = whole_life(warm.copy(), again=False), whole_life(warm.copy(), again=True)
    for name in ("arvena", "belora"):
        assert msgspec.msgpack.encode(one[name].published) == msgspec.msgpack.encode(two[name].published)
        assert one[name].views.handovers == two[name].views.handovers
        assert at(one[name]).state == "accepted"


def test_a_journal_of_before_reads_without_hand_overs(warm):
    from manara.node import state as node

    plain = node.dump(warm["arvena"].state)
    del plain["release"]["between"]
    for one in plain["release"]["channels"].values():
        for name in ("firsts", "cells", "denied"):
            del one[name]
    found = node.load(plain, warm["arvena"].config, b"x")
    assert found.release.between.handing.shown == {}


def test_frames_keep_their_length_while_stamps_ride_in_them(warm):
    two = warm.copy()
    first = len(two["arvena"].sent[STREAM])
    two.run(24)
    frames = [(heads.parse(one.head), one) for one in two["arvena"].sent[STREAM][first:]]
    assert any('"heard"' in head.subject for head, _ in frames)
    sizes = {len(e.head) + sum(len(b.rows) + 16 * (len(b.rows) // b.width) for b in e.blocks) for _, e in frames}
    assert len(sizes) == 1
    assert [int(head.time_ns) for head, _ in frames] == [
        int(frames[0][0].time_ns) + k * SECOND_NS for k in range(len(frames))
    ]
