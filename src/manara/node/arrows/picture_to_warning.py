"""picture and link ─▶ warning: the tracks that may give reason to warn, what partners warn of, what persons decided.

Here stands what a danger may rest on: it may go to a partner under rule 0, above every agreement, and must not be
somebody else's word passed on as ours.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from manara.link import stage as link
from manara.node.arrows import link_to_picture, picture_to_release
from manara.picture import stage as picture
from manara.records.columns import U1
from manara.records.config import NodeConfig
from manara.records.directory import Directory
from manara.records.inputs import Decided, Input
from manara.tracking import stage as tracking
from manara.warning import stage as warning

_UNDISCLOSED = np.uint64(1 << 63)


def inbox(
    heard: tracking.Outbox,
    seen: picture.Outbox,
    frames: Sequence[link.Frame],
    inputs: Sequence[Input],
    directory: Directory,
    config: NodeConfig,
) -> warning.Inbox:
    """``heard``, ``seen``: the node's own tracks and picture, of all sources. Without partners there are no areas, and
    nothing is feared."""
    sure = evident(seen)
    return warning.Inbox(
        tracks=seen.tracks.take(sure),
        attention=own_attention(heard, seen)[sure],
        areas=directory.areas if config.partner else (),
        corners=picture_to_release.corners(directory),
        edition=directory.version,
        own=config.partner,
        warned=link_to_picture.warned(frames, directory, config.partner),
        decided=tuple(one for one in inputs if isinstance(one, Decided)),
    )


def own_attention(heard: tracking.Outbox, seen: picture.Outbox) -> U1:
    """How pressing each row of the picture is by our own sensors, where they see it: what a partner says of distress on
    a craft that we see too is its own to tell, in its own name. ``seen`` has our own tracks first, in their order."""
    out = seen.attention.copy()
    out[: len(heard.tracks)] = picture.attention(heard.tracks)
    return out


def evident(seen: picture.Outbox) -> NDArray[np.bool_]:
    """Which tracks a danger may rest on: those that our own sensors see, and those that at least two partners tell of,
    each of them named. One partner's word alone is its own to warn with."""
    told = seen.pedigree & ~_UNDISCLOSED
    return np.asarray((seen.of_partner == 0) | (np.bitwise_count(told) >= 2), np.bool_)
