from __future__ import annotations

import pytest

from manara.desk.guard import host_allowed, origin_allowed


@pytest.mark.parametrize(
    "origin",
    ["https://evil.test", "null", "", "http://127.0.0.1:9999", "http://127.0.0.1", "127.0.0.1:8777",
     "ftp://127.0.0.1:8777", "http://127.0.0.1:8777,http://evil.test", "http://127.0.0.1:8777.evil.test"],
)  # fmt: skip
def test_pages_of_others_are_refused(origin):
    assert not origin_allowed(origin, "127.0.0.1:8777")


@pytest.mark.parametrize("origin", [None, "http://127.0.0.1:8777", "https://127.0.0.1:8777"])
def test_our_own_page_and_programs_are_let_in(origin):
    assert origin_allowed(origin, "127.0.0.1:8777")


@pytest.mark.parametrize("host", ["a.test", "localhost.a.test", "0x7f000001", "2130706433", "a:b:c", "127.1", "[v1.x]"])
def test_names_are_not_addresses(host):
    assert not host_allowed(host, frozenset())
