"""One pure step of a node: the whole story in one file.

::

    inputs ─▶ feeds ─▶ tracking (one state per source view) ─▶ picture ─▶ views
                                                                  └─────▶ exits ─▶ effects

Deterministic: the clock and the bytes come in as arguments, and nothing is read from elsewhere.
A new capability adds a row and an arrow here, never a branch.
"""

from __future__ import annotations

from manara.feeds import stage as feeds
from manara.node.arrows import feeds_to_tracking, picture_to_exits, to_picture, to_views
from manara.node.state import OWN, State
from manara.picture import stage as picture
from manara.records.inputs import Input, Stepped
from manara.tracking import stage as tracking


def step(state: State, inputs: tuple[Input, ...], now_ns: int) -> Stepped[State]:
    """Move a node on to ``now_ns`` with what came in since. ``now_ns`` never goes back: an earlier one counts as the
    last. The given state is used up; the returned one is the node."""
    now_ns = state.now_ns = max(now_ns, state.now_ns)
    state.sequence += 1

    heard = feeds.advance(state.feeds, inputs, now_ns)
    rows = feeds_to_tracking.rows(heard, state.config, first=state.sequence == 1)
    tracked = {view: tracking.advance(one, rows, now_ns) for view, one in state.tracking.items()}
    shown = picture.advance(state.picture, to_picture.inbox(tracked[OWN], heard), now_ns)
    effects = picture_to_exits.sends(state.exits, shown, now_ns, state.sequence)

    views = to_views.views(shown, heard, tracked[OWN], state.config, now_ns, state.sequence)
    return Stepped(state, effects, views)
