"""Recordings on one time line: nothing lost, nothing before its time, days where none is written."""

import gzip
from datetime import UTC, datetime

import pytest

from manara.feeds.ais import encode
from manara.host import recording
from manara.host.problems import BadInput
from manara.records.inputs import Chunk, FeedState

S = 1_000_000_000
T0 = 1_772_359_200 * S


def lines(*offsets_s, mmsi=291000001) -> bytes:
    said = {"mmsi": mmsi, "lat": -47.0, "lon": -120.0, "speed": 10.0, "course": 90.0}
    return b"".join(
        encode.sentences(1, {**said, "lon": -120 + k / 1e3}, time_ns=T0 + o * S) for k, o in enumerate(offsets_s)
    )


def put(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data)
    return path


def test_two_files_are_merged_by_time_and_nothing_is_lost(tmp_path):
    first, second = lines(0, 1, 5, 200), lines(2, 3, 4, mmsi=291000002)
    loaded = [recording.load(put(tmp_path, n, d)) for n, d in (("a.nmea", first), ("b.nmea.gz", gzip.compress(second)))]
    heard = {0: b"", 1: b""}
    last = 0
    for now_ns, inputs in recording.windows(loaded):
        assert now_ns > last, "time goes on"
        last = now_ns
        for one in inputs:
            if isinstance(one, Chunk):
                assert now_ns - 1 * S <= one.received_ns <= now_ns
                heard[one.feed] += one.data
    assert heard == {0: first, 1: second}
    assert [one for one in inputs if isinstance(one, FeedState)] == list(inputs)
    assert {one.state for one in inputs} == {"ended"}


def test_a_long_gap_is_stepped_over(tmp_path):
    loaded = [recording.load(put(tmp_path, "a.nmea", lines(0, 86_400 * 3)))]
    assert len(list(recording.windows(loaded))) < 10


def test_what_stands_before_the_first_time_and_after_the_last_is_kept(tmp_path):
    data = b"$GPGGA,no time here*00\r\n" + lines(5) + b"!AIVDM,half"
    heard = b"".join(
        c.data
        for _, inputs in recording.windows([recording.load(put(tmp_path, "a.nmea", data))])
        for c in inputs
        if isinstance(c, Chunk)
    )
    assert heard == data


def test_times_that_run_backwards_do_not(tmp_path):
    loaded = recording.load(put(tmp_path, "a.nmea", lines(10, 3, 11)))
    assert loaded.times_ns.tolist() == [T0 + 10 * S, T0 + 10 * S, T0 + 11 * S]


def test_without_times_an_even_pace_and_the_day_is_said(tmp_path):
    data = b"".join(encode.sentences(1, {"mmsi": 291000001, "lat": -47.0, "lon": -120.0}) for _ in range(1000))
    loaded = recording.load(put(tmp_path, "a.nmea", data), day="2026-03-01")
    assert loaded.said.endswith("no times in it: 500 a second assumed")
    assert datetime.fromtimestamp(loaded.start_ns / 1e9, UTC).isoformat() == "2026-03-01T00:00:00+00:00"
    assert loaded.end_ns - loaded.start_ns == pytest.approx(2 * S, rel=0.01)


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("empty.nmea", b"", "empty"),
        ("noise.bin", bytes(range(256)) * 20, "format not recognised"),
        ("torn.gz", gzip.compress(b"x" * 1000, mtime=0)[:-9], "broken gzip"),
        ("rotten.gz", gzip.compress(bytes(range(256)) * 9, mtime=0)[:20] + b"\xff" * 300, "broken gzip"),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path, name, data, says):
    with pytest.raises(BadInput, match=says) as fault:
        recording.load(put(tmp_path, name, data))
    assert name in str(fault.value)


def test_a_gzip_bomb_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "FILE_BYTES", 1_000_000)
    with pytest.raises(BadInput, match="unpacks to more"):
        recording.load(put(tmp_path, "bomb.gz", gzip.compress(bytes(10_000_000))))


def test_faults_of_the_user_are_one_line(tmp_path):
    good = put(tmp_path, "a.nmea", lines(0))
    for wanted, day, says in (("nmea3000", "", "unknown format"), ("auto", "first of May", "not a date")):
        data = (
            good
            if not day
            else put(tmp_path, "b.nmea", encode.sentences(1, {"mmsi": 291000001, "lat": -47.0, "lon": -120.0}))
        )
        with pytest.raises(BadInput, match=says):
            recording.load(data, wanted, day)
    with pytest.raises(BadInput, match="folder"):
        recording.load(tmp_path)
    with pytest.raises(BadInput, match="No such file"):
        recording.load(tmp_path / "none")


def test_a_radar_hour_that_crosses_midnight_runs_on(recordings):
    loaded = recording.load(recordings("asterix/lebl-2016") / "smr_cat010.ast", day="2016-05-10")
    assert "only the time of day" in loaded.said
    assert 7100 < (loaded.end_ns - loaded.start_ns) / S < 7400
    assert datetime.fromtimestamp(loaded.end_ns / 1e9, UTC).date().isoformat() in ("2016-05-10", "2016-05-11")
