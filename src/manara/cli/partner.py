"""manara partner: meet a partner, part from one, and make a person's key."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from manara.cli import arguments, broker, handing, handover
from manara.host.problems import BadInput

if TYPE_CHECKING:
    from manara.cli.handing import Home
    from manara.host.meeting import Card
    from manara.records.config import NodeConfig
    from manara.records.directory import Directory
    from manara.release.statements import AnyStatement

ALONE = (
    "With two partners only, two witnesses cannot outvote one liar: name a neutral witness that both trust "
    "(--witness NAME=VKEY), and write it into the agreements."
)


def add(commands: arguments.Commands) -> None:
    """Add the command."""
    top = arguments.command(
        commands, "partner", "meet a partner, or part", "manara partner invite arvena.toml --out a.card"
    )
    inner = top.add_subparsers(dest="what", required=True, metavar="invite|join|leave|key|handover|broker")
    _add_invite(inner)
    _add_join(inner)
    _add_leave(inner)
    _add_key(inner)
    handover.add(inner)
    broker.add(inner)


def _add_invite(inner: arguments.Commands) -> None:
    invite = arguments.command(
        inner, "invite", "write a card for the other partner", "manara partner invite arvena.toml --out arvena.card"
    )
    invite.add_argument("config", metavar="CONFIG.toml", type=Path, help="the node's configuration")
    invite.add_argument("--out", metavar="CARD", type=Path, required=True, help="the card to send")
    invite.set_defaults(run=run_invite)


def _add_join(inner: arguments.Commands) -> None:
    join = arguments.command(
        inner,
        "join",
        "take the other partner's card, once two people have compared one fingerprint",
        "manara partner join belora.toml arvena.card --reply belora.card",
    )
    join.add_argument("config", metavar="CONFIG.toml", type=Path, help="the node's configuration")
    join.add_argument("card", metavar="CARD", type=Path, help="the card that came")
    join.add_argument("--reply", metavar="CARD", type=Path, help="who was invited: the card to send back")
    join.add_argument("--invitation", metavar="CARD", type=Path, help="who invited: the card that was sent")
    join.add_argument("--fingerprint", default="", metavar="DIGITS", help="as the other side read it out")
    join.add_argument("--witness", action="append", default=[], metavar="NAME=VKEY", help="a neutral witness")
    join.set_defaults(run=run_join)


def _add_leave(inner: arguments.Commands) -> None:
    leave = arguments.command(
        inner,
        "leave",
        "suspend, recall everything, and revoke the other's keys; two persons sign",
        "manara partner leave belora --node arvena.toml --person arvena.minister --key minister.key "
        "--person arvena.chief --key chief.key",
    )
    leave.add_argument("partner", metavar="ID", help="the partner to part from")
    leave.add_argument("--reason", default="", metavar="TEXT", help="for the record")
    handing.node_options(leave)
    handing.person_options(leave)
    leave.add_argument("--wait", type=float, default=10.0, metavar="S", help="seconds to wait for the node (10)")
    leave.add_argument("--json", action="store_true", help="the answers as JSON")
    leave.set_defaults(run=run_leave, statement=None)


def _add_key(inner: arguments.Commands) -> None:
    key = arguments.command(
        inner,
        "key",
        "make a person's own key file, and the row for the directory",
        "manara partner key minister.key --person arvena.minister --name 'A. Minister' --capacity policy "
        "--directory directory.toml",
    )
    key.add_argument("out", metavar="KEYFILE", type=Path, help="the new file; readable by its owner alone")
    key.add_argument("--person", required=True, metavar="ID", help="id in the directory: partner.something")
    key.add_argument("--name", required=True, help="as it stands in agreements")
    key.add_argument("--name-ar", default="", help="the same in Arabic")
    key.add_argument("--office", default="", help="the office held")
    key.add_argument("--capacity", required=True, choices=("policy", "operational"), help="never both")
    key.add_argument("--directory", type=Path, metavar="FILE", help="write the row into this directory")
    key.set_defaults(run=run_key)


def run_invite(args: argparse.Namespace) -> int:
    """Write the card."""
    from manara.host import files, meeting

    _, own, listed = _own(args.config)
    files.write_new(args.out, meeting.card(listed, own))
    print(f"{args.out}: send it to the other partner, over any channel; nothing in it is secret")
    _tell_persons(args.out, listed, own)
    print("they answer with a card of their own, then: manara partner join CONFIG.toml REPLY --invitation", args.out)
    return 0


def _tell_persons(path: Path, listed: Directory, own: str) -> None:
    """A card that names nobody lets the other side check no signature of ours."""
    there = [one.id for one in listed.persons if one.partner == own]
    if there:
        print(f"it names {', '.join(there)}")
        return
    print(
        f"manara: {path} names no person: nobody of {own} can sign towards its reader. "
        "Make people first (manara partner key), then another card",
        file=sys.stderr,
    )


def _own(path: Path) -> tuple[NodeConfig, str, Directory]:
    """The configuration, the own id, and the directory with the own keys in it, written where they were missing."""
    from manara.host import bounds, config, directory, keys, meeting
    from manara.records.directory import Directory as Empty

    loaded = config.node_config(path)
    if not loaded.partner:
        raise BadInput("this node has no partner", str(path), "write partner = ... and directory = ...")
    place = _directory_path(path, loaded)
    before = directory.load(place).directory if place.exists() else Empty(version=0)
    found = keys.load_or_make(path.parent / loaded.keys, loaded.partner)
    after = meeting.own_partner(before, loaded.partner, found, bounds.link_url(loaded, str(path)))
    if after is not before:
        directory.write(place, after)
        print(f"{place}: version {after.version}, with the keys of {loaded.partner}", file=sys.stderr)
    return loaded, loaded.partner, after


def _directory_path(path: Path, loaded: NodeConfig) -> Path:
    return path.parent / (loaded.directory or "directory.toml")


def run_join(args: argparse.Namespace) -> int:
    """Show the fingerprint; when it is given and is the one, take the card into the directory."""
    from manara.host import directory, meeting

    if (args.reply is None) == (args.invitation is None):
        raise BadInput("which side is this?", "join", "who was invited gives --reply, who invited gives --invitation")
    theirs, card = meeting.read(args.card)  # before anything of ours is made
    loaded, own, listed = _own(args.config)
    if card.partner.id == own:
        raise BadInput("this is one's own card", str(args.card), "take the one that came from the other partner")
    pair = _pair(args, listed, own, theirs, card)
    shown = meeting.fingerprint(*pair)
    if not args.fingerprint:
        print(f"fingerprint: {shown}")
        print("Let the other side read theirs to you over another channel (a call, in person). If both are the same:")
        print(f'repeat this command with --fingerprint "{shown}"')
        return 0
    if not meeting.same(args.fingerprint, shown):
        print(f"manara: the fingerprints differ; here it is {shown}. Somebody may stand between you.", file=sys.stderr)
        return 1
    made = meeting.joined(listed, card, _witnesses(args.witness))
    directory.write(_directory_path(args.config, loaded), made)
    print(f"{card.partner.id} ({card.partner.name}) is in the directory, version {made.version}")
    if len(made.partners) == 2 and not made.witnesses:
        print(ALONE)
    return 0


def _pair(args: argparse.Namespace, listed: Directory, own: str, theirs: bytes, card: Card) -> tuple[bytes, bytes]:
    """The invitation and the reply, whichever of them is ours."""
    import hashlib

    from manara.host import files, meeting

    if args.invitation is not None:
        ours, mine = meeting.read(args.invitation)
        if mine.partner.id != own or card.answers != hashlib.sha256(ours).hexdigest():
            raise BadInput("does not answer this invitation", str(args.card), "ask for a card that does")
        return ours, theirs
    if card.answers:
        raise BadInput("is an answer, not an invitation", str(args.card), "give --invitation, the card that was sent")
    if args.reply.exists():
        ours, mine = meeting.read(args.reply)
        if mine.partner.id != own or mine.answers != hashlib.sha256(theirs).hexdigest():
            raise BadInput("is there already, and answers another card", str(args.reply), "choose another name")
        return theirs, ours
    ours = meeting.card(listed, own, theirs)
    files.write_new(args.reply, ours)
    print(f"{args.reply}: send it back")
    _tell_persons(args.reply, listed, own)
    return theirs, ours


def _witnesses(said: list[str]) -> dict[str, str]:
    found = {}
    for one in said:
        name, sign, vkey = one.partition("=")
        if not sign or vkey.count("+") < 2 or not name.isprintable() or not name:
            raise BadInput(f"not a witness: {one!r}", "--witness", "write NAME=VKEY, the witness's verifier key")
        found[name] = vkey
    return found


def run_leave(args: argparse.Namespace) -> int:
    """Suspend what stands towards the partner, recall all of it, and revoke every key of it."""
    at = handing.home(args)
    if not at.own:
        raise BadInput("whose node this is, a folder does not say", str(args.node), "give the configuration")
    if at.directory.partner(args.partner) is None or args.partner == at.own:
        raise BadInput(f"{args.partner} is no other partner of the directory", "leave")
    handed = []
    for wanted in _partings(args, at):
        handed.append(handing.hand_in(args, at, wanted, {}))
        if handed[-1].refusal in handing.NOT_ENOUGH:
            break  # what two must sign, one cannot: say it once
    return handing.tell(args, handed)


def _partings(args: argparse.Namespace, at: Home) -> list[AnyStatement]:
    from manara.host import commands
    from manara.release import standing
    from manara.release.statements import KeyRotate, Recall, Suspend

    now, reason = commands.standings(at.folder), handing.reason(args)
    made: list[AnyStatement] = [
        Suspend(agreement=one.agreement, reason=reason, after=one.last, nonce=handing.nonce())
        for one in now.agreements.values()
        if {one.releaser, one.recipient} == {at.own, args.partner} and one.phase != "suspended"
    ]
    stream = f"{at.own}>{args.partner}"
    made.append(
        Recall(
            stream=stream,
            tracks=("all",),
            to_ns=str((1 << 63) - 1),  # whatever the clocks say
            reason=reason,
            after=now.heads.get(f"recall/{stream}", ""),
            nonce=handing.nonce(),
        )
    )
    partner = at.directory.partner(args.partner)
    for purpose in ("ledger", "witness", "agreement", "seal", "tls"):
        old = getattr(partner, "tls_sha256" if purpose == "tls" else f"{purpose}_key")
        if old:
            wanted = KeyRotate(partner=args.partner, purpose=purpose, old=old, new="", nonce=handing.nonce())
            made.append(KeyRotate(**{**_fields(wanted), "after": now.heads.get(standing.subject(wanted), "")}))
    return made


def _fields(one: AnyStatement) -> dict[str, str]:
    return {name: getattr(one, name) for name in one.__struct_fields__}


def _register(path: Path, home: str) -> Directory:
    """The directory that the person is written into. Raises BadInput where it is missing: only an invitation can begin
    it, with the keys of the partner's node."""
    from manara.host import directory

    if not path.exists():
        first = "it begins with: manara partner invite CONFIG.toml --out CARD, and then this command again"
        raise BadInput("there is no directory yet", str(path), first)
    listed = directory.load(path).directory
    if listed.partner(home) is None:
        raise BadInput(f"{home} is not in the directory", str(path), "see manara partner invite --help")
    return listed


def run_key(args: argparse.Namespace) -> int:
    """Make the key; print the row, or write it into the directory."""
    import msgspec

    from manara.host import directory, keys
    from manara.records.directory import Directory as Listing
    from manara.records.directory import Person
    from manara.release import register

    home = args.person.partition(".")[0]
    person = Person(
        id=args.person,
        partner=home,
        name=args.name,
        name_ar=args.name_ar,
        office=args.office,
        capacity=args.capacity,
        key="0" * 64,
    )
    listed = _register(args.directory, home) if args.directory else None
    persons = (*listed.persons, person) if listed else (person,)
    trial = msgspec.structs.replace(listed or Listing(version=1), persons=persons)
    wrong = [f for f in register.check(trial) if f.where.startswith("persons") and not f.where.endswith(".partner")]
    if wrong:
        raise BadInput(wrong[0].text(), "--person", "see docs/how-to/agreements.md")
    person = msgspec.structs.replace(person, key=keys.make_signer(args.out).public().hex())
    if listed is None:
        print("\n".join(["[[persons]]", *directory.table(person)]))
        return 0
    made = msgspec.structs.replace(listed, version=listed.version + 1, persons=(*listed.persons, person))
    directory.write(args.directory, made)
    print(f"{args.out} made; {args.person} is in {args.directory}, version {made.version}")
    return 0
