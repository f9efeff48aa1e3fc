"""Where a JSON document ends, found without parsing it."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

DEPTH, IN_STRING, ESCAPED = 0, 1, 2
STATE = 3


@njit(cache=True, nogil=True)
def close(data: NDArray[np.uint8], start: int, state: NDArray[np.int64]) -> int:
    """Offset behind the brace that closes the first one, −1 where the bytes end before; ``state`` (3,) int64 then
    says where to go on. Zeros begin a document, at its opening brace. Braces inside strings do not count.

    >>> import numpy as np
    >>> close(np.frombuffer(b'{"a": "}"} {', np.uint8), 0, np.zeros(3, np.int64))
    10
    """
    for at in range(start, len(data)):
        byte = data[at]
        if state[IN_STRING]:
            if state[ESCAPED]:
                state[ESCAPED] = 0
            elif byte == 92:  # backslash
                state[ESCAPED] = 1
            elif byte == 34:  # quotation mark
                state[IN_STRING] = 0
        elif byte == 34:
            state[IN_STRING] = 1
        elif byte == 123:
            state[DEPTH] += 1
        elif byte == 125:
            state[DEPTH] -= 1
            if state[DEPTH] <= 0:
                return at + 1
    return -1
