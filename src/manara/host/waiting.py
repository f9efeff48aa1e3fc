"""What waits for the next step, with a budget for each partner: whoever sends much, or what is dear to take, waits
longer himself, and nobody else does.

::

    offer ─▶ room of this partner? ─▶ waits ─▶ take: everything of ours, and of each partner what its budget buys
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from manara.records.inputs import Arrived, Epoch, Input, Replayed
from manara.records.released import RowTable

WAITING_COST = 48 << 20  # of entries that partners sent and no step has taken yet, shared out among them
STEP_COST = 4 << 20  # of one partner in one step, but one entry at least
NAMES_COST = 8  # a byte of names costs a step as much as so many of rows


class Waiting:
    """Inputs in order. ``partners``: among how many the room is shared out."""

    def __init__(self, partners: int) -> None:
        self._room = WAITING_COST // max(1, partners)
        self._inputs: list[Input] = []
        self._cost: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._inputs)

    def __iter__(self) -> Iterator[Input]:
        return iter(self._inputs)

    def append(self, one: Input) -> None:
        """Something of our own; there is always room."""
        self._inputs.append(one)

    def offer(self, inputs: Sequence[Input]) -> bool:
        """Entries of partners; False when one has no room left, and then none was taken. An empty room takes all."""
        costs: dict[str, int] = {}
        for one in inputs:
            costs[whose(one)] = costs.get(whose(one), 0) + cost(one)
        if any(size and (held := self._cost.get(p, 0)) and held + size > self._room for p, size in costs.items()):
            return False
        for partner, size in costs.items():
            self._cost[partner] = self._cost.get(partner, 0) + size
        self._inputs += inputs
        return True

    def take(self) -> list[Input]:
        """For one step, in order; a partner's entries beyond its budget stay, each stream's in order too."""
        taken: list[Input] = []
        left: list[Input] = []
        spent: dict[str, int] = {}
        full: set[str] = set()
        for one in self._inputs:
            partner, size = whose(one), cost(one)
            if not size:
                taken.append(one)
                continue
            if partner in full or (spent.get(partner) and spent[partner] + size > STEP_COST):
                full.add(partner)
                left.append(one)
                continue
            spent[partner] = spent.get(partner, 0) + size
            taken.append(one)
        self._inputs, self._cost = left, _sums(left)
        return taken


def whose(one: Input) -> str:
    """The partner whose budget an input takes from; "" for our own."""
    return one.partner if isinstance(one, Arrived | Epoch) else ""


def cost(one: Input) -> int:
    """What an input costs a step, about; 0 for what is neither an entry nor history. That a partner's log begins anew
    costs nothing to speak of; it keeps its place among the partner's entries."""
    if isinstance(one, Epoch):
        return 1
    if not isinstance(one, Arrived | Replayed):
        return 0
    return 1 + sum(len(b.rows) * (NAMES_COST if b.table == RowTable.NAMES else 1) for b in one.blocks)


def _sums(inputs: Iterable[Input]) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in inputs:
        found[whose(one)] = found.get(whose(one), 0) + cost(one)
    return found
