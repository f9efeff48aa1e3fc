"""picture ─▶ release: what a source view holds, with the marking by which the rules decide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from manara.kernels.membership import area_bits
from manara.ledger import stage as ledger
from manara.link import stage as link
from manara.node.arrows import register_to_release, to_coverage
from manara.node.names import name_of
from manara.node.sources import OWN as OWN_VIEW
from manara.node.sources import Held
from manara.picture import stage as picture
from manara.records.columns import F8, I8, U1, U2, U8
from manara.records.config import NodeConfig
from manara.records.directory import Directory
from manara.records.marking import ALL_PURPOSES, UNKNOWN, Codebook, Marking, Sensitivity, Sort
from manara.records.reports import Domain, Kind
from manara.records.tracks import Tracks
from manara.records.warnings import Danger
from manara.release import stage as release
from manara.release.channel import Offer
from manara.tracking import stage as tracking

Shown = tuple[tracking.Outbox, picture.Outbox]
TICK_NS = 1_000_000_000
KEPT_NS = 600_000_000_000  # a track that nothing was heard of for so long is no longer released
_EVERYBODY = (1 << 63) - 1


def codebook(config: NodeConfig, directory: Directory) -> Codebook:
    """Places of areas, sources and partners in the columns of bits: areas and partners as in the directory, this node
    first; feeds, then sensors, as configured.

    >>> from manara.records.sensors import FeedConfig
    >>> codebook(NodeConfig(partner="a", feeds=(FeedConfig(name="ais", url="-"),)), Directory(version=1)).sources
    ('ais',)
    """
    names = [*(one.name for one in config.feeds), *(one.name for one in config.sensors)]
    others = [one.id for one in directory.partners if one.id != config.partner]
    return Codebook(
        areas=tuple(one.id for one in directory.areas),
        sources=tuple(dict.fromkeys(names))[:63],
        partners=(config.partner, *others),
    )


def corners(directory: Directory) -> tuple[I8, F8, F8]:
    """All areas' corners: where each area begins, (areas + 1,), latitudes and longitudes in radians, (m,)."""
    points = [np.radians(np.array(one.corners_deg, np.float64).reshape(-1, 2)) for one in directory.areas]
    first = np.cumsum([0, *(len(one) for one in points)]).astype(np.int64)
    whole = np.concatenate(points) if points else np.zeros((0, 2))
    return first, np.ascontiguousarray(whole[:, 0]), np.ascontiguousarray(whole[:, 1])


def offered(
    shown: Mapping[str, Shown],
    held: Held,
    released: release.State,
    logged: ledger.State,
    linked: link.State,
    dangers: tuple[Danger, ...],
    book: Codebook,
    config: NodeConfig,
    now_ns: int,
) -> release.Offered | None:
    """What each source view holds for release, what partners must be warned of (``dangers``), and who has not signed
    for what he got. None between two ticks, and for a node that shares with nobody."""
    if not config.partner or now_ns // TICK_NS <= released.ticked_ns // TICK_NS:
        return None
    areas = corners(released.directory)
    offers = {}
    stand = register_to_release.entries(released, config, now_ns)
    register = register_to_release.means(stand, book, areas, now_ns)
    for view in held.views.values():
        if view.name != OWN_VIEW:
            tracked, seen = shown[view.name]
            marked = marking(seen, tracked.sources, book, areas, config)
            beside = to_coverage.means(register, view, book, areas, config, now_ns)
            offers[view.name] = Offer(seen.tracks, marked, seen.particulars, view.warm(now_ns), beside)
    return release.Offered(
        offers=offers,
        dangers=dangers,
        paused=frozenset(_paused(released, logged, linked)),
    )


def _paused(released: release.State, logged: ledger.State, linked: link.State) -> Iterator[str]:
    for direction, one in released.standings.agreements.items():
        known = released.documents.get(one.agreement)
        window = known.document.agreement.window if known else 1
        if link.paused(linked, direction, ledger.following(logged, direction), window):
            yield one.recipient


def marking(
    shown: picture.Outbox,
    slots: Sequence[int],
    book: Codebook,
    areas: tuple[I8, F8, F8],
    config: NodeConfig,
) -> Marking:
    """The marking of every track of a picture. ``slots``: slot -> source, as in Tracks.sources."""
    tracks = shown.tracks
    n = len(tracks)
    return Marking.blank(n).replace(
        sort=np.full(n, Sort.TRACK, np.uint8),
        domain=np.where(tracks.domain == Domain.UNKNOWN, UNKNOWN, tracks.domain).astype(np.uint8),
        craft=np.where(tracks.kind == Kind.UNKNOWN, UNKNOWN, tracks.kind).astype(np.uint8),
        area_bits=area_bits(tracks.lat_rad, tracks.lon_rad, *areas),
        sources=source_bits(tracks, slots, book, config),
        originator=originators(shown.pedigree),
        sensitivity=_sensitivity(tracks, slots, config),
        emergency=(shown.attention == 2).astype(np.uint8),
        purpose=np.full(n, ALL_PURPOSES, np.uint32),
        time_ns=tracks.updated_ns,
        expires_ns=tracks.updated_ns + KEPT_NS,
        onward=np.full(n, _EVERYBODY, np.uint64),
    )


def source_bits(tracks: Tracks, slots: Sequence[int], book: Codebook, config: NodeConfig) -> U8:
    """Bits of the codebook for the slots of ``Tracks.sources``: a slot counts for its feed and for its sensor."""
    found = np.zeros(len(tracks), np.uint64)
    for slot, source in enumerate(slots):
        feed = source >> 16
        names = {name_of(source, config), config.feeds[feed].name if feed < len(config.feeds) else ""}
        bits = np.uint64(book.source_bits(tuple(names & set(book.sources))))
        found |= np.where(_holds(tracks, slot), bits, np.uint64(0))
    return found | (tracks.sources & np.uint64(1 << 63))


def _sensitivity(tracks: Tracks, slots: Sequence[int], config: NodeConfig) -> U1:
    """The closest-kept of the feeds that contributed."""
    level = np.zeros(len(tracks), np.uint8)
    for slot, source in enumerate(slots):
        feed = source >> 16
        said = config.feeds[feed].sensitivity if feed < len(config.feeds) else "closed"
        if said != "open":
            level[_holds(tracks, slot)] = np.maximum(level[_holds(tracks, slot)], Sensitivity[said.upper()])
    return level


def _holds(tracks: Tracks, slot: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return (tracks.sources >> np.uint64(slot) & np.uint64(1)).astype(bool)


def originators(pedigree: U8) -> U2:
    """Place of the one partner that a row is of; 65,535 where several contributed or nobody may be named."""
    alone = np.bitwise_count(pedigree) == 1
    place = np.log2(np.maximum(pedigree, np.uint64(1)).astype(np.float64)).astype(np.uint16)
    return np.where(alone & (place < 63), place, 65_535).astype(np.uint16)
