"""Every page proves itself: links lead somewhere, commands exist, what is marked runnable runs.

A block fenced as ``console`` shows commands behind ``$``; each `manara` command in it must parse. A block fenced as
``console run`` is run, line by line in one empty folder; lines below a command must appear in what it prints
(… stands for anything). A block fenced as ``toml node`` or ``toml sensors`` is read by the program's own reader.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from manara.host import config

BLOCK = re.compile(r"^```([^\n`]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!\\)\[[^\]]*\]\(([^)\s]+)\)")
PAGES = ("README.md", "README.ar.md", "CONTRIBUTING.md", "STYLE.md", "SECURITY.md", "CHANGELOG.md")


@dataclass(frozen=True)
class Block:
    page: str
    kind: str  # the words behind the fence
    text: str

    def commands(self) -> list[tuple[str, list[str]]]:
        """Each command with the lines that must appear below it."""
        found: list[tuple[str, list[str]]] = []
        for line in self.text.replace("\\\n", " ").splitlines():
            if line.startswith("$ "):
                found.append((line[2:].split("  #")[0].strip(), []))
            elif line.strip() and found:
                found[-1][1].append(line.rstrip())
        return found


@pytest.fixture(scope="module")
def pages(repository) -> dict[str, str]:
    paths = [repository / name for name in PAGES if (repository / name).exists()]
    paths += sorted((repository / "docs").rglob("*.md"))
    return {p.relative_to(repository).as_posix(): p.read_text("utf-8") for p in paths}


@pytest.fixture(scope="module")
def blocks(pages) -> list[Block]:
    return [Block(name, m[1].strip(), m[2]) for name, text in pages.items() for m in BLOCK.finditer(text)]


def test_commands_are_found():
    block = Block("x", "console", "$ manara track a.nmea \\\n    --out b.parquet  # a remark\n12 tracks\n$ ls\n")
    assert block.commands() == [("manara track a.nmea      --out b.parquet", ["12 tracks"]), ("ls", [])]


def headings(text: str) -> set[str]:
    """The anchors that a page offers."""
    titles = re.findall(r"^#+ (.+)$", BLOCK.sub("", text), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", t.lower()).replace(" ", "-") for t in titles}


def test_links_lead_somewhere(pages, repository):
    broken = []
    for name, text in pages.items():
        for link in LINK.findall(BLOCK.sub("", text)):
            if re.match(r"[a-z]+:", link):
                continue
            path, _, anchor = link.partition("#")
            to = (repository / name).parent / path if path else repository / name
            if not to.exists() or (anchor and anchor not in headings(to.read_text("utf-8"))):
                broken.append(f"{name}: {link}")
    assert not broken, broken


@cache
def help_of(words: tuple[str, ...]) -> str | None:
    """What ``manara WORDS --help`` prints; None when there is no such command."""
    program = "import sys; from manara.cli import main; sys.argv[0] = 'manara'; sys.exit(main())"
    ran = subprocess.run(
        [sys.executable, "-c", program, *words, "--help"], capture_output=True, text=True, check=False, timeout=60
    )
    return ran.stdout if ran.returncode == 0 else None


def wrong_with(command: str) -> str:
    """Why a ``manara`` command of a page cannot work; "" when it parses."""
    words = shlex.split(command)[1:]
    path: list[str] = []
    for word in words:
        if word.startswith("-") or not re.fullmatch(r"[a-z][a-z-]*", word) or len(path) == 3:
            break
        if word not in (help_of(tuple(path)) or "").replace(",", " ").replace("{", " ").replace("}", " ").split():
            break
        if path and help_of((*path, word)) == help_of(tuple(path)):
            break  # an argument that the help happens to name, not a command below
        path.append(word)
    said = help_of(tuple(path))
    if not path and words and not words[0].startswith("-"):
        return f"no command {words[0]!r}"
    if said is None:
        return f"manara {' '.join(path)} --help fails"
    unknown = [w.split("=")[0] for w in words if w.startswith("--") and w.split("=")[0] not in said]
    return f"manara {' '.join(path)} knows no {unknown}" if unknown else ""


def test_manara_commands_in_the_pages_exist(blocks):
    wrong, seen = [], 0
    for block in blocks:
        if block.kind.split(" ")[0] != "console":
            continue
        for line, _ in block.commands():
            for command in line.split(" | "):
                if command.split(" ")[0].endswith("manara"):
                    seen += 1
                    if why := wrong_with(command):
                        wrong.append(f"{block.page}: {command}: {why}")
    assert seen > 10
    assert not wrong, "\n".join(wrong)


def test_make_targets_in_the_pages_exist(pages, repository):
    rules = set(re.findall(r"^([a-z]+):", (repository / "Makefile").read_text("utf-8"), flags=re.MULTILINE))
    named = {m for text in pages.values() for m in re.findall(r"(?:`|\$ )make ([a-z]+)", text)}
    assert named >= {"demo", "test"}
    assert named <= rules


def run_block(block: Block, folder: Path) -> list[str]:
    """Run a block's commands in folder; gives what went otherwise than the page says."""
    binaries = str(Path(sys.executable).parent)
    env = {**os.environ, "PATH": binaries + os.pathsep + os.environ["PATH"], "COLUMNS": "120", "LC_ALL": "C.UTF-8"}
    wrong = []
    for command, below in block.commands():
        ran = subprocess.run(
            ["bash", "-c", command], cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=120
        )
        said = ran.stdout + ran.stderr
        if ran.returncode:
            wrong.append(f"$ {command}\nexit {ran.returncode}\n{said}")
        for line in below:
            pattern = ".*".join(re.escape(part.strip()) for part in line.split("…"))
            if not re.search(pattern, said):
                wrong.append(f"$ {command}\nshould print: {line}\nprints:\n{said}")
    return wrong


def test_a_page_that_lies_is_seen(tmp_path):
    assert run_block(Block("x", "console run", "$ false\n"), tmp_path)
    assert run_block(Block("x", "console run", "$ echo one\ntwo\n"), tmp_path)
    assert not run_block(Block("x", "console run", "$ echo one two three\none … three\n"), tmp_path)


def test_what_is_marked_runnable_runs(blocks, tmp_path):
    runnable: dict[str, list[Block]] = {}
    for block in blocks:
        if block.kind == "console run":
            runnable.setdefault(block.page, []).append(block)
    assert runnable
    wrong = []
    for number, (page, of_page) in enumerate(runnable.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        for block in of_page:
            wrong += [f"{page}: {one}" for one in run_block(block, folder)]
    assert not wrong, "\n".join(wrong)


def test_configurations_in_the_pages_are_read(blocks, tmp_path):
    readers = {"toml node": config.node_config, "toml sensors": config.sensors}
    seen = set()
    for block in blocks:
        if block.kind in readers:
            seen.add(block.kind)
            path = tmp_path / "page.toml"
            path.write_text(block.text, "utf-8")
            assert readers[block.kind](path), block.page
    assert seen == set(readers)


def test_the_first_screen(repository):
    """What it is, one command, one's own feed, and where it came from."""
    lines = (repository / "README.md").read_text("utf-8").splitlines()
    assert any("make demo" in line for line in lines[:20])
    assert any("manara watch" in line for line in lines[:20])
    assert any("docs/origin.md" in line for line in lines[:30])
    assert not re.search(r"!\[", "\n".join(lines)) or (repository / "docs/desk/picture-en.png").exists()


def listed(page: str, mark: str) -> set[tuple[str, ...]]:
    """The commands of the reference's table that carry a mark."""
    found = re.findall(rf"^\| {mark} \| `manara ((?:[a-z]+(?=[ `]) ?)+)", page, flags=re.MULTILINE)
    return {tuple(words.split()) for words in found}


def test_the_table_of_commands_is_read():
    page = "| ✓ | `manara node init C.toml` | x |\n| ✓ | `manara demo [--port P]` | y |\n| – | `manara plan …` | z |\n"
    assert listed(page, "✓") == {("node", "init"), ("demo",)}
    assert listed(page, "–") == {("plan",)}


def test_the_reference_lists_what_exists(repository):
    """docs/reference/cli.md marks with ✓ what the program has, and with – what it has not."""
    page = (repository / "docs/reference/cli.md").read_text("utf-8")
    missing = [" ".join(words) for words in listed(page, "✓") if help_of(words) is None]
    assert not missing, missing
    there = [" ".join(words) for words in listed(page, "–") if help_of(words) is not None]
    assert not there, f"these exist now: mark them {there}"
    offered = set(re.findall(r"^ {4}([a-z]+)(?= |$)", help_of(()) or "", flags=re.MULTILINE))
    assert offered == {words[0] for words in listed(page, "✓")}


def test_options_of_the_reference_are_those_of_the_program(repository):
    """Each option in a row of the table exists, and each option of the program stands in its row."""
    page = (repository / "docs/reference/cli.md").read_text("utf-8")
    for row in re.findall(r"^\| ✓ \| `manara ([^`]+)`", page, flags=re.MULTILINE):
        words = tuple(re.match(r"(?:[a-z]+(?= |$) ?)+", row)[0].split())
        said = set(re.findall(r"--[a-z-]+", row))
        offered = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", (help_of(words) or "").split("example:")[0])) - {"--help"}
        assert said == offered, f"manara {' '.join(words)}: {said ^ offered}"


def test_the_reference_names_every_format(repository):
    from manara.feeds import formats

    page = (repository / "docs/reference/cli.md").read_text("utf-8")
    table = page.split("| family | forms |")[1].split("\n\n")[0]
    assert set(re.findall(r"`([a-z-]+)`", table)) == set(formats.table()) | {f.family for f in formats.table().values()}


def test_the_reference_names_every_column_of_tracks(repository):
    from manara.host import offline

    page = (repository / "docs/reference/cli.md").read_text("utf-8")
    table = page.split("## TRACKS.parquet")[1].split("\n## ")[0]
    named = re.findall(r"`([a-z0-9_]+)`", "\n".join(re.findall(r"^\| ([^|]+) \|", table, flags=re.MULTILINE)))
    assert sorted(named) == sorted(offline.COLUMNS)


def test_the_pages_name_every_key_of_a_configuration(repository):
    from manara.records.config import ExitConfig, NodeConfig
    from manara.records.sensors import FeedConfig, Sensor

    page = (repository / "docs/how-to/sensors-file.md").read_text("utf-8")
    rows = "".join(re.findall(r"^\| (`[^|]+) \|", page, flags=re.MULTILINE))
    assert set(re.findall(r"`([a-z_]+)`", rows)) == set(Sensor.__struct_fields__)
    page = (repository / "docs/how-to/node-config.md").read_text("utf-8")
    for struct in (NodeConfig, FeedConfig, ExitConfig):
        missing = [key for key in struct.__struct_fields__ if not re.search(rf"\b{key}\b", page)]
        assert not missing, f"{struct.__name__}: {missing}"


def test_each_command_shows_an_example(repository):
    page = (repository / "docs/reference/cli.md").read_text("utf-8")
    silent = [words for words in listed(page, "✓") if "example: manara" not in (help_of(words) or "")]
    assert not silent, silent


def test_tests_that_the_pages_name_exist(pages, repository):
    named = {m for text in pages.values() for m in re.findall(r"`(tests/[\w/.]+)`", text)}
    assert len(named) > 10
    assert not [name for name in named if not (repository / name).exists()]


def test_pages_that_the_program_names_exist(all_sources, repository):
    named = {m for s in all_sources for m in re.findall(r"docs/[\w./-]+?\.md", s.text)}
    assert named
    assert not [name for name in named if not (repository / name).exists()]


def test_adr_are_numbered_without_a_gap(repository):
    names = sorted(p.name for p in (repository / "docs/adr").glob("[0-9]*.md"))
    assert [int(n[:4]) for n in names] == list(range(1, len(names) + 1)), names
    for name in names:
        text = (repository / "docs/adr" / name).read_text("utf-8")
        for part in ("## Question", "## Decision", "## Why", "## What would change it"):
            assert part in text, f"{name} lacks {part}"


def test_changelog_has_the_shape(repository):
    text = (repository / "CHANGELOG.md").read_text("utf-8")
    assert "## [Unreleased]" in text
    kinds = set(re.findall(r"^### (.+)$", text, flags=re.MULTILINE))
    assert kinds
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
