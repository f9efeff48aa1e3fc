"""Cells as the map draws them."""

from __future__ import annotations

import numpy as np
import pytest

from manara.desk import cells
from manara.kernels import grid


@pytest.mark.parametrize("lon_deg", [-180.0, -179.9, 0.0, 179.9, 180.0])
@pytest.mark.parametrize("lat_deg", [-60.0, 0.0, 35.0])
@pytest.mark.parametrize("tier", [1, 4])
def test_a_cell_is_one_closed_ring_around_its_place_also_across_the_180th_meridian(lat_deg, lon_deg, tier):
    where = np.radians([lat_deg]), np.radians([lon_deg])
    (ring,) = cells.rings(grid.cell_of(*where, tier))
    lon, lat = np.array(ring).T
    assert len(ring) == 5
    assert ring[0] == ring[-1]
    assert np.ptp(lon) < 1.0, "no cell of a few kilometres goes round the world"
    middle = (lon.min() + lon.max()) / 2
    off = (middle - lon_deg + 180.0) % 360.0 - 180.0
    assert abs(off) <= np.ptp(lon) / 2 + 1e-5
    assert lat.min() - 1e-5 <= lat_deg <= lat.max() + 1e-5


def test_no_cells_are_no_rings():
    assert cells.rings(np.zeros(0, np.uint64)) == []
