"""What somebody at a desk says, as statements that the node signs for whoever sits there."""

from __future__ import annotations

import secrets

from manara.release import statements


def offer(stream: str, track: int, wait_s: int, reason: str) -> bytes:
    """Offer a track to the recipient of a stream."""
    said = statements.HandoverOffer(
        stream=stream, track=str(track), wait_s=str(wait_s), reason=reason, nonce=secrets.token_hex(16)
    )
    return statements.canonical(said)


def decide(stream: str, offered: str, answer: str, reason: str) -> bytes:
    """Accept or decline what a partner offers."""
    said = statements.HandoverDecide(
        stream=stream, offer=offered, answer=answer, reason=reason, nonce=secrets.token_hex(16)
    )
    return statements.canonical(said)
