"""Tracks for the commands that try rules on them: from a tracks file, or from a node's journal."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from manara.cli import agreement_journal
from manara.host.problems import BadInput
from manara.records import identity
from manara.records.agreement import Agreement
from manara.records.config import NodeConfig
from manara.records.directory import Directory
from manara.records.inputs import Views
from manara.records.marking import Codebook, Marking
from manara.records.reports import Flag
from manara.records.sensors import FeedConfig
from manara.records.tracks import Tracks

if TYPE_CHECKING:
    from manara.release.rules import Program

HOUR_NS = 3_600_000_000_000
STEP_NS = 300_000_000_000  # a tracks file is looked at every five minutes, a journal every minute
ALARM = Flag.EMERGENCY | Flag.DISTRESS | Flag.UNLAWFUL_INTERFERENCE


@dataclass(frozen=True, eq=False)
class Moment:
    """The picture at one time with its marking."""

    tracks: Tracks
    marking: Marking
    now_ns: int


def document(args: argparse.Namespace) -> Path:
    """The agreement that is meant: the one named, or the newest edition for the partner that lies beside the
    directory or the node's configuration. Raises BadInput."""
    from manara.host import files
    from manara.release import document as documents

    if args.agreement is not None:
        named: Path = args.agreement
        return named
    beside = args.directory or args.node
    found: list[tuple[int, Path]] = []
    for path in sorted(beside.parent.glob("*.toml")) if beside is not None else ():
        read = documents.read(files.read(path, documents.DOCUMENT_BYTES))
        if isinstance(read, documents.Document) and read.agreement.recipient == args.partner:
            found.append((read.agreement.edition, path))
    if not found:
        raise BadInput(f"no agreement for {args.partner} is found", "", "give --agreement FILE")
    return max(found)[1]


def directory_path(args: argparse.Namespace) -> Path | None:
    """The directory that is meant: the one named, or the one of the node's configuration."""
    from manara.host import config, kept

    path: Path | None = args.directory
    if path is None and args.node is not None:
        ran = args.node.is_dir()
        named = (kept.read_config if ran else config.node_config)(args.node).directory
        path = args.node.parent / named if named else None
        if ran and path is not None and not path.is_file():
            return None  # the folder was carried away from its configuration
    return path


def sources(args: argparse.Namespace, one: Agreement) -> tuple[str, ...]:
    """Names of sources that the rows may hold."""
    if args.node is not None:
        config = _node(args)[0]
        return tuple(dict.fromkeys([f.name for f in config.feeds] + [s.name for s in config.sensors]))
    return (_source(args, one),)


def _source(args: argparse.Namespace, one: Agreement) -> str:
    name = args.source or (one.sources[0] if one.sources else "recording")
    return str(name)


def _node(args: argparse.Namespace) -> tuple[NodeConfig, Path]:
    from manara.host import config, kept

    folder: Path = args.node
    if not folder.is_dir():
        loaded = config.node_config(args.node)
        folder = args.node.parent / (loaded.folder or f"{loaded.name}.node")
    if not folder.is_dir():
        raise BadInput("no such folder", str(folder), "the node has not run yet")
    return kept.read_config(folder), folder  # as it ran: the journal means its feeds by number


def last(args: argparse.Namespace, one: Agreement, book: Codebook, listed: Directory | None) -> Moment:
    """The newest picture. Raises BadInput."""
    if args.node is None:
        return _of_file(args, one, book, listed, "")
    config, folder = _node(args)
    return _seen(args, book, listed, *agreement_journal.last(folder, config))


def hour(args: argparse.Namespace, one: Agreement, book: Codebook, listed: Directory | None) -> Iterator[Moment]:
    """Pictures of the last hour. Raises BadInput."""
    if args.node is not None:
        config, folder = _node(args)
        for views, now_ns in agreement_journal.hour(folder, config):
            yield _seen(args, book, listed, views, now_ns)
        return
    end = _of_file(args, one, book, listed, "")
    for back in range(HOUR_NS // STEP_NS - 1, 0, -1):
        at = np.datetime_as_string(np.datetime64(end.now_ns - back * STEP_NS, "ns"), "us")
        yield _of_file(args, one, book, listed, f"{at}+00:00")
    yield end


def _of_file(args: argparse.Namespace, one: Agreement, book: Codebook, listed: Directory | None, at: str) -> Moment:
    from manara.host import track_file

    if args.tracks is None:
        raise BadInput("no tracks", "", "give --tracks TRACKS.parquet, or --node CONFIG.toml")
    tracks, _, now_ns = track_file.read(args.tracks, at)
    fresh = tracks.take(tracks.updated_ns > now_ns - STEP_NS)
    config = NodeConfig(partner=one.releaser, feeds=(FeedConfig(name=_source(args, one), url="-"),))
    attention = np.where((fresh.flags & ALARM) != 0, 2, 0).astype(np.uint8)
    every = fresh.replace(sources=np.where(fresh.sources != 0, np.uint64(1), np.uint64(0)))
    return Moment(fresh, _marking(every, attention, (0,), None, book, listed, config), now_ns)


def _seen(args: argparse.Namespace, book: Codebook, listed: Directory | None, views: Views, now_ns: int) -> Moment:
    """Views of the node as its own rules would see them."""
    attention = views.attention if views.attention is not None else np.zeros(len(views.tracks), np.uint8)
    config = _node(args)[0]
    return Moment(
        views.tracks, _marking(views.tracks, attention, views.sources, views.pedigree, book, listed, config), now_ns
    )


def _marking(
    tracks: Tracks,
    attention: NDArray[np.uint8],
    slots: Sequence[int],
    pedigree: NDArray[np.uint64] | None,
    book: Codebook,
    listed: Directory | None,
    config: NodeConfig,
) -> Marking:
    """As the node itself marks tracks; without a directory no place lies in a known area."""
    from manara.node.arrows import picture_to_release

    whole = listed or Directory(version=1)
    alone = np.ones(len(tracks), np.uint64) if pedigree is None else pedigree
    shown: Any = SimpleNamespace(tracks=tracks, attention=attention, pedigree=alone)
    made = picture_to_release.marking(shown, slots, book, picture_to_release.corners(whole), config)
    if listed is None:
        return made.replace(area_bits=np.full(len(tracks), 1 << 63, np.uint64))
    return made


def find(tracks: Tracks, said: str) -> NDArray[np.intp]:
    """The row of a track by its number, identity or id, shape (1,). Raises BadInput."""
    matches = np.zeros(len(tracks), np.bool_)
    if said.isdecimal():
        matches = (tracks.number == int(said)) | (tracks.track_id == min(int(said), (1 << 64) - 1))
    matches |= np.array([identity.text(int(one)) == said.upper() for one in tracks.identity], np.bool_)
    found = np.flatnonzero(matches)
    if not len(found):
        raise BadInput(f"no track {said!r} at the end of the recording", "", f"there are {len(tracks):,}")
    return found[np.argsort(tracks.time_ns[found])[-1:]]


def tally(old: Program | None, new: Program | None, moments: Iterable[Moment]) -> dict[str, Any]:
    """Tracks that would have gone before and after, and what changes for them."""
    from manara.release.diff import looser
    from manara.release.explain import DENIALS_EN
    from manara.release.rules import Denial, decide

    kinds: dict[str, set[int]] = {
        name: set() for name in ("tracks", "before", "after", "gained", "lost", "looser", "stricter")
    }
    count, withheld = 0, np.zeros(0, np.uint8)
    for one in moments:
        count += 1
        pair = [None if program is None else decide(program, one.marking, one.now_ns) for program in (old, new)]
        went = [np.zeros(len(one.tracks), np.bool_) if two is None else two.allowed for two in pair]
        rows = {"tracks": np.ones(len(one.tracks), np.bool_), "before": went[0], "after": went[1],
                "gained": went[1] & ~went[0], "lost": went[0] & ~went[1]}  # fmt: skip
        if pair[0] is not None and pair[1] is not None:
            less, more = looser(pair[0].obligations, pair[1].obligations)
            rows |= {"looser": went[0] & went[1] & less, "stricter": went[0] & went[1] & more}
        for name, where in rows.items():
            kinds[name].update(one.tracks.track_id[where].tolist())
        withheld = pair[1].denial if pair[1] is not None else withheld
    reasons = {DENIALS_EN[Denial(d)]: int((withheld == d).sum()) for d in np.unique(withheld).tolist() if d}
    return {"moments": count, **{name: len(ids) for name, ids in kinds.items()}, "withheld": reasons}
