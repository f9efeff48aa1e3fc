"""The command line as its users meet it: one line for bad input, the right exit code, real sockets."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from manara.cli import main
from manara.feeds.ais import encode

T0 = 1_772_359_200_000_000_000
S = 1_000_000_000


def fleet(path, minutes=2, ships=4):
    out = []
    for t in range(0, minutes * 60, 10):
        for k in range(ships):
            said = {
                "mmsi": 291000001 + k,
                "lat": -47.0 + k / 10,
                "lon": -120.0 + t / 1e4,
                "speed": 15.0,
                "course": 90.0,
            }
            out.append(encode.sentences(1, said, time_ns=T0 + t * S))
    out.append(encode.sentences(5, {"mmsi": 291000001, "shipname": "LANTERN", "callsign": "LT1"}, time_ns=T0))
    path.write_bytes(b"".join(out))
    return str(path)


def run(capsys, *args):
    try:
        code = main(list(args))
    except SystemExit as end:
        code = end.code
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_decode_says_what_was_in_a_file(tmp_path, capsys):
    code, out, err = run(capsys, "feeds", "decode", "auto", fleet(tmp_path / "a.nmea"))
    assert code == 0
    assert re.search(r"48  ais 1\n", out)
    assert "rejects: 0" in out
    assert "guessed ais" in err


def test_decode_json_is_a_line_each_and_a_summary(tmp_path, capfd):
    assert main(["feeds", "decode", "ais", fleet(tmp_path / "a.nmea"), "--json"]) == 0
    out, err = capfd.readouterr()
    rows = [json.loads(line) for line in out.splitlines()]
    assert len(rows) == 49
    assert json.loads(err.splitlines()[-1]) == {"records": 49, "rejects": {}}
    assert {r["mmsi"] for r in rows} == {291000001 + k for k in range(4)}


def test_track_then_encode_gives_the_positions_back(tmp_path, capfd):
    out = tmp_path / "t.parquet"
    assert main(["track", fleet(tmp_path / "a.nmea"), "--out", str(out)]) == 0
    said = capfd.readouterr().out
    assert "4 tracks; 4 identities, of which 4 are one track each (100.0 %)" in said
    assert main(["feeds", "encode", "geojson", str(out)]) == 0
    collection = json.loads(capfd.readouterr().out)
    lats = sorted(f["geometry"]["coordinates"][1] for f in collection["features"])
    assert lats == pytest.approx([-47.0, -46.9, -46.8, -46.7], abs=0.002)
    for name in ("ais", "cot", "asterix062", "sbs"):
        assert main(["feeds", "encode", name, str(out)]) == 0
    captured = capfd.readouterr()
    assert "MMSI-291000001" in captured.out


BAD = [
    ("feeds", "decode", "ais", "{tmp}/none.nmea"),
    ("feeds", "decode", "morse", "{tmp}/a.nmea"),
    ("feeds", "decode", "auto", "{tmp}/noise"),
    ("feeds", "decode", "asterix", "{tmp}/a.nmea", "--edition", "21"),
    ("feeds", "encode", "geojson", "{tmp}/a.nmea"),
    ("feeds", "encode", "morse", "{tmp}/a.nmea"),
    ("track", "{tmp}/a.nmea", "--out", "{tmp}/no/such/folder/t.parquet"),
    ("track", "{tmp}/a.nmea", "--out", "{tmp}/t.parquet", "--sensors", "{tmp}/a.nmea"),
    ("track", "{tmp}", "--out", "{tmp}/t.parquet"),
    ("watch", "ftp://x"),
    ("watch", "tcp://127.0.0.1:1", "{tmp}/a.nmea"),
    ("watch", "{tmp}/a.nmea", "--speed", "0"),
    ("watch", "{tmp}/a.nmea", "--receiver", "here"),
    ("node", "run", "{tmp}/none.toml"),
    ("node", "run", "{tmp}/a.nmea"),
    ("node", "init", "{tmp}/a.nmea"),
    ("playback", "{tmp}"),
    ("demo", "--scenario", "atlantis"),
    ("demo", "--port", "many"),
    ("nonsense",),
    ("track",),
]


@pytest.mark.parametrize("args", BAD, ids=" ".join)
def test_bad_input_is_one_line_and_exit_two(tmp_path, capsys, args):
    fleet(tmp_path / "a.nmea")
    (tmp_path / "noise").write_bytes(bytes(range(256)) * 8)
    code, out, err = run(capsys, *[a.format(tmp=tmp_path) for a in args])
    lines = [line for line in err.splitlines() if not line.startswith(str(tmp_path) + "/a.nmea: ais")]
    assert code == 2
    assert out == ""
    assert len(lines) == 1, err
    assert lines[0].startswith("manara")
    assert "Traceback" not in err


def test_every_command_has_help_with_an_example(capsys):
    for words in ("demo", "watch", "node init", "node run", "feeds decode", "feeds encode", "track", "playback"):
        code, out, _ = run(capsys, *words.split(), "--help")
        assert code == 0
        assert f"example: manara {words}" in out


def test_the_package_is_imported_quickly_and_does_no_work():
    said = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import manara, manara.cli"],
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    loaded = {line.rpartition("|")[2].strip() for line in said.splitlines()}
    assert not loaded & {"numpy", "numba", "litestar", "pyarrow", "pyais", "lxml"}


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def fetch(port: int, path: str):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return json.load(answer)


def until(condition, seconds=90.0):
    end, fault = time.monotonic() + seconds, None
    while time.monotonic() < end:
        try:
            found, fault = condition(), None
        except OSError as error:
            found, fault = None, error
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"it never came; the last try: {fault or found!r}")


STARTED = []


@pytest.fixture(autouse=True)
def no_child_outlives_its_test():
    """A child that a failed test leaves is ended, and what it said is shown with the failure."""
    yield
    while STARTED:
        child = STARTED.pop()
        if child.returncode is None:
            child.send_signal(signal.SIGINT)
            try:
                print(*child.communicate(timeout=20), sep="\n")
            except subprocess.TimeoutExpired:
                child.kill()
                child.communicate()


def start(*args, stdin=None):
    child = subprocess.Popen(
        [sys.executable, "-m", "manara", *args],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ,
    )
    STARTED.append(child)
    return child


def stopped(child) -> str:
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=20)
    assert child.returncode == 0, err
    assert b"Traceback" not in err
    return err.decode()


def test_watch_shows_a_file_and_a_second_desk_on_its_port_is_refused(tmp_path):
    port = free_port()
    child = start("watch", fleet(tmp_path / "a.nmea"), "--speed", "100", "--no-browser", "--port", str(port))
    features = until(lambda: fetch(port, "/api/tracks")["features"])
    assert {f["properties"]["identity"] for f in features} == {str(291000001 + k) for k in range(4)}
    second = start("watch", str(tmp_path / "a.nmea"), "--no-browser", "--port", str(port))
    _, err = second.communicate(timeout=60)
    assert second.returncode == 2
    assert b"cannot open its port" in err.splitlines()[-1]
    stopped(child)


def test_a_node_that_is_killed_comes_back_with_what_it_heard_and_plays_it_back(tmp_path):
    port, ais = free_port(), free_port()
    config = tmp_path / "harbour.toml"
    config.write_text(
        f'name="harbour"\ndesk_port={port}\n[[feeds]]\nname="ais"\nurl="tcp-listen://127.0.0.1:{ais}"\n'
        f'[[exits]]\nname="out"\nurl="{tmp_path}/picture.geojson"\nformat="geojson"\nperiod_s=1.0\n'
    )
    said = {"lat": -47.0, "lon": -120.0, "speed": 10.0, "course": 90.0}
    child = start("node", "run", str(config), "--no-browser")
    until(lambda: fetch(port, "/api/health"))
    with socket.create_connection(("127.0.0.1", ais)) as out:
        for mmsi in (291000001, 291000002, 291000003):
            out.sendall(encode.sentences(1, {**said, "mmsi": mmsi, "lat": -47 + mmsi % 10}) * 30)
        until(lambda: fetch(port, "/api/health")["tracks"] == 3)
    until(
        lambda: (tmp_path / "picture.geojson").exists() and b"291000003" in (tmp_path / "picture.geojson").read_bytes()
    )
    child.kill()
    child.communicate()

    child = start("node", "run", str(config), "--no-browser")
    until(lambda: fetch(port, "/api/health")["tracks"] == 3)
    assert "recovered step" in stopped(child)

    child = start("playback", str(tmp_path / "harbour.node"), "--speed", "1000", "--no-browser", "--port", str(port))
    until(lambda: fetch(port, "/api/health")["tracks"] == 3)
    stopped(child)


@pytest.mark.parametrize("after_s", [0.4, 1.5])
def test_an_early_interrupt_ends_the_demo_and_leaves_nothing_behind(after_s):
    child = subprocess.Popen(
        [sys.executable, "-m", "manara", "demo", "--no-browser", "--port", str(free_port())],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509 - only a signal
    )
    time.sleep(after_s)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)  # the transmitter holds our pipe: had it stayed, this would not return
    assert child.returncode in (130, 0)
    assert b"Traceback" not in err


def test_the_demo_lives():
    port = free_port()
    child = start("demo", "--no-browser", "--port", str(port))
    until(lambda: fetch(port, "/api/health")["tracks"] > 100)
    health = fetch(port, "/api/health")
    assert all(f["rejects_total"] < 0.01 * max(f["records_total"], 100) for f in health["feeds"]), health["feeds"]
    assert all(f["records_total"] for f in health["feeds"])
    stopped(child)


def test_what_cannot_work_is_said_before_the_work(tmp_path, capsys):
    fleet(tmp_path / "a.nmea")
    (tmp_path / "empty.nmea").write_bytes(b"")
    (tmp_path / "no.parquet").write_bytes(b"no parquet")
    nmea, out = str(tmp_path / "a.nmea"), str(tmp_path / "t.parquet")
    for said, words in (
        (("track", "udp://127.0.0.1:5", "--out", out), "is live"),
        (("track", "-", "--out", out), "is live"),
        (("track", nmea, "--out", str(tmp_path / "no" / "t.parquet")), "its folder does not exist"),
        (("track", nmea, "--out", str(tmp_path)), "is a folder"),
        (("feeds", "decode", "ais", str(tmp_path / "empty.nmea")), "is empty"),
        (("feeds", "decode", "ais", "-"), "manara watch -"),
        (("feeds", "encode", "ais", str(tmp_path / "none.parquet")), "No such file"),
        (("feeds", "encode", "ais", str(tmp_path / "no.parquet")), "not a tracks file"),
    ):
        code, _, err = run(capsys, *said)
        assert (code, len(err.splitlines())) == (2, 1), err
        assert words in err


def test_a_moment_without_tracks_is_no_empty_picture(tmp_path, capsys):
    out = str(tmp_path / "t.parquet")
    assert run(capsys, "track", fleet(tmp_path / "a.nmea"), "--out", out)[0] == 0
    code, _, err = run(capsys, "feeds", "encode", "sbs", out, "--at", "1999-01-01")
    assert code == 2
    assert "no track at that time" in err


def test_a_live_feed_says_on_the_terminal_what_it_is(tmp_path):
    port, ais = free_port(), free_port()
    child = start("watch", f"tcp-listen://127.0.0.1:{ais}", "--no-browser", "--port", str(port))
    until(lambda: fetch(port, "/api/health"))
    said = {"mmsi": 291000001, "lat": -47.0, "lon": -120.0, "speed": 10.0, "course": 90.0}
    with socket.create_connection(("127.0.0.1", ais)) as out:
        out.sendall(encode.sentences(1, said) * 60)
        until(lambda: fetch(port, "/api/health")["tracks"] == 1)
        time.sleep(1.5)
    err = stopped(child)
    assert "live, ais – " in err
    assert len(err.splitlines()) < 8, "only a change is worth a line"


def test_no_help_mixes_files_with_live_feeds(capsys):
    _, out, _ = run(capsys, "watch", "--help")
    sources = [word for word in out.rpartition("example:")[2].split()[2:] if not word.startswith("-")]
    assert {"://" in one for one in sources} == {True}
