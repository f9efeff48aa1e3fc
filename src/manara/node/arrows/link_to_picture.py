"""link ─▶ picture: the rows of partners' frames, for each source view as far as it may hold them; and recalls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

import msgspec
import numpy as np

from manara.link import stage as link
from manara.node.sources import SourceView
from manara.picture import stage as picture
from manara.picture.labels import WORD_MAX
from manara.picture.partners import PartnerRows
from manara.records.directory import Directory
from manara.records.marking import UNKNOWN_BIT, Codebook
from manara.records.partners import Warned
from manara.records.released import DTYPES, WARNING, Rows, RowTable, Terms

TLP = ("clear", "green", "amber", "amber+strict", "red")
_BATCHES = ("batch", "warning")
_SILENT = ("suspended", "warning_only")
_Sha256 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
_Number = Annotated[str, msgspec.Meta(pattern=r"\A(all|0|[1-9][0-9]{0,19})\Z")]


class Recalled(msgspec.Struct, frozen=True, kw_only=True):
    """What a recall frame says (release/stage.py writes it). ``tracks``: the releaser's numbers for us, or all."""

    recall: _Sha256
    tracks: tuple[_Number, ...]
    from_ns: _Number = "0"
    to_ns: _Number
    reason: str = ""

    def numbers(self) -> tuple[int, ...]:
        """The tracks; empty: all."""
        return () if "all" in self.tracks else tuple(int(one) for one in self.tracks)

    def sound(self) -> bool:
        """Whether it names something, in numbers that machine words hold: a partner wrote it."""
        if not self.tracks or ("all" in self.tracks and len(self.tracks) > 1) or "all" in (self.from_ns, self.to_ns):
            return False
        return max(self.numbers(), default=0) < 1 << 64 and int(self.from_ns) <= int(self.to_ns) < 1 << 63


def rows(frames: Sequence[link.Frame], view: SourceView, book: Codebook) -> tuple[PartnerRows, ...]:
    """What the frames of this step tell a view. The node's own view holds all; one for a recipient only what its
    originators let go on to that recipient; one without a recipient nothing of partners."""
    if view.sources is not None and not view.recipient:
        return ()
    quiet = {one.partner: place for place, one in enumerate(frames) if silences(one)}
    return tuple(
        _rows(one, view, book, squares=place > quiet.get(one.partner, -1))
        for place, one in enumerate(frames)
        if is_live(one) and one.partner in book.partners
    )


def silences(one: link.Frame) -> bool:
    """A partner's word that it tells of tracks no more: its squares, which only grow without news, go at once."""
    return one.head.kind == "phase" and one.head.phase in _SILENT and "/" not in one.stream


def is_live(one: link.Frame) -> bool:
    """History is kept and can be read; it is never mixed into what is there now."""
    return one.head.kind in _BATCHES and "/" not in one.stream


def _rows(frame: link.Frame, view: SourceView, book: Codebook, squares: bool) -> PartnerRows:
    terms = frame.head.terms
    goes = np.array([view.sources is None or view.recipient in one.onward for one in terms], bool)
    tables = {table: kept(frame.rows.tables, table, goes) for table in (1, 2, 4, 5)}
    place = book.partner(frame.partner)
    precise = tables[RowTable.PRECISE]
    told = np.array([_pedigree(one, place, book) for one in terms], np.uint64)
    return PartnerRows(
        partner=place,
        received_ns=frame.received_ns,
        precise=precise,
        coarse=tables[RowTable.COARSE] if squares else np.zeros(0, DTYPES[RowTable.COARSE]),
        names=tables[RowTable.NAMES],
        ended=tables[RowTable.ENDED],
        fuse=frame.fuse,
        pedigree=told[precise["terms"]] if len(precise) else np.zeros(0, np.uint64),
        labels=tuple((one.label[:WORD_MAX], one.tlp if one.tlp in TLP else "") for one in terms),
    )


def kept(tables: Mapping[int, Rows], table: int, goes: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Rows:
    """The rows of a table whose terms let them go where they are to go. ``goes``: for each of the frame's terms."""
    found = tables.get(table)
    if found is None or not len(found):
        return np.zeros(0, DTYPES[table])
    return found if goes.all() else found[goes[found["terms"]]]


def _pedigree(terms: Terms, place: int, book: Codebook) -> int:
    """Bits of who contributed; what is not told, or names somebody unknown, counts as undisclosed."""
    known = [one for one in terms.pedigree if one in book.partners]
    bits = 1 << place | book.partner_bits(tuple(known))
    return bits if terms.pedigree and len(known) == len(terms.pedigree) else bits | UNKNOWN_BIT


def warned(frames: Sequence[link.Frame], directory: Directory, own: str) -> tuple[Warned, ...]:
    """Rule 0, on its way in: warnings that name one of our own areas, which we have published to be warned of. Taken
    in every phase, and whatever the partner's clock says."""
    areas = {area.id for area in directory.areas if area.partner == own and area.warned}
    rows = ((one, row) for one in frames if one.head.kind == "warning" for row in _warnings(one))
    return tuple(
        Warned(
            partner=one.partner,
            area=row["area"].decode("ascii", "replace"),
            window_ns=int(row["window_ns"]),
            hazard=int(row["hazard"]),
            severity=int(row["severity"]),
            received_ns=one.received_ns,
        )
        for one, row in rows
        if row["area"].decode("ascii", "replace") in areas
    )


def _warnings(frame: link.Frame) -> Rows:
    return frame.rows.tables.get(RowTable.WARNING, np.zeros(0, WARNING))


def recall(state: picture.State, came: link.Outbox, book: Codebook) -> None:
    """Drop from a picture what partners have recalled, and the squares of those that fell silent."""
    for one in came.frames:
        if silences(one) and one.partner in book.partners:
            picture.silence(state, book.partner(one.partner))
    for one, said in recalls(came.frames):
        if one.partner in book.partners:
            numbers = np.array(said.numbers(), np.uint64)
            picture.drop(state, book.partner(one.partner), numbers if len(numbers) else None)


def recalls(frames: Sequence[link.Frame]) -> Iterator[tuple[link.Frame, Recalled]]:
    """Recall frames that can be read."""
    for one in frames:
        if one.head.kind == "recall":
            try:
                said = msgspec.json.decode(one.head.subject, type=Recalled)
            except (msgspec.MsgspecError, ValueError, RecursionError):
                continue
            if said.sound():
                yield one, said
