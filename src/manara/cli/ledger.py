"""manara ledger verify | prove | export | checkpoint | keys | epoch: what was told to whom, proven or disproven."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from manara.cli import arguments
from manara.host.problems import BadInput

if TYPE_CHECKING:
    from manara.cli.ledger_folder import Folder
    from manara.cli.ledger_keys import Trusted

FILE_MAX = 48 << 20
SHOWN_MAX = 20  # faults on the screen; --json has up to audit.FAULTS_MAX


def add(commands: arguments.Commands) -> None:
    """Add the command."""
    ledger = arguments.command(
        commands,
        "ledger",
        "verify, prove and export what was told to whom",
        "manara ledger verify proof.json --key KEY",
    )
    inner = ledger.add_subparsers(dest="what", required=True, metavar="verify|prove|export|checkpoint|keys|epoch")
    _add_verify(inner)
    prove = arguments.command(
        inner,
        "prove",
        "a proof of one leaf, entry or row, in a file that a stranger can check",
        "manara ledger prove harbour.node --stream 'arvena>belora' --offset 7 --row 3 --out proof.json",
    )
    prove.add_argument("folder", metavar="FOLDER", type=Path, help="a node's folder, or a folder of tiles")
    prove.add_argument("--leaf", type=int, metavar="N", help="number of the leaf in the log")
    prove.add_argument("--stream", default="", metavar="S", help="a stream, e.g. arvena>belora")
    prove.add_argument("--offset", type=int, metavar="N", help="place in the stream")
    prove.add_argument("--row", type=int, metavar="R", help="only this row of the entry, the others stay unseen")
    prove.add_argument("--receipt", type=Path, metavar="FILE", help="a receipt of the recipient, to go with it")
    prove.add_argument("--out", type=Path, required=True, metavar="FILE", help="where the proof is written")
    prove.set_defaults(run=run_prove)
    export = arguments.command(
        inner, "export", "the log as tiles, for any web server or a copy", "manara ledger export harbour.node --out log"
    )
    export.add_argument("folder", metavar="FOLDER", type=Path, help="a node's folder, or a folder of tiles")
    export.add_argument("--out", type=Path, required=True, metavar="DIR", help="a folder that is empty or new")
    export.add_argument(
        "--receipts", action="store_true", help="of a node's folder: each partner's newest receipt too, in DIR/receipts"
    )
    _add_quorum(export)
    export.set_defaults(run=run_export)
    show = arguments.command(inner, "checkpoint", "the newest checkpoint", "manara ledger checkpoint harbour.node")
    show.add_argument("folder", metavar="FOLDER", type=Path, help="a node's folder, or a folder of tiles")
    _add_quorum(show)
    show.set_defaults(run=run_checkpoint)
    keys = arguments.command(
        inner, "keys", "a directory's keys as lines, for verifiers of others", "manara ledger keys directory.toml"
    )
    keys.add_argument("directory", metavar="DIRECTORY.toml", type=Path, help="the partners' directory")
    keys.set_defaults(run=run_keys)
    from manara.cli import ledger_epoch

    ledger_epoch.add(inner)


def _add_quorum(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--quorum", type=int, default=0, metavar="N", help="the newest that N witnesses have cosigned, if there is one"
    )


def _add_verify(inner: arguments.Commands) -> None:
    verify = arguments.command(
        inner,
        "verify",
        "is this log, proof or evidence what it says; exit 1 when not",
        "manara ledger verify log/ --key arvena.example/log+1c1ca36c+AW6… --witness W1 --witness W2 --quorum 2",
    )
    verify.add_argument("path", metavar="PATH", type=Path, help="a folder of tiles, a checkpoint, a proof, or evidence")
    verify.add_argument("--key", action="append", default=[], metavar="VKEY", help="the log's key, or a file with it")
    verify.add_argument("--witness", action="append", default=[], metavar="VKEY", help="a witness's key; repeatable")
    verify.add_argument("--quorum", type=int, metavar="N", help="how many witnesses must have cosigned; default: all")
    verify.add_argument(
        "--recipient", action="append", default=[], metavar="HEX", help="a key that may sign receipts; repeatable"
    )
    verify.add_argument("--directory", type=Path, metavar="FILE", help="take the keys of all partners from a directory")
    verify.add_argument("--against", type=Path, metavar="FILE", help="an earlier checkpoint that the log must continue")
    verify.add_argument("--evidence", type=Path, metavar="FILE", help="where evidence is written if --against fails")
    verify.add_argument("--json", action="store_true", help="one JSON line on standard output")
    verify.set_defaults(run=run_verify)


@dataclass
class Answer:
    """What verify found. ``why``: what does not hold, "" when all does, and ``held`` is how that is called; ``said``:
    lines for people; ``fields``: for programs."""

    kind: str
    why: str = ""
    held: str = "verified"
    said: list[str] = field(default_factory=list)
    fields: dict[str, Any] = field(default_factory=dict)

    def show(self, as_json: bool) -> int:
        """Print; gives the exit code."""
        if as_json:
            print(json.dumps({"ok": not self.why, "kind": self.kind, "why": self.why, **self.fields}))
        else:
            for line in self.said:
                print(line)
            print(f"NOT VERIFIED: {self.why}" if self.why else self.held)
        return 1 if self.why else 0


def run_verify(args: argparse.Namespace) -> int:
    """Say whether it holds, and which place does not."""
    from manara.cli import ledger_epoch, ledger_keys

    trusted = ledger_keys.trusted(args)
    if args.path.is_dir():
        from manara.cli import ledger_folder

        with ledger_folder.opened(args.path, trusted.quorum) as folder:
            answer = _folder(folder, trusted, args)
            found = list(ledger_epoch.found(args.path, getattr(folder, "statement", b""), trusted))
        answer.said += [line for line, _, _ in found if line]
        answer.fields["epochs"] = [fields for _, fields, _ in found]
        answer.why = answer.why or next((why for _, _, why in found if why), "")
        _accusations(args.path, answer)
    else:
        answer = _file(_read(args.path), trusted, args.path)
    return answer.show(args.json)


def _accusations(path: Path, answer: Answer) -> None:
    """What this node has found against others' logs: no fault of its own, but somebody must look."""
    from manara.cli import ledger_folder

    found = ledger_folder.accusations(path)
    answer.fields["accusations"] = [{"partner": partner, "file": str(file)} for partner, file in found]
    answer.said += [f"AGAINST THE LOG OF {partner}: evidence in {file}" for partner, file in found[:SHOWN_MAX]]


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(FILE_MAX + 1)
    except OSError as fault:
        raise BadInput(f"cannot be read: {fault.strerror}", str(path)) from None
    if len(data) > FILE_MAX:
        raise BadInput(f"has more than {FILE_MAX >> 20} MiB", str(path))
    return data


def _file(data: bytes, trusted: Trusted, path: Path) -> Answer:
    """A proof, evidence, or a checkpoint by itself."""
    from manara.ledger import bundle, evidence

    begin = data[:1].decode(errors="replace")
    if not trusted.keys and trusted.directory is None:
        raise BadInput("without the log's key nothing can be verified", str(path), "give it with --key or --directory")
    if begin != "{":
        return _checkpoint(data, trusted)
    found = evidence.parse(data) if evidence.KIND.encode() in data else bundle.parse(data)
    if isinstance(found, str):
        return Answer("file", found)
    if isinstance(found, evidence.Evidence):
        verdict = evidence.check(found, _of(found.first, trusted).keys)
        said = [f"evidence: {verdict.text}"]
        return Answer("evidence", "" if verdict.proven else verdict.text, said=said, fields={"proven": verdict.proven})
    return _bundle(found, _of(found.checkpoint, trusted))


def _of(signed: bytes, trusted: Trusted) -> Trusted:
    """With the directory's keys for the log of this checkpoint."""
    from manara.ledger import checkpoint

    said = checkpoint.parse_note(signed)
    return trusted if isinstance(said, str) else trusted.of_log(said[0].origin)


def _bundle(one: Any, trusted: Trusted) -> Answer:
    from manara.ledger import bundle, entry

    why = bundle.verify(one, trusted.keys, trusted.witnesses, trusted.quorum, trusted.recipients)
    answer = Answer("proof", why, fields={"leaf": one.leaf})
    if why:
        return answer
    tick = entry.parse_tick(one.tick)
    time_ns = 0 if isinstance(tick, str) else tick[0]
    answer.said.append(f"leaf {one.leaf} of the log: the tick of {_time(time_ns // 1_000_000_000)}")
    answer.fields["time_ns"] = time_ns
    if one.leaves:
        head = one.said()
        rows = [s.leaf - 1 for s in one.shown if s.leaf]
        which = f"row {rows[0]} of {one.leaves - 1}" if not one.hashes and rows else f"{one.leaves - 1} rows"
        erased = one.leaves - 1 - len(rows) if one.hashes else 0
        answer.said.append(f"entry {head.get('offset')} of {head.get('stream')}: {head.get('kind')}, {which}")
        answer.said += [f"{erased} of its rows were erased; their hashes stand in the proof"] if erased else []
        answer.fields.update(head=head, rows=rows, erased=erased)
    if one.receipts:
        held = f"{len(one.receipts)} receipts of the recipient acknowledge it"
        answer.said.append(held if trusted.recipients else "its receipts were not looked at: no --recipient")
        answer.fields["receipts"] = len(one.receipts) if trusted.recipients else 0
    return answer


def _time(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return f"{seconds} s"


def _checkpoint(data: bytes, trusted: Trusted) -> Answer:
    """Who signed a checkpoint, and what it says."""
    from manara.ledger import checkpoint, cosign

    trusted = _of(data, trusted)
    blind = not trusted.keys and trusted.directory is None
    said = _unsigned(data) if blind else checkpoint.open_signed(data, trusted.keys)
    if isinstance(said, str):
        return Answer("checkpoint", f"checkpoint: {said}")
    one = said.checkpoint
    answer = Answer("checkpoint", fields={"origin": one.origin, "size": one.size, "root": one.root.hex()})
    by = f"signed by {said.signed[0].name}" if said.signed else "signature not checked"
    answer.held = (
        "verified" if said.signed else "consistent in itself; WHO SIGNED IT WAS NOT CHECKED: give --key or --directory"
    )
    answer.said.append(f"{one.origin}: {one.size:,} leaves, root {one.root.hex()[:16]}…, {by}")
    answer.fields["signed"] = [key.name for key in said.signed]
    if why := cosign.short_of(said.note, trusted.witnesses, trusted.quorum):
        answer.why = f"checkpoint: {why}"
        return answer
    found = cosign.cosignatures(said.note, trusted.witnesses)
    words = () if isinstance(found, str) else found
    answer.said += [f"cosigned by {one.witness.name}, {_time(one.time_s)}" for one in words]
    answer.fields["witnesses"] = [{"name": one.witness.name, "time_s": one.time_s} for one in words]
    return answer


def _unsigned(data: bytes) -> Any:
    from manara.ledger import checkpoint

    said = checkpoint.parse_note(data)
    return said if isinstance(said, str) else checkpoint.Opened(*said, ())


def _folder(folder: Folder, trusted: Trusted, args: argparse.Namespace) -> Answer:
    """A whole log: its checkpoint, every tile, every leaf, and what an earlier checkpoint says of it."""
    from manara.ledger import audit, checkpoint

    data = folder.checkpoint()
    answer = _checkpoint(data, trusted)
    answer.kind = "log"
    said = checkpoint.parse_note(data)
    if isinstance(said, str):
        return answer
    size, root = said[0].size, said[0].root
    with arguments.progress(size, "leaves") as bar:
        found = list(islice(audit.audit(folder.read, size, root, bar.update), audit.FAULTS_MAX))
    found += islice(audit.leftovers(folder.read, size, folder.paths()), audit.FAULTS_MAX)
    answer.fields["faults"] = [one._asdict() for one in found]
    answer.said += [f"  {one}" for one in found[:SHOWN_MAX]]
    answer.said += [f"  … and {len(found) - SHOWN_MAX} more"] if len(found) > SHOWN_MAX else []
    if found:
        answer.why = answer.why or f"{len(found)} places are not what the checkpoint's root proves, first {found[0]}"
    else:
        answer.said.append("every tile and every leaf is what the root proves")
    if args.against is not None:
        _against(folder, data, trusted, args, answer)
    return answer


def _against(folder: Folder, data: bytes, trusted: Trusted, args: argparse.Namespace, answer: Answer) -> None:
    """Does the log continue an earlier checkpoint; evidence when it does not."""
    from manara.ledger import checkpoint, evidence, tiles

    earlier, trusted = _read(args.against), _of(data, trusted)
    if not trusted.keys:
        raise BadInput("without the log's key an earlier checkpoint says nothing", "--against", "give it with --key")
    was = checkpoint.open_signed(earlier, trusted.keys)
    now = checkpoint.open_signed(data, trusted.keys)
    if isinstance(was, str):
        raise BadInput(f"is no checkpoint of this log: {was}", str(args.against))
    if isinstance(now, str):
        return  # already said
    if was.checkpoint.size > now.checkpoint.size:
        answer.why = answer.why or (
            f"the log has {now.checkpoint.size:,} leaves now and had {was.checkpoint.size:,}: it is an older copy, "
            "or leaves were taken back"
        )
        return
    try:
        found = evidence.find(earlier, data, tiles.TileHashes(folder.read, now.checkpoint.size))
    except LookupError as fault:
        found = str(fault)
    if isinstance(found, str):
        answer.said.append(f"against {args.against}: {found}")
        continues = found in (evidence.CONTINUES, evidence.SAME, evidence.EMPTY)
        answer.why = answer.why or ("" if continues else f"against {args.against}: {found}")
        return
    verdict = evidence.check(found, trusted.keys)
    answer.why, answer.fields["proven"] = verdict.text, verdict.proven
    if args.evidence is not None:
        _write(args.evidence, found.encode())
        answer.said.append(f"evidence written to {args.evidence}")


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as fault:
        raise BadInput(f"cannot be written: {fault.strerror}", str(path)) from None


def run_prove(args: argparse.Namespace) -> int:
    """Write the proof, after checking it."""
    from manara.cli import ledger_folder
    from manara.ledger import bundle

    if (args.leaf is None) == (not args.stream) or bool(args.stream) != (args.offset is not None):
        raise BadInput("want --leaf N, or --stream S with --offset N")
    if args.leaf is not None and (args.row is not None or args.receipt is not None):
        raise BadInput("a leaf by itself has no rows and no receipts", "--leaf", "name --stream and --offset")
    with ledger_folder.opened(args.folder) as folder:
        if args.stream:
            made = folder.prove_entry(args.stream, args.offset, args.row, _receipt(args.receipt))
        else:
            made = folder.prove_leaf(args.leaf)
    if why := bundle.holds(made):
        print(f"manara: {args.folder}: no proof can be made: {why}", file=sys.stderr)
        return 1
    data = made.encode()
    _write(args.out, data)
    print(f"{len(data):,} bytes written to {args.out}; check with: manara ledger verify {args.out} --key KEY")
    return 0


def _receipt(path: Path | None) -> bytes:
    return b"" if path is None else _read(path)


def run_export(args: argparse.Namespace) -> int:
    """Write the log as tiles into a folder."""
    from manara.cli import ledger_folder

    if args.out.exists() and (not args.out.is_dir() or any(args.out.iterdir())):
        raise BadInput("is there and not empty", str(args.out), "name a new folder")
    with ledger_folder.opened(args.folder, args.quorum) as folder:
        count = _copy(folder.files(), args.out)
        print(f"{count:,} files written to {args.out}")
        for stream, name, data in folder.receipts() if args.receipts else ():
            _copy([(f"receipts/{name}", data)], args.out)
            print(f"{args.out / 'receipts' / name}: of {stream}")
    return 0


def _copy(files: Iterable[tuple[str, bytes]], out: Path) -> int:
    count = 0
    for name, data in files:
        path = out / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise BadInput(f"cannot be made: {fault.strerror}", str(path.parent)) from None
        _write(path, data)
        count += 1
    return count


def run_checkpoint(args: argparse.Namespace) -> int:
    """Print the newest checkpoint as it is."""
    from manara.cli import ledger_folder

    with ledger_folder.opened(args.folder, args.quorum) as folder:
        data = folder.checkpoint()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
    return 0


def run_keys(args: argparse.Namespace) -> int:
    """Print every key, a line each."""
    from manara.cli import ledger_keys

    for line in ledger_keys.lines(ledger_keys.read_directory(args.directory)):
        print(line)
    return 0
