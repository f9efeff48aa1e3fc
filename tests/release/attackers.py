"""Who gets coarse cells and wants more: estimators that share no code with the shadow they test.

Each takes what was told of one craft up to an epoch and gives points spread as its posterior is, for one epoch's begin.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from manara.kernels import grid

SAMPLES = 300


def clip(shape, normal, bound):
    """Corners of a convex polygon where normal·corner ≤ bound."""
    out = []
    for k, one in enumerate(shape):
        two = shape[(k + 1) % len(shape)]
        a = normal[0] * one[0] + normal[1] * one[1] - bound
        b = normal[0] * two[0] + normal[1] * two[1] - bound
        if a <= 0:
            out.append(one)
        if a * b < 0:
            part = a / (a - b)
            out.append((one[0] + part * (two[0] - one[0]), one[1] + part * (two[1] - one[1])))
    return out


def area(shape):
    if len(shape) < 3:
        return 0.0
    x, y = np.array(shape).T
    return 0.5 * abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))


def scatter(shape, rng):
    """Points spread evenly over a convex polygon."""
    p = np.array(shape)
    a, b = p[1:-1] - p[0], p[2:] - p[0]
    weight = np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])
    k = rng.choice(len(weight), SAMPLES, p=weight / weight.sum())
    u, v = rng.uniform(size=(2, SAMPLES))
    fold = u + v > 1
    u, v = np.where(fold, 1 - u, u), np.where(fold, 1 - v, v)
    return p[0] + u[:, None] * a[k] + v[:, None] * b[k]


def lines(low, high, times, fastest):
    """All (place now, speed) along one axis that pass the newest strips, one more list for each strip further back."""
    shape = [(low[-1], -fastest), (high[-1], -fastest), (high[-1], fastest), (low[-1], fastest)]
    found, least = [shape], 1e-9 * area(shape)
    for k in range(len(low) - 2, -1, -1):
        lead = times[k] - times[-1]
        shape = clip(clip(shape, (1.0, lead), high[k]), (-1.0, -lead), -low[k])
        if area(shape) <= least:
            break
        found.append(shape)
    return found


def boxes(cells):
    """Edges in longitude and latitude where a cell has such edges, else in the plane of its face: (n, 4), and which."""
    _, face, i, j = grid.parts(cells)
    n = grid.ACROSS >> grid.parts(cells)[0]
    if (face < grid.NORTH).all():
        lat, lon = grid.corners(cells)
        return np.stack([lon.min(1), lon.max(1), lat.min(1), lat.max(1)], axis=1), True
    return np.stack([i / n, (i + 1) / n, j / n, (j + 1) / n], axis=1), False


def straight_line(told, k, upto, at, rng, sighting=None):
    """Every straight course that fits what was told of craft k, as far back as one fits: (lat, lon) at epoch ``at``.

    Around the equator it knows that a rhumb line is straight in latitude over time and in longitude over time divided
    by the cosine of the latitude; on a cap it counts in the plane. ``sighting``: an epoch when it saw the craft itself.
    """
    rows = np.flatnonzero(told.cells[: upto + 1, k])
    if len(rows) == 0:
        return None
    face = grid.parts(told.cells[rows, k])[1]
    alike = face == face[-1]
    rows = rows[len(alike) - int(np.argmin(alike[::-1])) :] if not alike.all() else rows
    box, level = boxes(told.cells[rows, k])
    seen = rows
    if sighting is not None and level:
        here = np.array([told.lon[sighting, k]] * 2 + [told.lat[sighting, k]] * 2) + np.array([-1, 1, -1, 1]) * 2e-6
        where = np.searchsorted(rows, sighting)
        box, seen = np.insert(box, where, here, axis=0), np.insert(rows, where, sighting)
    t = (seen - at).astype(float) * told.epoch_s
    # Speed east is constant, longitude runs faster nearer the pole: straight over the time stretched by 1/cos lat.
    east_t = stretched(t, 0.5 * (box[:, 2] + box[:, 3])) if level else t
    fastest = 400.0 / 6.37e6 if level else 400.0 / grid.FACE_M
    x, y = lines(box[:, 0], box[:, 1], east_t, fastest), lines(box[:, 2], box[:, 3], t, fastest)
    used = min(len(x), len(y))
    px, py = scatter(x[used - 1], rng), scatter(y[used - 1], rng)
    a, b = px[:, 0] - px[:, 1] * east_t[-1], py[:, 0] - py[:, 1] * t[-1]
    if level:
        return b, a
    inside = [
        grid.position(int(face[-1]), min(max(u, 0.0), 1.0), min(max(v, 0.0), 1.0)) for u, v in zip(a, b, strict=True)
    ]
    return np.array([p[0] for p in inside]), np.array([p[1] for p in inside])


def stretched(t, lat):
    """∫ dt / cos φ from 0 to t along the straight line through (t, φ)."""
    w, at = np.polyfit(t, lat, 1) if len(t) > 1 else (0.0, lat[0])
    if abs(w) < 1e-9:
        return t / math.cos(at)
    return (np.arcsinh(np.tan(at + w * t)) - math.asinh(math.tan(at))) / w


def flat(lat, lon, at_lat, at_lon):
    """East and north metres from a place."""
    turn = (lon - at_lon + math.pi) % (2 * math.pi) - math.pi
    return 6.371e6 * turn * math.cos(at_lat), 6.371e6 * (lat - at_lat)


def judge(points, lat, lon):
    """The circle around the mean that holds nine tenths of the points: its radius, and whether the truth is in it."""
    at = float(np.mean(points[0])), float(points[1][0])
    east, north = flat(*points, *at)
    middle = east.mean(), north.mean()
    radius = float(np.percentile(np.hypot(east - middle[0], north - middle[1]), 90))
    truth = flat(lat, lon, *at)
    return radius, math.hypot(truth[0] - middle[0], truth[1] - middle[1]) <= radius


def averaging(told, k, upto):
    """The line of least squares through the centres of the cells, read at the newest epoch: (lat, lon)."""
    rows = np.flatnonzero(told.cells[: upto + 1, k])
    lat, lon = grid.centre(told.cells[rows, k])
    degree = min(1, len(rows) - 1)
    return tuple(float(np.polyval(np.polyfit(rows - upto, v, degree), 0.0)) for v in (lat, lon))


def crossings(told, k):
    """For each step into a neighbouring cell: the middle of what both share, the time half-way between: (epoch, lat,
    lon)."""
    rows = np.flatnonzero(told.cells[:, k])
    found = []
    for a, b in pairwise(rows):
        if told.cells[a, k] == told.cells[b, k]:
            continue
        one, level = boxes(told.cells[[a], k])
        two, also = boxes(told.cells[[b], k])
        if not (level and also):
            continue
        low, high = np.maximum(one[0], two[0]), np.minimum(one[0], two[0])
        west, east, south, north = low[0], high[1], low[2], high[3]
        if west <= east + 1e-12 and south <= north + 1e-12:
            found.append((0.5 * (a + b), 0.5 * (south + north), 0.5 * (west + east)))
    return found


def particles(told, k, turn_s, speed, rng, count=4_000):
    """A particle filter that knows how fast such craft are and how often they turn: for each epoch the points that are
    left, or None while nothing was told."""
    found, lat, lon, course, pace = [], None, None, None, None
    tier = grid.parts(told.cells[:, k])[0]
    for epoch in range(len(told.cells)):
        if lat is not None:
            turns = rng.uniform(size=count) < -math.expm1(-told.epoch_s / turn_s)
            part = np.where(turns, rng.uniform(size=count), 1.0)  # of the epoch on the old course
            fresh = np.where(turns, rng.uniform(0, 2 * np.pi, count), course)
            lat, lon = travel(lat, lon, pace, course, part * told.epoch_s)
            lat, lon = travel(lat, lon, pace, fresh, (1.0 - part) * told.epoch_s)
            course = fresh + rng.normal(0.0, 0.01, count)
        cell = told.cells[epoch, k]
        if cell:
            alive = (
                np.zeros(0, int) if lat is None else np.flatnonzero(grid.cell_of(lat, lon, int(tier[epoch])) == cell)
            )
            if len(alive) < 10:
                lat, lon = within(cell, rng, count)
                course, pace = rng.uniform(0, 2 * np.pi, count), rng.uniform(*speed, count)
            else:
                pick = rng.choice(alive, count)
                lat, lon, course = lat[pick], lon[pick], course[pick] + rng.normal(0.0, 0.01, count)
                pace = pace[pick] * (1.0 + rng.normal(0.0, 0.01, count))
        found.append(None if lat is None else (lat, lon))
    return found


def travel(lat, lon, pace, course, seconds):
    way = pace * seconds / 6.371e6
    there = lat + way * np.cos(course)
    return there, lon + way * np.sin(course) / np.cos(0.5 * (lat + there))


def within(cell, rng, count):
    """Points spread evenly over a cell."""
    tier, face, i, j = (v[0] for v in grid.parts(np.array([cell], np.uint64)))
    n = grid.ACROSS >> int(tier)
    lat, lon = np.zeros(count), np.zeros(count)
    a, b = (i + rng.uniform(size=count)) / n, (j + rng.uniform(size=count)) / n
    for m in range(count):
        lat[m], lon[m] = grid.position(int(face), a[m], b[m])
    return lat, lon
