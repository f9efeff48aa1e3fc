"""The desk's application: the page, the picture as JSON, and the live columns."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

from litestar import Litestar, MediaType, Response, WebSocket, get, post, websocket
from litestar.datastructures import CacheControlHeader
from litestar.exceptions import HTTPException, NotFoundException, WebSocketDisconnect
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.static_files import create_static_files_router

from manara.desk import capability as register
from manara.desk import coverage as covered
from manara.desk import drafts as inbox
from manara.desk import given as stream
from manara.desk import handovers as handing
from manara.desk import health, picture, trust
from manara.desk import partners as sharing
from manara.desk.guard import guard
from manara.desk.hub import Hub, Sent, clock
from manara.desk.source import Source

STATIC = Path(__file__).parent / "static"
LANGUAGES = ("en", "ar")
MOST_CLIENTS = 64
MOST_ROWS = 100_000

_CSP = (
    "default-src 'self'; img-src 'self' data: blob:; worker-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": _CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_UNBUILT = "<!doctype html><title>Manara</title><p>The desk's pages are not built. Run: make install</p>"

Plain = dict[str, Any]
Query = Annotated[str, QueryParameter(max_length=100)]
Degrees = Annotated[float, QueryParameter(ge=-180.0, le=180.0)]
Rows = Annotated[int, QueryParameter(ge=1, le=MOST_ROWS)]


def build(source: Source, names: frozenset[str] = frozenset(), static: Path = STATIC) -> Litestar:
    """The application for one source. ``names``: further host names under which it may be reached."""
    hub = Hub(source)

    @contextlib.asynccontextmanager
    async def following(_: Litestar) -> AsyncIterator[None]:
        task = asyncio.create_task(hub.run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    app = Litestar(
        route_handlers=[*_reads(source), *_sharing(source), _live(hub), *_pages(static)],
        lifespan=[following],
        openapi_config=None,
        logging_config=None,
    )
    app.asgi_handler = guard(app.asgi_handler, names, HEADERS)  # outermost: errors and files carry the headers too
    return app


def _reads(source: Source) -> list[Any]:
    """The JSON endpoints: answered from the latest views, never from the step; long answers in a thread."""

    @get("/api/tracks", sync_to_thread=True, media_type="application/geo+json")
    def tracks(limit: Rows = MOST_ROWS, sort: Query = "number", descending: FromQuery[bool] = False) -> Plain:
        views = source.views()
        return picture.collection(views, picture.ordered(views, sort, descending, limit))

    @get("/api/tracks/{track_id:str}", sync_to_thread=False)
    def track(track_id: FromPath[str]) -> Plain:
        known = track_id.isdecimal() and len(track_id) <= 20 and int(track_id) < 1 << 64
        plain = picture.details(source.views(), int(track_id)) if known else None
        if plain is None:
            raise NotFoundException(detail="no such track in the picture")
        return plain

    @get("/api/trails", sync_to_thread=True)
    def trails(west: Degrees = -180.0, south: Degrees = -90.0, east: Degrees = 180.0, north: Degrees = 90.0) -> Plain:
        return picture.trails(source.views(), picture.Box(west, south, east, north))

    @get("/api/health", sync_to_thread=False)
    def feeds() -> Plain:
        return health.health(source.views(), source.speed)

    @get("/api/search", sync_to_thread=True)
    def search(q: Query = "") -> Plain:
        return {"found": picture.search(source.views(), q)}

    @get("/api/config", sync_to_thread=False)
    def config() -> Plain:
        return _config(source)

    @get("/api/land", sync_to_thread=False)
    def land() -> Response[bytes]:
        found = source.land()
        if found is None:
            raise NotFoundException(detail="the bundled coastline stands")
        return Response(found, media_type="application/geo+json")

    return [tracks, track, trails, feeds, search, config, land]


def _sharing(source: Source) -> list[Any]:
    return [
        _partners(source),
        _given(source),
        *_capability(source),
        *_drafts(source),
        *_handovers(source),
        *_quarantine(source),
        _story(source),
    ]


def _partners(source: Source) -> Any:
    @get("/api/partners", sync_to_thread=False)
    def partners() -> Plain:
        return sharing.partners(source.views(), source.added())

    return partners


def _capability(source: Source) -> list[Any]:
    @get("/api/capability", sync_to_thread=False)
    def capability() -> Plain:
        return register.capability(source.views())

    @get("/api/coverage", sync_to_thread=True, media_type="application/geo+json")
    def coverage(domain: Query = "sea", band: Query = "low", size: Query = "large") -> Plain:
        plain = covered.coverage(source.views(), domain, band, size)
        if plain is None:
            raise NotFoundException(detail="no such layer of coverage")
        return plain

    return [capability, coverage]


def _given(source: Source) -> Any:
    @get("/api/partners/{partner:str}/given", sync_to_thread=True, media_type="application/geo+json")
    def given(partner: FromPath[str]) -> Plain:
        try:
            found = source.given(partner)
        except OSError as fault:
            raise HTTPException(status_code=503, detail=f"the log cannot be read now: {fault}") from None
        if found is None:
            raise NotFoundException(detail="no such partner")
        return stream.given(found, source.views())

    return given


def _story(source: Source) -> Any:
    @get("/api/story", sync_to_thread=False)
    def story() -> Plain:
        return dict(source.story)

    return story


def _drafts(source: Source) -> list[Any]:
    """The inbox, and the only thing that the desk may change: a draft is taken or closed. Nothing leaves by it."""

    @get("/api/drafts", sync_to_thread=False)
    def drafts() -> Plain:
        return inbox.drafts(source.views())

    @post("/api/drafts/{draft:int}/{act:str}", sync_to_thread=False, status_code=202)
    def decide(draft: FromPath[int], act: FromPath[str]) -> Plain:
        decided = inbox.decision(source.views(), draft, act, "desk")
        if isinstance(decided, int):
            raise HTTPException(status_code=decided, detail="no such draft, or it is closed already")
        if not source.decide(decided):
            raise HTTPException(status_code=503, detail="too many decisions wait for the next step")
        return {"draft": draft, "act": act}

    return [drafts, decide]


def _handovers(source: Source) -> list[Any]:
    """Offers to hand a track over, and answers to them: the node signs for whoever sits at its desk."""

    @get("/api/handovers", sync_to_thread=False)
    def shown() -> Plain:
        return handing.handovers(source.views())

    @get("/api/promises", sync_to_thread=True)
    def promises() -> Plain:
        return handing.promises(source.promised())

    @post("/api/handovers/offer/{partner:str}/{track:str}", sync_to_thread=False, status_code=202)
    def offer(partner: FromPath[str], track: FromPath[str], reason: Query = "") -> Plain:
        known = {one.id for one in source.views().partners}
        if partner not in known or not track.isdecimal() or len(track) > 20 or int(track) >= 1 << 64:
            raise NotFoundException(detail="no such partner or track")
        if not reason.isprintable() or not source.hand_over(partner, int(track), reason):
            raise HTTPException(status_code=409, detail="it cannot be offered")
        return {"partner": partner, "track": track}

    @post("/api/handovers/answer/{offered:str}/{answer:str}", sync_to_thread=False, status_code=202)
    def decide(offered: FromPath[str], answer: FromPath[str], reason: Query = "") -> Plain:
        known = handing.open_offer(source.views(), offered)
        if known is None or answer not in handing.ANSWERS:
            raise NotFoundException(detail="no such offer, or it is answered")
        if not reason.isprintable() or not source.answer_offer(known.stream, offered, answer, reason):
            raise HTTPException(status_code=409, detail="it cannot be answered")
        return {"offer": offered, "answer": answer}

    return [shown, promises, offer, decide]


def _quarantine(source: Source) -> list[Any]:
    """What of partners' tracks stands apart; an officer lets it back, or puts all of a partner's there. Nothing leaves
    by it."""

    @get("/api/quarantine", sync_to_thread=False)
    def quarantine() -> Plain:
        return trust.quarantine(source.views())

    @post("/api/quarantine/{partner:str}/{act:str}", sync_to_thread=False, status_code=202)
    def rule(partner: FromPath[str], act: FromPath[str], track: Query = "0") -> Plain:
        ruled = trust.ruling(source.views(), partner, act, track, "desk")
        if ruled is None:
            raise NotFoundException(detail="no such partner, or nothing of it in quarantine under that number")
        if not source.decide(ruled):
            raise HTTPException(status_code=503, detail="too many decisions wait for the next step")
        return {"partner": partner, "act": act, "track": track}

    return [quarantine, rule]


def _config(source: Source) -> Plain:
    centre = source.centre()
    return {
        **clock(source),
        "land": "/api/land" if source.land() is not None else None,
        "centre": {"lat": centre[0], "lon": centre[1], "zoom": centre[2]} if centre else None,
        "languages": LANGUAGES,
        "sorts": picture.SORTS,
    }


def _live(hub: Hub) -> Any:
    @websocket("/ws")
    async def live(socket: WebSocket[Any, Any, Any]) -> None:
        if hub.clients >= MOST_CLIENTS:
            await socket.close(code=1013, reason="too many screens")
            return
        await socket.accept()
        hub.clients += 1
        try:
            await _until_first(_push(hub, socket), _listen(socket))
        finally:
            hub.clients -= 1

    return live


async def _push(hub: Hub, socket: WebSocket[Any, Any, Any]) -> None:
    sent = Sent()
    while (news := await hub.frames(sent)) is not None:
        frames, sent = news
        for frame in frames:
            await socket.send_data(frame, mode="text" if isinstance(frame, str) else "binary")
    await socket.close(code=1012)


async def _listen(socket: WebSocket[Any, Any, Any]) -> None:
    """A browser has nothing to say; reading tells us when it leaves."""
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await socket.receive_data(mode="binary")


async def _until_first(*work: Any) -> None:
    tasks = [asyncio.ensure_future(w) for w in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            with contextlib.suppress(WebSocketDisconnect):
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _pages(static: Path) -> list[Any]:
    @get("/", sync_to_thread=False, media_type=MediaType.HTML, cache_control=CacheControlHeader(no_cache=True))
    def page() -> str:
        index = static / "index.html"
        return index.read_text("utf-8") if index.is_file() else _UNBUILT

    if not (static / "assets").is_dir():
        return [page]
    forever = CacheControlHeader(max_age=31_536_000, public=True, immutable=True)
    assets = create_static_files_router(path="/assets", directories=[static / "assets"], cache_control=forever)
    return [page, assets]
