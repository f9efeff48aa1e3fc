"""The pure twin: the stage without the compiler gives the same tracks within rounding."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
from tests.tracking.test_state import inboxes

from manara.tracking import stage

SCRIPT = """
import sys
import numpy as np
from manara.tracking import stage
from tests.tracking.test_state import inboxes
state = stage.init(capacity=16)
for inbox, now in inboxes(11, 12):
    out = stage.advance(state, inbox, now)
t = out.tracks
np.savez(sys.argv[1], ids=t.track_id, life=t.life, where=np.c_[t.lat_rad, t.lon_rad, t.ve_mps, t.vn_mps], cov=t.cov)
"""


def test_without_the_compiler_the_same(repository, tmp_path):
    path = tmp_path / "pure.npz"
    subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, str(path)],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        cwd=repository,
        check=True,
        timeout=120,
    )
    state = stage.init(capacity=16)
    for inbox, now in inboxes(11, 12):
        out = stage.advance(state, inbox, now)
    t, pure = out.tracks, np.load(path)
    assert len(t) > 5
    assert t.track_id.tolist() == pure["ids"].tolist()
    assert t.life.tolist() == pure["life"].tolist()
    where = np.c_[t.lat_rad, t.lon_rad, t.ve_mps, t.vn_mps]
    assert np.allclose(where, pure["where"], rtol=1e-7, atol=1e-9)
    assert np.allclose(t.cov, pure["cov"], rtol=1e-6, atol=1e-6)
