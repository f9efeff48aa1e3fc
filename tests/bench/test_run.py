"""The bench runner keeps what was measured, and nothing else."""

from __future__ import annotations

import importlib.util
import json
import sys
import tomllib

import pytest


@pytest.fixture
def run(repository, tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("bench_run", repository / "bench/run.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "bench_run", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "HERE", tmp_path)
    monkeypatch.setattr(module, "RESULTS", tmp_path / "results")
    return module


def benchmark(folder, name: str, text: str) -> None:
    (folder / name).write_text(text)


def line(name: str, value: float, **more) -> str:
    return "print(" + repr(json.dumps({"name": name, "value": value, "unit": "s", **more})) + ")\n"


def kept(run) -> list[dict]:
    (path,) = run.RESULTS.glob("*.json")
    return json.loads(path.read_text())["figures"]


def test_figures_are_kept_with_the_machine(run, tmp_path, capsys):
    benchmark(tmp_path, "one.py", "print('noise')\n" + line("a", 1.5, budget=1.0, better="less"))
    assert run.main([]) == 0
    (path,) = run.RESULTS.glob("*.json")
    whole = json.loads(path.read_text())
    assert {"cpu", "cores", "python", "numpy", "numba"} <= set(whole["machine"])
    assert whole["figures"] == [
        {"benchmark": "one", "name": "a", "value": 1.5, "unit": "s", "budget": 1.0, "better": "less"}
    ]
    assert "| a | 1.5 s | 1 | NO |" in capsys.readouterr().out
    assert run.main(["--check"]) == 0


def test_a_second_run_replaces_only_what_it_measured(run, tmp_path):
    benchmark(tmp_path, "one.py", line("a", 1))
    benchmark(tmp_path, "two.py", line("b", 2))
    assert run.main([]) == 0
    benchmark(tmp_path, "one.py", line("a", 3))
    assert run.main(["one"]) == 0
    assert {row["name"]: row["value"] for row in kept(run)} == {"a": 3, "b": 2}


@pytest.mark.parametrize("text", ["raise SystemExit(3)\n", "print('no figure')\n", 'print(\'{"name": "x"}\')\n'])
def test_a_failed_benchmark_is_said(run, tmp_path, capsys, text):
    benchmark(tmp_path, "bad.py", text)
    benchmark(tmp_path, "good.py", line("a", 1))
    assert run.main([]) == 1
    assert "bad: " in capsys.readouterr().err
    assert [row["name"] for row in kept(run)] == ["a"]


def test_a_number_that_is_none_is_no_figure(run):
    for value in ("NaN", '"2"', "null"):
        text = f'{{"name": "a", "value": {value}, "unit": "s"}}\n{{bad\n'
        assert run.figures(text, run.Scenario("x", "x.py")) == []


def test_a_scenario_pins_arguments_and_names_figures(run, tmp_path):
    benchmark(
        tmp_path, "one.py", "import json, sys\n[print(json.dumps({'set': s, 'per_s': 7})) for s in sys.argv[1:]]\n"
    )
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "small.toml").write_text(
        'script = "one.py"\nargs = ["a", "b"]\n'
        '[[figure]]\nkey = "per_s"\nname = "decode {set}"\nunit = "1/s"\nbudget = 9\nonly = { set = "b" }\n'
    )
    assert run.main([]) == 0
    first, second = kept(run)
    assert (first["name"], first["value"], "budget" in first) == ("decode a", 7, False)
    assert (second["name"], second["budget"], run.within(second)) == ("decode b", 9, "NO")


def test_a_scenario_without_its_script_is_said(run, tmp_path, capsys):
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "lost.toml").write_text('script = "gone.py"\n')
    assert run.main(["--check"]) == 1
    assert "gone.py" in capsys.readouterr().out


def test_the_projects_scenarios_are_well_formed(repository):
    for path in (repository / "bench/scenarios").glob("*.toml"):
        whole = tomllib.loads(path.read_text())
        assert (repository / "bench" / whole["script"]).exists(), path.name
        assert whole["title"]
        for figure in whole["figure"]:
            assert {"key", "name", "unit"} <= set(figure) <= {"key", "name", "unit", "budget", "better", "only"}


def test_nothing_asked_for_is_said(run):
    assert run.main(["nothing"]) == 2


def test_kept_results_of_the_project_are_well_formed(repository):
    for path in (repository / "bench/results").glob("*.json"):
        whole = json.loads(path.read_text())
        assert {"commit", "machine", "figures"} <= set(whole), path.name
        for row in whole["figures"]:
            assert isinstance(row["value"], int | float), (path.name, row)


def test_the_readme_shows_the_newest_results(run, tmp_path):
    page = tmp_path / "README.md"
    page.write_text("before\n<!-- figures:begin -->\nold\n<!-- figures:end -->\nafter\n")
    assert run.readme(page) == 1, "nothing is measured yet"
    benchmark(tmp_path, "one.py", line("a", 1234567))
    assert run.main([]) == 0
    assert run.readme(page) == 0
    text = page.read_text()
    assert text.startswith("before\n<!-- figures:begin -->\n| what |")
    assert text.endswith("<!-- figures:end -->\nafter\n")
    assert "| a | 1,234,567 s |" in text
    assert "old" not in text
    first = text
    assert run.readme(page) == 0
    assert page.read_text() == first


def test_the_projects_readme_promises_nothing(run, repository):
    """Its figures are those of the result that it names, or it shows none."""
    text = (repository / "README.md").read_text("utf-8")
    inside = text.split(run.MARKS[0])[1].split(run.MARKS[1])[0].strip()
    if inside:
        name = inside.rsplit("](", 1)[1].split(")")[0]
        assert inside == run.shown(repository / name)
