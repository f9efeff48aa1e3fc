"""Arguments that several commands share, and how they are read."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from manara.host.problems import BadInput

if TYPE_CHECKING:
    from manara.records.sensors import Sensor

EDITION_DOUBT = "more than a tenth was refused: is the edition right? (--edition CAT=ED)"

EXITS = "exit codes: 0 done, 1 the answer is no, 2 bad input: one line says what, where and what to do"
_BARS: list[str] = []  # units of the progress bars of the command that runs
Commands = Any  # argparse keeps the type of subparsers to itself


def command(commands: Commands, name: str, summary: str, example: str) -> argparse.ArgumentParser:
    """One command with its summary and an example in its help."""
    made: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=summary,
        epilog=f"{EXITS}\nexample: {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return made


FILES = "files, gzip or not"
FILES_OR_LIVE = f"{FILES}; or live: -, udp://[group@]host:port, tcp://…, tcp-listen://…, serial:///dev/…"


def sources(parser: argparse.ArgumentParser, what: str) -> None:
    """SOURCE... with what says how to read them."""
    parser.add_argument("source", metavar="SOURCE", nargs="+", help=what)
    parser.add_argument("--format", default="auto", metavar="F", help="format of all sources; default: guessed")
    parser.add_argument("--sensors", type=Path, metavar="FILE", help="TOML file of [[sensor]] tables: sites and noise")
    edition(parser)
    parser.add_argument(
        "--date", default="", metavar="DAY", help="day of recordings that hold only a time of day, YYYY-MM-DD"
    )
    parser.add_argument("--receiver", default="", metavar="LAT,LON", help="where the receiver stands, degrees")


def edition(parser: argparse.ArgumentParser) -> None:
    """--edition CAT=ED, repeatable."""
    parser.add_argument(
        "--edition",
        action="append",
        default=[],
        metavar="CAT=ED",
        help="ASTERIX edition, e.g. 021=0.23; also beast=gps, sbs=+03:00",
    )


def desk(parser: argparse.ArgumentParser) -> None:
    """--port and --no-browser."""
    parser.add_argument(
        "--port", type=int, default=8777, metavar="P", help="port of the desk on 127.0.0.1 (default 8777)"
    )
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")


def editions(said: list[str]) -> dict[str, str]:
    """{"021": "0.23"} from ["021=0.23"]. Raises BadInput.

    >>> editions(["21=0.23", "048=1.31", "beast=gps"])
    {'021': '0.23', '048': '1.31', 'beast': 'gps'}
    """
    found: dict[str, str] = {}
    for one in said:
        category, sign, wanted = one.partition("=")
        if not sign or not wanted or not (category.isdecimal() or category in ("beast", "sbs")):
            raise BadInput(f"not an edition: {one!r}", "--edition", "write CAT=ED, e.g. 021=0.23")
        found[f"{int(category):03d}" if category.isdecimal() else category] = wanted
    if found:
        _check_editions(found)
    return found


def _check_editions(found: dict[str, str]) -> None:
    from manara.feeds.asterix.definitions import editions_of

    try:
        editions_of(found)
    except ValueError as fault:
        raise BadInput(str(fault), "--edition") from None


def receiver(said: str) -> tuple[float, float]:
    """Latitude and longitude in degrees; NaN when not said. Raises BadInput."""
    if not said:
        return float("nan"), float("nan")
    try:
        lat_deg, lon_deg = (float(x) for x in said.split(","))
    except ValueError:
        raise BadInput(f"not a position: {said!r}", "--receiver", "write LAT,LON in degrees") from None
    if not (abs(lat_deg) <= 90 and abs(lon_deg) <= 180):
        raise BadInput(f"not on Earth: {said!r}", "--receiver", "latitude -90 to 90, longitude -180 to 180")
    return lat_deg, lon_deg


def sensors(path: Path | None) -> tuple[Sensor, ...]:
    """The sensors file, if one is named."""
    if path is None:
        return ()
    from manara.host import config

    return config.sensors(path)


@contextmanager
def patience(what: str, after_s: float = 2.0) -> Iterator[None]:
    """A line on standard error that says what takes so long, on a terminal, when it takes more than two seconds; not
    where a progress bar has been shown."""
    import sys
    import threading

    def say() -> None:
        if not _BARS:
            print(f"manara {what} …", file=sys.stderr, flush=True)

    timer = threading.Timer(after_s, say)
    timer.daemon = True
    if sys.stderr.isatty():
        timer.start()
    try:
        yield
    finally:
        timer.cancel()
        _BARS.clear()


def progress(total: int, unit: str) -> Any:
    """A progress bar on standard error, shown only on a terminal and only when it takes more than two seconds."""
    import sys

    from tqdm import tqdm

    _BARS.append(unit)

    return tqdm(total=total, unit=unit, unit_scale=True, delay=2.0, leave=False, disable=not sys.stderr.isatty())


def feed_configs(args: argparse.Namespace, urls: list[str]) -> tuple[Any, ...]:
    """One FeedConfig for each source, named after it. Raises BadInput."""
    from manara.feeds import formats
    from manara.records.sensors import FeedConfig

    if not formats.names(args.format):
        raise BadInput(f"unknown format {args.format!r}", "--format", f"one of {', '.join(formats.table())}")
    lat_deg, lon_deg = receiver(args.receiver)
    taken: dict[str, int] = {}
    made = []
    for url in urls:
        name = url.rstrip("/").rsplit("/", 1)[-1] if "://" not in url else url
        taken[name] = taken.get(name, 0) + 1
        made.append(
            FeedConfig(
                name=name if taken[name] == 1 else f"{name} ({taken[name]})",
                url=url,
                format=args.format,
                editions=editions(args.edition),
                receiver_lat_deg=lat_deg,
                receiver_lon_deg=lon_deg,
            )
        )
    return tuple(made)
