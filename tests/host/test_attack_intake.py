"""Floods of what costs nothing to send: empty datagrams, connections that come and go."""

from manara.host import intake
from manara.host.intake import Intake
from manara.records.inputs import Chunk, FeedState, Overflow


def test_empty_datagrams_fill_the_queue_too():
    queue = Intake(1)
    for _ in range(intake.QUEUE_BYTES // intake.CHUNK_COST + 1000):
        queue.offer(0, b"", 1, whole=True)
    assert len(queue) == intake.QUEUE_BYTES // intake.CHUNK_COST
    queue.take(2)
    queue.offer(0, b"", 3, whole=True)
    assert len(queue) == 1


def test_a_dropped_datagram_of_a_flood_is_counted(monkeypatch):
    monkeypatch.setattr(intake, "QUEUE_BYTES", 2 * intake.CHUNK_COST + 2)
    queue = Intake(1)
    for _ in range(5):
        queue.offer(0, b"x", 1, whole=True)
    taken = queue.take(2)
    assert sum(isinstance(one, Chunk) for one in taken) == 2
    assert [one.dropped for one in taken if isinstance(one, Overflow)] == [3]


def test_connections_that_come_and_go_leave_a_bounded_trace_that_ends_right():
    queue = Intake(2)
    for n in range(10_000):
        queue.tell(0, "live" if n % 2 else "lost", str(n), n)
    queue.tell(1, "live", "", 1)
    states = [one for one in queue.take(5) if isinstance(one, FeedState)]
    assert len(states) == intake.STATES + 2
    assert [one.detail for one in states if one.feed == 0][-1] == "9999"
    queue.tell(0, "live", "again", 6)
    assert len(queue.take(7)) == 1
