"""Offers by themselves: bounds, what counts once, and that nobody is left without somebody who answers for a track."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manara.records.agreement import Phase
from manara.release import handover
from manara.release.statements import HandoverAnswer, HandoverDecide, HandoverOffer, Refusal

STREAM, S = "arvena>belora", 1_000_000_000


def wanted(track: int = 7, wait_s: str = "30") -> HandoverOffer:
    return HandoverOffer(stream=STREAM, track=str(track), wait_s=wait_s)


def sha(number: int) -> str:
    return f"{number:064x}"


def told(number: int) -> handover.Told:
    return handover.Told(offer=sha(number), track=str(number), wait_s="30")


def test_a_partner_s_flood_of_offers_is_bounded_and_shown():
    state = handover.init()
    for number in range(1, 200):
        handover.came(state, STREAM, told(number), 5, 0, 0)
    assert sum(1 for _ in handover.live(state)) == handover.OPEN_MAX
    assert {one.why for one in state.turned} == {"too_many"}
    assert len(state.turned) == handover.TURNED_MAX


def test_what_is_over_makes_room_and_what_is_open_or_accepted_stays():
    state = handover.init()
    for number in range(1, 2 * handover.KEPT_MAX):
        handover.came(state, STREAM, told(number), 5, number, number)
        if number > 3:
            handover.void(state, STREAM, "ended", number)
        elif number == 2:
            handover.decide(state, HandoverDecide(stream=STREAM, offer=sha(2), answer="accept"), "watch", 9)
    assert len(state.shown) == handover.KEPT_MAX
    assert [state.shown[sha(n)].state for n in (1, 2, 3)] == ["offered", "accepted", "offered"]


@pytest.mark.parametrize(
    ("phase", "why"),
    [(Phase.SUSPENDED, "suspended"), (Phase.WARNING_ONLY, "phase"), (Phase.INTERIM, ""), (Phase.FULL, "")],
)
def test_the_phase_decides(phase, why):
    found = handover.refused(phase, wanted(), handover.init())
    assert (found.why if found else "") == why


@pytest.mark.parametrize("wait_s", ["0", "86401", "99999999999"])
def test_a_wait_that_makes_no_sense_is_refused(wait_s):
    found = handover.refused(Phase.FULL, wanted(wait_s=wait_s), handover.init())
    assert found.why == "malformed"
    frame = msgspec.json.encode(handover.Told(offer=sha(1), track="1", wait_s="9" * 9)).decode()
    assert handover.read(frame) is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "warming", '{"heard":[]}', '{"type":"handover.offer"}', '{"type":"other","offer":"%s"}']
)
def test_a_subject_that_is_no_offer_is_none(text):
    assert handover.read(text) is None


@given(st.integers(0, 1 << 32))
@settings(max_examples=150, deadline=None)
def test_at_every_moment_somebody_answers_for_it_and_never_a_third(seed):
    """Both sides; frames and answers are lost, repeated and late; phases fall: at most both answer, never nobody."""
    chance = random.Random(seed)
    a, b = handover.init(), handover.init()
    handover.offer(a, wanted(), sha(7), "officer", subject=3, number=7, now_ns=0)
    frames, answers = [told(7)], []
    for second in range(1, 25):
        now = second * S
        what = chance.choice(["frame", "answer", "decide", "void a", "void b", "again", "restart"])
        if what == "frame" and frames:
            handover.came(b, STREAM, frames[0], 5, 0, now)
        elif what == "decide" and sha(7) in b.shown:
            word = chance.choice(["accept", "decline"])
            said = handover.decide(b, HandoverDecide(stream=STREAM, offer=sha(7), answer=word), "watch", now)
            if not isinstance(said, Refusal):
                answers.append(HandoverAnswer(stream=STREAM, offer=sha(7), answer=word, by="watch", time_ns=str(now)))
        elif what in ("answer", "again") and answers:
            handover.answered(a, chance.choice(answers), "ab" * 32, now)
        elif what == "void a":
            handover.void(a, STREAM, "suspended")
        elif what == "void b":
            handover.void(b, STREAM, "suspended")
        elif what == "restart":
            a, b = handover.load(handover.dump(a)), handover.load(handover.dump(b))
        here = a.shown[sha(7)].responsible
        there = b.shown[sha(7)].responsible if sha(7) in b.shown else "arvena"
        assert here == "arvena" or there == "belora", "each thinks that the other answers for it"
    assert len(answers) <= 1
