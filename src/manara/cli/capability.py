"""manara node capability: the register of a node, and what a person says of an entry of it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from manara.cli import arguments, handing
from manara.host.problems import BadInput

if TYPE_CHECKING:
    from manara.records.agreement import Agreement
    from manara.records.capability import Capability
    from manara.records.config import NodeConfig
    from manara.records.directory import Directory
    from manara.records.marking import Codebook, Marking

SAID = ("yes", "limited", "no", "withdrawn", "configured")


def add(inner: arguments.Commands) -> None:
    """manara node capability."""
    one = arguments.command(
        inner,
        "capability",
        "list the register, or say that an entry is available, limited, not available, or withdrawn",
        "manara node capability arvena.toml lifeboat-1 --availability no --caveat 'engine in repair' "
        "--person arvena.operational --key operational.key",
    )
    one.add_argument("config", metavar="CONFIG.toml", type=Path)
    one.add_argument("id", metavar="ID", nargs="?", default="", help="the entry; left out: list them")
    one.add_argument("--availability", choices=SAID, help="configured: take back what was said before")
    one.add_argument(
        "--until", default="", metavar="TIME", help="it holds until then, RFC 3339; default: until changed"
    )
    one.add_argument("--caveat", default="", metavar="TEXT", help="goes with the entry wherever it goes")
    one.add_argument("--caveat-ar", default="", metavar="TEXT", help="the same in Arabic")
    one.add_argument("--directory", type=Path, metavar="FILE", help="default: the one that the configuration names")
    handing.person_options(one, required=False)
    handing.statement_options(one)
    one.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """List, or sign and hand in. Raises BadInput."""
    from manara.host import config

    loaded = config.node_config(args.config)
    if not args.id:
        return _listed(args, loaded)
    if args.id not in {one.id for one in loaded.capability}:
        raise BadInput(f"no entry {args.id[:40]!r} in the register", str(args.config), "without ID they are listed")
    if not args.availability:
        raise BadInput("what is to be said of it?", args.id, f"--availability {'|'.join(SAID)}")
    if not args.person:
        raise BadInput("nobody signs", args.id, "give --person ID --key FILE; one person of this partner is enough")
    return _changed(args)


def _changed(args: argparse.Namespace) -> int:
    from manara.host import commands
    from manara.release import statements

    args.node = args.config
    at = handing.home(args)
    wanted = statements.CapabilityChange(
        id=args.id,
        availability=args.availability,
        until_ns=str(handing.time_ns(args.until, 0, "--until")),
        caveat=args.caveat,
        caveat_ar=args.caveat_ar,
        after=commands.standings(at.folder).heads.get(f"capability/{args.id}", ""),
        nonce=handing.nonce(),
    )
    sound = statements.read(statements.envelope(statements.canonical(wanted), ()))
    if isinstance(sound, statements.Refusal):
        raise BadInput(sound.sentence, "capability", "a caveat has at most 200 signs, all of them visible")
    return handing.tell(args, [handing.hand_in(args, at, wanted, {})])


def _listed(args: argparse.Namespace, loaded: NodeConfig) -> int:
    import msgspec

    if args.json:
        plain = msgspec.to_builtins(loaded.capability)
        print(json.dumps({"capability": plain, "interest": loaded.interest}, ensure_ascii=False))
        return 0
    for one in loaded.capability:
        print(_line(one))
    print(f"{len(loaded.capability)} as configured; what was said of them since stands at the desk")
    return 0


def _line(one: Capability) -> str:
    where = one.area or ("" if one.lat_deg != one.lat_deg else f"{one.lat_deg:.3f} {one.lon_deg:.3f}")
    parts = (one.id, f"{one.kind}/{one.form}", one.availability, one.name, one.owner, where, one.caveat)
    return "  ".join(part for part in parts if part)


def sources(args: argparse.Namespace, _: Agreement) -> tuple[str, ...]:
    """Names of the node's feeds and sensors. Raises BadInput."""
    loaded = _config(args)
    return tuple(dict.fromkeys([*(one.name for one in loaded.feeds), *(one.name for one in loaded.sensors)]))


def row(args: argparse.Namespace, asked: str, book: Codebook, listed: Directory | None) -> tuple[Marking, int]:
    """The marking of one configured entry, as the node itself marks it, for `agreement explain`. Raises BadInput."""
    import time

    from manara.node.arrows import picture_to_release, register_to_release
    from manara.records.directory import Directory
    from manara.release import capability

    now_ns = time.time_ns()
    stand = [one for one in capability.entries(_config(args).capability, {}, now_ns) if one.id == asked]
    if not stand:
        raise BadInput(f"no entry {asked[:40]!r} in the register", str(args.node), "see manara node capability")
    areas = picture_to_release.corners(listed or Directory(version=1))
    return register_to_release.marking(stand, book, areas, now_ns), now_ns


def _config(args: argparse.Namespace) -> NodeConfig:
    from manara.host import config, kept

    if args.node is None:
        raise BadInput("the register stands in a node's configuration", args.track, "give --node CONFIG.toml")
    return (kept.read_config if args.node.is_dir() else config.node_config)(args.node)
