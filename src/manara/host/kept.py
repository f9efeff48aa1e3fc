"""A node whose life is kept: journal, snapshots and recovery in one folder; and what such a folder holds."""

from __future__ import annotations

import hashlib
import platform
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import msgspec

from manara.host import bounds, received
from manara.host.clock import WallClock
from manara.host.disk import FolderDisk
from manara.host.problems import BadInput
from manara.host.sharing import Sharing
from manara.node import state as node
from manara.node.durable import journal, poison, snapshot
from manara.node.durable.disk import Disk, DiskError
from manara.node.durable.frames import About, Record, Verdict
from manara.node.durable.journal import End
from manara.node.durable.recovery import Machine
from manara.node.durable.runner import Runner
from manara.node.step import step
from manara.records.config import NodeConfig
from manara.records.inputs import Arrived, Carried, Effect, Input, Send, Stepped

PRUNE_STEPS = 600
DAY_NS = 86_400_000_000_000
CONFIG_NAME = "config.msgpack"
_PACKAGE = Path(__file__).resolve().parents[1]


def about() -> About:
    """What decides whether a replay is bit for bit the same: this build on this machine."""
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(_PACKAGE.rglob("*.py")):
        if path.relative_to(_PACKAGE).parts[0] not in ("desk", "cli", "exercise", "planning", "study"):
            digest.update(path.read_bytes())
    return About(
        build=f"{metadata.version('manara')}+{digest.hexdigest()}",
        glibc=" ".join(platform.libc_ver()),
        cpu=_cpu(),
        numba=metadata.version("numba"),
    )


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def machine(config: NodeConfig, sharing: Sharing | None = None) -> Machine[node.State]:
    """The node's step as the runner takes it. What partners sent stands in the journal by name only; its rows are put
    in here, from the store beside it."""
    secret = sharing.secret if sharing else b""
    return Machine(
        init=lambda: node.init(config, secret),
        step=step if sharing is None else lambda state, inputs, now_ns: step(state, sharing.fill(inputs), now_ns),
        dump=node.dump,
        load=lambda plain: node.load(plain, config, secret),
    )


class KeptNode:
    """A node over a folder: ``turn`` is journalled and synced before anything that it causes may leave."""

    def __init__(self, config: NodeConfig, folder: Path, sharing: Sharing | None = None) -> None:
        self._journal_days = config.journal_days
        self.begun_anew = ""  # where an earlier life was put, whose feeds or sensors were others
        try:
            self._disk = FolderDisk(folder)
            kept = self._carry(config, folder, sharing)
            self.begun_anew = self._set_aside(config, folder)
            self._disk.write_whole(CONFIG_NAME, msgspec.msgpack.encode(config))
            through = sharing.log.last_effect_id if sharing else 0
            self.runner = Runner(self._disk, machine(config, sharing), about(), done_through=through)
        except DiskError as fault:
            raise BadInput(str(fault), str(folder)) from None
        if kept and self.begun_anew:
            self.runner.offer([Carried(kept, max(self.runner.now_ns, time.time_ns()))])
        # A picture that left, or should have left, before a crash is old news to a live listener; the rest is owed.
        self.runner.done([one.effect_id for one in self.runner.waiting() if isinstance(one, Send)])
        owed = self.runner.waiting()
        if sharing is not None and sharing.perform(owed):
            self.runner.done([one.effect_id for one in owed])

    def _carry(self, config: NodeConfig, folder: Path, sharing: Sharing | None) -> bytes:
        """What a sharing node takes along when its feeds or sensors have changed; b"" where there is nothing."""
        if sharing is None or CONFIG_NAME not in self._disk.names():
            return b""
        old = read_config(folder)
        if meaning(old) == meaning(config):
            return b""
        runner = Runner(self._disk, machine(old, sharing), about(), done_through=sharing.log.last_effect_id)
        if runner.halted is not None:
            raise BadInput(f"what was agreed cannot be taken along: {runner.halted.detail}", str(folder))
        sharing.perform(tuple(one for one in runner.waiting() if not isinstance(one, Send)))
        return snapshot.encode_plain(node.carried(runner.state))

    def _set_aside(self, config: NodeConfig, folder: Path) -> str:
        """A journal means its feeds by number. Under other feeds or sensors it would be misread: it is moved away."""
        if CONFIG_NAME not in self._disk.names():
            return ""
        if meaning(read_config(folder)) == meaning(config):
            return ""
        place = f"before-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}"
        self._disk.close()
        (folder / place).mkdir()
        for path in folder.iterdir():
            if path.is_file() and not path.name.startswith("."):
                path.rename(folder / place / path.name)
        self._disk = FolderDisk(folder)
        return place

    def turn(self, inputs: tuple[Input, ...], now_ns: int) -> Stepped[None]:
        """One step. While the disk refuses, the last picture stands and says why."""
        refused = self.runner.offer([received.bare(one) if isinstance(one, Arrived) else one for one in inputs])
        if self.runner.halted is not None:
            self.runner.resume()
        if self.runner.sequence % PRUNE_STEPS == 1:
            prune(self._disk, self.runner, int(self._journal_days * DAY_NS), now_ns)
        result = self.runner.turn_at(now_ns)
        trouble = f"halted: {result.halted.why}: {result.halted.detail}" if result.halted else ""
        if refused:
            trouble = f"{trouble} {len(refused)} inputs dropped".strip()
        views = replace(result.views, trouble=trouble) if trouble else result.views
        return Stepped(None, result.effects, views)

    def done(self, effects: tuple[Effect, ...]) -> None:
        """These have left."""
        self.runner.done([one.effect_id for one in effects])

    def close(self) -> None:
        """End in order: a snapshot, and the lock is let go."""
        self.runner.close()
        self._disk.close()


def prune(disk: FolderDisk, runner: Runner[node.State], keep_ns: int, now_ns: int) -> list[str]:
    """Remove the journal's segments that end before ``now_ns - keep_ns``, as far as no snapshot needs them; 0: none.
    Gives the names of those removed."""
    if not keep_ns:
        return []
    try:
        old = [first for first, name in journal.segments(disk) if _begun_ns(disk, name) <= now_ns - keep_ns]
        return runner.prune(old[-1]) if old else []  # the newest of the old ones may reach into the time that is kept
    except DiskError:
        return []  # a disk that refuses is said by the step itself


def _begun_ns(disk: FolderDisk, name: str) -> int:
    header = journal.read_header(disk, name)
    return 1 << 62 if isinstance(header, str) else header.created_ns


def meaning(config: NodeConfig) -> bytes:
    """What of a configuration decides how recorded inputs are read."""
    return msgspec.msgpack.encode((config.feeds, config.sensors, config.capacity, config.stale_s))


class KeptClock(WallClock):
    """The machine's clock as a kept node's journal counts it: it goes on from where the journal stands, and what jumps
    stands in it."""

    def __init__(self, runner: Runner[node.State]) -> None:
        super().__init__(runner.now_ns, runner.jumped)


def read_config(folder: Path) -> NodeConfig:
    """The configuration under which a folder was recorded. Raises BadInput."""
    path = folder / CONFIG_NAME
    try:
        config = msgspec.msgpack.decode(path.read_bytes(), type=NodeConfig)
    except OSError as fault:
        raise BadInput(f"no recording of a node: {fault.strerror}", str(folder), "name a node's folder") from None
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError) as fault:
        raise BadInput(f"damaged: {fault}", str(path)) from None
    bounds.check(config, str(path))  # a folder may come from anybody
    return config


def open_folder(folder: Path) -> FolderDisk:
    """The disk of an existing node's folder. Raises BadInput."""
    if not folder.is_dir():
        raise BadInput("no such folder", str(folder), "name a node's folder")
    try:
        return FolderDisk(folder)
    except DiskError as fault:
        raise BadInput(fault.detail, str(folder)) from None


def windows(disk: Disk) -> Iterator[tuple[int, tuple[Input, ...]]]:
    """What each recorded step took, as it was run: poison inputs stand as skips. Raises BadInput on damage."""
    verdicts = {v.sequence: v for v in journal.read(disk) if isinstance(v, Verdict)}
    for one in journal.read(disk):
        if isinstance(one, Record):
            verdict = verdicts.get(one.sequence)
            if verdict is None:
                yield one.now_ns, one.inputs
            elif not verdict.omit:
                yield one.now_ns, poison.substitute(one, verdict.skipped)
        elif isinstance(one, End) and one.damage is not None:
            raise BadInput(f"the recording is damaged: {one.damage}", "", "what came before was shown")


def summary(disk: Disk) -> tuple[int, int, int, str]:
    """Of a recording: first and last time, number of steps, and what differs from this build and machine."""
    first_ns = last_ns = steps = 0
    for one in journal.read(disk):
        if isinstance(one, Record):
            first_ns, last_ns, steps = first_ns or one.now_ns, one.now_ns, steps + 1
    names = journal.segments(disk)
    header = journal.read_header(disk, names[0][1]) if names else "no journal"
    if isinstance(header, str):
        return first_ns, last_ns, steps, header
    mine, theirs = about(), header.about
    differs = [name for name in ("build", "glibc", "cpu", "numba") if getattr(mine, name) != getattr(theirs, name)]
    return first_ns, last_ns, steps, ", ".join(differs)
