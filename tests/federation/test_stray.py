"""The story of the demo, step by step: what Arvena alone sees, and what of it reaches Delmara without any agreement."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from tests.doubles.two_nodes import SECOND_NS, One

from manara.exercise import partners
from manara.records.config import NodeConfig
from manara.records.inputs import Chunk, Decided
from manara.records.released import WARNING
from manara.records.warnings import Hazard
from manara.study import scenario as scenarios
from manara.study.world import World, feeds

NAMES = ("Arvena", "Belora", "Corvia", "Delmara")


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """Two nodes that share nothing, and the scripted craft as the radars of the air hear them, for seven minutes."""
    lantern = scenarios.apart(scenarios.load(scenarios.find("lantern")))
    radar = tuple(one for one in lantern.radar if one.domain == "air")
    lantern = msgspec.structs.replace(lantern, counts=scenarios.Counts(), radar=radar, receiver=())
    made = partners.make(tmp_path_factory.mktemp("story"), lantern, NAMES, dict.fromkeys(NAMES, 1))
    world, nodes = World(lantern, 1), {}
    for name in ("arvena", "delmara"):
        heard = {feed.name: "tcp://127.0.0.1:9" for feed in feeds(lantern, name.title())}
        config = partners.configure(made, name, heard, NodeConfig(capacity=512, stale_s=60.0))
        nodes[name] = One(made, config, world.start_ns)
    told = []
    world.advance(world.start_ns + 55 * SECOND_NS)  # nothing flies yet that matters
    for second in range(56, 421):
        now_ns = world.start_ns + second * SECOND_NS
        heard = [(e.channel, Chunk(0, e.data, e.time_ns, e.whole)) for e in world.advance(now_ns)]
        for node in nodes.values():
            node.hear(now_ns, heard)
        for one in nodes["arvena"].sent.get("arvena>delmara", [])[len(told) :]:
            told.append(one)
            nodes["delmara"].waiting.append(one)
    return world, nodes, told


def test_a_minimal_warning_and_nothing_else_crosses(story):
    _, nodes, told = story
    assert told
    for one in told:
        head = msgspec.json.decode(one.head)
        assert (head["kind"], [block.table for block in one.blocks]) == ("warning", [3])
        for row in np.frombuffer(one.blocks[0].rows, WARNING):
            assert row["area"] in (b"delmara-waters", b"dellamar")
            assert row["hazard"] == Hazard.UNIDENTIFIED_AIRCRAFT
    said = [(one.received_ns, area) for one in told for area in np.frombuffer(one.blocks[0].rows, WARNING)["area"]]
    for area in {area for _, area in said}:
        assert (np.diff([ns for ns, where in said if where == area]) >= 60 * SECOND_NS).all()
    assert not len(nodes["delmara"].views.tracks) or not (nodes["delmara"].views.pedigree > 1).any(), "no track came"


def test_delmaras_officer_has_a_draft_long_before_its_own_radar(story):
    world, nodes, _ = story
    (draft,) = [one for one in nodes["delmara"].views.drafts if one.area == "delmara-waters"]
    assert draft.partners == ("arvena",)
    assert (draft.own_ns, draft.probability, draft.state) == (0, -1.0, "open")
    stray = next(i for i, craft in enumerate(world.craft) if craft.name == "stray")
    radar = next(one for one in world._radars if one.radar.partner == "Delmara")
    truly = next(
        t for t in range(60, 1600) if radar.sees(world._fleet.motion.at(np.array([stray]), np.array([float(t)])))
    )
    ahead_s = truly - (draft.warned_ns - world.start_ns) * 1e-9
    assert ahead_s > 15 * 60
    border_s = next(t for t in range(60, 1600) if _east(world, stray, t) > _west(nodes["delmara"]))
    inside_ns = world.start_ns + border_s * SECOND_NS
    assert draft.first_ns - 60 * SECOND_NS <= inside_ns <= draft.last_ns + 60 * SECOND_NS, "the window holds"


def _east(world, craft, t):
    truth = world.truth(world.start_ns + t * SECOND_NS)
    return float(truth.lon_rad[truth.craft == craft][0])


def _west(node):
    """Where the border of Delmara's waters is crossed by whoever comes from the west at the stray's latitude."""
    area = next(one for one in node.views.areas if one.id == "delmara-waters")
    (lat0, lon0), (lat1, lon1) = area.corners_deg[0], area.corners_deg[1]
    share = (-47.08 - lat0) / (lat1 - lat0)
    return math.radians(lon0 + share * (lon1 - lon0))


def test_a_person_takes_it_and_the_journalled_decision_is_enough(story):
    _, nodes, _ = story
    node = nodes["delmara"].copy()
    draft = node.views.drafts[0]
    node.waiting.append(Decided(draft.id, "take", "desk", node.now_ns))
    node.hear(node.now_ns + SECOND_NS, [])
    assert [(one.state, one.by) for one in node.views.drafts if one.id == draft.id] == [("taken", "desk")]
