"""Promised times: one set of figures from the stamps of both sides; and what a liar's stamps come to."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manara.records.agreement import Promise
from manara.release import handover, promises, statements
from manara.release.promises import Entry, Figure, Measured
from manara.release.stamps import Stamps
from manara.release.statements import HandoverAnswer, Receipt, WarningTaken

S = 1_000_000_000
STREAM, SHA = "arvena>belora", "ab" * 32
PROMISE = Promise(first_s=10, warning_s=5, alarm_s=60, answer_s=30, clock_s=2)
BEGIN = 1_000_000 * S


class Log:
    """A releaser's stream and a recipient's statements, written by hand."""

    def __init__(self) -> None:
        self.entries = [Entry(0, BEGIN, "policy", SHA, "")]
        self.said: dict[str, bytes] = {}

    def tell(self, at_s: float, kind: str = "batch", subject: str = "", policy: str = SHA) -> int:
        offset = len(self.entries)
        self.entries.append(Entry(offset, BEGIN + int(at_s * S), kind, policy, subject))
        return offset

    def first(self, at_s: float, *since_s: float) -> int:
        first = tuple(str(BEGIN + int(one * S)) for one in since_s)
        return self.tell(at_s, subject=msgspec.json.encode(Stamps(first=first)).decode())

    def offer(self, at_s: float, number: int = 7) -> str:
        sha256 = f"{len(self.entries):064x}"
        told = handover.Told(offer=sha256, track=str(number), wait_s="30")
        self.tell(at_s, "statement", msgspec.json.encode(told).decode())
        return sha256

    def say(self, statement: statements.AnyStatement) -> str:
        text = statements.canonical(statement)
        sha256 = statements.statement_sha256(text)
        self.said[sha256] = text
        return sha256

    def hear(self, at_s: float, *hashes: str) -> None:
        self.tell(at_s, subject=msgspec.json.encode(Stamps(heard=hashes)).decode())

    def receipt(self, following: int, at_s: float, stream: str = STREAM) -> str:
        stamp = str(BEGIN + int(at_s * S))
        return self.say(Receipt(stream=stream, next=str(following), root=SHA, size="1", time_ns=stamp))

    def answer(self, offer: str, at_s: float) -> str:
        stamp = str(BEGIN + int(at_s * S))
        return self.say(HandoverAnswer(stream=STREAM, offer=offer, answer="accept", by="watch", time_ns=stamp))

    def taken(self, place: int, at_s: float) -> str:
        return self.say(WarningTaken(stream=STREAM, places=(str(place),), time_ns=str(BEGIN + int(at_s * S))))

    def measure(self, until_s: float = 1e6, from_s: float = 0, promise: Promise = PROMISE) -> Measured:
        span = int(from_s * S) + BEGIN, int(until_s * S) + BEGIN
        return promises.measure(self.entries, self.said, STREAM, SHA, promise, *span)


def figure(found: Measured, kind: str) -> Figure:
    return next(one for one in found.figures if one.promise == kind)


def test_each_promise_is_measured_from_the_two_stamps_that_it_speaks_of():
    """Core 4 of the issue on many partners: median, worst and late count, and the bound on the clocks beside."""
    log = Log()
    first = log.first(3, 1, 2)
    alarm = log.tell(4, "warning")
    offer = log.offer(5)
    log.hear(8, log.receipt(offer and 4, 6.5))
    log.hear(20, log.taken(alarm, 14), log.answer(offer, 19))
    found = log.measure(21)
    assert first == 1
    assert (figure(found, "first").measured, figure(found, "first").median_ns) == (2, 4.5 * S)
    assert (figure(found, "first").worst_ns, figure(found, "first").late) == (5.5 * S, 0)
    assert figure(found, "warning").worst_ns == 2.5 * S
    assert figure(found, "alarm").worst_ns == 10 * S
    assert figure(found, "answer").worst_ns == 14 * S
    clocks = found.clocks
    assert (clocks.low_ns, clocks.high_ns, clocks.stamps, clocks.agree) == (-1 * S, 1.5 * S, 3, 1)


def test_late_unanswered_and_open_are_told_apart():
    log = Log()
    late, never, fresh = log.offer(1), log.offer(2), log.offer(95)
    log.hear(60, log.answer(late, 59))
    found = figure(log.measure(100), "answer")
    assert (found.measured, found.late, found.unanswered, found.open) == (1, 1, 1, 1)
    assert never != fresh


@pytest.mark.parametrize(
    ("stamp_s", "why"), [(2.9, "early"), (13.1, "ahead"), (3.1, ""), (12.9, "")], ids=["early", "ahead", "a", "b"]
)
def test_a_stamp_that_the_other_clock_contradicts_is_shown_and_never_averaged(stamp_s, why):
    """The offer went at 5 s and its answer was heard at 11 s; two seconds are allowed."""
    log = Log()
    offer = log.offer(5)
    log.hear(11, log.answer(offer, stamp_s))
    found = log.measure(12)
    assert [one.why for one in found.contradicted] == ([why] if why else [])
    assert figure(found, "answer").contradicted == bool(why)
    assert figure(found, "answer").measured == (not why)
    assert found.clocks.stamps == (not why)


def test_a_receipt_for_what_was_never_told_is_contradicted():
    log = Log()
    log.first(3, 1)
    log.hear(5, log.receipt(99, 4))
    found = log.measure()
    assert [one.why for one in found.contradicted] == ["beyond"]
    assert figure(found, "first").measured == 0


def test_a_releaser_that_detects_after_it_told_is_contradicted_too():
    log = Log()
    log.first(3, 9)
    log.hear(5, log.receipt(2, 4))
    found = log.measure()
    assert [(one.what, one.why) for one in found.contradicted] == [("first", "before")]
    assert figure(found, "first").measured == 0


def test_a_contradicted_receipt_does_not_hide_the_next_one():
    log = Log()
    log.first(3, 1)
    log.hear(9, log.receipt(2, -50), log.receipt(3, 8))
    found = figure(log.measure(), "first")
    assert (found.measured, found.worst_ns, found.contradicted) == (1, 7 * S, 1)


def test_what_one_lie_of_a_clock_cannot_explain_is_said():
    log = Log()
    one, two = log.offer(5), log.offer(6)
    log.hear(7, log.answer(one, 3.2))
    log.hear(8, log.answer(two, 9.9))
    found = log.measure()
    assert found.clocks.agree == 0
    assert found.clocks.stamps == 2


def test_statements_about_another_stream_without_a_stamp_or_that_make_no_sense_count_nowhere():
    log = Log()
    log.first(3, 1)
    bare = log.say(Receipt(stream=STREAM, next="2", root=SHA, size="1"))
    log.said["cd" * 32] = b"nonsense"
    log.hear(9, log.receipt(2, 4, "arvena>corvia"), bare, "cd" * 32, "ef" * 32)
    found = log.measure()
    assert figure(found, "first").measured == 0
    assert (found.clocks.stamps, found.contradicted) == (0, ())


def test_only_what_went_under_this_agreement_is_asked_for():
    log = Log()
    log.tell(1, "policy", policy="cd" * 32)
    other = log.tell(2, "warning", policy="")
    log.tell(3, "policy")
    mine = log.tell(4, "warning", policy="")
    log.hear(9, log.receipt(6, 8))
    assert figure(log.measure(), "warning").measured == 1
    assert figure(log.measure(), "warning").worst_ns == 4 * S
    assert other < mine


# Arbitrary logs: what either side may have, in whatever order it reads it.


def a_log(seed: int) -> Log:
    """Half a minute to some minutes between two nodes, honest or not."""
    chance, log, now = random.Random(seed), Log(), 0.0
    offers: list[str] = []
    skew = chance.uniform(-3, 3)
    waiting: list[str] = []
    for _ in range(chance.randint(5, 60)):
        now += chance.choice([0.0, 0.4, 1.0, 7.0])
        kind = chance.choice(["first", "warning", "offer", "receipt", "answer", "taken", "hear", "lie", "junk"])
        if kind == "first":
            log.first(now, *(now - chance.uniform(-1, 20) for _ in range(chance.randint(1, 3))))
        elif kind == "warning":
            log.tell(now, "warning", policy=chance.choice(["", SHA]))
        elif kind == "offer":
            offers.append(log.offer(now))
        elif kind == "receipt":
            waiting.append(log.receipt(chance.randint(0, len(log.entries)), now + skew))
        elif kind == "answer" and offers:
            waiting.append(log.answer(chance.choice(offers), now + skew))
        elif kind == "taken":
            waiting.append(log.taken(chance.randint(0, len(log.entries)), now + skew))
        elif kind == "lie":
            waiting.append(log.receipt(chance.randint(0, 200), now + chance.uniform(-1e4, 1e4)))
        elif kind == "junk":
            log.tell(
                now, chance.choice(["batch", "statement", "withheld"]), chance.choice(["{", '{"heard":["x"]}', "w"])
            )
        elif waiting:
            log.hear(now, *[waiting.pop(0) for _ in range(chance.randint(1, len(waiting)))])
    return log


def encoded(found: Measured) -> bytes:
    return msgspec.json.encode(found, order="sorted")


@given(st.integers(0, 1 << 32), st.integers(0, 200))
@settings(max_examples=150, deadline=None)
def test_both_sides_find_the_same_bytes_whatever_else_each_has(seed, until_s):
    """The recipient holds statements that never came, in its own order; the releaser entries of after the time."""
    here, there = a_log(seed), a_log(seed)
    chance = random.Random(seed)
    extra = Log()
    for k in range(3):
        extra.receipt(k, k)
    said = list({**there.said, **extra.said}.items())
    chance.shuffle(said)
    there.said = dict(said)
    last = until_s
    there.entries = [one for one in there.entries if one.time_ns < BEGIN + last * S]
    assert encoded(here.measure(last)) == encoded(there.measure(last))


@given(st.integers(0, 1 << 32), st.integers(0, 100), st.integers(0, 100))
@settings(max_examples=150, deadline=None)
def test_more_time_takes_no_measured_answer_back(seed, until_s, more_s):
    log = a_log(seed)
    early, late = log.measure(until_s), log.measure(until_s + more_s)
    for before, after in zip(early.figures, late.figures, strict=True):
        assert after.measured >= before.measured
        assert after.late >= before.late
        assert after.worst_ns >= before.worst_ns
        assert after.contradicted >= before.contradicted
    assert late.clocks.stamps >= early.clocks.stamps
    if early.clocks.stamps:
        assert late.clocks.low_ns >= early.clocks.low_ns
        assert late.clocks.high_ns <= early.clocks.high_ns


@given(st.integers(0, 1 << 32))
@settings(max_examples=150, deadline=None)
def test_every_question_is_in_one_figure_and_only_plausible_stamps_are(seed):
    log = a_log(seed)
    found = log.measure(300)
    asked = sum(handover.read(one.subject) is not None for one in log.entries if one.kind == "statement")
    one = figure(found, "answer")
    assert one.measured + one.unanswered + one.open == asked
    for row in found.figures:
        assert row.median_ns <= row.worst_ns
        assert row.late <= row.measured


@given(st.integers(0, 1 << 32), st.floats(-1.9, 1.9))
@settings(max_examples=80, deadline=None)
def test_the_bound_holds_the_true_difference_of_the_clocks(seed, skew_s):
    """Honest nodes: every stamp lies between its two ticks in true time."""
    chance, log, now = random.Random(seed), Log(), 0.0
    for _ in range(10):
        now += chance.uniform(1, 9)
        offer = log.offer(now)
        answered = now + chance.uniform(0, 5)
        now = answered + chance.uniform(0, 5)
        log.hear(now, log.answer(offer, answered + skew_s))
    found = log.measure()
    assert found.clocks.agree == 1
    assert found.clocks.low_ns - 9 <= skew_s * S <= found.clocks.high_ns + 9
    assert found.contradicted == ()
