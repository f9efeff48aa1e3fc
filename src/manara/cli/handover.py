"""manara partner handover: offer a partner a track at the border, answer its offers, and see who answers for what."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from manara.cli import arguments, handing
from manara.host.problems import BadInput

if TYPE_CHECKING:
    from manara.records.handovers import Handover, Handovers

WAIT_S = 120


def add(inner: arguments.Commands) -> None:
    """Add the command."""
    top = arguments.command(
        inner, "handover", "hand a track over at a border", "manara partner handover list --node arvena.toml"
    )
    below = top.add_subparsers(dest="act", required=True, metavar="list|offer|accept|decline")
    who = "--node arvena.toml --person arvena.watch --key watch.key"
    offer = arguments.command(
        below, "offer", "offer a partner a track that it was told of", f"manara partner handover offer belora 71 {who}"
    )
    offer.add_argument("partner", metavar="ID", help="to whom")
    offer.add_argument("track", metavar="TRACK", type=_number, help="its id in our picture, or the partner's number")
    offer.add_argument("--area", default="", metavar="AREA", help="the partner's area that it enters")
    offer.add_argument(
        "--answer-within", type=_seconds, default=WAIT_S, metavar="S", help=f"seconds until it is overdue ({WAIT_S})"
    )  # fmt: skip
    _more(offer)
    for act in ("accept", "decline"):
        one = arguments.command(
            below, act, f"{act} what a partner offers",
            f"manara partner handover {act} 3f9a {who.replace('arvena', 'belora')}",
        )  # fmt: skip
        one.add_argument("offer", metavar="OFFER", help="its hash, as list shows it; as much of it as is enough")
        _more(one)
    listed = arguments.command(
        below, "list", "what was offered, who answers for it, and what is about to enter a partner's area",
        "manara partner handover list --node arvena.toml",
    )  # fmt: skip
    handing.node_options(listed)
    listed.add_argument("--json", action="store_true", help="as JSON")
    listed.set_defaults(run=run_list)


def _more(one: argparse.ArgumentParser) -> None:
    one.add_argument("--reason", default="", metavar="TEXT", help="for the other side, and for the record")
    handing.node_options(one)
    handing.person_options(one)
    one.add_argument("--wait", type=float, default=10.0, metavar="S", help="seconds to wait for the node (10)")
    one.add_argument("--json", action="store_true", help="the answer as JSON")
    one.set_defaults(run=run, statement=None)


def _number(said: str) -> int:
    if not said.isascii() or not said.isdecimal() or int(said) >= 1 << 64:
        raise argparse.ArgumentTypeError(f"not a track: {said[:40]!r}")
    return int(said)


def _seconds(said: str) -> int:
    if not said.isascii() or not said.isdecimal() or not 1 <= int(said) <= 86_400:
        raise argparse.ArgumentTypeError(f"not a number of seconds up to 86,400: {said[:40]!r}")
    return int(said)


def run(args: argparse.Namespace) -> int:
    """Make the statement, sign it, hand it in."""
    from manara.host import commands
    from manara.release.statements import HandoverDecide, HandoverOffer

    at, reason = handing.home(args), handing.reason(args)
    wanted: HandoverOffer | HandoverDecide
    if args.act == "offer":
        if at.directory.partner(args.partner) is None or args.partner == at.own:
            raise BadInput(f"{args.partner} is no other partner of the directory", "offer")
        stream = f"{at.own}>{args.partner}"
        last = commands.standings(at.folder).heads.get(f"handover/{stream}", "")
        wanted = HandoverOffer(
            stream=stream, track=str(args.track), area=args.area, wait_s=str(args.answer_within), reason=reason,
            after=last, nonce=handing.nonce(),
        )  # fmt: skip
    else:
        one = _found(commands.handovers(at.folder)[0], args.offer, at.own)
        wanted = HandoverDecide(stream=one.stream, offer=one.id, answer=args.act, reason=reason, nonce=handing.nonce())
    return handing.tell(args, [handing.hand_in(args, at, wanted, {})])


def _found(shown: Handovers, begins: str, own: str) -> Handover:
    there = [one for one in shown.all if one.stream.endswith(f">{own}") and one.id.startswith(begins.lower())]
    if len(there) != 1 or not begins:
        raise BadInput(
            f"{len(there)} offers begin with {begins[:64]!r}", "OFFER", "see manara partner handover list --node …"
        )
    return there[0]


def run_list(args: argparse.Namespace) -> int:
    """Print what the node last said; 1 where there is nothing."""
    from manara.host import commands

    at = handing.home(args)
    shown, said_ns = commands.handovers(at.folder)
    if args.json:
        import json

        from msgspec import to_builtins

        print(json.dumps({"time_ns": said_ns, **to_builtins(shown)}, ensure_ascii=False))
        return 0 if shown.all or shown.proposals else 1
    now_ns = max(said_ns, time.time_ns())
    for one in shown.all:
        print(_line(one, at.own, now_ns))
    for soon in shown.proposals:
        print(
            f"propose  track {soon.track}: about to enter {soon.area} of {soon.partner} in {soon.in_s / 60:.0f} min "
            f"({soon.probability:.0%})"
        )
    for no in shown.turned:
        print(f"refused  track {no.track} ({no.partner}): {no.why}: {no.sentence}")
    if not shown.all and not shown.proposals:
        print("nothing is offered, and nothing is about to cross")
    return 0 if shown.all or shown.proposals else 1


def _line(one: Handover, own: str, now_ns: int) -> str:
    releaser, _, recipient = one.stream.partition(">")
    way = f"to {recipient}" if releaser == own else f"from {releaser}"
    state = one.at(now_ns)
    if state == "accepted" and recipient == own and not one.confirmed:
        state = "accepted (its releaser has not confirmed yet)"
    more = f": {one.why}" if one.why else f": {one.reason}" if one.reason else ""
    by = f" by {one.by}" if one.by else ""
    track = f"number {one.number}, our track {one.track or '–'}"
    return f"{one.id[:8]}  {way}, {track}: {state}{by}{more}; {one.responsible} answers for it"
