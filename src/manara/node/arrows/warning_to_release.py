"""warning ─▶ release: what is feared in other partners' areas, for rule 0. What is feared in our own stays here."""

from __future__ import annotations

from manara.records.warnings import Danger
from manara.warning import stage as warning


def dangers(feared: warning.Outbox, own: str) -> tuple[Danger, ...]:
    """Each toward the partner whose area it is, and nothing but area, hazard, severity and time."""
    return tuple(one for one in feared.dangers if own and one.partner != own)
