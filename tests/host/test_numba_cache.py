"""The folder of compiled kernels follows what the kernels say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from manara.host import numba_cache


def test_an_edit_of_any_kernel_file_changes_the_folder(tmp_path, monkeypatch):
    package = tmp_path / "manara"
    (package / "kernels").mkdir(parents=True)
    kernel = package / "kernels" / "walk.py"
    kernel.write_text("@njit\ndef f(): return 1\n")
    (package / "plain.py").write_text("x = 1\n")
    monkeypatch.setattr(numba_cache, "_PACKAGE", package)
    first = numba_cache.fingerprint()
    assert numba_cache.kernel_files() == [kernel]
    (package / "plain.py").write_text("x = 2\n")
    assert numba_cache.fingerprint() == first, "a file without kernels does not matter"
    kernel.write_text("@njit\ndef f(): return 2\n")
    second = numba_cache.fingerprint()
    kernel.rename(package / "kernels" / "run.py")
    assert len({first, second, numba_cache.fingerprint()}) == 3


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


def test_a_stale_called_kernel_is_not_served(tmp_path):
    """The reason for all this: Numba alone would answer with the old result."""
    (tmp_path / "called.py").write_text("from numba import njit\n@njit(cache=True)\ndef g(): return 1\n")
    caller = "from numba import njit\nfrom called import g\n@njit(cache=True)\ndef f(): return g()\nprint(f())\n"
    (tmp_path / "caller.py").write_text(caller)
    run = (
        "import sys; from pathlib import Path; from manara.host import numba_cache\n"
        f"numba_cache._PACKAGE = Path({str(tmp_path)!r})\n"
        f"numba_cache.configure(Path({str(tmp_path / 'cache')!r}))\n"
        f"sys.path.insert(0, {str(tmp_path)!r}); import caller\n"
    )
    env = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"}

    def said() -> str:
        return subprocess.run(
            [sys.executable, "-B", "-c", run], capture_output=True, text=True, check=True, env=env
        ).stdout.strip()

    assert said() == "1"
    Path(tmp_path / "called.py").write_text("from numba import njit\n@njit(cache=True)\ndef g(): return 2\n")
    assert said() == "2"
