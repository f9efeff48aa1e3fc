"""How craft of each kind move, how well they know where they are, and how long their silence is borne.

One row per ``Kind``; the columns are those that ``kernels.follow`` names K_. A later kind is a new row here.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass, replace

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
    doubt_m: float  # a position of the same identity no farther than this (and two seconds' way) is an error of it


_AIRCRAFT = Motion(
    Domain.AIR, 60.0, 75.0, 5.0, 2.0, 150.0, 50.0, 200.0, 1000.0, 10.0, 120.0, 30.0, 10.0, 60.0, 15.0, 2000.0
)
_VESSEL = Motion(
    Domain.SEA, 0.05, 20.0, 5.0, 0.5, 8.0, 5.0, 100.0, 60.0, 120.0, 900.0, 300.0, 420.0, 1200.0, 420.0, 300.0
)
_CRAFT = replace(_VESSEL, q_m2ps3=0.2, sigma_v_mps=0.7, prior_v_mps=10.0)
_STATIC = Motion(
    Domain.LAND, 1e-6, 20.0, 5.0, 1.0, 0.01, 0.0, 100.0, 0.0, 120.0, 900.0, 300.0, 900.0, 3600.0, 900.0, 300.0
)
_BUOY = replace(_STATIC, domain=Domain.SEA, q_m2ps3=1e-5, prior_v_mps=0.05, slack_m=150.0)

KINDS: dict[Kind, Motion] = {
    Kind.UNKNOWN: Motion(
        Domain.UNKNOWN, 20.0, 50.0, 5.0, 3.0, 60.0, 50.0, 200.0, 1000.0, 30.0, 300.0, 60.0, 30.0, 120.0, 30.0, 500.0
    ),
    Kind.VESSEL_A: _VESSEL,
    Kind.VESSEL_B: _CRAFT,
    Kind.BASE_STATION: _STATIC,
    Kind.AID_TO_NAVIGATION: _BUOY,
    Kind.SEARCH_AIRCRAFT: Motion(
        Domain.AIR, 10.0, 30.0, 5.0, 2.0, 80.0, 100.0, 500.0, 600.0, 30.0, 300.0, 60.0, 60.0, 300.0, 60.0, 2000.0
    ),
    Kind.DISTRESS_DEVICE: Motion(
        Domain.SEA, 0.05, 50.0, 10.0, 1.0, 3.0, 10.0, 200.0, 40.0, 120.0, 900.0, 600.0, 600.0, 3600.0, 1200.0, 500.0
    ),
    Kind.AIRCRAFT: _AIRCRAFT,
    Kind.UNMANNED_AIRCRAFT: Motion(
        Domain.AIR, 15.0, 50.0, 5.0, 2.0, 40.0, 30.0, 200.0, 300.0, 10.0, 120.0, 30.0, 10.0, 60.0, 15.0, 1000.0
    ),
    Kind.GROUND_VEHICLE: Motion(
        Domain.LAND, 2.0, 15.0, 3.0, 1.0, 10.0, 10.0, 50.0, 100.0, 10.0, 120.0, 30.0, 15.0, 300.0, 15.0, 300.0
    ),
    Kind.SYSTEM_TRACK_AIR: _AIRCRAFT,
    Kind.SYSTEM_TRACK_SEA: _VESSEL,
    Kind.SURFACE_OBSTACLE: _STATIC,
    Kind.VESSEL: _CRAFT,
}

# Rows 14 and 15: what an aircraft is while it says that it is on the ground. It answers in fits and starts there, and
# what stands still can be found again: hence little acceleration, and a long silence.
TAXIING = replace(_AIRCRAFT, q_m2ps3=4.0, prior_v_mps=20.0, coast_s=20.0, drop_s=120.0)
PARKED = replace(_AIRCRAFT, q_m2ps3=0.05, prior_v_mps=10.0, coast_s=60.0, drop_s=300.0)


def table() -> F8:
    """The rows as the kernels take them, (16, 16) float64: one for each kind, then aircraft that roll and that stand.

    >>> table().shape
    (16, 16)
    """
    return np.array([astuple(m) for m in (*(KINDS[kind] for kind in Kind), TAXIING, PARKED)], dtype=np.float64)


@dataclass(frozen=True)
class Models:
    """A kind that only sensors see goes along a line, turns, or moves at random by ``q_m2ps3`` of its ``Motion``."""

    steady_m2ps3: float = 0.0
    turn_m2ps3: float = 0.0
    turn_radps: float = 0.0  # spread of its rates of turn; 0: one model only


_FLIGHT = Models(0.1, 1.0, math.radians(2.2))
MODELS: dict[Kind, Models] = {
    Kind.AIRCRAFT: _FLIGHT,
    Kind.SYSTEM_TRACK_AIR: _FLIGHT,
    Kind.UNMANNED_AIRCRAFT: Models(0.1, 1.0, math.radians(4.0)),
}


def models() -> F8:
    """The rows as the kernels take them, (16, 3) float64, in the order of ``table``; the last two are one model.

    >>> models().shape
    (16, 3)
    """
    none = (Models(), Models())
    return np.array([astuple(m) for m in (*(MODELS.get(kind, Models()) for kind in Kind), *none)], dtype=np.float64)
