"""Who may speak to the desk: pages that the desk itself served, under a name that nobody else can own.

Another site's page could open our WebSocket, or point a name of its own at 127.0.0.1 (DNS rebinding). A browser
always sends Origin with a WebSocket and the name it used as Host; we take IP literals, localhost and our own name.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

_NO = b"This address is not a name of this desk.\n"


def host_allowed(host: str, names: frozenset[str]) -> bool:
    """Whether a Host header names us: an IP literal, localhost, or one of ``names``; any port.

    >>> [host_allowed(host, frozenset()) for host in ("127.0.0.1:8777", "[::1]", "localhost:80", "a.test")]
    [True, True, True, False]
    """
    name = _name("//" + host)
    if name == "localhost" or name in names:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def origin_allowed(origin: str | None, host: str) -> bool:
    """Whether a WebSocket may open: no Origin (not a browser), or the page came from this very host and port.

    >>> origin_allowed("http://127.0.0.1:8777", "127.0.0.1:8777"), origin_allowed("https://a.test", "127.0.0.1:8777")
    (True, False)
    """
    if origin is None:
        return True
    scheme, _, rest = origin.partition("://")
    return scheme in {"http", "https"} and rest.lower() == host.lower()


def site_allowed(site: str | None, mode: str | None, dest: str | None) -> bool:
    """Whether a read may be answered: another site's page cannot see our answer, but a thousand reads of the whole
    picture in its background would keep the node busy. A person who follows a link to the desk is welcome.

    >>> site_allowed(None, None, None), site_allowed("same-origin", "cors", "empty")
    (True, True)
    >>> site_allowed("cross-site", "no-cors", "image"), site_allowed("cross-site", "navigate", "document")
    (False, True)
    """
    return site in {None, "none", "same-origin"} or (mode, dest) == ("navigate", "document")


def change_allowed(method: str, site: str | None, origin: str | None, host: str) -> bool:
    """Whether a request may change something: reads may always; anything else only from our own page, or from a
    program that is no browser. A form of another site that navigates here is a change by nobody whom we know.

    >>> change_allowed("GET", "cross-site", None, "a"), change_allowed("POST", None, None, "127.0.0.1:8777")
    (True, True)
    >>> change_allowed("POST", "cross-site", "https://a.test", "127.0.0.1:8777")
    False
    """
    return method in {"GET", "HEAD"} or (site in {None, "same-origin"} and origin_allowed(origin, host))


def guard(app: ASGIApp, names: frozenset[str], headers: Mapping[str, str]) -> ASGIApp:
    """The application behind the two checks; ``headers`` go out with every answer, errors and files included."""
    extra = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        live = scope["type"] == ScopeType.WEBSOCKET
        host = _header(scope, b"host") or ""
        ours = origin_allowed(_header(scope, b"origin"), host) if live else _fetch_allowed(scope)
        if host_allowed(host, names) and ours:
            await app(scope, receive, send if live else _with(send, extra))
        elif live:
            await send({"type": "websocket.close", "code": 1008, "reason": "origin"})
        else:
            for part in _refusal():
                await send(part)

    return guarded


def _fetch_allowed(scope: Scope) -> bool:
    site, mode, dest = (_header(scope, b"sec-fetch-" + name) for name in (b"site", b"mode", b"dest"))
    host, origin = _header(scope, b"host") or "", _header(scope, b"origin")
    return site_allowed(site, mode, dest) and change_allowed(str(scope.get("method")), site, origin, host)


def _with(send: Send, extra: list[tuple[bytes, bytes]]) -> Send:
    async def sending(part: Message) -> None:
        if part["type"] == "http.response.start":
            part["headers"] = [*part["headers"], *extra]
        await send(part)

    return sending


def _refusal() -> list[Message]:
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(_NO)).encode())]
    return [
        {"type": "http.response.start", "status": 421, "headers": headers},
        {"type": "http.response.body", "body": _NO, "more_body": False},
    ]


def _name(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""


def _header(scope: Scope, name: bytes) -> str | None:
    """The header's value; repeated headers are joined, so that two never look like one or none."""
    found = [value for key, value in scope["headers"] if key == name]
    return b",".join(found).decode("latin-1") if found else None
