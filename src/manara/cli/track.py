"""manara track: recorded feeds to tracks, offline."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from manara.cli import arguments, watch
from manara.host import address
from manara.host.problems import BadInput

if TYPE_CHECKING:
    from manara.records.inputs import Views

ASTERIX = ("asterix", "final", "pcap")  # formats in which an edition may be wrong


def add(commands: arguments.Commands) -> None:
    """Add the command."""
    track = arguments.command(
        commands, "track", "recorded feeds to tracks, offline", "manara track harbour.nmea --out tracks.parquet"
    )
    arguments.sources(track, arguments.FILES)
    track.add_argument("--out", type=Path, required=True, metavar="TRACKS.parquet", help="Parquet file of track states")
    track.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Track, and say how many tracks of how many identities there were."""
    from manara.host import offline, recording

    _check_paths(args.source, args.out)
    recordings, config = watch.load(args)
    seconds = (max(r.end_ns for r in recordings) - min(r.start_ns for r in recordings)) // 1_000_000_000
    tracks: set[int] = set()
    identities: dict[int, set[int]] = {}
    refused: Counter[str] = Counter()
    with arguments.progress(seconds, "s") as bar:

        def each(views: Views) -> None:
            bar.update(1)
            ids = views.tracks.track_id.tolist()
            for track_id, identity in zip(ids, views.tracks.identity.tolist(), strict=True):
                if track_id not in tracks or identity not in identities:
                    identities.setdefault(identity, set()).add(track_id)
            tracks.update(ids)
            refused.update(views.refused)

        last = offline.run(config, recording.windows(recordings), args.out, each)
    _say(last, tracks, identities, refused, args.out)
    return 0


def _check_paths(named: list[str], out: Path) -> None:
    """Before minutes of work: files to read, and a folder to write to. Raises BadInput."""
    for url in named:
        if address.parse(url).scheme != "file":
            raise BadInput("is live, and tracking offline needs an end", url, "name a file, or use manara watch")
    if not out.absolute().parent.is_dir():
        raise BadInput("its folder does not exist", str(out), "make it first")
    if out.is_dir():
        raise BadInput("is a folder", str(out), "name a file, e.g. tracks.parquet")


def _say(last: Views, tracks: set[int], identities: dict[int, set[int]], refused: Counter[str], out: Path) -> None:
    named = {identity: ids for identity, ids in identities.items() if identity}
    single = sum(len(ids) == 1 for ids in named.values())
    share = f" ({100 * single / len(named):.1f} %)" if named else ""
    print(
        f"{len(tracks):,} tracks"
        + (f"; {len(named):,} identities, of which {single:,} are one track each{share}" if named else "")
    )
    for feed in last.health:
        reasons = ", ".join(f"{n:,} {why}" for why, n in sorted(feed.rejects.items(), key=lambda x: -x[1])[:5])
        print(
            f"{feed.name}: {feed.records_total:,} records, {feed.rejects_total:,} rejects"
            + (f" ({reasons})" if reasons else "")
        )
        if feed.format in ASTERIX and feed.rejects_total * 10 > feed.records_total + feed.rejects_total:
            print(f"{feed.name}: {arguments.EDITION_DOUBT}")
    if refused:
        print("not used by tracking: " + ", ".join(f"{n:,} {why}" for why, n in refused.most_common()))
    print(f"written to {out}")
