"""manara feeds decode | encode: one feed without a node."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from manara.cli import arguments
from manara.host.problems import BadInput

if TYPE_CHECKING:
    from manara.feeds.decoder import Format, Options
    from manara.records.batch import Batch

STEP_BYTES = 1 << 20


def add(commands: arguments.Commands) -> None:
    """Add the command."""
    feeds = arguments.command(commands, "feeds", "decode or encode one feed", "manara feeds decode ais harbour.nmea")
    inner = feeds.add_subparsers(dest="what", required=True, metavar="decode|encode")
    decode = arguments.command(
        inner,
        "decode",
        "a summary by kind and reject reason",
        "manara feeds decode asterix radar.ast --edition 021=2.4",
    )
    decode.add_argument(
        "format", metavar="FORMAT", help="ais, adsb, asterix, cot, geojson, radar-nmea, one of their forms, or auto"
    )
    decode.add_argument("file", metavar="FILE", type=Path, help="a recording, gzip or not")
    decode.add_argument(
        "--json", action="store_true", help="one JSON line per record on stdout, the summary last on stderr"
    )
    decode.add_argument("--receiver", default="", metavar="LAT,LON", help="where the receiver stands, degrees")
    arguments.edition(decode)
    decode.set_defaults(run=run_decode)
    encode = arguments.command(
        inner,
        "encode",
        "tracks (Parquet of `manara track`) in a feed format",
        "manara feeds encode asterix062 tracks.parquet > out.ast",
    )
    encode.add_argument(
        "format",
        metavar="FORMAT",
        choices=["asterix062", "ais", "cot", "geojson", "sbs"],
        help="asterix062, ais, cot, geojson or sbs",
    )
    encode.add_argument("tracks", metavar="TRACKS", type=Path, help="Parquet file that `manara track` wrote")
    encode.add_argument(
        "--at", default="", metavar="TIME", help="the picture at this UTC time (ISO 8601); default: the last"
    )
    encode.set_defaults(run=run_encode)


def run_decode(args: argparse.Namespace) -> int:
    """Decode one file and say what was in it."""
    from manara.feeds import formats
    from manara.feeds.decoder import Options
    from manara.host import recording

    if str(args.file) == "-":
        raise BadInput("standard input is not read here", "-", "write it to a file, or: manara watch -")
    data = recording.read(args.file)
    if not data:
        raise BadInput("is empty", str(args.file))
    name, said = recording.settle_format(data, str(args.file), args.format)
    lat_deg, lon_deg = arguments.receiver(args.receiver)
    options = Options(editions=arguments.editions(args.edition), receiver_lat_deg=lat_deg, receiver_lon_deg=lon_deg)
    one = formats.table()[name]
    if said:
        print(said, file=sys.stderr)
    return _json(one, data, options) if args.json else _summary(one, data, options, args.file)


def _json(one: Format, data: bytes, options: Options) -> int:
    import msgspec

    from manara.records.reject import Reject

    encoder = msgspec.json.Encoder(enc_hook=_plain)
    records, rejects = 0, Counter[str]()
    out = sys.stdout.buffer
    for record in one.full(data, options):
        if isinstance(record, Reject):
            rejects[record.why] += 1
        else:
            records += 1
            out.write(encoder.encode(record) + b"\n")
    out.flush()
    print(msgspec.json.encode({"records": records, "rejects": dict(rejects)}).decode(), file=sys.stderr)
    return 0


def _plain(value: Any) -> object:
    return value.item() if hasattr(value, "item") else str(value)


def _summary(one: Format, data: bytes, options: Options, path: Path) -> int:
    import time

    batches = []
    decoder = one.new(options)
    received_ns = int(path.stat().st_mtime) * 1_000_000_000
    began = time.perf_counter()
    with arguments.progress(len(data), "bytes") as bar:
        for piece in _pieces(one, data):
            batches.append(decoder.advance(piece, received_ns, one.datagrams))
            bar.update(len(piece))
        batches.append(decoder.finish(received_ns))
    _print_summary(one, batches, time.perf_counter() - began)
    return 0


def _pieces(one: Format, data: bytes) -> list[bytes]:
    if not one.datagrams:
        return [data[at : at + STEP_BYTES] for at in range(0, len(data), STEP_BYTES)]
    begins = [0, *[end for end, _ in one.cut(data)]]
    return [data[a:b] for a, b in zip(begins, [*begins[1:], len(data)], strict=True) if b > a]


def _print_summary(one: Format, batches: list[Batch], took_s: float) -> None:
    from manara.records.batch import join

    all_of_it = join(batches)
    records = sum(all_of_it.counts.values())
    print(f"{one.title}: {records:,} records in {took_s:.2f} s")
    for kind, n in sorted(all_of_it.counts.items(), key=lambda x: (-x[1], x[0])):
        print(f"  {n:>10,}  {kind}")
    named = f"{len(all_of_it.particulars):,} particulars"
    print(f"rows: {len(all_of_it.reports):,} reports, {len(all_of_it.plots):,} plots, {named}")
    rejects = sum(all_of_it.reject_counts.values())
    share = 100 * rejects / max(records + rejects, 1)
    print(f"rejects: {rejects:,} ({share:.1f} %)")
    for why, n in sorted(all_of_it.reject_counts.items(), key=lambda x: (-x[1], x[0])):
        detail = next((r.detail for r in all_of_it.rejects if r.why == why and r.detail), "")
        print(f"  {n:>10,}  {why}" + (f"  e.g. {detail}" if detail else ""))
    if share > 10 and one.family == "asterix":
        print(arguments.EDITION_DOUBT)


def run_encode(args: argparse.Namespace) -> int:
    """Write the picture of one moment in another system's format to standard output."""
    from manara.feeds import outgoing
    from manara.host import track_file

    tracks, particulars, now_ns = track_file.read(args.tracks, args.at)
    if not len(tracks):
        when = "no track at that time" if args.at else "holds no track"
        raise BadInput(when, str(args.tracks), "choose a later --at" if args.at else "")
    for piece in outgoing.encode(args.format, tracks, particulars, now_ns):
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()
    print(f"{len(tracks):,} tracks", file=sys.stderr)
    return 0
