"""Our log before its witnesses: each is shown the newest checkpoint, again and again, and its cosignature is taken.

::

    first answer of all (or five seconds) ─▶ we may sign
    the log grew ─▶ newest checkpoint ─▶ POST add-checkpoint ─▶ 200: cosignature ─▶ log, step
                                              │ 409: what the witness has seen last; from there the proof is made
                                              └ any no ─▶ GET what it holds of ours ─▶ signed by us, and not our past?
                                                            yes: we must not sign   no: its word does not count

A partner's node is asked over its link; a neutral witness at its own address. Delivery never waits for either.
A no alone stops nothing, else anybody could stop a log by a word: only a checkpoint that our own key signed does.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Awaitable, Callable

import aiohttp

from manara.host.log_store import LogStore
from manara.ledger import checkpoint, cosign, note, witness
from manara.records.inputs import Input, Refused, Witnessed

SHOW_S = 1.0  # a checkpoint that a witness has not taken is shown again so often
PAUSE_S = 0.2  # at least, between two checkpoints: those of a faster pace are one for it
ASK_S = 5.0  # how long the first signature waits for the witnesses' word
ANSWER_BYTES = 16 << 10
UNREACHABLE = 0  # as a status
WITNESS = "manara-witness/"  # how the names of partners' witnesses begin

Post = Callable[[bytes], Awaitable[tuple[int, bytes]]]
"""Hand a body to a witness's add-checkpoint: status and answer; UNREACHABLE when it cannot be reached."""

Holds = Callable[[], Awaitable[bytes]]
"""Ask a witness for the newest checkpoint of our log that it holds, a signed note; b"" where it shows none."""


async def shows_nothing() -> bytes:
    """A witness that can be asked for sizes only."""
    return b""


class Witnessing:
    """One log and those who witness it. ``offer``: hands an input to the next step."""

    def __init__(self, log: LogStore, offer: Callable[[Input], None], now_ns: Callable[[], int]) -> None:
        self._log, self._offer, self._now_ns = log, offer, now_ns
        self._silent: set[str] = set()
        self._asked = threading.Event()
        self._news: set[asyncio.Event] = set()
        self._doubtful: set[str] = set()  # witnesses that said no and showed nothing for it

    def grown(self) -> None:
        """The log has a new checkpoint. On the event loop; nobody waits here."""
        for one in self._news:
            one.set()

    def expect(self, name: str) -> None:
        """This witness will be asked before anything is signed."""
        self._silent.add(name)

    def wait(self) -> None:
        """Before signing: have the witnesses of a log that is not new been asked what they saw last? In the step's
        thread; a witness that cannot be reached holds nobody up for longer than five seconds."""
        if self._log.size and self._silent:
            self._asked.wait(ASK_S)
        self._silent.clear()

    async def show(self, key: note.Key, post: Post, holds: Holds = shows_nothing) -> None:
        """Look after one witness until cancelled: it is shown each checkpoint as soon as there is one, while it keeps
        up; otherwise the newest when it is ready."""
        news = asyncio.Event()
        self._news.add(news)
        try:
            epoch, shown = self._log.epoch, await self._begin(key, post, holds)
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(SHOW_S):
                        await news.wait()
                news.clear()
                newest = await asyncio.to_thread(self.newest)
                if epoch != self._log.epoch:
                    epoch, shown = self._log.epoch, 0
                if newest is not None and newest[0] > shown:
                    shown = await self._once(key, post, holds, shown, *newest)
                    await asyncio.sleep(PAUSE_S)
        finally:
            self._news.discard(news)

    async def _begin(self, key: note.Key, post: Post, holds: Holds) -> int:
        """What the witness saw last, asked before the first signature."""
        newest = await asyncio.to_thread(self.newest)
        shown = await self._once(key, post, holds, 0, *newest) if newest else 0
        self._silent.discard(key.name)
        if not self._silent:
            self._asked.set()
        return shown

    def newest(self) -> tuple[int, bytes] | None:
        """Size and text of the newest checkpoint."""
        signed = self._log.checkpoint()
        parsed = checkpoint.parse_note(signed)
        return None if isinstance(parsed, str) else (parsed[0].size, signed)

    async def _once(self, key: note.Key, post: Post, holds: Holds, shown: int, size: int, signed: bytes) -> int:
        """Show one checkpoint; gives the size that the witness has seen now, as far as is known."""
        epoch = self._log.epoch
        status, answer = await post(await asyncio.to_thread(self.request, shown, size, signed))
        if status == UNREACHABLE:
            return shown
        if status != 200:
            return await asyncio.to_thread(self._denied, key, shown, size, status, answer, await holds())
        lines = self._lines(key, signed, answer)
        if epoch != self._log.epoch:
            return 0  # what it cosigned is another log now
        await asyncio.to_thread(self._keep, size, lines)  # the log may be at work on a tick
        return self._taken(key, shown, size, lines)

    def request(self, shown: int, size: int, signed: bytes) -> bytes:
        """What a witness is shown that has last seen ``shown`` leaves: our checkpoint, and that we have only grown."""
        return witness.build_request(shown, self._log.consistency(shown, size) if 0 < shown < size else [], signed)

    def answered(
        self, key: note.Key, shown: int, size: int, signed: bytes, status: int, answer: bytes, held: bytes = b""
    ) -> int:
        """What follows from a witness's answer, all in this thread; gives the size that it has seen now, as far as is
        known. ``held``: with a no, the checkpoint of ours that it shows for it."""
        if status != 200:
            return self._denied(key, shown, size, status, answer, held)
        lines = self._lines(key, signed, answer)
        self._keep(size, lines)
        return self._taken(key, shown, size, lines)

    def _denied(self, key: note.Key, shown: int, size: int, status: int, answer: bytes, held: bytes) -> int:
        """A no. It stops the log only by a checkpoint of our own that is not our past (LogStore.behind); a no for
        which nothing is shown is a fault of the witness, and the others go on without it."""
        seen = int(answer) if status == 409 and answer.strip().isdigit() and len(answer) < 20 else -1
        if why := self._log.behind(held):
            self._offer(Refused(_who(key), "log_behind", why[:300], self._now_ns()))
            return shown
        if seen > size or seen == shown or status == 422:
            self._doubt(key, f"answers {status}{f', {seen} leaves' if seen >= 0 else ''}, where {size} are signed")
        return seen if 0 <= seen <= size else shown

    def _doubt(self, key: note.Key, said: str) -> None:
        """Said once, until it cosigns again: a liar may not fill the desk either."""
        if key.name not in self._doubtful:
            self._doubtful.add(key.name)
            why = f"{key.name} {said}, and shows nothing for it that this log has signed: its word does not count"
            self._offer(Refused(_who(key), "witness_unproven", why[:300], self._now_ns()))

    def _lines(self, key: note.Key, signed: bytes, answer: bytes) -> tuple[str, ...]:
        """A witness's lines over a checkpoint of ours; none if they do not hold."""
        lines = answer.decode("utf-8", "replace")
        parsed = note.parse(cosign.add(signed, lines, [key]))
        found = () if isinstance(parsed, str) else cosign.cosignatures(parsed, [key])
        if isinstance(found, str) or not found:
            self._offer(Refused(_who(key), "cosignature", str(found)[:300], self._now_ns()))
            return ()
        return tuple(filter(None, lines.splitlines()))

    def _keep(self, size: int, lines: tuple[str, ...]) -> None:
        for line in lines:
            self._log.add_cosignature(size, line)

    def _taken(self, key: note.Key, shown: int, size: int, lines: tuple[str, ...]) -> int:
        if not lines:
            return shown
        self._doubtful.discard(key.name)
        self._offer(Witnessed(size, (key.name,), self._now_ns()))
        return size


def _who(key: note.Key) -> str:
    """The partner whose witness it is; a neutral one by its own name.

    >>> _who(note.Key("manara-witness/belora", note.COSIGNATURE, bytes(32)))
    'belora'
    """
    return key.name.removeprefix(WITNESS)


def neutral(said: str) -> tuple[note.Key, str] | str:
    """Key and address of a neutral witness as the directory has it: its verifier key, then the address under which it
    answers (``https://…``, add-checkpoint below it); no address: it is not asked by us. Or why it is neither.

    >>> neutral("no key")
    'not a verifier key: want name+keyid+base64'
    """
    words = said.split()
    key = note.parse_vkey(words[0] if words else "")
    if isinstance(key, str):
        return key
    return key, words[1].rstrip("/") if len(words) > 1 else ""


def poster(url: str, session: aiohttp.ClientSession) -> Post:
    """Posts to a neutral witness. Its answer is believed by its signature, not by its certificate."""

    async def post(body: bytes) -> tuple[int, bytes]:
        try:
            async with session.post(f"{url}/add-checkpoint", data=body, allow_redirects=False) as got:
                return got.status, await got.content.read(ANSWER_BYTES)
        except (aiohttp.ClientError, OSError, TimeoutError, ssl.SSLError):
            return UNREACHABLE, b""

    return post
