"""The folder of compiled kernels follows what the kernels say."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys

import pytest

from manara.host import numba_cache


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of five files: ``top`` calls ``middle`` calls ``low``; ``aside`` is on its own, ``plain`` has none."""
    package = tmp_path / "pack"
    (package / "kernels").mkdir(parents=True)
    (package / "kernels" / "__init__.py").write_text("")
    (package / "kernels" / "low.py").write_text("@njit\ndef g(): return WIDTH\nfrom pack.plain import WIDTH\n")
    (package / "kernels" / "middle.py").write_text(
        "from pack.kernels import (\n    low as l,\n)\n@njit\ndef f(): ...\n"
    )
    (package / "kernels" / "top.py").write_text("import numpy, pack.kernels.middle as m\n@njit\ndef e(): ...\n")
    (package / "kernels" / "aside.py").write_text("@njit\ndef h(): ...\n")
    (package / "plain.py").write_text("WIDTH = 1\n")
    monkeypatch.setattr(numba_cache, "_PACKAGE", package)
    return package


def stamps(package):
    numba_cache.stamp.cache_clear()
    return {one.stem: numba_cache.folder_name(one) for one in numba_cache.kernel_files()}


def test_an_edit_changes_the_folders_of_what_builds_on_it_and_no_other(package):
    builds = {
        "low": "low middle top",
        "middle": "middle top",
        "top": "top",
        "aside": "aside",
        "plain": "low middle top",
    }
    for name, changed in builds.items():
        before = stamps(package)
        file = package / "plain.py" if name == "plain" else package / "kernels" / f"{name}.py"
        file.write_text(file.read_text() + "# edited\n")
        after = stamps(package)
        assert {one for one in after if after[one] != before[one]} == set(changed.split()), name


def test_the_folder_follows_the_name_of_a_file_too(package):
    before = stamps(package)
    (package / "kernels" / "aside.py").rename(package / "kernels" / "beside.py")
    after = stamps(package)
    assert after["beside"].split("-")[1] != before["aside"].split("-")[1]


def test_the_closure_of_the_real_kernels_holds_what_they_import():
    for file in numba_cache.kernel_files():
        named = {p.relative_to(numba_cache._PACKAGE).as_posix() for p in numba_cache.closure(file)}
        tree = ast.parse(file.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("manara"):
                base = node.module.replace(".", "/").removeprefix("manara").lstrip("/")
                for alias in node.names:
                    assert named & {f"{base}.py", f"{base}/{alias.name}.py"}, (file, node.module, alias.name)


def test_two_checkouts_that_say_the_same_share_a_name(package, tmp_path, monkeypatch):
    before = stamps(package)
    shutil.copytree(package, tmp_path / "other" / "pack")
    monkeypatch.setattr(numba_cache, "_PACKAGE", tmp_path / "other" / "pack")
    assert stamps(package) == before


def test_what_the_user_chose_stands(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert numba_cache.configure(tmp_path / "other") == tmp_path


def test_the_folder_is_the_owners(tmp_path, monkeypatch):
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    folder = numba_cache.configure(tmp_path / "deep" / "root")
    assert os.environ["NUMBA_CACHE_DIR"] == str(folder)
    assert folder.stat().st_mode & 0o077 == 0


def test_a_root_that_cannot_be_made_costs_time_only(tmp_path, monkeypatch):
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    (tmp_path / "file").write_text("in the way")
    folder = numba_cache.configure(tmp_path / "file")
    assert folder.is_dir()
    assert tmp_path / "file" not in folder.parents
    folder.rmdir()


def test_outside_a_checkout_it_is_the_users_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(numba_cache, "_PACKAGE", tmp_path / "lib" / "site-packages" / "manara")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert numba_cache.default_root() == tmp_path / "cache" / "manara"


def test_it_speaks_before_numba_loads():
    program = "from manara.host import numba_cache; import sys; numba_cache.configure(); print('numba' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_a_stale_called_kernel_is_not_served_and_a_fresh_one_is(tmp_path):
    """The reason for all this: Numba alone would answer with the old result."""
    package = tmp_path / "pack"
    package.mkdir()
    (package / "__init__.py").write_text("")
    called = "from numba import njit\n@njit(cache=True)\ndef g(): return {}\n"
    (package / "called.py").write_text(called.format(1))
    caller = "from numba import njit\nfrom pack.called import g\n@njit(cache=True)\ndef f(): return g()\n"
    (package / "caller.py").write_text(caller)
    run = (
        "import sys; from pathlib import Path; from manara.host import numba_cache\n"
        f"numba_cache._PACKAGE = Path({str(package)!r})\n"
        f"numba_cache.configure(Path({str(tmp_path / 'cache')!r}))\n"
        f"sys.path.insert(0, {str(tmp_path)!r}); from pack.caller import f\n"
        "print(f(), sum(f.stats.cache_hits.values()))\n"
    )
    env = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA_CACHE")}

    def said() -> str:
        return subprocess.run(
            [sys.executable, "-B", "-c", run], capture_output=True, text=True, check=True, env=env
        ).stdout.strip()

    assert (said(), said()) == ("1 0", "1 1")
    (package / "called.py").write_text(called.format(2))
    assert (said(), said()) == ("2 0", "2 1")
    (package / "called.py").write_text(called.format(1))
    assert said() == "1 1", "what was compiled before is taken up again"
