"""Lower tests/house/ratchet.json to what the package measures now. It never raises a number.

python tools/ratchet.py          print what it would write
python tools/ratchet.py --write  write it
"""

from __future__ import annotations

import ast
import json
import re
import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT / "tests/house/ratchet.json"
GENERATED = {"tables.py"}


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring, as tests/house/test_sizes.py counts them."""
    prose = ast.get_docstring(function, clean=False)
    first = function.body[0]
    skipped = (first.end_lineno or 0) - first.lineno + 1 if prose is not None else 0
    return (function.end_lineno or 0) - function.lineno + 1 - skipped


def measure() -> dict[str, float]:
    """The package's figures."""
    texts = [p.read_text("utf-8") for p in (ROOT / "src/manara").rglob("*.py") if p.name not in GENERATED]
    functions = [
        lines_of(node)
        for text in texts
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    beside = [
        p.read_text("utf-8")
        for folder in ("tests", "tools", "bench", "examples")
        for p in (ROOT / folder).rglob("*.py")
    ]
    whole = "\n".join(texts)
    return {
        "file_lines": max(text.count("\n") for text in texts + beside),
        "function_lines": max(functions),
        "median_function_lines": statistics.median(functions),
        "noqa": len(re.findall(r"# [n]oqa", whole)),
        "type_ignore": len(re.findall(r"# type: [i]gnore", whole)),
    }


def main() -> None:
    """Print, and with --write record, the smaller of what is recorded and what is measured."""
    before = json.loads(RECORD.read_text("utf-8"))
    now = measure()
    after = {key: min(value, now[key]) for key, value in before.items()}
    print(json.dumps({"recorded": before, "measured": now}, indent=2))
    if "--write" in sys.argv[1:]:
        RECORD.write_text(json.dumps(after, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
