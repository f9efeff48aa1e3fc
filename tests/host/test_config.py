"""Node and sensors files: faults are one line with the place."""

import re

import pytest

from manara.cli.node import TEMPLATE
from manara.host import config
from manara.host.problems import BadInput


def written(tmp_path, text, name="node.toml"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_the_template_is_a_configuration(tmp_path):
    loaded = config.node_config(written(tmp_path, TEMPLATE))
    assert loaded.feeds[0].format == "ais"
    lines = [line.removeprefix("# ") for line in TEMPLATE.splitlines()]
    told = "\n".join(line for line in lines if re.match(r"[a-z_]+ = |\[\[", line))
    everything = config.node_config(written(tmp_path, told))
    assert [s.name for s in everything.sensors] == ["hill radar"]
    assert [e.format for e in everything.exits] == ["cot"]


def test_sensors_of_another_file_are_added(tmp_path):
    written(tmp_path, '[[sensor]]\nname="a"\nsac=1\nsic=2\nlat_deg=1.0\nlon_deg=2.0\n', "s.toml")
    loaded = config.node_config(written(tmp_path, 'sensors_file="s.toml"\n'))
    assert loaded.sensors[0].sic == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name = ", "not TOML"),
        (b"\xff\xfe", "not TOML"),
        ("nme = 'x'", "nme"),
        ("[[feeds]]\nname='a'\n", "url"),
        ("[[feeds]]\nname='a'\nurl='-'\n[[feeds]]\nname='a'\nurl='-'\n", "two feeds"),
        ("capacity = 'many'", "capacity"),
        ("sensors_file='gone.toml'", "gone.toml"),
    ],
)
def test_faults_are_one_line(tmp_path, text, says):
    with pytest.raises(BadInput) as fault:
        config.node_config(written(tmp_path, text))
    assert says in str(fault.value)
    assert "\n" not in str(fault.value)


@pytest.mark.parametrize("text", ["sensor = 5", "[[sensors]]\nname='a'", "[[sensor]]\nlat_deg=1.0", "x = 1"])
def test_sensors_files_that_are_none(tmp_path, text):
    with pytest.raises(BadInput):
        config.sensors(written(tmp_path, text))


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(BadInput, match="No such file"):
        config.node_config(tmp_path / "none.toml")
