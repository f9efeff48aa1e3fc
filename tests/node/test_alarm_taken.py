"""A warning under rule 0, taken by a person at the other desk: when that was, both ledgers say alike."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np
import pytest
from tests.doubles.two_nodes import One, Sea, Two
from tests.node.test_rule_zero import distress_in, own_area

from manara.host import promised
from manara.link import heads
from manara.node import sources
from manara.records.inputs import Chunk, Decided
from manara.records.released import WARNING
from manara.release import promises, statements

STREAM = "arvena>belora"


def measured(two: Two, one: One) -> promises.Measured:
    """What a side computes of what it holds: the stream as it was told or came, and its own statements."""
    stream = [heads.parse(arrived.head) for arrived in two["arvena"].sent[STREAM]]
    entries = [promises.Entry(int(h.offset), int(h.time_ns), h.kind, h.policy, h.subject) for h in stream]
    said = {}
    for head in (heads.parse(arrived.head) for arrived in one.sent[one.id]):
        text = promised._text(head.subject)
        if text is not None:
            said[statements.statement_sha256(text)] = text
    pair = two.made.agreements["arvena", "belora"]
    return promises.measure(entries, said, STREAM, pair.sha256, pair.agreement.promises, 0, entries[-1].time_ns)


@pytest.fixture(scope="module")
def warned(tmp_path_factory) -> Iterator[Two]:
    """Both agreements in force and their views warm; Arvena has heard of distress in Belora's waters and warned."""
    two = Two(tmp_path_factory.mktemp("two"), Sea())
    two.run(1)
    two.activate("arvena", "belora")
    two.activate("belora", "arvena")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "WARM_NS", 2_000_000_000)  # a minute is too long for a test
        yield begun(two)


def begun(two: Two) -> Two:
    """Three seconds later there is distress."""
    two.run(4)
    area = own_area(two, "belora")
    ais = next(k for k, feed in enumerate(two["arvena"].config.feeds) if feed.format == "ais")
    for _ in range(3):
        two["arvena"].waiting.append(Chunk(ais, distress_in(area), two["arvena"].now_ns))
        two.run(1)
    two.run(2)
    assert two["belora"].views.drafts
    return two


def taken(two: Two, act: str = "take") -> None:
    (draft,) = two["belora"].views.drafts
    two["belora"].waiting.append(Decided(draft.id, act, "desk", two["belora"].now_ns))


@pytest.mark.parametrize("act", ["take", "close"])
def test_core_4_from_alarm_to_acknowledgement_is_measured_alike_on_both_sides(warned, act):
    two = warned.copy()
    two.run(4)
    taken(two, act)
    two.run(5)
    here, there = measured(two, two["arvena"]), measured(two, two["belora"])
    assert msgspec.json.encode(here) == msgspec.json.encode(there)
    alarm = next(one for one in here.figures if one.promise == "alarm")
    assert alarm.measured == 1
    assert 4e9 <= alarm.median_ns <= 9e9
    warning = next(one for one in here.figures if one.promise == "warning")
    assert warning.measured == 1
    assert warning.worst_ns <= 2e9, "its receipt does not wait for ten seconds"
    assert here.contradicted == ()


def test_what_nobody_takes_is_not_answered_and_says_nothing(warned):
    two = warned.copy()
    two.run(8)
    alarm = next(one for one in measured(two, two["arvena"]).figures if one.promise == "alarm")
    assert (alarm.measured, alarm.open + alarm.unanswered) == (0, 1)


def test_who_took_it_does_not_leave_and_a_restart_forgets_no_alarm(warned):
    two = warned.copy()
    two.run(1)
    taken(two)
    two = two.copy()
    two.run(3)
    texts = [promised._text(heads.parse(one.head).subject) or b"" for one in two["arvena"].sent["arvena"]]
    found = [msgspec.json.decode(one) for one in texts if b"warning.taken" in one]
    assert [set(one) for one in found] == [{"type", "nonce", "after", "stream", "places", "time_ns"}]


def test_an_alarm_of_an_area_of_nobody_here_asks_no_person(warned):
    """A partner that lies, warning of areas that are not ours, makes nobody late: it is answered at once."""
    two = warned.copy()
    last = two["arvena"].sent[STREAM][-1]
    told = next(one for one in two["arvena"].sent[STREAM] if heads.parse(one.head).kind == "warning")
    head = msgspec.structs.replace(heads.parse(told.head), offset=str(last.offset + 1))
    rows = np.frombuffer(told.blocks[0].rows, WARNING).copy()
    rows["area"] = b"nowhere"
    block = msgspec.structs.replace(told.blocks[0], rows=rows.tobytes())
    lie = msgspec.structs.replace(told, offset=last.offset + 1, head=heads.encode(head), blocks=(block,))
    two["belora"].waiting.append(lie)
    two.run(1)
    said = [promised._text(heads.parse(one.head).subject) or b"" for one in two["belora"].sent["belora"]]
    found = [msgspec.json.decode(one) for one in said if b"warning.taken" in one]
    assert [one["places"] for one in found] == [[str(last.offset + 1)]]
