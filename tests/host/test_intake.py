"""The queue before the step: bounded, and what does not fit is counted."""

from manara.host import intake
from manara.host.intake import Intake
from manara.records.inputs import Chunk, FeedState, Overflow


def test_order_of_arrival_is_kept():
    queue = Intake(2)
    queue.offer(1, b"a", 10)
    queue.tell(0, "live", "", 11)
    queue.offer(0, b"b", 12, whole=True)
    assert queue.take(20) == (Chunk(1, b"a", 10), FeedState(0, "live", "", 11), Chunk(0, b"b", 12, True))
    assert queue.take(21) == ()


def test_what_does_not_fit_is_dropped_and_counted_for_its_feed_alone(monkeypatch):
    monkeypatch.setattr(intake, "QUEUE_BYTES", 100 + intake.CHUNK_COST)
    queue = Intake(2)
    queue.offer(0, b"x" * 90, 1)
    queue.offer(0, b"y" * 20, 2)
    queue.offer(1, b"z" * 20, 3)
    taken = queue.take(9)
    assert [c.data[:1] for c in taken if isinstance(c, Chunk)] == [b"x", b"z"]
    assert [o for o in taken if isinstance(o, Overflow)] == [Overflow(0, 20, 9)]
    queue.offer(0, b"y" * 20, 10)
    assert queue.take(11) == (Chunk(0, b"y" * 20, 10),)


def test_a_long_read_is_cut_and_loses_nothing():
    queue = Intake(1)
    data = bytes(range(256)) * 10_000
    queue.offer(0, data, 1)
    taken = queue.take(2)
    assert max(len(c.data) for c in taken) <= intake.CHUNK_BYTES
    assert b"".join(c.data for c in taken) == data
