"""manara agreement check, explain, diff, preview: what rules do, before and after anybody relies on them."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from manara.cli import arguments
from manara.host.problems import BadInput

if TYPE_CHECKING:
    from manara.records.agreement import Agreement
    from manara.records.directory import Directory
    from manara.records.marking import Codebook
    from manara.release.diff import Difference
    from manara.release.document import Document
    from manara.release.rules import Program
    from manara.release.space import Overlap

PHASES = ("suspended", "warning_only", "interim", "full")


def add_check(commands: arguments.Commands) -> None:
    """manara agreement check."""
    check = arguments.command(
        commands,
        "check",
        "faults with their line, and rules that never fire, are shadowed or guard nothing",
        "manara agreement check arvena-belora.toml --directory directory.toml",
    )
    check.add_argument("file", metavar="FILE", type=Path, help="the agreement")
    _directory(check)
    check.add_argument("--cedar", action="store_true", help="also let Cedar decide the whole table, and compare")
    check.add_argument(
        "--export-cedar", action="store_true", help="print the rules as Cedar policies, and nothing else"
    )
    check.add_argument("--json", action="store_true", help="as JSON")
    check.set_defaults(run=run_check)


def add_explain(commands: arguments.Commands) -> None:
    """manara agreement explain."""
    explain = arguments.command(
        commands,
        "explain",
        "why a partner gets a track, or why not",
        "manara agreement explain 117 belora --agreement arvena-belora.toml --node arvena.toml",
    )
    explain.add_argument("track", metavar="TRACK", help="its number, its identity, or its id; or capability:ID")
    explain.add_argument("partner", metavar="PARTNER", help="who would get it")
    explain.add_argument("--agreement", type=Path, metavar="FILE", help="default: the one beside the directory")
    _rows(explain)
    explain.add_argument("--lang", choices=("en", "ar"), default="en", help="language (en)")
    explain.set_defaults(run=run_explain)


def add_diff(commands: arguments.Commands) -> None:
    """manara agreement diff."""
    diff = arguments.command(
        commands,
        "diff",
        "every field and every case in which two editions differ, and who gets more",
        "manara agreement diff arvena-belora.toml arvena-belora-2.toml",
    )
    diff.add_argument("old", metavar="OLD", type=Path, help="the edition in force")
    diff.add_argument("new", metavar="NEW", type=Path, help="the one that is proposed; exit 1 where they differ")
    _directory(diff)
    diff.add_argument("--json", action="store_true", help="as JSON")
    diff.set_defaults(run=run_diff)


def add_preview(commands: arguments.Commands) -> None:
    """manara agreement preview."""
    preview = arguments.command(
        commands,
        "preview",
        "what would have gone out in the last hour, and what would have changed",
        "manara agreement preview arvena-belora-2.toml --against arvena-belora.toml --node arvena.toml",
    )
    preview.add_argument("file", metavar="FILE", type=Path, help="the agreement to try")
    preview.add_argument("--against", type=Path, metavar="OLD", help="the edition in force; default: none is")
    _rows(preview)
    preview.set_defaults(run=run_preview)


def _directory(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--directory", type=Path, metavar="FILE", help="names of areas and partners are held against it"
    )


def _rows(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tracks", type=Path, metavar="TRACKS.parquet", help="tracks that `manara track` wrote")
    parser.add_argument(
        "--node", type=Path, metavar="CONFIG.toml", help="or a node, which may run meanwhile: its last hour"
    )
    parser.add_argument("--source", metavar="NAME", help="with --tracks: the source that they came from")
    _directory(parser)
    parser.add_argument("--phase", choices=PHASES, default="full", help="phase of the agreement (full)")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run_check(args: argparse.Namespace) -> int:
    """Print faults and notes; 1 where the agreement cannot stand."""
    from manara.host import files
    from manara.release import cedar, document
    from manara.release.check import check

    found = document.read(files.read(args.file, document.DOCUMENT_BYTES))
    if isinstance(found, tuple):
        return _said(args, [("error", one.line, "", one.where, one.why) for one in found], {})
    if args.export_cedar:
        print(cedar.export(found.agreement))
        return 0
    book, overlaps = _names(found.agreement, args.directory)
    checked = check(found.agreement, book, overlaps=overlaps)
    lines = [("error", _line(found, one.where), one.rule, one.where, one.why) for one in checked.errors]
    lines += [("note", _line(found, one.where), one.rule, one.where, one.why) for one in checked.notes]
    if args.cedar and not checked.errors:
        lines += _cedar(found.agreement, book, overlaps)
    if args.directory is None:
        lines.append(("note", 0, "", "", "names of areas and partners were not checked: give --directory"))
    return _said(args, lines, checked.signatures)


def _line(found: Document, where: str) -> int:
    from manara.release.toml_lines import line_of

    return line_of(found.lines, where.replace("rules[].", "rules."))


def _said(args: argparse.Namespace, lines: list[tuple[str, int, str, str, str]], cases: dict[str, int]) -> int:
    bad = sum(one[0] == "error" for one in lines)
    if args.json:
        keys = ("level", "line", "rule", "where", "why")
        rows = [dict(zip(keys, one, strict=True)) for one in lines]
        print(json.dumps({"ok": not bad, "found": rows, "cases": cases}, ensure_ascii=False))
        return 1 if bad else 0
    for level, line, rule, where, why in lines:
        place = f"{args.file}:{line}" if line else str(args.file)
        name = f"rule {rule}: " if rule else ""
        print(f"{place}: {level}: {name}{f'{where}: ' if where else ''}{why}")
    if not bad:
        told = ", ".join(f"{phase} {n:,}" for phase, n in cases.items())
        print(f"{args.file}: it can stand; cases told apart: {told}")
    return 1 if bad else 0


def _cedar(agreement: Agreement, book: Codebook, overlaps: dict[str, Overlap]) -> list[tuple[str, int, str, str, str]]:
    from manara.host import cedar_oracle

    told: list[tuple[str, int, str, str, str]] = []
    for name in PHASES:
        found = cedar_oracle.compare(_program(agreement, book, overlaps, name))
        for one in found.mismatches[:5]:
            told.append(("error", 0, "", "", f"{name}: Cedar decides otherwise: we {one.ours}, Cedar {one.cedar}"))
        if found.agree:
            how = "every case" if found.complete else "a sample of the cases"
            told.append(("note", 0, "", "", f"{name}: Cedar agrees on {found.rows:,} rows, {how}"))
    return told


def _program(agreement: Agreement, book: Codebook, overlaps: dict[str, Overlap], phase: str) -> Program:
    from manara.records.agreement import Phase
    from manara.release.rules import compile_rules

    made = compile_rules(agreement, book, Phase[phase.upper()], overlaps=overlaps)
    if isinstance(made, tuple):
        raise BadInput(f"{made[0].where}: {made[0].why}", agreement.id, "see manara agreement check")
    return made


def _names(
    agreement: Agreement, path: Path | None, *more: Agreement, sources: tuple[str, ...] = ()
) -> tuple[Codebook, dict[str, Overlap]]:
    """The names that agreements may use: of the directory, or of themselves where none is given."""
    from manara.release.space import overlapping

    directory = _listed(path)
    agreements = (agreement, *more)
    rules = [rule for one in agreements for rule in one.rules]
    named = {
        "sources": [
            *sources,
            *(n for one in agreements for n in one.sources),
            *(n for r in rules for n in r.when.source),
        ],
        "areas": [n for one in agreements for n in one.areas]
        + [n for r in rules for n in (*r.when.area, *r.when.outside)],
        "partners": [agreement.releaser, agreement.recipient, *(n for one in agreements for n in one.onward)]
        + [n for r in rules for n in (*r.when.originator, *(r.onward or ())) if n != "own"],
    }
    overlaps: dict[str, Overlap] = {}
    if directory is not None:
        named["areas"] = [area.id for area in directory.areas]
        named["partners"] = [agreement.releaser, *(one.id for one in directory.partners)]
        overlaps["area"] = overlapping(directory.areas)
    return _book(**named), overlaps


def _book(**named: list[str]) -> Codebook:
    from manara.records.marking import Codebook

    return Codebook(**{what: tuple(dict.fromkeys(names))[:63] for what, names in named.items()})


def _listed(path: Path | None) -> Directory | None:
    from manara.host import directory

    return None if path is None else directory.load(path).directory


def run_diff(args: argparse.Namespace) -> int:
    """Print what differs; 1 where something does."""
    from manara.host import agreements
    from manara.release.diff import diff

    old, new = (agreements.load(path).agreement for path in (args.old, args.new))
    book, overlaps = _names(old, args.directory, new)
    found = diff(old, new, book, overlaps=overlaps)
    if args.json:
        import msgspec

        print(json.dumps({"same": found.same, **msgspec.to_builtins(found)}, ensure_ascii=False))
    else:
        _tell_difference(found, new)
    return 0 if found.same else 1


def _tell_difference(found: Difference, new: Agreement) -> None:
    from manara.release.words import RULE_ZERO_EN

    print("\n".join(RULE_ZERO_EN))
    if found.same:
        print("no difference")
        return
    for one in found.fields:
        print(f"{one.where}: {_shown(one.old)} -> {_shown(one.new)}")
    for fault in found.unsearched:
        print(f"cases were not searched: {fault.where}: {fault.why}")
    words = {"more": "gets more", "less": "gets less", "other": "gets otherwise", "reason": "the same, by other rules"}
    alike: dict[tuple[str, int, str, str, tuple[str, ...]], list[str]] = {}
    for shift in sorted(found.shifts, key=lambda one: list(words).index(one.effect)):
        alike.setdefault((shift.effect, shift.cases, shift.old, shift.new, shift.where), []).append(shift.phase)
    for (effect, cases, before, after, where), phases in alike.items():
        print(f"[{', '.join(phases)}] {new.recipient} {words[effect]}, {cases:,} cases: {before} -> {after}")
        print("\n".join(f"    {line}" for line in where))
    if found.untold:
        print(f"and {found.untold:,} further kinds of change")
    if not found.shifts and not found.unsearched:
        print("no case changes today: what differs takes effect in none")


def _shown(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False)


def run_explain(args: argparse.Namespace) -> int:
    """Print why or why not; 1 where the track does not go."""
    from manara.cli import agreement_rows, capability
    from manara.host import agreements
    from manara.release.explain import explain

    args.directory = agreement_rows.directory_path(args)
    one = agreements.load(agreement_rows.document(args)).agreement
    if one.recipient != args.partner:
        raise BadInput(f"is for {one.recipient}, not for {args.partner}", one.id)
    sort, _, asked = args.track.partition(":")
    named = (capability if sort == "capability" else agreement_rows).sources(args, one)
    book, overlaps = _names(one, args.directory, sources=named)
    program = _program(one, book, overlaps, args.phase)
    if sort == "capability":
        found = explain(program, *capability.row(args, asked, book, _listed(args.directory)))
    else:
        moment = agreement_rows.last(args, one, book, _listed(args.directory))
        place = agreement_rows.find(moment.tracks, args.track)
        found = explain(program, moment.marking.take(place), moment.now_ns)
    if args.json:
        import msgspec

        print(json.dumps(msgspec.to_builtins(found), ensure_ascii=False))
    else:
        print(found.text(args.lang))
    return 0 if found.allowed else 1


def run_preview(args: argparse.Namespace) -> int:
    """Print how many tracks would have gone, and for how many something changes."""
    from manara.cli import agreement_rows
    from manara.host import agreements

    args.directory = agreement_rows.directory_path(args)
    new = agreements.load(args.file).agreement
    old = agreements.load(args.against).agreement if args.against else None
    known = (new,) if old is None else (new, old)
    named = tuple(name for one in known for name in agreement_rows.sources(args, one))
    book, overlaps = _names(new, args.directory, *known[1:], sources=named)
    programs = [None if one is None else _program(one, book, overlaps, args.phase) for one in (old, new)]
    moments = agreement_rows.hour(args, new, book, _listed(args.directory))
    told = agreement_rows.tally(programs[0], programs[1], moments)
    if args.json:
        print(json.dumps(told, ensure_ascii=False))
        return 0
    print(f"{told['tracks']:,} tracks at {told['moments']:,} moments of the last hour, phase {args.phase}")
    print(f"{new.recipient} would have had {told['after']:,} of them (before: {told['before']:,})")
    for key, words in (("gained", "new to it"), ("lost", "no longer"), ("looser", "with less taken out"),
                       ("stricter", "with more taken out")):  # fmt: skip
        if told[key]:
            print(f"  {told[key]:,} {words}")
    for why, n in told["withheld"].items():
        print(f"  withheld at the end: {n:,}, {why}")
    return 0
