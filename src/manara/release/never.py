"""never_to: partners that nothing of ours may reach, by any path. A local guard; it never leaves the node.

It binds three paths: *direct* (the recipient itself), *brokered* (an agreement's own onward list), and *fused* (a
recipient's agreement with somebody else under which it may release what it learned from others).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from manara.records.agreement import Agreement
from manara.records.marking import Codebook
from manara.release.statements import Refusal


def reaches(one: Agreement, known: Iterable[Agreement], never_to: Iterable[str]) -> tuple[str, ...]:
    """The shortest path by which what this agreement releases may come to a partner of ``never_to``; () when none is
    known. ``known``: every agreement that this node knows of, whoever made it.

    >>> a = Agreement(id="x", title="", releaser="arvena", recipient="belora", not_before="", not_after="",
    ...               onward=("corvia",))
    >>> reaches(a, (), ("corvia",)), reaches(a, (), ("delmara",))
    (('arvena', 'belora', 'corvia'), ())
    """
    avoid = frozenset(never_to)
    others = tuple(known)
    queue: deque[tuple[str, ...]] = deque([(one.releaser, one.recipient)])
    seen = {one.releaser}
    while queue:
        path = queue.popleft()
        if path[-1] in avoid:
            return path
        if path[-1] in seen:
            continue
        seen.add(path[-1])
        if path[-1] == one.recipient:
            queue.extend((*path, name) for name in one.onward)
        queue.extend((*path, *tail) for tail in _tails(path[-1], one, others))
    return ()


def _tails(partner: str, one: Agreement, known: Iterable[Agreement]) -> Iterator[tuple[str, ...]]:
    for other in known:
        if other.releaser == partner and (other.recipient in one.onward or may_fuse(other)):
            yield (other.recipient,)
            yield from ((other.recipient, name) for name in other.onward)


def may_fuse(one: Agreement) -> bool:
    """Whether a releaser may let go what it learned from others: only if every permit says ``originator = ["own"]``
    may it not. An agreement without permits releases nothing."""
    return any(rule.effect == "permit" and rule.when.originator != ("own",) for rule in one.rules)


def blocks(one: Agreement, known: Iterable[Agreement], never_to: Iterable[str]) -> Refusal | None:
    """Why this agreement may not be signed or activated here; None where nothing stands against it."""
    path = reaches(one, known, never_to)
    if not path:
        return None
    return Refusal("never_to", f"Nothing of {path[0]} may reach {path[-1]}, and this would: {' → '.join(path)}.")


def never_bits(never_to: Iterable[str], book: Codebook) -> int:
    """The bits of these partners; one that the book does not know cannot be reached and has none.

    >>> never_bits(("belora", "nowhere"), Codebook((), (), ("arvena", "belora")))
    2
    """
    return book.partner_bits(tuple(name for name in never_to if name in book.partners))
