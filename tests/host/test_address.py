"""Addresses as people write them."""

import pytest

from manara.host.address import Address, parse
from manara.host.problems import BadInput


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("-", Address("stdin")),
        ("harbour.nmea", Address("file", path="harbour.nmea")),
        ("/data/a b.ast", Address("file", path="/data/a b.ast")),
        ("tcp://192.0.2.7:30005", Address("tcp", "192.0.2.7", 30005)),
        ("tcp-listen://:10110", Address("tcp-listen", "127.0.0.1", 10110)),
        ("udp://127.0.0.1:8600", Address("udp", "127.0.0.1", 8600)),
        ("udp://232.1.1.13:21131", Address("udp", "0.0.0.0", 21131, "232.1.1.13")),
        ("udp://232.1.1.13@192.0.2.4:21131", Address("udp", "192.0.2.4", 21131, "232.1.1.13")),
        ("serial:///dev/ttyUSB0?baud=4800", Address("serial", path="/dev/ttyUSB0", query={"baud": "4800"})),
    ],
)
def test_what_is_meant(url, expected):
    assert parse(url) == expected


@pytest.mark.parametrize("url", ["http://192.0.2.1:80", "tcp://host", "tcp://host:99999", "tcp://[::1:5", "udp://:x"])
def test_what_is_not_an_address_is_said_in_one_line(url):
    with pytest.raises(BadInput) as fault:
        parse(url)
    assert url in str(fault.value)
    assert "\n" not in str(fault.value)
