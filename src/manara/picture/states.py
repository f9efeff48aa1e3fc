"""States of partners' tracks into system tracks: how much two may have in common, as their pedigrees tell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from manara.kernels import fusion
from manara.picture.correlate import Follower, System
from manara.picture.partners import SECOND_NS, Partner, manners
from manara.records.columns import I8, U8
from manara.records.marking import UNKNOWN_BIT

HIDDEN = np.uint64(UNKNOWN_BIT)


def shared(contributors: I8) -> NDArray[np.float64]:
    """Bound of the correlation between what k disjoint trackers made together and one further of them.

    ρ / √((1 + (k − 1) ρ) / k), ρ = ``fusion.SHARED``: the mean of k errors that share ρ pairwise, against another.

    >>> shared(np.array([1, 2, 3])).round(3).tolist()
    [0.5, 0.577, 0.612]
    """
    k = np.maximum(contributors, 1).astype(np.float64)
    rho = fusion.SHARED
    return np.asarray(rho / np.sqrt((1.0 + (k - 1.0) * rho) / k))


def blend(system: System, follower: Follower, one: Partner, use: NDArray[np.bool_], now_ns: int) -> None:
    """States of some of a partner's tracks into theirs, each with the bound that its pedigree allows."""
    held, rows, whom = one.held, follower.row[use], follower.system[use]
    if not len(rows):
        return
    theirs_of, ours_of = held.pedigree[rows], system.pedigree[whom]
    apart = ((theirs_of | ours_of) & HIDDEN == 0) & ((theirs_of & ours_of) == 0) & one.believed()
    bound = np.where(apart, shared(_bits(ours_of)), fusion.INVERSE)
    joint_s = np.maximum(now_ns - np.maximum(system.updated_ns[whom], held.updated_ns[rows]), 0) / SECOND_NS
    q = np.ascontiguousarray(manners(system.kind[whom], system.labels.domain[whom].astype(np.uint8))[:, 0])
    weight = fusion.fuse(whom, rows, bound, joint_s, q, system.fused, follower.theirs)
    took = (weight >= 0.0) & (weight < 1.0)
    system.pedigree[whom[took]] |= theirs_of[took]


def _bits(pedigree: U8) -> I8:
    """How many partners a pedigree names, (n,)."""
    return np.asarray(np.bitwise_count(pedigree), np.int64)
