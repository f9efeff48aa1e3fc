"""Each exception from a rule carries its reason on its line; nothing of one person's machine is tracked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

# Built from parts, so that this file does not find itself.
NOQA = re.compile("# no" + r"qa(?P<codes>:\s*[A-Z]+[0-9]+(?:\s*,\s*[A-Z]+[0-9]+)*)?(?P<rest>.*)$", re.IGNORECASE)
IGNORE = re.compile("# type: ig" + r"nore(?P<codes>\[[a-z0-9, -]+\])?(?P<rest>.*)$")
WEB = re.compile(
    "(?:@ts-ig"
    + "nore|@ts-expect-er"
    + "ror|eslint-dis"
    + r"able(?:-next-line|-line)?|svelte-ig"
    + "nore)(?P<rest>.*)$"
)


def has_reason(rest: str) -> bool:
    """Two words or more behind the sign."""
    return len(re.findall(r"[^\W\d_]{2,}", rest)) >= 2


def unreasoned(line: str) -> bool:
    for sign in (NOQA, IGNORE):
        found = sign.search(line)
        if found and not (found["codes"] and has_reason(found["rest"])):
            return True
    found = WEB.search(line)
    return bool(found and not has_reason(found["rest"]))


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("x = 1  # no" + "qa", True),
        ("x = 1  # no" + "qa: S603", True),
        ("x = 1  # no" + "qa: S603  # fixed program, no shell", False),
        ("x = 1  # type: ig" + "nore", True),
        ("x = 1  # type: ig" + "nore[attr-defined]", True),
        ("x = 1  # type: ig" + "nore[misc]  # numba hides the signature", False),
        ("x = 1  # an ordinary remark", False),
    ],
)
def test_the_rule_sees(line, wrong):
    assert unreasoned(line) is wrong


def texts(tracked: list[Path], *endings: str) -> list[tuple[Path, str]]:
    found = []
    for path in tracked:
        if endings and path.suffix not in endings:
            continue
        try:
            found.append((path, path.read_text("utf-8")))
        except UnicodeDecodeError:
            continue  # pictures and samples
    return found


def test_each_exception_has_its_reason(tracked):
    bare = [
        f"{path.name}:{number}: {line.strip()}"
        for path, text in texts(tracked, ".py", ".ts", ".js", ".svelte")
        for number, line in enumerate(text.splitlines(), 1)
        if unreasoned(line)
    ]
    assert not bare, "\n".join(bare)


def test_lint_exceptions_in_the_configuration_have_theirs(repository):
    text = (repository / "pyproject.toml").read_text("utf-8")
    ignored = text.split("\nignore = [")[1].split("\n]")[0]
    rows = [row for row in ignored.splitlines() if row.strip()]
    assert rows
    assert not [row for row in rows if "#" not in row or not has_reason(row.split("#", 1)[1])]


# Folders of one machine. A path of the system (/usr, /dev, /etc, /var) is common to all.
ONES_OWN = re.compile(r"(?<![\w.~$}/-])/(?:wo" + r"rk|ro" + r"ot|ho" + r"me/\w+|Us" + r"ers/\w+|t" + r"mp/\w+)(?:/|\b)")


@pytest.mark.parametrize("line", ["cd /wo" + "rk/main", "'/ho" + "me/me/x'", "open /t" + "mp/x", "(/ro" + "ot/.cache)"])
def test_the_path_rule_sees(line):
    assert ONES_OWN.search(line)


@pytest.mark.parametrize("line", ["https://example.org/work/x", "a/work/b", "/usr/bin/tshark", "the work/rest split"])
def test_the_path_rule_lets_pass(line):
    assert not ONES_OWN.search(line)


def test_no_path_of_one_machine_is_tracked(tracked):
    found = [
        f"{path.name}:{number}: {line.strip()[:120]}"
        for path, text in texts(tracked)
        if path.name not in {"uv.lock", "package-lock.json"}
        for number, line in enumerate(text.splitlines(), 1)
        if ONES_OWN.search(line)
    ]
    assert not found, "\n".join(found)


def test_locks_name_public_registries_only(tracked):
    """A lock written behind a mirror would fail everywhere else."""
    public = {"pypi.org", "files.pythonhosted.org", "registry.npmjs.org"}
    for path in tracked:
        if path.name == "uv.lock":
            hosts = re.findall(r'(?:url|registry) = "https?://([^/"]+)', path.read_text("utf-8"))
            assert hosts
        elif path.name == "package-lock.json":
            hosts = re.findall(r'"resolved": "https?://([^/"]+)', path.read_text("utf-8"))  # none: the default registry
        else:
            continue
        assert set(hosts) <= public, f"{path.name}: {set(hosts) - public}"


def test_no_recording_is_tracked(tracked, repository):
    """Recordings are not ours to ship; golden samples are small and made by our own encoders."""
    large = [p.relative_to(repository).as_posix() for p in tracked if p.stat().st_size > 2_000_000]
    allowed = ("uv.lock", "web/", "src/manara/desk/")
    assert not [name for name in large if not name.startswith(allowed)], large
    assert not [p.name for p in tracked if p.suffix in {".pcap", ".ast", ".parquet", ".gps", ".7z"}]


def test_shell_programs_are_executable(repository):
    ci = repository / ".ci/run"
    assert ci.stat().st_mode & 0o111
    assert ci.read_text("utf-8").startswith("#!/usr/bin/env bash\n")
