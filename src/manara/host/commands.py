"""The spool: where persons hand in signed statements, and where the node's answers lie.

::

    <node folder>/commands/NAME.json            handed in, whole, waiting for the node; removed once answered
                           answers/NAME.json    what became of it; the newest thousand are kept, and 200 of partners'
                           aside/NAME           what was no statement at all, with NAME.why beside it
                           standings.json       how agreements stand, as the node last said
                           handovers.json       what was offered to and by partners, and what might be

A command is removed only when its answer is written: after a crash it is taken again, and a statement that was applied
before is recognised by its hash. Who may write into the folder can hand in nothing that persons have not signed.
"""

from __future__ import annotations

import contextlib
import re
import stat
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from manara.host import files
from manara.host.problems import BadInput
from manara.records.handovers import Handovers
from manara.records.inputs import Command
from manara.release import standing
from manara.release.standing import Standings
from manara.release.statements import ENVELOPE_BYTES

FILE_BYTES = 4 << 20
ATTACHMENTS_MAX = 4
TAKEN_MAX = 64  # commands of one turn; the others wait
ASIDE_MAX = 256
ANSWERS_MAX = 1_000  # of what persons handed in here
FOREIGN = "from-"  # how names of partners' statements begin (host/door.py)
FOREIGN_MAX = 200  # answers to those: they take no place from our own
_OURS = ("standings.json", "handovers.json")  # what the node says itself
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,100}")


class Offered(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A command as it lies in the spool. ``attachments``: documents with their signatures behind them."""

    envelope: str
    attachments: tuple[bytes, ...] = ()


class Answered(msgspec.Struct, frozen=True):
    """What became of a command: ``refusal`` is "" when it was done, else a slug; ``detail`` a sentence."""

    name: str
    refusal: str
    detail: str = ""


def spool(folder: Path) -> Path:
    """The spool of a node's folder, made when it is not there. Raises BadInput."""
    place = folder / "commands"
    try:
        for one in (place, place / "answers", place / "aside"):
            one.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as fault:
        raise BadInput(f"no place for commands: {fault.strerror}", str(place), "name the node's folder") from None
    return place


def offer(folder: Path, name: str, envelope: bytes, attachments: tuple[bytes, ...] = ()) -> None:
    """Hand in a signed statement. It is there whole or not at all. Raises BadInput."""
    if not _NAME.fullmatch(name) or name.startswith(FOREIGN):
        hint = f"lower case, digits, - and ., not {FOREIGN}…: so partners' are called"
        raise BadInput(f"{name!r} is no name for a command", str(folder), hint)
    if len(envelope) > ENVELOPE_BYTES or len(attachments) > ATTACHMENTS_MAX:
        raise BadInput("the statement is too large", name)
    written = msgspec.json.encode(Offered(envelope=envelope.decode("utf-8"), attachments=attachments))
    if len(written) > FILE_BYTES:
        raise BadInput("the documents are too large", name)
    place = spool(folder)
    with contextlib.suppress(FileNotFoundError):
        (place / "answers" / f"{name}.json").unlink()
    files.write(place / f"{name}.json", written, private=True)


def take(folder: Path, now_ns: int, taken: frozenset[str] | set[str] = frozenset()) -> tuple[Command, ...]:
    """The commands that wait, the oldest first; those whose names are in ``taken`` are in work already. What is no
    command is moved aside and answered."""
    found = []
    for path in _waiting(folder):
        if path.stem in taken:
            continue
        read = _read(path)
        if isinstance(read, str):
            _aside(folder, path, read)
        else:
            found.append(Command(path.stem, read.envelope.encode("utf-8"), now_ns, read.attachments))
        if len(found) >= TAKEN_MAX:
            break
    return tuple(found)


def _waiting(folder: Path) -> list[Path]:
    try:
        there = [(path.lstat().st_mtime_ns, path) for path in (folder / "commands").iterdir() if path.suffix == ".json"]
    except OSError:
        return []  # no spool yet, or a file that went while we looked: the next turn sees
    return [path for _, path in sorted(there) if path.name not in _OURS and not path.name.startswith(".")]


def _read(path: Path) -> Offered | str:
    """The command in a file, or why it is none."""
    try:
        if not _NAME.fullmatch(path.stem):
            return "not a name for a command"
        if not stat.S_ISREG(path.lstat().st_mode):
            return "not a file"
        read = msgspec.json.decode(files.read(path, FILE_BYTES), type=Offered)
    except (msgspec.MsgspecError, RecursionError, UnicodeError, BadInput, OSError) as fault:
        return f"not a command: {fault}"
    if len(read.envelope.encode("utf-8", "replace")) > ENVELOPE_BYTES or len(read.attachments) > ATTACHMENTS_MAX:
        return "larger than a statement may be"
    return read


def _aside(folder: Path, path: Path, why: str) -> None:
    place = folder / "commands" / "aside"
    with contextlib.suppress(OSError, BadInput):
        place.mkdir(exist_ok=True, mode=0o700)
        path.replace(place / path.name[:120])
        files.write(place / f"{path.name[:120]}.why", f"{why[:500]}\n".encode(), private=True)
        _prune(place, 2 * ASIDE_MAX)
        if _NAME.fullmatch(path.stem):
            answer(folder, path.stem, "malformed", why[:500])


def answer(folder: Path, name: str, refusal: str, detail: str = "") -> None:
    """Write what became of a command, then remove it. Answering twice does no harm. Raises BadInput."""
    place = spool(folder)
    written = msgspec.json.encode(Answered(name, refusal, detail))
    files.write(place / "answers" / f"{name}.json", written, private=True)
    with contextlib.suppress(FileNotFoundError):
        (place / f"{name}.json").unlink()
    if name.startswith(FOREIGN):
        _prune(place / "answers", FOREIGN_MAX, lambda one: one.startswith(FOREIGN))
    else:
        _prune(place / "answers", ANSWERS_MAX, lambda one: not one.startswith(FOREIGN))


def _prune(place: Path, most: int, among: Callable[[str], bool] = lambda _: True) -> None:
    with contextlib.suppress(OSError):
        there = sorted((path.lstat().st_mtime_ns, path) for path in place.iterdir() if among(path.name))
        for _, path in there[: max(len(there) - most, 0)]:
            path.unlink()


def answered(folder: Path, name: str) -> Answered | None:
    """The answer to a command, if there is one."""
    try:
        return msgspec.json.decode((folder / "commands" / "answers" / f"{name}.json").read_bytes(), type=Answered)
    except (OSError, msgspec.MsgspecError):
        return None


def wait_answer(folder: Path, name: str, timeout_s: float) -> Answered | None:
    """The answer, waited for; None when the node did not answer in time."""
    until = time.monotonic() + timeout_s
    while (found := answered(folder, name)) is None and time.monotonic() < until:
        time.sleep(0.05)
    return found


def publish(folder: Path, standings: Standings) -> None:
    """Tell the command line how agreements stand: whoever signs next must name the last statement."""
    files.write(spool(folder) / "standings.json", msgspec.json.encode(standing.dump(standings)), private=True)


def publish_handovers(folder: Path, shown: Handovers, now_ns: int) -> None:
    """Tell the command line what was offered, answered and proposed."""
    written = msgspec.json.encode({"time_ns": now_ns, "handovers": shown})
    files.write(spool(folder) / "handovers.json", written, private=True)


def handovers(folder: Path) -> tuple[Handovers, int]:
    """What the node last said of hand-overs, and when. Raises BadInput where the file is damaged."""
    path = folder / "commands" / "handovers.json"
    if not path.exists():
        return Handovers(), 0
    try:
        read = msgspec.json.decode(files.read(path, 64 << 20), type=_Published)
    except (msgspec.MsgspecError, RecursionError) as fault:
        raise BadInput(f"damaged: {fault}", str(path), "it is written anew when the node runs") from None
    return read.handovers, read.time_ns


class _Published(msgspec.Struct, frozen=True):
    time_ns: int
    handovers: Handovers


def standings(folder: Path) -> Standings:
    """How agreements stood when the node last said. Raises BadInput where the file is damaged."""
    path = folder / "commands" / "standings.json"
    if not path.exists():
        return standing.init()
    try:
        return standing.load(msgspec.json.decode(files.read(path, 64 << 20)))
    except (msgspec.MsgspecError, RecursionError) as fault:
        raise BadInput(f"damaged: {fault}", str(path), "it is written anew when the node runs") from None
