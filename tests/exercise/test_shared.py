"""The two nodes of the demo share: over real TLS, with receipts, until one person says stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np

from manara.cli.main import main
from manara.exercise import demo
from manara.records.partners import PartnerStatus

PATIENCE_S = 120.0
BELORA = 2  # bit of the second partner in a pedigree


@asynccontextmanager
async def live(wish: demo.Wish) -> AsyncIterator[demo.Demo]:
    made = await demo.prepare(wish)
    work = asyncio.create_task(made.work())
    try:
        yield made
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def until(made: demo.Demo, true: Callable[[PartnerStatus], Any]) -> PartnerStatus:
    ends = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends:
        (other,) = made.running.views().partners or (PartnerStatus(id="", name="", link="none"),)
        if true(other):
            return other
        await asyncio.sleep(0.1)
    raise AssertionError(f"it did not happen: {made.running.views().partners}")


async def manara(*words: str) -> int:
    return await asyncio.to_thread(main, list(words))


def test_row_02_two_nodes_share_without_any_third_until_one_person_suspends(pair: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    home = kept / "arvena"

    async def story() -> None:
        async with live(demo.Wish(str(pair), keep=kept)) as made:
            found = await until(made, lambda one: one.rows_in > 0 and one.rows_out > 0 and one.receipted > 0)
            assert (found.id, found.link, found.phase_out, found.phase_in) == ("belora", "live", "full", "full")
            await until(made, lambda _: _held(made, BELORA))

            person = ("--person", "arvena.operational", "--key", str(home / "people" / "arvena.operational.key"))
            words = ("agreement", "suspend", str(home / "arvena-belora.toml"), "--node", str(home / "arvena.toml"))
            assert await manara(*words, *person) == 0
            found = await until(made, lambda one: one.phase_out == "suspended")
            assert found.phase_in == "full"  # Belora's own agreement stands
            later = await until(made, lambda one: one.sent_entries > found.sent_entries + 5)
            assert later.rows_out == found.rows_out
            assert later.rows_in > found.rows_in

    asyncio.run(story())
    assert main(["ledger", "verify", str(home / "arvena.node")]) == 0
    assert main(["ledger", "verify", str(kept / "belora" / "belora.node")]) == 0


def _held(made: demo.Demo, partner: int) -> bool:
    """Does the picture hold a track to which the partner contributed?"""
    pedigree = made.running.views().pedigree
    return pedigree is not None and bool((pedigree & np.uint64(partner)).any())
