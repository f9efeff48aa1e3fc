"""Column tables: frozen dataclasses whose fields are NumPy arrays of one length.

A table is a value: nobody writes into a published table. Building blocks only; meaning lives in the tables.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
I4 = NDArray[np.int32]
U8 = NDArray[np.uint64]
U4 = NDArray[np.uint32]
U2 = NDArray[np.uint16]
U1 = NDArray[np.uint8]

T = TypeVar("T", bound="Table")


def column(dtype: str, fill: float | int = 0, width: int = 1) -> Any:
    """Declare one column: its dtype, what stands where nothing is known, and its width (1: shape (n,))."""
    return dataclasses.field(metadata={"dtype": np.dtype(dtype), "fill": fill, "width": width})


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """Base of all column tables. All columns have the same first dimension."""

    def __len__(self) -> int:
        first = dataclasses.fields(self)[0].name
        return len(getattr(self, first))

    @classmethod
    def blank(cls: type[T], n: int) -> T:
        """A table of n rows, each column filled with what stands for "not known".

        >>> from manara.records.reports import Reports
        >>> len(Reports.blank(3)), float(Reports.blank(1).lat_rad[0])
        (3, nan)
        """
        return cls(**{f.name: _filled(f, n) for f in dataclasses.fields(cls)})

    def take(self: T, index: NDArray[Any]) -> T:
        """The rows that index (integers or a mask) names, in its order."""
        return type(self)(**{f.name: getattr(self, f.name)[index] for f in dataclasses.fields(self)})

    def replace(self: T, **columns: NDArray[Any]) -> T:
        """The same table with some columns exchanged."""
        return dataclasses.replace(self, **columns)

    @classmethod
    def join(cls: type[T], tables: Sequence[T]) -> T:
        """One table from many, rows in order. No table gives the empty table."""
        if len(tables) == 1:
            return tables[0]
        if not tables:
            return cls.blank(0)
        names = [f.name for f in dataclasses.fields(cls)]
        return cls(**{name: np.concatenate([getattr(t, name) for t in tables]) for name in names})


def _filled(f: dataclasses.Field[Any], n: int) -> NDArray[Any]:
    width = f.metadata["width"]
    shape: tuple[int, ...] = (n,) if width == 1 else (n, width)
    return np.full(shape, f.metadata["fill"], dtype=f.metadata["dtype"])
