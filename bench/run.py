"""Run every benchmark and keep its figures.

    python bench/run.py              all
    python bench/run.py decode track those whose name contains one of the words
    python bench/run.py --check      run nothing; check the kept results and the scenarios
    python bench/run.py --readme     run nothing; put the newest results into the README

What is run stands in bench/scenarios/*.toml: the script, its pinned arguments, and which fields of the JSON lines
that it prints on standard output are figures, with unit and budget. A script may also print figures itself, as
``{"name": "decode", "value": 1.2e6, "unit": "records/s"}``. A script without a scenario is run without arguments.
Results go to bench/results/<date>.json with the facts of the machine; a second run on one day replaces the figures
that it measured anew.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from manara.host import numba_cache

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
MARKS = ("<!-- figures:begin -->", "<!-- figures:end -->")
LONGEST_S = 1_800.0  # one benchmark; then it is stopped and said


def machine() -> dict[str, Any]:
    """What a figure depends on."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "libc": " ".join(platform.libc_ver()),
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in ("numpy", "numba", "msgspec", "manara")},
        "load_1min": round(os.getloadavg()[0], 2),
    }


def _cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def commit() -> str:
    """Which state of the code was measured."""
    try:
        told = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=HERE, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return told.stdout.strip()


@dataclass(frozen=True)
class Scenario:
    """One pinned run of one script."""

    name: str
    script: str
    args: tuple[str, ...] = ()
    figures: tuple[dict[str, Any], ...] = ()  # key, name, unit; budget, better and only where they apply
    title: str = ""


def read_scenario(path: Path) -> Scenario:
    """A scenario from its file."""
    whole = tomllib.loads(path.read_text("utf-8"))
    return Scenario(
        path.stem,
        whole["script"],
        tuple(str(one) for one in whole.get("args", [])),
        tuple(whole.get("figure", [])),
        whole.get("title", ""),
    )


def scenarios() -> list[Scenario]:
    """All of them; a script that no scenario names is one by itself."""
    found = [read_scenario(path) for path in sorted((HERE / "scenarios").glob("*.toml"))]
    named = {one.script for one in found} | {"run.py"}
    bare = [p for p in sorted(HERE.glob("*.py")) if p.name not in named and not p.name.startswith("_")]
    return found + [Scenario(p.stem, p.name) for p in bare]


def figures(text: str, scenario: Scenario) -> list[dict[str, Any]]:
    """The figures among the JSON lines of a script's output; other lines are passed over.

    >>> figures('hello\\n{"name": "a", "value": 2, "unit": "s"}\\n', Scenario("x", "x.py"))
    [{'name': 'a', 'value': 2, 'unit': 's'}]
    >>> wanted = {"key": "per_s", "name": "decode {set}", "unit": "1/s", "budget": 5, "only": {"set": "b"}}
    >>> figures('{"set": "a", "per_s": 7}\\n', Scenario("x", "x.py", figures=(wanted,)))
    [{'name': 'decode a', 'value': 7, 'unit': '1/s'}]
    """
    found = []
    for line in text.splitlines():
        try:
            row = json.loads(line) if line.startswith("{") else None
        except ValueError:
            continue
        if row is not None and not fault(row):
            found.append(row)
        elif row is not None:
            found += [_figure(row, wanted) for wanted in scenario.figures if wanted["key"] in row]
    return [row for row in found if not fault(row)]


def _figure(row: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    made = {"name": wanted["name"].format(**row), "value": row[wanted["key"]], "unit": wanted["unit"]}
    if "budget" in wanted and all(row.get(key) == value for key, value in wanted.get("only", {}).items()):
        made |= {"budget": wanted["budget"], "better": wanted.get("better", "more")}
    return made


def fault(row: dict[str, Any]) -> str:
    """What a figure lacks, "" for nothing."""
    if not isinstance(row.get("name"), str) or not isinstance(row.get("unit"), str):
        return "name and unit must be text"
    if not isinstance(row.get("value"), int | float) or math.isnan(row["value"]):
        return "value must be a number"
    return ""


def within(row: dict[str, Any]) -> str:
    """How a figure stands to its budget: "yes", "NO", or "" without one."""
    if "budget" not in row:
        return ""
    good = row["value"] >= row["budget"] if row.get("better", "more") == "more" else row["value"] <= row["budget"]
    return "yes" if good else "NO"


def run_one(one: Scenario) -> tuple[list[dict[str, Any]], str]:
    """Run one scenario; gives its figures and what went wrong ("" for nothing)."""
    print(f"{one.name} …", file=sys.stderr, flush=True)
    began = time.perf_counter()
    command = [sys.executable, str(HERE / one.script), *one.args]
    try:
        ran = subprocess.run(
            command, cwd=HERE.parent, stdout=subprocess.PIPE, text=True, timeout=LONGEST_S, check=False
        )
    except subprocess.TimeoutExpired:
        return [], f"{one.name}: stopped after {LONGEST_S:.0f} s"
    rows = [{"benchmark": one.name, **row} for row in figures(ran.stdout, one)]
    print(f"{one.name} {time.perf_counter() - began:.1f} s", file=sys.stderr, flush=True)
    if ran.returncode:
        return rows, f"{one.name}: exit {ran.returncode}"
    return rows, "" if rows else f"{one.name}: printed no figure"


def keep(rows: list[dict[str, Any]], ran: set[str]) -> Path:
    """Write today's file; figures of benchmarks that did not run now stay."""
    path = RESULTS / f"{datetime.now(UTC).date().isoformat()}.json"
    before = json.loads(path.read_text("utf-8")) if path.exists() else {"figures": [], "commit": ""}
    kept = [{"commit": before["commit"], **row} for row in before["figures"] if row["benchmark"] not in ran]
    RESULTS.mkdir(exist_ok=True)
    whole = {"commit": commit(), "machine": machine(), "figures": kept + rows}
    path.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return path


def table(rows: list[dict[str, Any]]) -> str:
    """The figures as a Markdown table, as the README shows them."""
    lines = ["| what | figure | budget | within |", "|---|---:|---:|---|"]
    for row in rows:
        budget = amount(row["budget"]) if "budget" in row else ""
        lines.append(f"| {row['name']} | {amount(row['value'])} {row['unit']} | {budget} | {within(row)} |")
    return "\n".join(lines)


def amount(value: float) -> str:
    """A number as people read it: three digits that count, more only before the point.

    >>> amount(1234567.8), amount(12.3456), amount(0.0012345), amount(20)
    ('1,234,568', '12.3', '0.00123', '20')
    """
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"


def newest() -> Path | None:
    """The last kept result."""
    kept = sorted(RESULTS.glob("*.json"))
    return kept[-1] if kept else None


def shown(path: Path) -> str:
    """A kept result as the README shows it: the table, and what it was measured on."""
    whole = json.loads(path.read_text("utf-8"))
    on = whole["machine"]
    where = f"{on['cpu']}, {on['cores']} cores, Python {on['python']}, NumPy {on['numpy']}, Numba {on['numba']}"
    link = f"[bench/results/{path.name}](bench/results/{path.name})"
    older = sorted({row["commit"] for row in whole["figures"] if row.get("commit", whole["commit"]) != whole["commit"]})
    newer = sorted({row["benchmark"] for row in whole["figures"] if "commit" not in row})
    at = f"at {', '.join(older)}; {', '.join(newer)} at {whole['commit']}" if older else f"at {whole['commit']}"
    return f"{table(whole['figures'])}\n\n{where}; {link}, {at}."


def readme(page: Path) -> int:
    """Put the newest results between the README's marks; 1 when there is nothing to put or no place for it."""
    path, text = newest(), page.read_text("utf-8")
    if path is None or not all(mark in text for mark in MARKS):
        print("no kept result, or no marks in the README", file=sys.stderr)
        return 1
    before, after = text.split(MARKS[0])[0], text.split(MARKS[1])[1]
    page.write_text(f"{before}{MARKS[0]}\n{shown(path)}\n{MARKS[1]}{after}", "utf-8")
    return 0


def check() -> int:
    """Read every scenario and every kept result; 1 when one is not as it should be."""
    faults = [f"{one.name}: no script {one.script}" for one in scenarios() if not (HERE / one.script).exists()]
    for path in sorted(RESULTS.glob("*.json")):
        whole = json.loads(path.read_text("utf-8"))
        faults += [f"{path.name}: no {key}" for key in ("commit", "machine", "figures") if key not in whole]
        faults += [f"{path.name}: {row.get('name')}: {fault(row)}" for row in whole.get("figures", []) if fault(row)]
    print("\n".join(faults) or "scenarios and results are well formed")
    return 1 if faults else 0


def main(argv: list[str]) -> int:
    """Run what was asked for; 1 when a benchmark failed."""
    reader = argparse.ArgumentParser(description="Run the benchmarks and keep their figures.")
    reader.add_argument("words", nargs="*", help="only those whose name contains one of these")
    reader.add_argument("--check", action="store_true", help="check the kept results only")
    reader.add_argument("--readme", action="store_true", help="put the newest results into the README")
    args = reader.parse_args(argv)
    if args.readme:
        return readme(HERE.parent / "README.md")
    if args.check:
        return check()
    numba_cache.configure()
    wanted = [one for one in scenarios() if not args.words or any(word in one.name for word in args.words)]
    if not wanted:
        print("no such benchmark", file=sys.stderr)
        return 2
    rows: list[dict[str, Any]] = []
    faults = []
    for one in wanted:
        found, wrong = run_one(one)
        rows += found
        faults += [wrong] if wrong else []
    where = keep(rows, {one.name for one in wanted})
    print(table(rows))
    print(f"\nkept in {where.relative_to(HERE.parent)}", file=sys.stderr)
    print("\n".join(faults), file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
