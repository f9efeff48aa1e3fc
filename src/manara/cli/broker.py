"""manara partner broker: two partners without a link come to know each other, and a third carries, unread."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from manara.cli import arguments
from manara.host.problems import BadInput

if TYPE_CHECKING:
    from manara.host.broker_keys import AliasCard
    from manara.records.brokered import Brokered
    from manara.records.config import NodeConfig
    from manara.records.directory import Directory

_EXAMPLE = "manara partner broker invite arvena.toml delmara --out arvena.alias"


def add(inner: arguments.Commands) -> None:
    """Add the command below ``manara partner``."""
    top = arguments.command(inner, "broker", "a partner without a link, through a third that cannot read", _EXAMPLE)
    steps = top.add_subparsers(dest="step", required=True, metavar="invite|accept|confirm")
    invite = arguments.command(steps, "invite", "make keys for the relation, and a card", _EXAMPLE)
    invite.add_argument("config", metavar="CONFIG.toml", type=Path, help="the node's configuration, with [[broker]]")
    invite.add_argument("partner", metavar="ID", help="the other end")
    invite.add_argument("--out", metavar="CARD", type=Path, required=True, help="the card to send, over any channel")
    invite.set_defaults(run=run_invite)
    example = "manara partner broker accept delmara.toml arvena.alias --reply delmara.alias"
    accept = arguments.command(steps, "accept", "take the other end's card", example)
    accept.add_argument("config", metavar="CONFIG.toml", type=Path, help="the node's configuration, with [[broker]]")
    accept.add_argument("card", metavar="CARD", type=Path, help="the card that came")
    accept.add_argument("--reply", metavar="CARD", type=Path, help="who was invited: the card to send back")
    accept.set_defaults(run=run_accept)
    example = "manara partner broker confirm arvena.toml delmara --fingerprint '7fd2 87b6 …'"
    confirm = arguments.command(steps, "confirm", "once two people have compared the fingerprint", example)
    confirm.add_argument("config", metavar="CONFIG.toml", type=Path, help="the node's configuration, with [[broker]]")
    confirm.add_argument("partner", metavar="ID", help="the other end")
    confirm.add_argument("--fingerprint", default="", metavar="DIGITS", help="as the other side read it out")
    confirm.set_defaults(run=run_confirm)


def _opted(path: Path, partner: str) -> tuple[NodeConfig, Brokered, Path]:
    """The configuration, its table for this partner, and where the relation's keys lie."""
    from manara.host import broker_keys, config

    loaded = config.node_config(path)
    said = next((one for one in loaded.broker if one.partner == partner), None)
    if said is None:
        raise BadInput(
            f"no [[broker]] for {partner}", str(path), f'opt in first: [[broker]] via = "…", partner = "{partner}"'
        )
    return loaded, said, broker_keys.folder_of(loaded, path.parent, partner)


def run_invite(args: argparse.Namespace) -> int:
    """Write the card."""
    from manara.host import broker_keys, directory, files

    loaded, said, folder = _opted(args.config, args.partner)
    listed = directory.load(args.config.parent / loaded.directory).directory
    if args.out.exists():
        raise BadInput("is there already", str(args.out), "choose another name")
    files.write_new(args.out, broker_keys.make_card(folder, listed, loaded.partner))
    print(f"{args.out}: send it to {args.partner}, over any channel, also through {said.via}; nothing in it is secret")
    print(f"they answer with a card of their own, then: manara partner broker accept {args.config} REPLY")
    return 0


def run_accept(args: argparse.Namespace) -> int:
    """Keep the card, and the partner in the directory; who was invited answers."""
    import hashlib

    from manara.host import broker_keys, directory, files

    theirs, card = broker_keys.read_card(args.card)
    loaded, said, folder = _opted(args.config, card.partner.id)
    place = args.config.parent / loaded.directory
    listed = directory.load(place).directory
    made = _known(listed, card)
    if args.reply is not None:
        if card.answers:
            raise BadInput("is an answer, not an invitation", str(args.card), "who invited gives no --reply")
        if args.reply.exists():
            raise BadInput("is there already", str(args.reply), "choose another name")
        files.write_new(args.reply, broker_keys.make_card(folder, listed, loaded.partner, theirs))
        print(f"{args.reply}: send it back")
    else:
        ours, _ = broker_keys.read_card(folder / "ours.card")
        if card.answers != hashlib.sha256(ours).hexdigest():
            raise BadInput("does not answer our invitation", str(args.card), "ask for a card that does")
    broker_keys.keep_card(folder, theirs)
    if made is not listed:
        directory.write(place, made)
        print(f"{card.partner.id} ({card.partner.name}) is in {place}, version {made.version}, without an address")
    _tell(args.config, said, folder)
    return 0


def _known(listed: Directory, card: AliasCard) -> Directory:
    """The directory with the other end in it. Raises BadInput where it stands there with other keys."""
    from manara.host import broker_keys, meeting

    old = listed.partner(card.partner.id)
    if old is not None and broker_keys.unreachable(old) == card.partner:
        return listed
    met = meeting.Card(
        nonce=card.nonce, version=card.version, partner=card.partner, persons=card.persons, areas=card.areas
    )
    return meeting.joined(listed, met, {})


def _tell(config: Path, said: Brokered, folder: Path) -> None:
    from manara.host import broker_keys

    relation = broker_keys.load(folder, said.partner)
    print(f"for the configuration of {said.via}: {relation.alias} is our alias, {relation.theirs.alias} theirs")
    if relation.verified:
        return
    print(f"unverified: until the fingerprint is compared, {said.via} could read it; it carries warnings only")
    print(f"fingerprint: {broker_keys.fingerprint(folder)}")
    print(f"Let the other side read theirs to you over a channel that {said.via} does not carry. If both are the same:")
    print(f"manara partner broker confirm {config} {said.partner} --fingerprint DIGITS, and start the node again")


def run_confirm(args: argparse.Namespace) -> int:
    """Compare the fingerprint with what was read out."""
    from manara.host import broker_keys

    _, said, folder = _opted(args.config, args.partner)
    broker_keys.load(folder, args.partner)
    if not args.fingerprint:
        _tell(args.config, said, folder)
        return 0
    if not broker_keys.confirm(folder, args.fingerprint):
        print(
            f"manara: the fingerprints differ; here it is {broker_keys.fingerprint(folder)}. Whoever carried the cards "
            f"may have exchanged the keys, and {said.via} could then read all. Nothing is confirmed.",
            file=sys.stderr,
        )
        return 1
    print(f"{args.partner} is confirmed: from its next start on this node tells it what agreements let it have")
    return 0
