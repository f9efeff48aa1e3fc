"""Places of a stream: they go up by one, and where a log began anew they go on above all that it could give before.

A million million entries a stream and epoch: one each second for 34,000 years.
"""

from __future__ import annotations

PLACES_BITS = 40


def first_place(epoch: int) -> int:
    """Where every stream of a log begins in an epoch.

    >>> first_place(1), first_place(2)
    (0, 1099511627776)
    """
    return (epoch - 1) << PLACES_BITS


def begin_of(place: int) -> int:
    """Where the stream began in the epoch of this place.

    >>> begin_of(7), begin_of(first_place(3)), begin_of(first_place(3) + 7) == first_place(3)
    (0, 2199023255552, True)
    """
    return place >> PLACES_BITS << PLACES_BITS
