"""A desk on a free port with seeded craft, and a browser that draws in software."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest
from tests.conftest import missing
from tests.doubles.desk_source import FakeSource

from manara.desk.app import STATIC
from manara.desk.serve import serve

CHROMIUM_ARGS = [
    "--no-sandbox",
    "--ignore-gpu-blocklist",
    "--enable-unsafe-swiftshader",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--disable-background-networking",
]


class LiveDesk:
    """A desk in a thread of its own: the browser's driver occupies the test's thread."""

    def __init__(self, source: FakeSource) -> None:
        self.source = source
        self.port = 0
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._tasks: list[asyncio.Task[None]] = []
        self.start()

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def pause(self) -> None:
        """The node stops stepping; the connection stays."""
        self._loop.call_soon_threadsafe(self._tasks[1].cancel)

    def stop(self) -> None:
        if self._loop.is_closed():
            return
        for task in self._tasks:
            self._loop.call_soon_threadsafe(task.cancel)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        serving = self._loop.create_task(serve(self.source, "127.0.0.1", 0, started=self._started))
        stepping = self._loop.create_task(self.source.run())
        self._tasks = [serving, stepping]
        self._loop.run_until_complete(asyncio.gather(serving, stepping, return_exceptions=True))
        self._loop.close()

    def _started(self, port: int) -> None:
        self.port = port
        self._ready.set()


@pytest.fixture
def live() -> Iterator[Callable[..., LiveDesk]]:
    if not (STATIC / "index.html").is_file():
        missing("the desk's pages are not built: make install")
    made: list[LiveDesk] = []

    def make(n: int = 120, source: FakeSource | None = None, **changes: object) -> LiveDesk:
        source = source or FakeSource(n)
        for name, value in changes.items():
            setattr(source, name, value)
        made.append(LiveDesk(source))
        return made[-1]

    yield make
    for desk in made:
        desk.stop()


@pytest.fixture(scope="module")
def chromium(tool: Callable[[str], str]) -> Iterator[object]:
    """One browser for a module. Its driver keeps an event loop running in this thread: no longer than that, since
    tests of other modules call asyncio.run."""
    path = tool("chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: object, live: Callable[..., LiveDesk]) -> Iterator[object]:
    """A page whose errors fail the test: an exception, a refused resource, a word on the console's error channel.

    It depends on ``live`` so that it closes before its desk does.
    """
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, timezone_id="UTC", locale="en-GB")
    context.set_default_timeout(30_000)
    made = context.new_page()
    made.errors = []
    made.on("pageerror", lambda error: made.errors.append(str(error)))
    made.on("console", lambda said: made.errors.append(said.text) if said.type == "error" else None)
    yield made
    context.close()
    assert made.errors == []
