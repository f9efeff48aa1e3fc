"""One pure step of a node: the whole story in one file.

::

    inputs ─▶ link ─────────────────────────────────┐ (what partners sent is logged in the same step)
       └────▶ feeds ─▶ for each source view: tracking ─▶ picture ─▶ release ─▶ ledger ─▶ effects
                                                           │  └▶ warning ─▶ release (rule 0)
                                                           └─────▶ exits, views

Deterministic: the clock and the bytes come in as arguments, and nothing is read from elsewhere.
A new capability adds a row and an arrow here, never a branch.
"""

from __future__ import annotations

from manara.feeds import stage as feeds
from manara.link import stage as link
from manara.node.arrows import (
    feeds_to_tracking,
    judging,
    link_to_means,
    link_to_picture,
    link_to_release,
    picture_to_exits,
    picture_to_handover,
    picture_to_release,
    picture_to_warning,
    register_to_release,
    release_to_ledger,
    to_coverage,
    to_picture,
    to_views,
    warning_to_release,
    warning_to_stamps,
)
from manara.node.sources import OWN
from manara.node.state import State, resume
from manara.picture import stage as picture
from manara.records.inputs import Input, Stepped
from manara.release import backfill
from manara.release import stage as release
from manara.tracking import stage as tracking
from manara.warning import stage as warning


def step(state: State, inputs: tuple[Input, ...], now_ns: int) -> Stepped[State]:
    """Move a node on to ``now_ns`` with what came in since. ``now_ns`` never goes back: an earlier one counts as the
    last. The given state is used up; the returned one is the node."""
    now_ns = state.now_ns = max(now_ns, state.now_ns)
    state.sequence += 1
    resume(state, inputs)

    heard = feeds.advance(state.feeds, inputs, now_ns)
    came = link.advance(state.link, inputs, now_ns, state.ledger.next, link_to_release.stamped(state.release))
    agreed = release.command(state.release, link_to_release.commands(inputs, came), now_ns)
    state.held.keep(agreed.wanted, state.config, now_ns)
    book = picture_to_release.codebook(state.config, state.release.directory)

    rows = feeds_to_tracking.rows(heard)
    stand = register_to_release.entries(state.release, state.config, now_ns)
    shown = {}
    for view in state.held.views.values():
        link_to_picture.recall(view.picture, came, book)
        link_to_means.take(view, came, book)
        to_coverage.survey(view, rows, heard, stand, book, state.release.directory, state.config, now_ns)
        tracked = tracking.advance(view.tracking, feeds_to_tracking.seen(rows, view, state.config), now_ns)
        judge = judging.judge(tracked, view, state.release.directory, state.config, now_ns)
        ruled = judging.rulings(inputs, book)
        seen = to_picture.inbox(
            tracked, heard, came.frames, view, book, state.release.directory, state.config, judge, ruled
        )
        shown[view.name] = tracked, picture.advance(view.picture, seen, now_ns)

    news = picture_to_warning.inbox(*shown[OWN], came.frames, inputs, state.release.directory, state.config)
    feared = warning.advance(state.warning, news, now_ns)
    agreed = warning_to_stamps.taken(state.release, agreed, came.frames, feared, now_ns)
    dangers = warning_to_release.dangers(feared, state.config.partner)

    offered = picture_to_release.offered(
        shown, state.held, state.release, state.ledger, state.link, dangers, book, state.config, now_ns
    )
    frames = release.advance(state.release, offered, book, now_ns)
    history = backfill.admitted(
        state.release, inputs, link_to_release.room(state.release, state.ledger, state.link), now_ns
    )
    own = state.held.own.picture
    agreed, handed = picture_to_handover.settled(
        state.release, agreed, offered, shown[OWN][1], own, came.frames, book, now_ns
    )
    told = (*frames, *handed, *history)
    effects = release_to_ledger.effects(state.ledger, state.release, told, agreed, came, inputs, now_ns)
    sends = picture_to_exits.sends(state.exits, *shown[OWN], now_ns, state.sequence)

    shared = to_views.Shared(state.link, state.release, state.ledger, state.held.own)
    views = to_views.views(shown[OWN], heard, feared, state.config, shared, now_ns, state.sequence)
    return Stepped(state, release_to_ledger.numbered((*sends, *effects), state.sequence), views)
