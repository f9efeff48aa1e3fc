"""Configurations and files that cannot be meant: one line each, before anything is opened."""

import gzip
import os
import tracemalloc

import msgspec
import pytest

from manara.cli import arguments
from manara.feeds import stage
from manara.host import address, bounds, config, kept, recording
from manara.host.problems import BadInput
from manara.records.config import NodeConfig
from manara.records.inputs import Chunk
from manara.records.sensors import FeedConfig

FEED = '[[feeds]]\nname="x"\nurl="udp://127.0.0.1:7777"\n'
EXIT = '[[exits]]\nname="x"\nurl="udp://127.0.0.1:7777"\nformat="cot"\n'
SENSOR = '[[sensors]]\nname="x"\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("desk_port = -1", "desk_port"),
        ("desk_port = 99999", "desk_port"),
        ("desk_port = 99999999999999999999999", "desk_port|out of range|int"),
        ("stale_s = 1e308", "stale_s"),
        ("stale_s = nan", "stale_s"),
        ("capacity = -5", "capacity"),
        ("capacity = 1000000000000000000", "capacity"),
        ('desk_host = "a..b"', "name of a machine"),
        ('name = "../../elsewhere"', "slash"),
        ('folder = "a\\u0000b"', "control character"),
        ('title = "\\u001b[2J"', "control character"),
        ('sensors_file = "a\\u0000b"', "null byte"),
        (FEED + 'format="nonsense"', "unknown format"),
        (FEED + 'format="asterix"\neditions={"999"="7"}', "999"),
        (FEED + 'editions={"021"="99"}', "edition"),
        (FEED + "receiver_lat_deg=inf", "receiver_lat_deg"),
        (FEED + "range_max_m=nan", "range_max_m"),
        (FEED.replace("udp://127.0.0.1", "tcp://a..b"), "name of a machine"),
        (EXIT + "period_s=nan", "period_s"),
        (EXIT + "period_s=-1.0", "period_s"),
        (EXIT + "sac=999", "sac"),
        (EXIT.replace("cot", "nonsense"), "unknown format"),
        (EXIT.replace("udp://127.0.0.1:7777", "/"), "no file"),
        (EXIT.replace("udp://127.0.0.1:7777", ".."), "no file"),
        (SENSOR + "lat_deg=90.1", "lat_deg"),
        (SENSOR + "lon_deg=1e308", "lon_deg"),
        (SENSOR + "sigma_range_m=-1.0", "sigma_range_m"),
        (SENSOR + "period_s=0.0", "period_s"),
        (SENSOR + "detection_probability=7.0", "detection_probability"),
        (SENSOR + 'domain="space"', "domain"),
        ("a = " + "[" * 5000 + "]" * 5000, "not TOML"),
    ],
)
def test_what_cannot_be_meant_is_one_line(tmp_path, text, says):
    path = tmp_path / "node.toml"
    path.write_text(text)
    with pytest.raises(BadInput, match=says) as refused:
        config.node_config(path)
    assert "\n" not in str(refused.value)


def test_a_sensor_at_the_pole_is_meant(tmp_path):
    path = tmp_path / "node.toml"
    path.write_text(SENSOR + "lat_deg=-90.0\nlon_deg=180.0")
    assert config.node_config(path).sensors[0].lat_deg == -90.0


def test_a_recorded_configuration_is_checked_like_a_written_one(tmp_path):
    """The folder of a node may come from anybody."""
    (tmp_path / kept.CONFIG_NAME).write_bytes(msgspec.msgpack.encode(NodeConfig(stale_s=float("inf"))))
    with pytest.raises(BadInput, match="stale_s"):
        kept.read_config(tmp_path)
    (tmp_path / kept.CONFIG_NAME).write_bytes(b"\x81\xa1x" + b"\x91" * 100_000)
    with pytest.raises(BadInput, match="damaged"):
        kept.read_config(tmp_path)


@pytest.mark.parametrize("said", ["999=7", "021=99"])
def test_an_edition_that_nobody_wrote_is_refused(said):
    with pytest.raises(BadInput, match="ASTERIX category"):
        arguments.editions([said])


def test_a_live_feed_may_name_a_family():
    feed = FeedConfig(name="x", url="tcp://127.0.0.1:9", format="adsb")
    bounds.check_feed(feed, "here")
    state = stage.init((feed,))
    stage.advance(state, (Chunk(0, b"*8DA05629EA21485CBF3F8CADAEEB;\n" * 200, 1),), 1)
    assert state.rooms[0].format == "avr"


@pytest.mark.parametrize("url", ["tcp://a..b:1", "udp://x@a..b:1", "tcp://" + "a" * 70 + ":1"])
def test_no_name_of_a_machine(url):
    with pytest.raises(BadInput, match="name of a machine"):
        address.parse(url)


def test_a_device_is_no_recording():
    for path in ("/dev/zero", "/dev/urandom", "/dev/null"):
        with pytest.raises(BadInput, match="is no file"):
            recording.read(recording.Path(path))


@pytest.mark.parametrize(("n", "fits"), [(1000, True), (1001, False)])
def test_a_pipe_is_read_to_a_bound(monkeypatch, n, fits):
    monkeypatch.setattr(recording, "PIPE_BYTES", 1000)
    reader, writer = os.pipe()
    os.write(writer, b"x" * n)
    os.close(writer)
    try:
        path = recording.Path(f"/dev/fd/{reader}")
        if fits:
            assert recording.read(path) == b"x" * n
        else:
            with pytest.raises(BadInput, match="a pipe"):
                recording.read(path)
    finally:
        os.close(reader)


def test_a_gzip_bomb_is_seen_before_it_fills_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "BOMB_BYTES", 4 << 20)
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(bytes(64 << 20), 1))
    tracemalloc.start()
    try:
        with pytest.raises(BadInput, match="times its size"):
            recording.read(path)
        assert tracemalloc.get_traced_memory()[1] < 48 << 20
    finally:
        tracemalloc.stop()


def test_an_honest_gzip_still_unpacks(tmp_path):
    path = tmp_path / "a.nmea.gz"
    path.write_bytes(gzip.compress(b"!AIVDM,1,1,,A,14eG;o@034o8sd<L9i:a;WF>062D,0*7D\r\n" * 10_000))
    assert recording.read(path).count(b"\n") == 10_000
