"""Real recordings: the counts are those that independent programs give, and so is every value."""

from __future__ import annotations

import struct
import subprocess
from collections import Counter

import pytest

from manara.feeds.asterix import FORMATS, plain
from manara.feeds.asterix.decoder import AsterixDecoder
from manara.feeds.asterix.definitions import definition
from manara.feeds.asterix.outgoing import heartbeat
from manara.feeds.decoder import Options
from manara.records.reject import Reject

FORMAT = {one.name: one for one in FORMATS}
MIDNIGHT_NS = 1_462_924_800_000_000_000  # 2016-05-11 00:00 UTC
# name -> editions, records by category, rejects
BARCELONA = {
    "smr_cat010": ({}, {"cat010": 77_345}, {}),
    "mlat_cat010": ({}, {"cat010": 84_453}, {}),
    "mlat_cat020": ({}, {"cat020": 69_933, "cat019": 7_260}, {"bad_record": 121}),
    "adsb_cat021_v0.23": ({"021": "0.23"}, {"cat021": 49_330}, {}),
    "adsb_cat021_v2.4_alicante": ({"021": "2.4"}, {"cat021": 20_090}, {}),
}


def bytes_of(recordings, name: str) -> bytes:
    return (recordings("asterix/lebl-2016") / f"{name}.ast").read_bytes()


def by_category(counts) -> dict[str, int]:
    found = Counter()
    for key, n in counts.items():
        found[key.split()[0]] += n
    return dict(found)


@pytest.mark.parametrize("name", BARCELONA)
def test_the_decoder_s_counts(name, recordings):
    editions, counts, rejects = BARCELONA[name]
    got = AsterixDecoder(Options(editions=editions)).advance(bytes_of(recordings, name), MIDNIGHT_NS)
    assert by_category(got.counts) == counts
    assert dict(got.reject_counts) == rejects
    assert all("category 019" in one.detail for one in got.rejects)


SLOW = [pytest.param(name, marks=pytest.mark.soak) for name in ("smr_cat010", "mlat_cat010", "mlat_cat020")]


@pytest.mark.parametrize("name", ["adsb_cat021_v0.23", "adsb_cat021_v2.4_alicante", *SLOW])
def test_full_s_counts(name, recordings):
    editions, counts, rejects = BARCELONA[name]
    found = Counter(
        one.why if isinstance(one, Reject) else f"cat{one['category']:03d}"
        for one in plain.full(bytes_of(recordings, name), Options(editions=editions))
    )
    assert found == Counter(counts) + Counter(rejects)


def compare(recordings, oracle, name: str, every: int) -> int:
    editions, _, _ = BARCELONA[name]
    data = bytes_of(recordings, name)
    compared = 0
    for i, one in enumerate(plain.blocks(data)):
        if i % every:
            continue
        category, start, end = one
        d = definition(category, editions.get(f"{category:03d}", ""))
        ours = list(plain.records(data, start, end, d))
        theirs = oracle.records(category, d.edition, data[start:end])
        if theirs is None:
            assert isinstance(ours[-1], Reject)
            continue
        assert [record["items"] for record in ours] == theirs
        compared += len(ours)
    return compared


@pytest.mark.parametrize("name", BARCELONA)
def test_every_value_is_libasterix_s_in_every_twentieth_block(name, recordings, oracle):
    assert compare(recordings, oracle, name, 20) >= sum(BARCELONA[name][1].values()) // 21


@pytest.mark.soak
@pytest.mark.parametrize("name", BARCELONA)
def test_every_value_is_libasterix_s(name, recordings, oracle):
    assert compare(recordings, oracle, name, 1) == sum(BARCELONA[name][1].values())


def test_time_passes_midnight_without_a_jump(recordings):
    got = AsterixDecoder(Options()).advance(bytes_of(recordings, "mlat_cat020"), MIDNIGHT_NS)
    times = got.plots.time_ns
    assert times.min() > MIDNIGHT_NS - 2 * 3600 * 10**9
    assert times.min() < MIDNIGHT_NS < times.max()
    assert times.max() - times.min() < 2.1 * 3600 * 1e9
    units = [t for _, t in FORMAT["asterix"].cut(bytes_of(recordings, "mlat_cat020")) if t is not None]
    assert 7200e9 < max(units) - min(units) < 7400e9


def test_the_wrong_edition_shows_in_the_rejects(recordings):
    data = bytes_of(recordings, "adsb_cat021_v0.23")
    got = AsterixDecoder(Options(editions={"021": "2.4"})).advance(data, MIDNIGHT_NS)
    assert got.reject_counts["bad_record"] > 0.5 * 49_330


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("cat048.raw", {"cat048": 1}),
        ("cat062cat065.raw", {"cat062": 2, "cat065": 1}),
        ("cat21_re.ast", {"cat021": 2}),
        ("cat_034_048.pcap", {"cat034": 34, "cat048": 128}),
        ("cat_062_065.pcap", {"cat062": 2, "cat065": 1}),
    ],
)
def test_the_samples_of_another_decoder(name, counts, recordings):
    data = (recordings("asterix/croatia") / name).read_bytes()
    guessed = max(FORMAT.values(), key=lambda one: one.guess(data[:65_536]))
    assert guessed.name == ("pcap" if name.endswith("pcap") else "asterix")
    got = guessed.new(Options()).advance(data, MIDNIGHT_NS)
    assert by_category(got.counts) == counts
    assert not got.reject_counts
    assert Counter(f"cat{one['category']:03d}" for one in guessed.full(data, Options())) == counts


def test_the_radar_sample_s_values_are_those_that_the_other_decoder_printed(recordings):
    """Its text lists each record; range, angle, address and code of all 128 plots are compared."""
    folder = recordings("asterix/croatia")
    text = (folder / "cat_034_048.txt").read_text("latin-1")
    ours = [
        one["items"]
        for one in FORMAT["pcap"].full(
            (folder / "cat_034_048.pcap").read_bytes(),
            Options(),
        )
        if one["category"] == 48
    ]
    theirs = [part for part in text.split("Data Record ")[1:] if "Item 040 : Measured Position in Polar" in part]
    ours = [one for one in ours if "040" in one]
    assert len(ours) == len(theirs) > 100
    for one, printed in zip(ours, theirs, strict=True):
        assert f"RHO: {round(one['040']['RHO'] * 256)} (" in printed
        assert f"THETA: {round(one['040']['THETA'] * 65536 / 360)} (" in printed
        if "220" in one:
            assert f"{one['220']:06X}" in printed.upper()


def test_an_old_edition_that_no_table_has_shows_in_the_rejects(recordings):
    data = (recordings("asterix/croatia") / "asterix.pcap").read_bytes()
    got = FORMAT["pcap"].new(Options()).advance(data, MIDNIGHT_NS)
    assert got.reject_counts["bad_record"] == 72


def capture(data: bytes) -> bytes:
    """Each block of a file as a datagram in a pcap of raw IP (link type 101)."""
    out = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 101)]
    for one in plain.blocks(data):
        _, start, end = one
        payload = data[start - 3 : end]
        udp = struct.pack(">4H", 5000, 8600, 8 + len(payload), 0) + payload
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, b"\x0a\0\0\1", b"\x0a\0\0\2") + udp
        out.append(struct.pack("<4I", 0, 0, len(ip), len(ip)) + ip)
    return b"".join(out)


def tshark_records(tshark: str, path, *fields: str, options: tuple[str, ...] = ()) -> tuple[Counter, int]:
    """(records by category, malformed packets) as tshark counts them: one field 010 a record."""
    columns = [part for name in fields for part in ("-e", f"asterix.{name}_010")]
    command = [tshark, "-r", str(path), "-d", "udp.port==8600,asterix", "-T", "fields", "-E", "occurrence=a", *options]
    done = subprocess.run([*command, *columns, "-e", "_ws.malformed"], capture_output=True, text=True, check=True)
    found, malformed = Counter(), 0
    for line in done.stdout.splitlines():
        *cells, bad = line.split("\t")
        for name, cell in zip(fields, cells, strict=True):
            found[name[:3]] += len(cell.split(",")) if cell else 0
        malformed += bool(bad)
    return +found, malformed


@pytest.mark.parametrize(
    ("name", "field", "edition", "counts"),
    [
        ("smr_cat010", "010", "", {"010": 77_345}),
        ("mlat_cat010", "010", "", {"010": 84_453}),
        ("adsb_cat021_v0.23", "021_V0_23", "0.23", {"021": 49_330}),
        ("adsb_cat021_v2.4_alicante", "021_V2_4", "2.4", {"021": 20_090}),
    ],
)
def test_tshark_counts_the_same(name, field, edition, counts, recordings, tool, tmp_path):
    path = tmp_path / "blocks.pcap"
    path.write_bytes(capture(bytes_of(recordings, name)))
    options = ("-o", f"asterix.i021_version:Version {edition}") if edition else ()
    found, malformed = tshark_records(tool("tshark"), path, field, options=options)
    assert found == counts
    assert malformed == 0


def test_tshark_counts_the_same_multilateration(recordings, tool, tmp_path):
    path = tmp_path / "blocks.pcap"
    path.write_bytes(capture(bytes_of(recordings, "mlat_cat020")))
    found, _ = tshark_records(tool("tshark"), path, "020", "019")
    assert found["020"] == 69_933
    assert found["019"] == 7_260 + 121, "tshark reads on where the last FX bit is set; we refuse"


def test_tshark_reads_what_we_send(tool, tmp_path, sent_tracks):
    blocks = b"".join(sent_tracks) + heartbeat(1_700_000_000_000_000_000, 1, 9)
    path = tmp_path / "ours.pcap"
    path.write_bytes(capture(blocks))
    found, malformed = tshark_records(tool("tshark"), path, "062", "065")
    assert found == {"062": 40, "065": 1}
    assert malformed == 0
    command = [tool("tshark"), "-r", str(path), "-d", "udp.port==8600,asterix", "-V"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for said in ("Category: 62", "MNR42", "LAT, Latitude, [°]: 34.49999928", "Octal Representation: 04321"):
        assert said in text
