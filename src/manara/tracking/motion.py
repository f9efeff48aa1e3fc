"""How craft of each kind move, how well they know where they are, and how long their silence is borne.

One row per ``Kind``; the columns are those that ``kernels.follow`` names K_. A later kind is a new row here.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np

from manara.records.columns import F8
from manara.records.reports import Domain, Kind


@dataclass(frozen=True)
class Motion:
    """One kind of craft."""

    domain: Domain
    q_m2ps3: float  # spectral density of its acceleration
    sigma_m: float  # of a reported position that states none
    floor_m: float  # no reported position is better
    sigma_v_mps: float  # of a reported velocity
    prior_v_mps: float  # speed to expect where none is known
    reach_mps: float  # beyond half more than its speed: how it may surprise
    slack_m: float
    speed_max_mps: float  # faster is not believed
    late_s: float  # a row older than the state by more is refused
    old_s: float  # a row older than the clock by more is refused
    hold_s: float  # how long a flag stands without being said again
    coast_s: float  # silence until a reported track coasts
    drop_s: float  # silence until it ends
    tentative_s: float  # silence until a doubtful second track of an identity ends


_AIRCRAFT = Motion(Domain.AIR, 60.0, 75.0, 5.0, 2.0, 150.0, 50.0, 200.0, 1000.0, 10.0, 120.0, 30.0, 10.0, 60.0, 15.0)
_VESSEL = Motion(Domain.SEA, 0.05, 20.0, 5.0, 0.5, 8.0, 5.0, 100.0, 60.0, 120.0, 900.0, 300.0, 420.0, 1200.0, 420.0)
_CRAFT = Motion(Domain.SEA, 0.2, 20.0, 5.0, 0.7, 10.0, 5.0, 100.0, 60.0, 120.0, 900.0, 300.0, 420.0, 1200.0, 420.0)
_STATIC = Motion(Domain.LAND, 1e-6, 20.0, 5.0, 1.0, 0.01, 0.0, 100.0, 0.0, 120.0, 900.0, 300.0, 900.0, 3600.0, 900.0)
_BUOY = Motion(Domain.SEA, 1e-5, 20.0, 5.0, 1.0, 0.05, 0.0, 150.0, 0.0, 120.0, 900.0, 300.0, 900.0, 3600.0, 900.0)

KINDS: dict[Kind, Motion] = {
    Kind.UNKNOWN: Motion(
        Domain.UNKNOWN, 20.0, 50.0, 5.0, 3.0, 60.0, 50.0, 200.0, 1000.0, 30.0, 300.0, 60.0, 30.0, 120.0, 30.0
    ),
    Kind.VESSEL_A: _VESSEL,
    Kind.VESSEL_B: _CRAFT,
    Kind.BASE_STATION: _STATIC,
    Kind.AID_TO_NAVIGATION: _BUOY,
    Kind.SEARCH_AIRCRAFT: Motion(
        Domain.AIR, 10.0, 30.0, 5.0, 2.0, 80.0, 100.0, 500.0, 600.0, 30.0, 300.0, 60.0, 60.0, 300.0, 60.0
    ),
    Kind.DISTRESS_DEVICE: Motion(
        Domain.SEA, 0.05, 50.0, 10.0, 1.0, 3.0, 10.0, 200.0, 40.0, 120.0, 900.0, 600.0, 600.0, 3600.0, 1200.0
    ),
    Kind.AIRCRAFT: _AIRCRAFT,
    Kind.UNMANNED_AIRCRAFT: Motion(
        Domain.AIR, 15.0, 50.0, 5.0, 2.0, 40.0, 30.0, 200.0, 300.0, 10.0, 120.0, 30.0, 10.0, 60.0, 15.0
    ),
    Kind.GROUND_VEHICLE: Motion(
        Domain.LAND, 2.0, 15.0, 3.0, 1.0, 10.0, 10.0, 50.0, 100.0, 10.0, 120.0, 30.0, 15.0, 60.0, 15.0
    ),
    Kind.SYSTEM_TRACK_AIR: _AIRCRAFT,
    Kind.SYSTEM_TRACK_SEA: _VESSEL,
    Kind.SURFACE_OBSTACLE: _STATIC,
    Kind.VESSEL: _CRAFT,
}


def table() -> F8:
    """The rows as the kernels take them, (14, 15) float64.

    >>> table().shape
    (14, 15)
    """
    return np.array([astuple(KINDS[kind]) for kind in Kind], dtype=np.float64)
