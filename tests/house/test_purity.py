"""Floors 1 to 3 own no clock, no chance and no bytes: what imports alone cannot show."""

from __future__ import annotations

import ast

import pytest

PURE = {
    "records", "kernels", "feeds", "tracking", "picture", "release", "ledger", "link", "warning", "incident", "node",
}  # fmt: skip

BUILTINS = {
    "open": "bytes come in as arguments",
    "print": "what is to be said is a value",
    "input": "a person is asked at the desk",
    "eval": "bytes never become code",
    "exec": "bytes never become code",
    "compile": "bytes never become code",
    "__import__": "the walls must see every import",
    "breakpoint": "left over",
    "hash": "of text it differs from process to process: playback would not be bit-identical",
    "id": "differs from process to process",
}
CLOCKS = {"now", "utcnow", "today"}
FILES = {"fromfile", "tofile", "load", "save", "savez", "savez_compressed", "loadtxt", "savetxt", "genfromtxt",
         "memmap", "fromregex"}  # fmt: skip
SEEDED = {"Generator", "Philox", "PCG64", "SeedSequence", "BitGenerator"}


def dotted(node: ast.AST) -> str:
    """``np.random.rand`` of an attribute chain; "" when it is not one."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        left = dotted(node.value)
        return f"{left}.{node.attr}" if left else ""
    return ""


def fault(node: ast.AST) -> str:
    """What is wrong with one call, "" for nothing."""
    if not isinstance(node, ast.Call):
        return ""
    name = dotted(node.func)
    head, _, last = name.rpartition(".")
    if name in BUILTINS:
        return f"{name}(): {BUILTINS[name]}"
    if last in CLOCKS and head.split(".")[-1] in {"datetime", "date", "dt"}:
        return f"{name}(): the clock comes in as an argument"
    if (head in {"np", "numpy"} and last in FILES) or last == "tofile":
        return f"{name}(): bytes come in as arguments"
    if head in {"np.random", "numpy.random"} and last not in SEEDED:
        return f"{name}(): chance comes in as a seeded generator"
    if (
        name in {"datetime.fromtimestamp", "datetime.datetime.fromtimestamp"}
        and len(node.args) < 2
        and not node.keywords
    ):
        return f"{name}() without a zone reads the machine's zone"
    return ""


@pytest.mark.parametrize(
    "line",
    [
        "open('x')", "print(1)", "eval('1')", "hash('a')", "datetime.datetime.now()", "datetime.now(tz=UTC)",
        "date.today()", "np.random.rand(3)", "np.random.default_rng()", "numpy.load('x')", "a.b.tofile(f)",
        "np.fromfile('x')", "datetime.fromtimestamp(3)",
    ],
)  # fmt: skip
def test_the_rule_sees(line):
    assert fault(ast.parse(line, mode="eval").body)


@pytest.mark.parametrize(
    "line", ["np.frombuffer(b)", "rng.normal(3)", "np.random.Generator(np.random.Philox(7))", "step.now(3)",
             "reopen(1)", "datetime.fromtimestamp(3, UTC)", "decoder.load(state)"]
)  # fmt: skip
def test_the_rule_lets_pass(line):
    assert not any(fault(node) for node in ast.walk(ast.parse(line)))


def test_floors_one_to_three_are_pure(all_sources):
    found = [
        f"{s.at(node)} {fault(node)}" for s in all_sources if s.room in PURE for node in ast.walk(s.tree) if fault(node)
    ]
    assert not found, "\n".join(found)


KERNEL_BAN = {"np.dot", "np.linalg", "np.matmul", "np.vdot", "np.inner"}


def is_kernel(function: ast.AST) -> bool:
    return any("njit" in ast.unparse(d) for d in getattr(function, "decorator_list", []))


def test_kernels_are_compiled_alike_and_count_plainly(all_sources):
    found = []
    for s in all_sources:
        for function in filter(is_kernel, s.functions()):
            how = ast.unparse(next(d for d in function.decorator_list if "njit" in ast.unparse(d)))
            if "cache=True" not in how or "nogil=True" not in how or "fastmath" in how or "parallel" in how:
                found.append(f"{s.at(function)} @{how}: want @njit(cache=True, nogil=True) and nothing else")
            for node in ast.walk(function):
                if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
                    found.append(f"{s.at(node)} @: BLAS differs from machine to machine")
                if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
                    found.append(f"{s.at(node)} **: write the product")
                if any(dotted(node).startswith(ban) for ban in KERNEL_BAN):
                    found.append(f"{s.at(node)} {dotted(node)}: BLAS differs from machine to machine")
    assert not found, "\n".join(sorted(set(found)))


def test_the_package_itself_does_no_work(all_sources):
    package = next(s for s in all_sources if s.name == "__init__.py")
    assert len(package.tree.body) == 1
    assert ast.get_docstring(package.tree)
