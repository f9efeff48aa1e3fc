"""What a partner added: the same hour with and without it, in pictures of our own making and in two whole nodes."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from tests.doubles.two_nodes import SECOND_NS, Sea, Two

from manara.host import reciprocity
from manara.host.reciprocity import Comparison, matched
from manara.records.inputs import Directed, Views
from manara.records.reports import Domain
from manara.records.tracks import Life, Tracks
from manara.release import register

S = SECOND_NS


def tracks(ids, lon, sigma_m=30.0, life=Life.CONFIRMED):
    n = len(ids)
    return Tracks.blank(n).replace(
        track_id=np.array(ids, np.uint64), lat_rad=np.full(n, 0.6), lon_rad=np.array(lon, np.float64),
        life=np.full(n, life, np.uint8), domain=np.full(n, Domain.AIR, np.uint8),
        cov=np.tile(np.array([sigma_m**2, 0, 0, 0, sigma_m**2, 0, 0, 1, 0, 1.0]), (n, 1)),
    )  # fmt: skip


def views(t, table, pedigree=None):
    return Views(now_ns=t * S, tracks=table, pedigree=np.array(pedigree or [1] * len(table), np.uint64))


def test_a_craft_is_found_again_by_its_id_or_by_its_place():
    held = tracks([1, 1 << 63 | 1 << 42 | 1, 9], [0.3, 0.31, 0.35])
    without = tracks([1 << 63 | 2 << 42 | 7, 1], [0.31 + 1e-6, 0.4])
    assert matched(held, without).tolist() == [1, 0, -1]
    assert matched(held, tracks([], [])).tolist() == [-1, -1, -1]
    assert matched(held, tracks([1], [0.3], life=Life.TENTATIVE)).tolist() == [-1, -1, -1]


def test_row_27_the_three_figures_are_what_their_formulas_say():
    """Two craft of ours, one of them held 40 s earlier by its word and twice as sure, and one that it alone sees."""
    made = Comparison(1)
    only = 1 << 63 | 1 << 42 | 5
    for t in range(0, 100, 10):
        ours = [1] if t < 40 else [1, 2]
        with_it = tracks([1, 2, only], [0.3, 0.32, 0.34], sigma_m=30.0)
        without = tracks(ours, [0.3, 0.32][: len(ours)], sigma_m=30.0 * np.sqrt(2.0))
        made.sample(views(t, with_it, [1, 3, 2]), views(t, without))
    found = made.added("belora", "arvena", 0, 100 * S)
    assert (found.detections, found.without, found.told) == (3, 2, 2)
    assert found.share == pytest.approx(1 / 3)
    assert (found.lead_s, found.leads) == (40.0, 1)
    assert (found.surer, found.surer_of) == (pytest.approx(0.5), 1)


def test_a_partner_who_adds_nothing_adds_nothing():
    made = Comparison(1)
    for t in range(0, 50, 10):
        made.sample(views(t, tracks([1, 2], [0.3, 0.32])), views(t, tracks([1, 2], [0.3, 0.32])))
    found = made.added("belora", "arvena", 0, 50 * S)
    assert (found.share, found.lead_s, found.surer, found.told) == (0.0, None, None, 0)
    assert Comparison(1).added("belora", "arvena", 0, 1).share is None, "nothing was there: not zero, but not known"


@pytest.fixture(scope="module")
def heard(tmp_path_factory):
    """What Belora's steps took in two minutes and a half, with Arvena's agreement in force."""
    two = Two(tmp_path_factory.mktemp("ablated"), Sea())
    belora, windows = two["belora"], []
    hear = belora.hear

    def kept(now_ns, emitted):
        before = tuple(belora.waiting)
        place = {feed.name: k for k, feed in enumerate(belora.config.feeds)}
        own = tuple(msgspec.structs.replace(c, feed=place[name]) for name, c in emitted if name in place)
        windows.append((now_ns, (*own, *before)))
        return hear(now_ns, emitted)

    belora.hear = kept
    two.run(1)
    two.activate("arvena", "belora")
    two.run(150)
    return two, windows


def test_row_27_a_shadow_of_the_node_says_what_there_would_not_have_been(heard):
    """The shadow with the partner shows what the node itself showed, track by track; the one without it shows none of
    the partner's; and the share is that of the picture that it alone told."""
    two, windows = heard
    belora = two["belora"]
    begin_ns = two.sea.start_ns + 100 * S
    live = belora.views
    found = reciprocity.compare(belora.config, iter(windows), "arvena", begin_ns, live.now_ns + 1)
    assert found is not None
    assert (found.own, found.partner) == ("belora", "arvena")
    alone = int(((live.tracks.track_id >> np.uint64(63)) & (live.tracks.life >= Life.CONFIRMED)).sum())
    assert alone > 0
    assert found.detections - found.without >= alone / 2, "craft that only Arvena tells of"
    assert 0.0 < found.share < 1.0
    assert found.told >= alone
    assert found.surer is not None
    assert found.surer > 0.0, "its word makes places surer"
    assert reciprocity.compare(belora.config, iter(windows), "nobody", begin_ns, live.now_ns + 1) is None


def test_a_stream_that_is_read_from_its_middle_on_is_read(heard):
    """A chosen hour of a long journal: its first step is not the node's first, and the directory comes beside."""
    two, windows = heard
    belora = two["belora"]
    text = (two.made.members["belora"].folder / "directory.toml").read_bytes()
    directed = Directed(register.directory_sha256(text), text, windows[70][0])
    begin_ns = two.sea.start_ns + 110 * S
    found = reciprocity.compare(belora.config, iter(windows[90:]), "arvena", begin_ns, 1 << 62, directed)
    assert found is not None
    assert found.told > 0
    assert found.share > 0.0


def test_nothing_reads_the_figure_but_people(repository):
    """It never throttles: neither release, link nor node know of it."""
    for room in ("release", "link", "node", "picture", "warning"):
        for path in (repository / "src/manara" / room).rglob("*.py"):
            assert "reciprocity" not in path.read_text("utf-8"), path


def test_what_was_found_is_kept_and_damage_is_passed_over(tmp_path):
    made = Comparison(1).added("belora", "arvena", 5 * S, 9 * S)
    later = msgspec.structs.replace(made, begin_ns=3_600 * S, share=0.25)
    reciprocity.keep(tmp_path, later)
    reciprocity.keep(tmp_path, made)
    (tmp_path / "reciprocity" / "arvena-x.json").write_text("{", "utf-8")
    assert reciprocity.kept(tmp_path) == [made, later]
    assert reciprocity.kept(tmp_path / "nowhere") == []
    assert reciprocity.plain(made)["share"] is None
