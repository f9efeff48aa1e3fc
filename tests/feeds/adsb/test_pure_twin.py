"""The kernels without Numba: the same rows from plain Python, on a small sky."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

PROGRAM = """
import sys, hashlib
from manara.feeds.adsb import FORMATS
from manara.feeds.decoder import Options
one = next(f for f in FORMATS if f.name == sys.argv[1])
options = Options(receiver_lat_deg=9.0, receiver_lon_deg=20.0, range_max_m=2e7)
batch = one.new(options).advance(sys.stdin.buffer.read(), 5)
print(len(batch.reports), hashlib.sha256(b"".join(c.tobytes() for c in vars(batch.reports).values())).hexdigest())
"""


@pytest.mark.parametrize("name", ["beast", "aircraft-json"])
def test_plain_python_gives_the_same_rows_bit_for_bit(name, samples, table):
    from manara.feeds.decoder import Options

    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, name], input=samples[name], capture_output=True, env=environment, check=True
    )
    count, digest = done.stdout.decode().split()
    options = Options(receiver_lat_deg=9.0, receiver_lon_deg=20.0, range_max_m=2e7)
    reports = table[name].new(options).advance(samples[name], 5).reports
    assert int(count) == len(reports) > 40
    same = hashlib.sha256(b"".join(np.asarray(c).tobytes() for c in vars(reports).values())).hexdigest()
    assert digest == same
