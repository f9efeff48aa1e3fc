"""System tracks and what partners add to them: each increment once where its pedigree is known, else never surer.

::

    followers ─┬─▶ they tell what they learned, and who taught them ─▶ chains (exact) ─┐
               └─▶ they tell a state ─▶ disjoint: the bound of disjoint trackers       ├─▶ System.fused, pedigree, news
                                       else: inverse covariance intersection  ◀────────┘
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from manara.picture.chains import Chains, advance, inside
from manara.picture.correlate import Follower, System
from manara.picture.partners import Partner
from manara.picture.states import HIDDEN, blend
from manara.records.columns import U8


def fuse(
    chains: Chains, system: System, followers: list[Follower], partners: dict[int, Partner], recipient: int, now_ns: int
) -> U8:
    """Let system tracks take in what partners add; returns for each row whose sensors taught it something in this step.

    ``recipient``: place of the partner for whom the view is, 0 for none: what it taught others is no news to it, and is
    left out, so that what goes to it is independent of what it has.
    """
    for one in followers:
        system.seen_by[one.system] |= np.uint64(1 << one.partner)
    news = advance(chains, system, followers, partners, recipient, now_ns)
    for one in followers:
        chained = inside(chains, system, one, now_ns)
        held = partners[one.partner].held
        _states(system, one, partners[one.partner], chained, recipient, now_ns)
        np.maximum.at(system.updated_ns, one.system[chained], held.updated_ns[one.row[chained]])
    return news


def _states(
    system: System, follower: Follower, one: Partner, chained: NDArray[np.bool_], recipient: int, now_ns: int
) -> None:
    """Let system tracks take in states of those that are not ``chained``, as far as they can be called new."""
    held = one.held
    theirs_of, ours_of = held.pedigree[follower.row], system.pedigree[follower.system]
    news = ((theirs_of & HIDDEN) != 0) | ((theirs_of & ~ours_of) != 0)
    back = (theirs_of >> np.uint64(recipient) & np.uint64(1)) != 0 if recipient else np.zeros(len(theirs_of), np.bool_)
    use = news & (held.exact[follower.row] != 0) & ~chained & ~back
    blend(system, follower, one, use, now_ns)
