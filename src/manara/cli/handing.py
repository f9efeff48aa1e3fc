"""What the commands of persons share: whose node it is, who signs, and how a statement is handed in."""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from manara.host.problems import BadInput

if TYPE_CHECKING:
    from manara.host.keys import Signer
    from manara.records.config import NodeConfig
    from manara.records.directory import Directory
    from manara.release.document import Admitted
    from manara.release.standing import Standings
    from manara.release.statements import AnyStatement, Signature

NOT_ENOUGH = ("capacity_missing", "not_authorised", "unsigned")


@dataclass(frozen=True)
class Home:
    """A node as the command line knows it. ``own``: its partner's id."""

    folder: Path
    directory_path: Path
    directory: Directory
    own: str
    never_to: tuple[str, ...]


def node_options(parser: argparse.ArgumentParser, required: bool = True) -> None:
    """--node and --directory."""
    parser.add_argument(
        "--node", type=Path, metavar="CONFIG.toml", required=required, help="the node's configuration, or its folder"
    )
    parser.add_argument(
        "--directory", type=Path, metavar="FILE", help="the directory; default: the one that the configuration names"
    )


def person_options(parser: argparse.ArgumentParser, required: bool = True) -> None:
    """--person ID --key FILE, in pairs."""
    parser.add_argument(
        "--person", action="append", default=[], metavar="ID", required=required, help="who signs; repeat for a second"
    )
    parser.add_argument(
        "--key", action="append", type=Path, default=[], metavar="KEYFILE", required=required, help="that person's key"
    )


def statement_options(parser: argparse.ArgumentParser) -> None:
    """--statement, --wait, --json."""
    parser.add_argument(
        "--statement", type=Path, metavar="FILE", help="pass the statement from person to person in this file"
    )
    parser.add_argument("--wait", type=float, default=10.0, metavar="S", help="seconds to wait for the node (10)")
    parser.add_argument("--json", action="store_true", help="the answer as JSON")


def home(args: argparse.Namespace) -> Home:
    """The node that ``--node`` means. Raises BadInput."""
    from manara.host import config, directory

    if args.node.is_dir():
        known = _lived(args.node)
        if known is None:
            raise BadInput("no folder of a node that has run", str(args.node), "give the node's configuration")
        loaded, folder = known, args.node
    else:
        loaded = config.node_config(args.node)
        folder = args.node.parent / (loaded.folder or f"{loaded.name}.node")
    if not loaded.partner:
        raise BadInput("this node has no partner", str(args.node), "write partner = ... and directory = ...")
    path = args.directory or args.node.parent / (loaded.directory or "directory.toml")
    listed = directory.load(path).directory
    if listed.partner(loaded.partner) is None:
        raise BadInput(f"{loaded.partner} is not in the directory", str(path), "see manara partner invite --help")
    return Home(folder, path, listed, loaded.partner, loaded.never_to)


def _lived(folder: Path) -> NodeConfig | None:
    """The configuration under which a node last ran in this folder. Its directory is looked for beside the folder."""
    from manara.host import kept

    return kept.read_config(folder) if (folder / kept.CONFIG_NAME).is_file() else None


def time_ns(said: str, default: int, where: str) -> int:
    """RFC 3339 as nanoseconds; the default for nothing said. Raises BadInput.

    >>> time_ns("2026-11-01T00:00:00Z", 0, ""), time_ns("1970-01-01T02:00:00.5+02:00", 0, ""), time_ns("", 7, "")
    (1793491200000000000, 500000000, 7)
    """
    from datetime import UTC, datetime, timedelta

    if not said:
        return default
    try:
        read = datetime.fromisoformat(said)
        found = (read - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1_000
    except (ValueError, TypeError, OverflowError):  # TypeError: no zone was written
        found = -1
    if not 0 <= found < 1 << 63:
        raise BadInput(f"not a time: {said[:40]!r}", where, "write 2026-11-01T00:00:00Z")
    return found


def utc(time_ns: int) -> str:
    """A time for people, to the second.

    >>> utc(1_793_491_200_000_000_000), utc((1 << 63) - 1)
    ('2026-11-01T00:00:00Z', '2262-04-11T23:47:16Z')
    """
    from datetime import UTC, datetime

    return datetime.fromtimestamp(time_ns // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def reason(args: argparse.Namespace) -> str:
    """What was said for the record. Raises BadInput where a statement could not carry it."""
    said = str(args.reason)
    if len(said) > 1_000 or not said.isprintable():
        raise BadInput("is longer than a thousand signs, or holds some that are not seen", "--reason")
    return said


def signers(args: argparse.Namespace, directory: Directory) -> list[tuple[str, Signer]]:
    """Each person with the key that the directory gives. Raises BadInput."""
    from manara.host import agreements, keys

    if len(args.person) != len(args.key):
        raise BadInput(f"{len(args.person)} persons and {len(args.key)} keys", "--person", "give each person a --key")
    found: list[tuple[str, Signer]] = []
    for person, path in zip(args.person, args.key, strict=True):
        signer = keys.load_signer(path)
        agreements.signer_person(person, signer, directory)
        found.append((person, signer))
    return found


def nonce() -> str:
    """Sixteen random bytes."""
    return secrets.token_hex(16)


@dataclass(frozen=True)
class Handed:
    """What became of a statement: ``refusal`` "" when the node took it, "waiting" while it has not answered."""

    kind: str
    sha256: str
    refusal: str
    detail: str = ""


def read_statement(path: Path | None, wanted: AnyStatement) -> tuple[AnyStatement, tuple[Signature, ...]]:
    """The statement of a file that goes from person to person, with its signatures so far; ``wanted`` where there is
    no file yet. Raises BadInput when the file holds another one."""
    import msgspec

    from manara.host import files
    from manara.release import statements

    if path is None or not path.exists():
        return wanted, ()
    taken = statements.read(files.read(path, statements.ENVELOPE_BYTES))
    if isinstance(taken, statements.Refusal):
        raise BadInput(taken.sentence, str(path))
    outer, inner = taken
    same = msgspec.structs.replace(wanted, nonce=inner.nonce, after=inner.after)
    if inner != same:
        raise BadInput(f"this file holds another statement: {outer.statement[:200]}", str(path), "name a new file")
    return inner, outer.signatures


def hand_in(
    args: argparse.Namespace,
    at: Home,
    wanted: AnyStatement,
    documents: dict[str, Admitted],
    attachments: tuple[bytes, ...] = (),
    anyway: tuple[str, ...] = (),
) -> Handed:
    """Sign, try on what the node last said, and hand in. With ``--statement`` an unfinished one is kept there.
    ``anyway``: refusals of the trial that only the node itself may pronounce."""
    from manara.host import commands, files
    from manara.release import standing, statements

    now = commands.standings(at.folder)
    statement, before = read_statement(args.statement, wanted)
    text = statements.canonical(statement)
    there = {one.person for one in before}
    made = [
        statements.signed(text, signer.public(), signer.sign, person=person)
        for person, signer in signers(args, at.directory)
        if person not in there
    ]
    envelope = statements.envelope(text, (*before, *made))
    verified = statements.verify(envelope, at.directory)
    kind, sha256 = statements.type_of(statement), statements.statement_sha256(text)
    if isinstance(verified, statements.Refusal):
        return Handed(kind, sha256, verified.why, verified.sentence)
    found = standing.apply(now, verified, at.directory, documents, at.never_to, time.time_ns(), at.own)
    if isinstance(found, statements.Refusal) and found.why not in anyway:
        if args.statement is not None and found.why in NOT_ENOUGH:
            files.write(args.statement, envelope)
            return Handed(kind, sha256, found.why, f"{found.sentence} Kept in {args.statement}.")
        return Handed(kind, sha256, found.why, found.sentence)
    if args.statement is not None:
        files.write(args.statement, envelope)
    name = f"{kind.replace('.', '-')}-{sha256[:16]}"
    commands.offer(at.folder, name, envelope, attachments)
    answer = commands.wait_answer(at.folder, name, args.wait)
    if answer is None:
        return Handed(kind, sha256, "waiting", f"Handed in as {name}; the node has not answered. Does it run?")
    return Handed(kind, sha256, answer.refusal, answer.detail)


def last(standings: Standings, agreement: str) -> str:
    """The last statement about an agreement; "" where there was none."""
    return next((one.last for one in standings.agreements.values() if one.agreement == agreement), "")


def tell(args: argparse.Namespace, handed: list[Handed]) -> int:
    """Print what became of it; 0 when all was taken or waits for the node, 1 when the answer was no."""
    if args.json:
        import json

        rows = [{"statement": h.kind, "sha256": h.sha256, "refusal": h.refusal, "detail": h.detail} for h in handed]
        print(json.dumps(rows if len(rows) != 1 else rows[0], ensure_ascii=False))
    else:
        for one in handed:
            told = {"": "done", "waiting": "waiting"}.get(one.refusal, f"refused ({one.refusal})")
            out = sys.stdout if one.refusal in ("", "waiting") else sys.stderr
            print(f"{one.kind}: {told}{': ' if one.detail else ''}{one.detail}", file=out)
    return 0 if all(one.refusal in ("", "waiting") for one in handed) else 1
