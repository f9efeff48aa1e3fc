"""NMEA lines: stamps of every convention, parts put together, and all that can be wrong with a stream."""

from __future__ import annotations

from functools import reduce
from operator import xor

import pytest

from manara.feeds.ais import sentences
from manara.feeds.ais.reader import LINE_BYTES, PENDING, PENDING_NS, PENDING_SENTENCES, REJECTS_KEPT, Heard, Reader

NOW = 1_700_000_000_000_000_000
STAMP = 1_384_257_600_011_000_000  # 2013-11-12 12:00:00.011
PAYLOAD = b"13HOI:0P0000VOHLCnHQKwvL05Ip"


def check(body: bytes) -> bytes:
    return b"%s*%02X" % (body, reduce(xor, body, 0))


def vdm(payload: bytes = PAYLOAD, total: int = 1, number: int = 1, seq: str = "", channel: str = "A", fill: int = 0,
        talker: bytes = b"AIVDM") -> bytes:  # fmt: skip
    return b"!" + check(
        b"%s,%d,%d,%s,%s,%s,%d" % (talker, total, number, seq.encode(), channel.encode(), payload, fill)
    )


def tag(words: str) -> bytes:
    return b"\\" + check(words.encode()) + b"\\"


def read(*lines: bytes, reader: Reader | None = None, received_ns: int = NOW) -> Reader:
    reader = reader or Reader()
    reader.begin(received_ns)
    reader.take(b"".join(x + b"\r\n" for x in lines), whole=False)
    return reader


PGHP = b"$" + check(b"PGHP,1,2013,11,12,12,0,0,11,219,,2190067,1,62")


@pytest.mark.parametrize(
    ("lines", "stamp_ns", "station"),
    [
        ([vdm()], None, ""),
        ([tag("s:LAMP,c:1384257600") + vdm()], 1_384_257_600_000_000_000, "LAMP"),
        ([tag("c:1384257600011") + vdm()], STAMP, ""),
        ([tag("c:1384257600011000,s:LAMP") + vdm()], STAMP, "LAMP"),
        ([tag("s:LAMP,c:1384257600"), vdm()], 1_384_257_600_000_000_000, "LAMP"),
        ([PGHP, vdm()], STAMP, "2190067"),
        ([tag("si:LAMP"), PGHP, vdm()], STAMP, "2190067"),
        ([tag("s:LAMP"), PGHP, vdm()], STAMP, "2190067"),
        ([PGHP, tag("s:LAMP") + vdm()], STAMP, "LAMP"),
        ([vdm() + b",b003669794,1384257600"], 1_384_257_600_000_000_000, "b003669794"),
        ([vdm() + b",d-093,S2212,t235959.00,T59.00339837,r09STOL1,1384257600"], 1_384_257_600_000_000_000, "r09STOL1"),
        ([vdm() + b" 1384257600.011"], STAMP, ""),
        ([vdm() + b"\t1384257600011"], STAMP, ""),
        ([b"1384257600.011 " + vdm()], STAMP, ""),
        ([b"[1384257600] " + vdm()], 1_384_257_600_000_000_000, ""),
        ([b"2013-11-12T12:00:00.011Z " + vdm()], STAMP, ""),
        ([b"2013-11-32T12:00:00.011Z " + vdm()], None, ""),
        ([b"9999-11-12T12:00:00Z " + vdm()], None, ""),
        ([tag("c:99") + vdm()], None, ""),
        ([tag("c:99999999999999999999") + vdm()], None, ""),
        ([tag("c:-5") + vdm()], None, ""),
        ([PGHP, vdm(b"8" + b"0" * 8), vdm()], None, ""),  # spent on the first
    ],
)
def test_stamps(lines, stamp_ns, station):
    reader = read(*lines)
    assert reader.refused.counts == {}
    assert reader.heard[-1] == Heard(PAYLOAD, 0, stamp_ns, station, 1)


def test_a_wrong_tag_block_is_refused_and_its_sentence_is_not():
    for bad in (b"\\s:LAMP,c:1384257600*00\\", b"\\c:1384257600\\", b"\\\xff\xfe*zz\\", b"\\\\", b"\\never closed"):
        reader = read(bad + vdm())
        assert reader.heard == [Heard(PAYLOAD, 0, None, "", 1)]
        assert reader.refused.counts == {"tag_block": 1}


def test_a_wrong_sentence_spends_the_stamp_before_it():
    reader = read(PGHP, vdm()[:-2] + b"00", vdm())
    assert reader.refused.counts == {"checksum": 1}
    assert [h.stamp_ns for h in reader.heard] == [None]


def test_gatehouse_without_a_time():
    assert read(b"$" + check(b"PGHP,1,2013,13,12,12,0,0,11,219,,2190067,1,62")).refused.counts == {"gatehouse_time": 1}
    for words in (
        b"9999,11,12,12,0,0,11",
        b"1,1,1,1,1,1,1",
        b"2013,11,12,12,0,60,0",
        b"2013,11,12,12,0,0,1000",
        b"x,,,,,,",
    ):
        assert read(b"$" + check(b"PGHP,1,%s,219,,2190067,1,62" % words)).refused.counts == {"gatehouse_time": 1}
    assert read(b"$" + check(b"PGHP,1")).refused.counts == {"gatehouse_time": 1}


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n", b"\n\n\r"])
def test_line_ends(end):
    reader = Reader()
    reader.begin(NOW)
    reader.take(vdm() + end + vdm() + end, whole=False)
    assert len(reader.heard) == 2
    assert reader.refused.counts == {}


def test_a_lost_line_end_loses_no_sentence():
    reader = read(vdm() + vdm(), b"!AIVDM,1,1,,A,13u?et" + vdm())
    assert len(reader.heard) == 3
    assert reader.refused.counts == {"no_checksum": 1}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (vdm()[:-2] + b"00", "checksum"),
        (vdm()[:-3], "no_checksum"),
        (vdm()[:-2] + b"zz", "no_checksum"),
        (b"noise", "not_nmea"),
        (b"\xff\xfe\x00", "not_nmea"),
        (vdm(b"13HOI:0P0000V\x80HLCnHQKwvL05Ip"), "payload"),
        (vdm(b"13HOI:0P0000VXHLCnHQKwvL05Ip"), "payload"),
        (vdm(b""), "payload"),
        (vdm(b"1" * 513), "payload"),
        (vdm(fill=6), "payload"),
        (vdm(total=0, number=0), "fields"),
        (vdm(total=2, number=0), "fields"),
        (vdm(total=2, number=3), "fields"),
        (vdm(total=10, number=1), "fields"),
        (vdm(seq="123", total=2), "fields"),
        (b"!" + check(b"AIVDM,1,1,,A,13HOI"), "fields"),
        (b"!" + check(b"AIVDM,x,1,,A,13HOI,0"), "fields"),
        (b"!" + check(b"AIVDO,1,1,,A,13HOI,0,5,6,7"), "fields"),
    ],
)
def test_what_is_wrong_is_refused_with_its_reason(line, why):
    reader = read(line, vdm())
    assert reader.refused.counts == {why: 1}
    assert len(reader.heard) == 1  # the next one is not harmed


def test_remarks_and_other_sentences_are_no_rejects():
    reader = read(b"# !AIVDM " + vdm(), b"$" + check(b"GPGGA,1"), b"!" + check(b"AIABM,1"))
    assert reader.refused.counts == {}
    assert (reader.heard, reader.others) == ([], 2)


@pytest.mark.parametrize("talker", [b"AIVDM", b"BSVDM", b"ABVDO", b"aivdm", b"XXVDO"])
def test_any_talker(talker):
    assert len(read(vdm(talker=talker)).heard) == 1


def parts(seq: str, channel: str, letter: bytes, total: int = 2) -> list[bytes]:
    return [vdm(letter * 40, total, n, seq, channel) for n in range(1, total + 1)]


def test_parts_come_together_in_any_order():
    for order in ((0, 1, 2), (2, 0, 1), (1, 2, 0)):
        three = parts("3", "A", b"5", 3)
        reader = read(*(three[i] for i in order))
        assert [h.payload for h in reader.heard] == [b"5" * 120]
        assert reader.heard[0].sentences == 3
        assert not reader.waiting


def test_the_last_part_has_the_fill():
    reader = read(vdm(b"5" * 40, 2, 2, "1", fill=2), vdm(b"5" * 40, 2, 1, "1", fill=0))
    assert [h.fill for h in reader.heard] == [2]


def test_one_sequence_number_on_two_channels_is_two_reports():
    a, b = parts("1", "A", b"5"), parts("1", "B", b"8")
    reader = read(a[0], b[0], a[1], b[1])
    assert [h.payload for h in reader.heard] == [b"5" * 80, b"8" * 80]


def test_two_stations_that_hear_different_reports_are_not_mixed():
    a, b = parts("1", "A", b"5"), parts("1", "A", b"8")
    marked = [tag(f"s:LAMP{i}") for i in (1, 2)]
    reader = read(marked[0] + a[0], marked[1] + b[0], marked[0] + a[1], marked[1] + b[1])
    assert [(h.payload, h.station) for h in reader.heard] == [(b"5" * 80, "LAMP1"), (b"8" * 80, "LAMP2")]


def test_groups_bind_parts_whatever_their_station():
    reader = read(*sentences(14, {"mmsi": 271999001, "text": "LONG " * 25}, time_ns=STAMP, sequence=4).split(b"\r\n"))
    assert [(h.stamp_ns, h.sentences) for h in reader.heard] == [(1_384_257_600_000_000_000, 3)]


def test_one_station_named_on_one_part_only():
    a = parts("1", "A", b"5")
    assert [h.station for h in read(a[0], a[1] + b",b003660465").heard] == ["b003660465"]
    assert [h.station for h in read(a[0] + b",b003660465", a[1]).heard] == ["b003660465"]


def test_a_stamp_before_the_first_part_is_of_all_its_parts():
    a = parts("1", "A", b"5")
    assert [h.stamp_ns for h in read(PGHP, a[0], a[1], vdm()).heard] == [STAMP, None]
    assert [h.stamp_ns for h in read(PGHP, a[0], vdm(), a[1]).heard] == [None, STAMP]


def test_a_sequence_number_that_begins_anew_takes_no_old_part():
    old, new = parts("1", "A", b"5"), parts("1", "A", b"8")
    reader = read(old[0], new[0], new[1])
    assert [h.payload for h in reader.heard] == [b"8" * 80]
    assert reader.refused.counts == {"lost_part": 1}


def test_parts_wait_so_long_and_no_longer():
    a = parts("1", "A", b"5")
    for pause_ns, whole in ((PENDING_NS, 1), (PENDING_NS + 1, 0)):
        reader = read(a[0])
        read(a[1], reader=reader, received_ns=NOW + pause_ns)
        assert len(reader.heard) == whole
        assert reader.refused.counts == ({} if whole else {"lost_part": 1})
    late = tag("c:1384257611")
    assert read(tag("c:1384257600") + a[0], late + a[1]).refused.counts == {"lost_part": 1}
    assert read(a[0], *[vdm()] * (PENDING_SENTENCES + 1), a[1]).refused.counts == {"lost_part": 1}
    assert len(read(a[0], *[vdm()] * (PENDING_SENTENCES - 1), a[1]).heard) == PENDING_SENTENCES


def test_a_flood_of_first_parts_is_bounded_and_counted():
    flood = [vdm(b"5" * 40, 9, 1, str(i % 10), chr(65 + i // 10 % 26), talker=b"%c%cVDM" % (65 + i // 260, 65))
             for i in range(1000)]  # fmt: skip
    reader = read(*flood)
    assert len(reader.waiting) == PENDING
    assert reader.refused.counts == {"lost_part": 1000 - PENDING}
    assert len(reader.refused.kept) == REJECTS_KEPT
    reader.begin(NOW)
    reader.finish()
    assert reader.refused.counts == {"truncated": PENDING}
    assert not reader.waiting


@pytest.mark.parametrize("chunk", [1, 700, 65_536, 10**7])
def test_a_gigantic_line_is_one_reject_and_no_memory(chunk):
    reader, refused, heard = Reader(), [], 0
    data = b"!AIVDM," + b"1" * 200_000 + b"\n" + vdm() + b"\n"
    for i in range(0, len(data), chunk):
        reader.begin(NOW)
        reader.take(data[i : i + chunk], whole=False)
        refused += reader.refused.kept
        heard += len(reader.heard)
        assert len(reader.rest) <= LINE_BYTES
    assert [(r.why, r.data) for r in refused] == [("line_too_long", data[:256])]
    assert heard == 1


def test_a_datagram_needs_no_line_end():
    reader = Reader()
    reader.begin(NOW)
    reader.take(vdm(), whole=True)
    assert len(reader.heard) == 1
    reader.take(vdm()[:-1], whole=True)
    assert reader.refused.counts == {"no_checksum": 1}
    assert reader.rest == b""


def test_a_restored_reader_goes_on_where_it_was():
    a = parts("1", "A", b"5")
    reader = read(PGHP, a[0])
    reader.take(a[1][:30], whole=False)
    again = Reader()
    again.load(reader.dump())
    again.begin(NOW)
    again.take(a[1][30:] + b"\n", whole=False)
    assert [(h.payload, h.stamp_ns) for h in again.heard] == [(b"5" * 80, STAMP)]
