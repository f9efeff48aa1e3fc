"""``manara node run`` with what a test needs of it: ``python a_node.py WISH.json CONFIG.toml``.

WISH: ``warm_s``: how long a source view warms up (a minute is too long for a test); ``wait_s``: of a long-poll, as long
again until silence counts; ``clock_s``: how far the machine's clock is off; ``tap``: a file for every answer of a
partner as it came out of TLS; ``status``: a file in which the newest published views are summed up. Everything else is
the product.
"""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from manara.host import numba_cache

numba_cache.configure()

import msgspec  # noqa: E402 - the kernels' cache is named before anything that may load Numba
import numpy as np  # noqa: E402 - the same

from manara.cli import main  # noqa: E402 - the same
from manara.host import link_client, running  # noqa: E402 - the same
from manara.node import sources  # noqa: E402 - the same


def said(views: Any) -> dict[str, Any]:
    """What a test asks of views."""
    pedigree = np.zeros(0, np.uint64) if views.pedigree is None else views.pedigree
    return {
        "sequence": views.sequence,
        "now_ns": views.now_ns,
        "trouble": views.trouble,
        "tracks": len(views.tracks),
        "regions": 0 if views.regions is None else len(views.regions),
        "told": [str(one) for one in views.tracks.track_id[pedigree & ~np.uint64(1) != 0].tolist()],
        "alone": [str(one) for one in views.tracks.track_id[pedigree == 2].tolist()],
        "fused": int((pedigree == 3).sum()),
        "names": sorted({one.name for one in views.particulars.values() if one.name}),
        "identities": [int(one) & (1 << 56) - 1 for one in views.tracks.identity.tolist()],
        "partners": [msgspec.to_builtins(one) for one in views.partners],
        "log_size": views.log_size,
        "witnessed": views.witnessed,
        "reading": dict(views.reading),
    }


def begin(wish: dict[str, Any]) -> None:
    """Put the wishes in place."""
    sources.WARM_NS = int(wish.get("warm_s", 2) * 1e9)
    if wait_s := wish.get("wait_s"):
        link_client.Pace = partial(link_client.Pace, wait_s=wait_s, silence_s=wait_s, most_s=2.0)
    if off_s := wish.get("clock_s"):
        real = time.time_ns
        time.time_ns = lambda: real() + int(off_s * 1e9)
    if tap := wish.get("tap"):
        read = link_client._read

        async def heard(got: Any, most: int) -> bytes:
            body = await read(got, most)
            with Path(tap).open("ab") as out:
                out.write(repr(sorted(got.headers.items())).encode() + body)
            return body

        link_client._read = heard
    if status := wish.get("status"):
        publish = running.Running._publish

        def told(self: Any, views: Any) -> None:
            publish(self, views)
            beside = Path(f"{status}.new")
            beside.write_text(json.dumps(said(views)), "utf-8")
            beside.replace(status)

        running.Running._publish = told


if __name__ == "__main__":
    begin(json.loads(Path(sys.argv[1]).read_text("utf-8")))
    sys.exit(main(["node", "run", sys.argv[2], "--no-browser"]))
