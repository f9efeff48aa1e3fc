"""The inbox: one draft for an area and a hazard, honest times, and persons who take and close."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from manara.records.inputs import Decided
from manara.records.partners import Warned
from manara.records.warnings import Draft
from manara.warning import inbox

S = 1_000_000_000
T0 = 1_000_000 * S
MINUTE = 60 * S


def warned(partner="arvena", area="town", hazard=2, window_ns=T0 + 600 * S, received_ns=T0, severity=2):
    return Warned(partner=partner, area=area, window_ns=window_ns, hazard=hazard, severity=severity,
                  received_ns=received_ns)  # fmt: skip


def seen(now_ns, tracks=(7,), born_ns=None, **more):
    given_ = {"area": "town", "hazard": 2, "severity": 2, "probability": 0.8, "first_ns": now_ns + 100 * S}
    return Draft(id=0, last_ns=now_ns + 120 * S, since_ns=now_ns, renewed_ns=now_ns, tracks=tracks,
                 own_ns=born_ns or now_ns, **(given_ | more))  # fmt: skip


def test_a_partners_warning_makes_one_draft_and_its_repeats_renew_it():
    box = inbox.Inbox()
    for k in range(5):
        inbox.told(box, warned(received_ns=T0 + k * MINUTE), T0 + k * MINUTE)
    inbox.told(box, warned("corvia", received_ns=T0 + 5 * MINUTE), T0 + 5 * MINUTE)
    (one,) = inbox.shown(box)
    assert one.partners == ("arvena", "corvia")
    assert (one.warned_ns, one.renewed_ns, one.own_ns) == (T0, T0 + 5 * MINUTE, 0)
    assert (one.first_ns, one.last_ns) == (T0 + 600 * S, T0 + 900 * S)
    assert one.probability == -1.0


def test_how_far_ahead_the_warning_was_can_be_told_later():
    box = inbox.Inbox()
    inbox.told(box, warned(), T0)
    inbox.seen(box, seen(T0 + 14 * MINUTE, born_ns=T0 + 13 * MINUTE))
    inbox.told(box, warned(received_ns=T0 + 15 * MINUTE, window_ns=T0), T0 + 15 * MINUTE)
    inbox.seen(box, seen(T0 + 16 * MINUTE, tracks=(8,), born_ns=T0 + 12 * MINUTE))
    (one,) = inbox.shown(box)
    assert one.own_ns - one.warned_ns == 13 * MINUTE, "first told and first detected, whatever came later"
    assert one.first_ns == T0 + 16 * MINUTE + 100 * S, "what we see ourselves is better than a window of five minutes"
    assert one.tracks == (8, 7)


def test_what_a_person_closed_is_not_opened_by_the_same():
    box = inbox.Inbox()
    inbox.seen(box, seen(T0))
    assert inbox.decide(box, Decided(1, "take", "desk", T0), T0) == ""
    assert inbox.decide(box, Decided(1, "close", "desk", T0 + 1), T0 + 1) == ""
    assert inbox.decide(box, Decided(1, "take", "desk", T0 + 2), T0 + 2) == "closed_draft"
    assert inbox.decide(box, Decided(9, "take", "desk", T0 + 2), T0 + 2) == "unknown_draft"
    inbox.seen(box, seen(T0 + MINUTE))
    inbox.told(box, warned(received_ns=T0 + MINUTE), T0 + MINUTE)
    assert [one.state for one in inbox.shown(box)] == ["closed"]
    inbox.seen(box, seen(T0 + 2 * MINUTE, tracks=(7, 12)))
    assert [one.state for one in inbox.shown(box)] == ["closed", "open"], "another craft is another matter"


def test_a_partner_that_still_warns_after_ten_minutes_is_heard_again():
    box = inbox.Inbox()
    inbox.told(box, warned(), T0)
    inbox.decide(box, Decided(1, "close", "desk", T0), T0)
    inbox.told(box, warned(), T0 + 9 * MINUTE)
    inbox.told(box, warned(), T0 + 11 * MINUTE)
    assert [one.state for one in inbox.shown(box)] == ["closed", "open"]


def test_an_open_draft_lapses_and_a_taken_one_does_not():
    box = inbox.Inbox()
    inbox.told(box, warned(), T0)
    inbox.told(box, warned(area="port"), T0)
    inbox.decide(box, Decided(2, "take", "desk", T0), T0)
    inbox.age(box, T0 + 29 * MINUTE)
    assert [one.state for one in inbox.shown(box)] == ["open", "taken"]
    inbox.age(box, T0 + 31 * MINUTE)
    first, second = inbox.shown(box)
    assert (first.state, first.by) == ("closed", "")
    assert second.state == "taken"
    inbox.told(box, warned(), T0 + 32 * MINUTE)
    assert inbox.shown(box)[-1].state == "open", "nobody closed it: a new warning opens a new one"


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 255), st.integers(-(2**63), 2**63 - 1), st.integers(0, 255)), max_size=40))
def test_a_lying_partner_can_neither_fill_the_inbox_nor_break_it(said):
    box = inbox.Inbox()
    for k, (hazard, window_ns, severity) in enumerate(said * 40):
        one = warned(area=f"a{k % 63}", hazard=hazard, window_ns=window_ns, severity=severity)
        inbox.told(box, one, T0 + k * S)
        inbox.age(box, T0 + k * S)
    assert len(box.drafts) <= inbox.DRAFTS_MAX
    keys = [(one.area, one.hazard) for one in box.drafts.values() if one.state != "closed"]
    assert len(keys) == len(set(keys))
    plain = [msgspec.to_builtins(one) for one in box.drafts.values()]
    assert inbox.load(plain, box.made) == box
    assert all(0 <= one.first_ns < 2**63 - 1 for one in box.drafts.values())
    assert all(one.hazard in range(7) for one in box.drafts.values())
