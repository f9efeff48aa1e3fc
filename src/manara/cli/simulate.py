"""manara simulate: a federation in one process from one seed, under faults, held against its invariants."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from manara.cli import arguments
from manara.host.problems import BadInput

if TYPE_CHECKING:
    from manara.study.federation.member import Host
    from manara.study.federation.run import Outcome, Setting

NODES_MAX, CRAFT_MAX, MINUTES_MAX, SEEDS_MAX = 5, 2_000, 1_440, 100_000
LEAST_S = 120  # a view warms for a minute before anything of it is told


def add(commands: arguments.Commands) -> None:
    """Add the command."""
    simulate = arguments.command(
        commands,
        "simulate",
        "a simulated federation under faults; prints seed, second and shortest reproduction of a violation",
        "manara simulate --seeds 1-20 --nodes 3 --minutes 5 --faults all",
    )
    simulate.add_argument("--seeds", default="1-5", metavar="A-B", help="one run for each seed (default 1-5)")
    simulate.add_argument("--nodes", type=int, default=3, metavar="N", help="partners, 2 to 5 (default 3)")
    simulate.add_argument("--minutes", type=float, default=3.0, metavar="M", help="of each run (default 3)")
    simulate.add_argument("--craft", type=int, default=20, metavar="K", help="craft at sea and in the air (default 20)")
    simulate.add_argument("--faults", default="all", metavar="LIST", help='"all", "none" or kinds with commas between')
    simulate.add_argument("--pace", type=int, default=2, metavar="S", help="seconds from step to step (default 2)")
    simulate.add_argument("--json", action="store_true", help="one JSON line for each run on stdout")
    simulate.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0: every invariant held in every run; 1: one did not."""
    from manara.study.federation.run import Federation
    from manara.study.federation.shrink import shrink

    broken, host = 0, _host()
    began_s, settings = time.perf_counter(), list(_settings(args))
    bar = arguments.progress(len(settings), "run")
    for setting in settings:
        outcome = Federation(setting, host).run()
        bar.update(1)
        if outcome.violations:
            broken += 1
            smallest = shrink(outcome, lambda one: Federation(one, host).run())
            _tell(args, outcome, smallest)
        else:
            _tell(args, outcome, None)
    bar.close()
    said = f"{len(settings)} runs, {broken} with a violation, {time.perf_counter() - began_s:.0f} s"
    print(said, file=sys.stderr if args.json else sys.stdout)
    return 1 if broken else 0


def _host() -> Host:
    from manara.host import simulated
    from manara.study.federation.member import Host

    return Host(simulated.Store, simulated.signer, simulated.checked, simulated.REFUSALS)


def _settings(args: argparse.Namespace) -> Iterator[Setting]:
    from manara.study.federation.run import Setting

    if not 2 <= args.nodes <= NODES_MAX:
        raise BadInput(f"{args.nodes} nodes", "--nodes", f"2 to {NODES_MAX}")
    if not LEAST_S <= args.minutes * 60 <= MINUTES_MAX * 60:
        raise BadInput(f"{args.minutes} minutes", "--minutes", f"{LEAST_S // 60} to {MINUTES_MAX}")
    if not 1 <= args.craft <= CRAFT_MAX or not 1 <= args.pace <= 10:
        raise BadInput(
            f"{args.craft} craft, a step each {args.pace} s", "--craft, --pace", f"1 to {CRAFT_MAX}; 1 to 10"
        )
    kinds, seconds = _kinds(args.faults), int(args.minutes * 60)
    for seed in _seeds(args.seeds):
        yield Setting(seed, args.nodes, seconds, args.craft, kinds, pace_s=args.pace)


def _kinds(said: str) -> tuple[str, ...]:
    from manara.study.federation.faults import KINDS

    if said in ("all", "none"):
        return KINDS if said == "all" else ()
    wanted = tuple(said.split(","))
    if strange := [one for one in wanted if one not in KINDS]:
        raise BadInput(f"no fault of the name {strange[0]!r}", "--faults", f"all, none, or some of {', '.join(KINDS)}")
    return wanted


def _seeds(said: str) -> range:
    first, _, last = said.partition("-")
    if not first.isdecimal() or not (last or first).isdecimal():
        raise BadInput(f"not seeds: {said!r}", "--seeds", "write 7 or 1-20")
    found = range(int(first), int(last or first) + 1)
    if not 0 < len(found) <= SEEDS_MAX:
        raise BadInput(f"no seeds: {said!r}", "--seeds", f"1 to {SEEDS_MAX} of them, the lower first")
    return found


def _tell(args: argparse.Namespace, outcome: Outcome, smallest: Outcome | None) -> None:
    from manara.study.federation.shrink import said

    if args.json:
        import msgspec

        plain = {"outcome": outcome, "smallest": smallest}
        print(msgspec.json.encode(plain).decode())
        return
    one = outcome.setting
    print(
        f"seed {one.seed}: {outcome.seconds} s, {outcome.steps} steps, {outcome.rows} rows told, "
        f"{outcome.lives} crashes, {outcome.beyond} of {outcome.positions} positions beyond 99.9 %"
    )
    for broken in outcome.violations:
        print(f"  second {broken.second}: {broken.invariant} at {broken.node or 'all'}: {broken.detail}")
    if smallest is not None:
        print(f"shortest reproduction found: {said(smallest.setting)}")
        print(f"  second {smallest.violations[0].second}: {smallest.violations[0].detail}")
