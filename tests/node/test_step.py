"""One pure step: the same inputs give the same node, bit for bit, whatever stands between."""

import dataclasses
import math

import msgspec
import numpy as np
import pytest
from tests.doubles import lantern

from manara.node import state as node
from manara.node.durable import snapshot
from manara.node.step import step
from manara.records.inputs import Chunk, FeedState, Overflow, Skip, Views
from manara.records.reports import Flag
from manara.records.tracks import Life
from manara.study import scenario as scenarios
from manara.study.world import World

SECONDS = 60
EARTH_M = 6_378_137.0


def bits(views: Views) -> bytes:
    """Everything that a step published, as bytes."""
    tables = [views.tracks, views.trails]
    arrays = [getattr(t, f.name) for t in tables for f in dataclasses.fields(t)]
    rest = (
        views.now_ns,
        views.sources,
        list(views.particulars.items()),
        views.texts,
        list(views.status.items()),
        views.health,
    )
    return b"".join(np.ascontiguousarray(a).tobytes() for a in arrays) + msgspec.msgpack.encode(rest)


@pytest.fixture(scope="module")
def lived():
    """A node after a minute of the simulated sea, and what each step published."""
    held = node.init(lantern.config())
    published = [bits(step(held, inputs, now_ns).views) for now_ns, inputs in lantern.windows(SECONDS)]
    return held, published


def test_the_same_inputs_give_the_same_views_bit_for_bit(lived):
    held = node.init(lantern.config())
    for (now_ns, inputs), before in zip(lantern.windows(SECONDS), lived[1], strict=True):
        assert bits(step(held, inputs, now_ns).views) == before


@pytest.mark.parametrize("at", [1, 17, 42])
def test_a_restart_from_a_snapshot_goes_on_bit_for_bit(lived, at):
    held = node.init(lantern.config())
    for now_ns, inputs in lantern.windows(SECONDS)[:at]:
        step(held, inputs, now_ns)
    held = node.load(snapshot.decode_plain(snapshot.encode_plain(node.dump(held))), lantern.config())
    for (now_ns, inputs), before in zip(lantern.windows(SECONDS)[at:], lived[1][at:], strict=True):
        assert bits(step(held, inputs, now_ns).views) == before


def test_the_picture_is_the_truth_within_its_own_uncertainty(lived):
    held, _ = lived
    now_ns = lantern.windows(SECONDS)[-1][0]
    views = step(held, (), now_ns).views
    truth = World(scenarios.load(scenarios.find("lantern")), 1).truth(now_ns)
    confirmed = views.tracks.take(views.tracks.life == Life.CONFIRMED)
    claimed = {int(i): k for k, i in enumerate(truth.identity) if i}
    errors = []
    for k, identity in enumerate(confirmed.identity):
        if int(identity) in claimed and not confirmed.flags[k] & Flag.IDENTITY_CONFLICT:
            row = claimed[int(identity)]
            north_m = (confirmed.lat_rad[k] - truth.lat_rad[row]) * EARTH_M
            east_m = (confirmed.lon_rad[k] - truth.lon_rad[row]) * EARTH_M * math.cos(truth.lat_rad[row])
            errors.append(math.hypot(north_m, east_m))
    assert len(errors) > 200
    assert np.median(errors) < 40
    assert np.quantile(errors, 0.95) < 250


def test_time_never_goes_back():
    held = node.init(lantern.config())
    (first_ns, inputs), (second_ns, more) = lantern.windows(SECONDS)[:2]
    step(held, inputs, second_ns)
    assert step(held, more, first_ns).views.now_ns == second_ns


def test_a_chunk_of_no_feed_and_every_other_input_is_taken_without_harm():
    held = node.init(lantern.config())
    now_ns = lantern.windows(SECONDS)[0][0]
    odd = (
        Chunk(99, b"x", now_ns),
        Chunk(0, b"", now_ns),
        Overflow(0, 7, now_ns),
        Skip(3, 0, now_ns),
        FeedState(0, "lost", "gone", now_ns),
    )
    health = step(held, odd, now_ns).views.health[0]
    assert health.rejects == {"overflow": 1, "poison": 1}
    assert (health.state, health.detail) == ("lost", "gone")


def test_health_says_stale_after_silence(lived):
    held = node.init(lantern.config())
    for now_ns, inputs in lantern.windows(SECONDS)[:5]:
        step(held, inputs, now_ns)
    live = step(held, (), now_ns).views.health
    late = step(held, (), now_ns + 60_000_000_000).views.health
    assert {h.state for h in live} == {"live"}
    assert {h.state for h in late} == {"stale"}
    assert all(h.records_per_s == 0 for h in late)
    assert all(h.records_total for h in late)
