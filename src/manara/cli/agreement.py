"""manara agreement: read, sign, put in force, suspend, resume and recall what one partner lets another have."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from manara.cli import agreement_promises, agreement_recall, agreement_rules, arguments, handing
from manara.host.problems import BadInput

if TYPE_CHECKING:
    from manara.cli.handing import Home
    from manara.release.document import Admitted
    from manara.release.statements import AnyStatement

PHASES = ("warning_only", "interim", "full")


def add(commands: arguments.Commands) -> None:
    """Add the command."""
    top = arguments.command(
        commands, "agreement", "what one partner lets another have", "manara agreement show arvena-belora.toml"
    )
    inner = top.add_subparsers(dest="what", required=True, metavar="COMMAND")
    _add_show(inner)
    _add_sign(inner)
    for name, summary in (
        ("activate", "put an agreement in force; takes a policy and an operational signature of the releaser"),
        ("phase", "move an agreement in force to another phase; takes the same two signatures"),
        ("resume", "let a suspended agreement go on, no higher than before; takes the same two signatures"),
        ("suspend", "stop an agreement at once; any one person of either partner may"),
    ):
        _add_move(inner, name, summary)
    submit = arguments.command(
        inner,
        "submit",
        "hand in a statement that was signed elsewhere",
        "manara agreement submit suspend.json arvena-belora.toml --node arvena.toml",
    )
    submit.add_argument("statement", metavar="STATEMENT", type=Path, help="the file that was signed")
    submit.add_argument("file", metavar="FILE", type=Path, nargs="?", help="the agreement that it speaks of")
    handing.node_options(submit)
    submit.add_argument("--wait", type=float, default=10.0, metavar="S", help="seconds to wait for the node (10)")
    submit.add_argument("--json", action="store_true", help="the answer as JSON")
    submit.set_defaults(run=run_submit)
    for more in (
        agreement_recall.add,
        agreement_rules.add_check,
        agreement_rules.add_explain,
        agreement_rules.add_diff,
        agreement_rules.add_preview,
        agreement_promises.add,
    ):
        more(inner)


def _add_show(inner: arguments.Commands) -> None:
    show = arguments.command(
        inner, "show", "the agreement as sentences", "manara agreement show arvena-belora.toml --lang ar"
    )
    show.add_argument("file", metavar="FILE", type=Path, help="the agreement")
    show.add_argument("--lang", choices=("en", "ar"), help="language; default: the one that prevails")
    show.add_argument("--directory", type=Path, metavar="FILE", help="also say who has signed, and who must still")
    show.add_argument("--json", action="store_true", help="as JSON")
    show.set_defaults(run=run_show)


def _add_sign(inner: arguments.Commands) -> None:
    sign = arguments.command(
        inner,
        "sign",
        "sign an agreement with one's own key; the signature stands in FILE.sig",
        "manara agreement sign arvena-belora.toml --person arvena.minister --key minister.key --node arvena.toml",
    )
    sign.add_argument("file", metavar="FILE", type=Path, help="the agreement")
    handing.node_options(sign, required=False)
    handing.person_options(sign)
    sign.add_argument("--json", action="store_true", help="as JSON")
    sign.set_defaults(run=run_sign)


def _add_move(inner: arguments.Commands, name: str, summary: str) -> None:
    second = "" if name == "suspend" else " --phase interim --person arvena.minister --key minister.key"
    who = f"{second} --person arvena.chief --key chief.key"
    example = f"manara agreement {name} arvena-belora.toml --node arvena.toml{who}"
    move = arguments.command(inner, name, summary, example)
    move.add_argument("file", metavar="FILE", type=Path, help="the agreement, its signatures in FILE.sig")
    if name != "suspend":
        move.add_argument("--phase", choices=PHASES, required=True, help="the phase that is wanted")
    if name in ("suspend", "resume"):
        move.add_argument("--reason", default="", metavar="TEXT", help="for the record")
    handing.node_options(move)
    handing.person_options(move)
    handing.statement_options(move)
    move.set_defaults(run=run_move, what=name)


def run_show(args: argparse.Namespace) -> int:
    """Print the sentences; with a directory also who has signed."""
    from manara.host import agreements, directory
    from manara.release import document, sentences

    one = agreements.load(args.file)
    lang = args.lang or one.agreement.prevailing
    signed: list[str] | None = None
    missing: tuple[str, ...] = ()
    if args.directory:
        admitted = agreements.admit(args.file, directory.load(args.directory).directory)
        signed = [person.id for person in admitted.persons]
        missing = document.awaited(one.agreement, admitted.persons)
    if args.json:
        import json

        said = {"sha256": one.sha256, "lang": lang, "sentences": sentences.sentences(one.agreement, lang)}
        print(json.dumps({**said, "signed": signed, "missing": missing}, ensure_ascii=False))
        return 0
    print(sentences.text(one.agreement, one.sha256, lang))
    if signed is not None:
        print(f"signed by: {', '.join(signed) or 'nobody'}")
        print(f"still to sign: {', '.join(missing) or 'nobody'}")
    return 0


def run_sign(args: argparse.Namespace) -> int:
    """Put signatures beside the document."""
    from manara.host import agreements, directory
    from manara.release import document

    if args.node is not None:
        at = handing.home(args)
        listed, never_to = at.directory, at.never_to
    elif args.directory is not None:
        listed, never_to = directory.load(args.directory).directory, ()
    else:
        raise BadInput("who you are is not known", str(args.file), "give --node CONFIG.toml, or --directory FILE")
    known = [one.document.agreement for one in agreements.beside(args.file, listed).values()]
    admitted = None
    for person, signer in handing.signers(args, listed):
        admitted = agreements.sign(args.file, person, signer, listed, known, never_to)
    signed = admitted or agreements.admit(args.file, listed)
    missing = document.awaited(signed.document.agreement, signed.persons)
    if args.json:
        import json

        print(json.dumps({"sha256": signed.document.sha256, "missing": missing}))
    else:
        print(f"{agreements.sidecar_path(args.file)}: signed by {', '.join(args.person)}")
        print(f"still to sign: {', '.join(missing) or 'nobody'}")
    return 0


def run_move(args: argparse.Namespace) -> int:
    """Make the statement, sign it, hand it in."""
    from manara.host import agreements

    at = handing.home(args)
    admitted = agreements.admit(args.file, at.directory)
    documents = agreements.beside(args.file, at.directory) | {admitted.document.sha256: admitted}
    wanted = _statement(args, at, admitted)
    if args.what in ("activate", "phase", "resume"):
        second_opinion(args, at, admitted)
    attachments = (admitted.attachment,) if args.what == "activate" else ()
    # The recipient's node need not know how the releaser's agreement stands; it passes the suspension on.
    theirs = args.what == "suspend" and admitted.document.agreement.releaser != at.own
    anyway = ("not_active",) if theirs else ()
    return handing.tell(args, [handing.hand_in(args, at, wanted, documents, attachments, anyway)])


def _statement(args: argparse.Namespace, at: Home, admitted: Admitted) -> AnyStatement:
    from manara.host import commands
    from manara.release.statements import Activate, ChangePhase, Resume, Suspend

    sha256 = admitted.document.sha256
    now = commands.standings(at.folder)
    after, nonce = handing.last(now, sha256), handing.nonce()
    if args.what == "activate":
        one = admitted.document.agreement
        standing = now.agreements.get(f"{one.releaser}>{one.recipient}")
        return Activate(agreement=sha256, phase=args.phase, after=standing.last if standing else "", nonce=nonce)
    if args.what == "phase":
        return ChangePhase(agreement=sha256, phase=args.phase, after=after, nonce=nonce)
    if args.what == "resume":
        return Resume(agreement=sha256, phase=args.phase, reason=handing.reason(args), after=after, nonce=nonce)
    return Suspend(agreement=sha256, reason=handing.reason(args), after=after, nonce=nonce)


def second_opinion(args: argparse.Namespace, at: Home, admitted: Admitted) -> None:
    """Let Cedar decide about the whole table too. One difference blocks. Raises BadInput."""
    from manara.host import agreements, cedar_oracle
    from manara.release.phases import phase_of
    from manara.release.rules import compile_rules

    phase = phase_of(args.phase)
    if phase is None:
        raise BadInput(f"no phase {args.phase!r}", "--phase")
    one = admitted.document.agreement
    program = compile_rules(one, agreements.codebook(one, at.directory), phase)
    if isinstance(program, tuple):
        fault = program[0]
        raise BadInput(f"rule {fault.rule}: {fault.where}: {fault.why}", str(args.file), "see manara agreement check")
    print("comparing every decision with Cedar …", file=sys.stderr)
    found = cedar_oracle.compare(program)
    if not found.agree:
        first = found.mismatches[0]
        raise BadInput(
            f"Cedar decides otherwise: we {first.ours}, Cedar {first.cedar}; {len(found.mismatches)} differences",
            str(args.file),
            "do not activate; this is a fault of the program, please report it",
        )


def run_submit(args: argparse.Namespace) -> int:
    """Hand in what was signed elsewhere."""
    from manara.host import agreements
    from manara.release import statements

    at = handing.home(args)
    wanted = _read(args.statement)
    documents: dict[str, Admitted] = {}
    attachments: tuple[bytes, ...] = ()
    if args.file is not None:
        admitted = agreements.admit(args.file, at.directory)
        documents = agreements.beside(args.file, at.directory) | {admitted.document.sha256: admitted}
        if isinstance(wanted, statements.Activate):
            args.phase = wanted.phase
            second_opinion(args, at, admitted)
            attachments = (admitted.attachment,)
    args.person, args.key = [], []
    return handing.tell(args, [handing.hand_in(args, at, wanted, documents, attachments)])


def _read(path: Path) -> AnyStatement:
    from manara.host import files
    from manara.release import statements

    taken = statements.read(files.read(path, statements.ENVELOPE_BYTES))
    if isinstance(taken, statements.Refusal):
        raise BadInput(taken.sentence, str(path))
    return taken[1]
