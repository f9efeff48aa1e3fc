"""Captures and recordings: both byte orders, all link layers, any split, any rubbish."""

from __future__ import annotations

import dataclasses
import itertools
import random
import struct

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manara.feeds.asterix import FORMATS
from manara.feeds.asterix.capture import PACKET_BYTES_MAX, CaptureReader
from manara.feeds.asterix.final import FinalReader
from manara.feeds.decoder import Options
from manara.records.batch import Batch, join

DAY_NS = 86_400_000_000_000
NOON_NS = 20_000 * DAY_NS + DAY_NS // 2
FORMAT = {one.name: one for one in FORMATS}
LINKS = {"ethernet": 1, "vlan": 1, "raw": 101, "null": 0, "sll": 113, "sll2": 276, "ipv6": 1, "ipv6 options": 101}


def udp(payload: bytes) -> bytes:
    return struct.pack(">4H", 5000, 8600, 8 + len(payload), 0) + payload


def ipv4(payload: bytes, protocol: int = 17, offset: int = 0, options: bytes = b"") -> bytes:
    segment = udp(payload) if protocol == 17 else payload
    size = 20 + len(options) + len(segment)
    head = struct.pack(">BBHHHBBH8x", 0x40 | (20 + len(options)) // 4, 0, size, 1, offset, 64, protocol, 0)
    return head + options + segment


def ipv6(payload: bytes, options: bool = False) -> bytes:
    segment = udp(payload)
    extra = bytes([17, 0]) + bytes(6) if options else b""
    kind = 0 if options else 17
    return struct.pack(">IHBB32x", 0x60000000, len(extra + segment), kind, 64) + extra + segment


def frame(payload: bytes, link: str = "ethernet", packet: bytes | None = None) -> bytes:
    ip = ipv4(payload) if packet is None else packet
    if link.startswith("ipv6"):
        ip6 = ipv6(payload, "options" in link)
        return ip6 if LINKS[link] == 101 else bytes(12) + b"\x86\xdd" + ip6
    return {
        "ethernet": bytes(12) + b"\x08\x00" + ip + bytes(5),
        "vlan": bytes(12) + b"\x81\x00\x00\x07\x88\xa8\x00\x08\x08\x00" + ip,
        "raw": ip,
        "null": b"\x02\x00\x00\x00" + ip,
        "sll": bytes(14) + b"\x08\x00" + ip,
        "sll2": b"\x08\x00" + bytes(18) + ip,
    }[link]


def pcap(frames: list[bytes], times_ns: list[int], order: str = "<", nano: bool = False, link: int = 1) -> bytes:
    """Our own tiny writer, from the format's description."""
    head = struct.pack(order + "IHHiIII", 0xA1B23C4D if nano else 0xA1B2C3D4, 2, 4, 0, 0, 65_535, link)
    unit = 1 if nano else 1000
    packets = [
        struct.pack(order + "4I", t // 10**9, t % 10**9 // unit, len(f), len(f)) + f
        for f, t in zip(frames, times_ns, strict=True)
    ]
    return head + b"".join(packets)


def pcapng(frames: list[bytes], times_ns: list[int], order: str = "<", power: int = 9, link: int = 1) -> bytes:
    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        size = len(body) + 12
        return struct.pack(order + "2I", kind, size) + body + struct.pack(order + "I", size)

    section = block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
    option = struct.pack(order + "2HB3x", 9, 1, power) + bytes(4)
    interface = block(1, struct.pack(order + "HHI", link, 0, 0) + option)
    packets = []
    for f, t in zip(frames, times_ns, strict=True):
        ticks = t // 10 ** (9 - power)
        packets.append(block(6, struct.pack(order + "5I", 0, ticks >> 32, ticks & 0xFFFFFFFF, len(f), len(f)) + f))
    return section + interface + block(5, bytes(8)) + b"".join(packets)


def final(payloads: list[bytes], times_ns: list[int]) -> bytes:
    def one(payload: bytes, t: int) -> bytes:
        ticks = t % DAY_NS // 10_000_000
        return struct.pack(">HBBB", len(payload) + 12, 1, 2, 0) + ticks.to_bytes(3, "big") + payload + b"\xa5" * 4

    return b"".join(one(p, t) for p, t in zip(payloads, times_ns, strict=True))


def run(name: str, data: bytes, cuts: list[int] = (), received_ns: int = NOON_NS) -> Batch:
    decoder = FORMAT[name].new(Options(feed=3))
    edges = [0, *sorted(c % (len(data) + 1) for c in cuts), len(data)]
    batches = [decoder.advance(data[a:b], received_ns) for a, b in itertools.pairwise(edges)]
    return join([*batches, decoder.finish(received_ns)])


def plain_rows(batch: Batch) -> object:
    columns = [getattr(batch.plots, f.name).tobytes() for f in dataclasses.fields(batch.plots)]
    rejects = sorted((one.why, one.data, one.detail, one.time_ns) for one in batch.rejects)
    return columns, batch.particulars, rejects, dict(batch.counts), dict(batch.reject_counts)


TIMES = [NOON_NS + i * 1_000_001_000 for i in range(4)]


@pytest.fixture(scope="module")
def payloads(radar_block) -> list[bytes]:
    return [radar_block(43_200.0 + i, _220=0xD00000 + i) + radar_block(43_200.0 + i) for i in range(4)]


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nano", [False, True])
def test_every_link_order_and_resolution(link, order, nano, payloads):
    data = pcap([frame(p, link) for p in payloads], TIMES, order, nano, LINKS[link])
    got = run("pcap", data)
    assert got.counts == {"cat048": 8}
    assert not got.reject_counts
    assert got.plots.received_ns.tolist() == [t for t in TIMES for _ in range(2)]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("power", [6, 9])
def test_the_newer_capture(order, power, payloads):
    got = run("pcap", pcapng([frame(p) for p in payloads], TIMES, order, power))
    assert got.counts == {"cat048": 8}
    assert got.plots.received_ns.tolist() == [t for t in TIMES for _ in range(2)]


def test_a_resolution_in_powers_of_two(payloads):
    """Option 9 with the top bit set: 2**-20 s."""
    data = pcapng([frame(payloads[0])], [NOON_NS], power=6)
    data = data.replace(struct.pack("<2HB", 9, 1, 6), struct.pack("<2HB", 9, 1, 0x80 | 20))
    assert run("pcap", data).plots.received_ns[0] == NOON_NS // 1000 * 10**9 >> 20


@pytest.mark.parametrize("make", [pcap, pcapng])
@given(cuts=st.lists(st.integers(0, 5000), max_size=8))
@settings(max_examples=30)
def test_captures_split_anywhere(make, cuts, payloads):
    data = make([frame(p) for p in payloads], TIMES) + b"\x01\x02"
    assert plain_rows(run("pcap", data, cuts)) == plain_rows(run("pcap", data))


@given(cuts=st.lists(st.integers(0, 5000), max_size=8))
@settings(max_examples=30)
def test_recordings_split_anywhere(cuts, payloads):
    data = b"\x00\x01" + final(payloads, TIMES) + b"\xff" * 5 + final(payloads, TIMES) + b"\x00\x40\x01"
    got = run("final", data, cuts)
    assert plain_rows(got) == plain_rows(run("final", data))
    assert got.counts == {"cat048": 16} or b"\xff\xff" in data


def test_a_recording_s_times_are_those_of_its_frames(payloads):
    data = final(payloads, TIMES)
    got = run("final", data, received_ns=NOON_NS + 5 * 3600 * 10**9)
    assert got.counts == {"cat048": 8}
    assert not got.reject_counts
    assert got.plots.received_ns.tolist() == [t // 10_000_000 * 10_000_000 for t in TIMES for _ in range(2)]


def test_a_recording_goes_on_behind_rubbish(payloads):
    got = run("final", final(payloads, TIMES) + b"\x00" * 7 + final(payloads, TIMES) + b"\x00\x50\x01")
    assert got.counts == {"cat048": 16}
    assert got.reject_counts == {"bad_length": 1, "truncated": 1}


def test_what_is_no_datagram_is_counted_or_refused(payloads):
    inner = payloads[0]
    frames = [
        bytes(12) + b"\x08\x06" + bytes(28),  # ARP
        frame(b"", packet=ipv4(bytes(20), protocol=6)),  # TCP
        frame(b"", packet=ipv4(inner, offset=0x2000)),  # the first of several fragments
        frame(b"", packet=ipv4(inner)[:-30]),  # caught short
        frame(b"", packet=ipv4(inner)[:16]),
        frame(inner, packet=ipv4(inner, options=bytes(4))),
        frame(inner + b"\x00"),
    ]
    got = run("pcap", pcap([f.rstrip(b"") for f in frames], [NOON_NS] * len(frames)))
    assert got.counts == {"other packets": 2, "cat048": 4}
    assert got.reject_counts == {"fragment": 1, "truncated": 2, "trailing": 1}


def test_after_a_length_that_cannot_be_nothing_more_is_read(payloads):
    good = pcap([frame(payloads[0])], [NOON_NS])
    data = good + struct.pack("<4I", 0, 0, PACKET_BYTES_MAX + 1, 5) + bytes(50)
    for cuts in ([], [len(good) + 3], [len(good) + 20]):
        got = run("pcap", data, cuts)
        assert got.counts == {"cat048": 2}
        assert got.reject_counts == {"bad_length": 1}
    assert run("pcap", bytes(24)).reject_counts == {"bad_header": 1}
    assert run("pcap", bytes(23)).reject_counts == {"truncated": 1}
    assert run("pcap", pcapng([], []) + struct.pack("<2I", 6, 7) + bytes(20)).reject_counts == {"bad_length": 1}
    liar = struct.pack("<5I", 9, 0, 0, 4, 4) + bytes(4)
    block = struct.pack("<2I", 6, len(liar) + 12) + liar + bytes(4)
    assert run("pcap", pcapng([], []) + block).reject_counts == {"bad_record": 1}


@pytest.mark.parametrize("name", ["pcap", "final"])
def test_a_state_put_away_and_taken_up_goes_on_alike(name, payloads):
    data = pcapng([frame(p) for p in payloads], TIMES) if name == "pcap" else final(payloads, TIMES) + b"\x00" * 3
    for cut in range(0, len(data), 11):
        first, second = FORMAT[name].new(Options(feed=3)), FORMAT[name].new(Options(feed=3))
        begun = first.advance(data[:cut], NOON_NS)
        second.load(msgspec.msgpack.decode(msgspec.msgpack.encode(first.dump())))
        rest = [second.advance(data[cut:], NOON_NS), second.finish(NOON_NS)]
        assert plain_rows(join([begun, *rest])) == plain_rows(run(name, data))


@pytest.mark.parametrize("name", ["pcap", "final"])
def test_cut_and_full_name_every_frame(name, payloads):
    data = pcap([frame(p) for p in payloads], TIMES) if name == "pcap" else final(payloads, TIMES)
    units = list(FORMAT[name].cut(data + b"\x00\x50"))
    assert [end for end, _ in units][-1] == len(data) + 2
    assert len(units) == 5
    steps = [b - a for (_, a), (_, b) in itertools.pairwise(units[:-1])]
    assert steps == pytest.approx([1_000_001_000] * 3, abs=10_000_000)
    records = list(FORMAT[name].full(data, Options()))
    assert len(records) == 8
    day = NOON_NS // DAY_NS * DAY_NS if name == "pcap" else 0
    assert [r["time_ns"] for r in records] == [day + (43_200 + i) * 10**9 for i in range(4) for _ in range(2)]


def test_guesses(payloads):
    capture, recording = pcap([frame(p) for p in payloads], TIMES), final(payloads, TIMES)
    newer, big = pcapng([frame(payloads[0])], [0]), pcap([frame(payloads[0])], [0], ">", True)
    for data, name in ((capture, "pcap"), (newer, "pcap"), (big, "pcap"), (recording, "final")):
        scores = {n: f.guess(data[:65_536]) for n, f in FORMAT.items()}
        assert max(scores, key=scores.get) == name
        assert scores[name] > 0.9
        assert sum(s > 0.3 for s in scores.values()) == 1
    for data in (
        b"",
        b"\x00\x01",
        b"!AIVDM,1,1,,A,13HOI:0P0000VOHLCnHQKwvL05Ip,0*23\r\n",
        b"{}",
        bytes(100),
        b"\x1a3" * 50,
    ):
        assert all(f.guess(data) < 0.3 for f in FORMAT.values())


def attack(name: str, payloads: list[bytes], rounds: int) -> int:
    """Spoilt containers; returns how many records came out. Any exception fails the test."""
    rng = random.Random(name)
    frames, times = [frame(p) for p in payloads[:2]], TIMES[:2]
    seeds = {"pcap": [pcap(frames, times), pcapng(frames, times)], "final": [final(payloads[:2], times)]}[name]
    records = 0
    for _ in range(rounds):
        data = bytearray(rng.choice(seeds))
        for _ in range(rng.randint(1, 5)):
            at = rng.randrange(len(data))
            data[at : at + rng.choice((0, 1, 1, 4))] = rng.randbytes(rng.choice((0, 1, 1, 4)))
        records += sum(run(name, bytes(data)).counts.values())
    return records


@pytest.mark.parametrize("name", ["pcap", "final"])
def test_ten_thousand_spoilt_inputs(name, payloads):
    assert attack(name, payloads, 10_000) > 5000


@pytest.mark.soak
@pytest.mark.parametrize("name", ["pcap", "final"])
def test_a_million_spoilt_inputs(name, payloads):
    assert attack(name, payloads, 1_000_000) > 500_000


def test_what_waits_is_bounded():
    reader = FinalReader()
    for _ in range(100):
        reader.take(b"\xff\xff" + bytes(999))
        assert len(reader.dump()["waiting"]) <= 65_535
    capture = CaptureReader()
    capture.take(pcap([], []) + struct.pack("<4I", 0, 0, PACKET_BYTES_MAX, 0))
    for _ in range(400):
        capture.take(bytes(1000))
        assert len(capture.dump()["waiting"]) <= PACKET_BYTES_MAX + 16
