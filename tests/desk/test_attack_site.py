"""Another site's page cannot make the desk work in its background."""

import asyncio

import pytest

from manara.desk.guard import guard, site_allowed


@pytest.mark.parametrize(
    ("site", "mode", "dest", "allowed"),
    [
        ("same-origin", "cors", "empty", True),
        ("none", "navigate", "document", True),
        (None, None, None, True),
        ("cross-site", "navigate", "document", True),
        ("cross-site", "navigate", "iframe", False),
        ("cross-site", "no-cors", "image", False),
        ("same-site", "no-cors", "script", False),
        ("cross-site, none", "cors", "empty", False),
    ],
)
def test_which_reads_are_answered(site, mode, dest, allowed):
    assert site_allowed(site, mode, dest) is allowed


def test_a_refused_read_never_reaches_the_application():
    reached, sent = [], []

    async def app(scope, receive, send):
        reached.append(scope)

    async def send(part):
        sent.append(part)

    scope = {"type": "http", "headers": [(b"host", b"127.0.0.1:8777"), (b"sec-fetch-site", b"cross-site")]}
    asyncio.run(guard(app, frozenset(), {})(scope, None, send))
    assert reached == []
    assert sent[0]["status"] == 421
