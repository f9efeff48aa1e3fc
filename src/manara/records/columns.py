"""Column tables: frozen dataclasses whose fields are NumPy arrays of one length.

A table is a value: nobody writes into a published table. Building blocks only; meaning lives in the tables.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

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
        return len(getattr(self, _shape(type(self))[0].name))

    @classmethod
    def blank(cls: type[T], n: int) -> T:
        """A table of n rows, each column filled with what stands for "not known".

        >>> from manara.records.reports import Reports
        >>> len(Reports.blank(3)), float(Reports.blank(1).lat_rad[0])
        (3, nan)
        """
        return _table(cls, {one.name: one.filled(n) for one in _shape(cls)})

    def take(self: T, index: NDArray[Any]) -> T:
        """The rows that index (integers or a mask) names, in its order."""
        index = np.asarray(index, None if len(index) else np.intp)  # a list of rows will do
        if index.dtype == np.bool_:
            if len(index) != len(self):
                raise IndexError(f"a mask of {len(index)} for {len(self)} rows")
            index = index.nonzero()[0]
        return _table(type(self), {name: column.take(index, axis=0) for name, column in vars(self).items()})

    def replace(self: T, **columns: NDArray[Any]) -> T:
        """The same table with some columns exchanged."""
        before = vars(self)
        if not columns.keys() <= before.keys():
            raise TypeError(f"no such columns: {', '.join(sorted(columns.keys() - before.keys()))}")
        return _table(type(self), {**before, **columns})

    @classmethod
    def join(cls: type[T], tables: Sequence[T]) -> T:
        """One table from many, rows in order. No table gives the empty table."""
        some = [one for one in tables if len(one)] or list(tables[:1])
        if len(some) == 1:
            return some[0]
        if not some:
            return cls.blank(0)
        return _table(cls, {name: np.concatenate([getattr(t, name) for t in some]) for name in vars(some[0])})


class _Column(NamedTuple):
    name: str
    dtype: np.dtype[Any]
    fill: float | int
    width: int

    def filled(self, n: int) -> NDArray[Any]:
        shape: int | tuple[int, int] = n if self.width == 1 else (n, self.width)
        if self.fill == 0:
            return np.zeros(shape, self.dtype)
        made = np.empty(shape, self.dtype)
        made.fill(self.fill)
        return made


_SHAPES: dict[type[Table], tuple[_Column, ...]] = {}


def _shape(cls: type[Table]) -> tuple[_Column, ...]:
    """The columns of a table in the order of their declaration; asked for at each call, read once."""
    found = _SHAPES.get(cls)
    if found is None:
        columns = ((f.name, f.metadata) for f in dataclasses.fields(cls))
        found = tuple(_Column(name, said["dtype"], said["fill"], said["width"]) for name, said in columns)
        _SHAPES[cls] = found
    return found


def _table(cls: type[T], columns: dict[str, NDArray[Any]]) -> T:
    """A table of these columns, all of them and in the order of their declaration, without the price of a frozen
    dataclass's own constructor, which sets each by name."""
    made = object.__new__(cls)
    vars(made).update(columns)
    return made
