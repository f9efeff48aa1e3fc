"""What a newcomer gets wrong: every command of sharing says it in one line, and its help shows how."""

from __future__ import annotations

import itertools
import os
import re

import pytest
from tests.doubles import folders

from manara.cli import main
from manara.cli.main import parser

WHO = "--person arvena.chief --key arvena.chief.key"
NODE = "--node arvena.toml --wait 0"
FILE = "arvena-belora.toml"
COMMANDS = (  # @ stands for what is wrong
    "agreement show @",
    "agreement check @",
    f"agreement check {FILE} --directory @",
    f"agreement sign @ --node arvena.toml {WHO}",
    f"agreement sign {FILE} --node @ {WHO}",
    f"agreement sign {FILE} --node arvena.toml --person arvena.chief --key @",
    f"agreement activate @ --phase full {NODE} {WHO}",
    f"agreement suspend @ {NODE} {WHO}",
    f"agreement resume {FILE} --phase full --node @ --wait 0 {WHO}",
    f"agreement recall @ {NODE} {WHO}",
    f"agreement recall {FILE} --node @ --wait 0 {WHO}",
    f"agreement recall {FILE} {NODE} --to @ {WHO}",
    f"agreement submit @ {NODE}",
    f"agreement explain 1 belora --agreement {FILE} --node @",
    f"agreement explain 1 belora --agreement {FILE} --tracks @",
    "agreement explain 1 belora --node @",
    f"agreement diff {FILE} @",
    f"agreement preview {FILE} --node @",
    f"agreement preview {FILE} --against @ --tracks bytes",
    "partner invite @ --out new.card",
    "partner join arvena.toml @ --reply new.card",
    "partner join @ bytes --invitation nowhere.card",
    f"partner leave belora --node @ --wait 0 {WHO}",
    f"partner leave @ {NODE} {WHO}",
    "partner key new.key --person arvena.x --name X --capacity policy --directory @",
    "ledger verify @",
    "ledger verify bytes --key @",
    "ledger prove @ --leaf 0 --out new.json",
    "ledger export @ --out new",
    "ledger checkpoint @",
    "ledger keys @",
    "retention run @",
    f"retention hold case --originator @ {NODE} {WHO}",
    f"retention hold case --originator belora --from @ {NODE} {WHO}",
    f"retention lift case --node @ --wait 0 {WHO}",
    "export account @ --month 2026-11 --out new",
    "export account empty --month @ --out new",
    "export history @ --partner arvena --out new.csv",
)
WRONG = ("nowhere.toml", "empty", "bytes", "nothing", "broken.toml", "strange.toml", "deep.json", "/dev/null",
         "x" * 300, "--x")  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A node's folder with every kind of wrong file in it."""
    made = tmp_path_factory.mktemp("wrong")
    folders.make(made)
    (made / "empty").mkdir()
    for name, content in (("bytes", bytes(range(256)) * 20), ("nothing", b""), ("broken.toml", b"a = ["),
                          ("strange.toml", b"x = 1\n"), ("deep.json", b"[" * 50_000)):  # fmt: skip
        (made / name).write_bytes(content)
    return made


def told(words: list[str], capsys) -> tuple[int, list[str]]:
    capsys.readouterr()
    try:
        code = main(words)
    except SystemExit as ended:
        code = int(str(ended.code))
    return code, capsys.readouterr().err.strip().splitlines()


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_wrong_is_said_in_one_line(place, monkeypatch, capsys, command):
    monkeypatch.chdir(place)
    before = sorted(os.listdir(place))
    turn = COMMANDS.index(command)
    for wrong in (WRONG[turn % len(WRONG)], WRONG[(turn + 3) % len(WRONG)], WRONG[(turn + 7) % len(WRONG)]):
        code, lines = told([wrong if word == "@" else word for word in command.split()], capsys)
        refused = command.startswith(("agreement check", "agreement submit")) and code == 1
        assert code == 2 or refused, (wrong, code, lines)
        assert len(lines) == 1 or refused, (wrong, lines)
        assert all(len(line) < 1_500 for line in lines)
    made = {one for one in os.listdir(place) if one not in before} - {"arvena.node", "keys"}
    assert not made, "what failed left nothing behind"


def helps() -> list[tuple[str, ...]]:
    """Every command of sharing, by its words."""
    found = []
    inner = next(one for one in parser()._actions if one.dest == "command").choices
    for top in ("agreement", "partner", "ledger", "retention", "export"):
        below = next(one for one in inner[top]._actions if one.dest == "what").choices
        found += [(top,), *((top, name) for name in below)]
    return found


@pytest.mark.parametrize("words", helps(), ids=" ".join)
def test_every_help_has_an_example_that_parses_and_its_exit_codes(words, capsys):
    import shlex

    with pytest.raises(SystemExit) as ended:
        main([*words, "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    example = re.search(r"example: manara (.*)", said)[1]
    assert "exit codes: 0 done, 1 the answer is no, 2 bad input" in said
    assert ">" not in re.sub(r"'[^']*'", "", example), "a shell would take it for a file"
    read = parser().parse_args(shlex.split(example))
    assert read.command == words[0]
    assert len(words) == 1 or read.what == words[1]
    bare = [line for line in said.splitlines() if re.fullmatch(r"  [A-Z_.a-z]+", line) and len(words) > 1]
    assert not bare, "an argument without a word about it"


def test_signers_of_an_example_are_as_many_as_it_takes(capsys):
    for words, many in itertools.chain(
        [((a, b), 2) for a, b in (("agreement", "activate"), ("agreement", "resume"), ("partner", "leave"))],
        [(("agreement", "suspend"), 1), (("agreement", "recall"), 1), (("retention", "hold"), 2)],
    ):
        with pytest.raises(SystemExit):
            main([*words, "--help"])
        assert re.search(r"example: .*", capsys.readouterr().out)[0].count("--key") == many
