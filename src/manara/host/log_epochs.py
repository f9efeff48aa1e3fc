"""A log that begins anew after a backup was restored: its name, its places, and the statement of two persons.

::

    a checkpoint that we signed and do not hold ─▶ newer.mnc, halted (also after a restart)
    two persons name that head (ledger.epoch) ─▶ <origin>/epoch-<n>, leaves from 0, places from (n - 1) << 40

Places of an epoch lie above all that earlier ones could give (ledger/places.py): so none is given twice, whatever a
partner holds that cannot be asked now.
"""

from __future__ import annotations

import contextlib
from typing import NamedTuple

import msgspec

from manara.host.log_segments import VERSION, Header, Segments
from manara.ledger import checkpoint, note, tree
from manara.link import heads
from manara.node.durable.disk import Disk, DiskError
from manara.records.directory import Directory
from manara.records.reject import Reject
from manara.records.released import Entry
from manara.release import statements
from manara.release.statements import LedgerEpoch, Refusal

EPOCHS_MAX = 4_096  # so that places fit 53 bits: all programs read them exactly
NEWER = "newer.mnc"
_WORD = "/epoch-"


def origin_of(base: str, epoch: int) -> str:
    """The log's name in an epoch.

    >>> origin_of("manara/arvena", 1), origin_of("manara/arvena", 2)
    ('manara/arvena', 'manara/arvena/epoch-2')
    """
    return base if epoch == 1 else f"{base}{_WORD}{epoch}"


def epoch_of(origin: str) -> tuple[str, int]:
    """Name and epoch; epoch 0 for a name that no log can have.

    >>> epoch_of("manara/arvena/epoch-3"), epoch_of("manara/arvena"), epoch_of("manara/arvena/epoch-03")
    (('manara/arvena', 3), ('manara/arvena', 1), ('manara/arvena', 0))
    """
    base, word, number = origin.partition(_WORD)
    if not word:
        return base, 1
    epoch = int(number) if number.isascii() and number.isdigit() and len(number) < 6 else 0
    return base, epoch if 1 < epoch <= EPOCHS_MAX and origin == origin_of(base, epoch) else 0


def in_epoch(key: note.Key, epoch: int) -> note.Key:
    """The key of a log under the name that the log has in an epoch."""
    return key._replace(name=origin_of(epoch_of(key.name)[0], epoch))


class Began(NamedTuple):
    """What a statement that holds says: the log ``base`` goes on as ``epoch``; the head of the old one."""

    base: str
    epoch: int
    old: checkpoint.Checkpoint
    by: tuple[str, ...]


def read(envelope: bytes, partner: str, directory: Directory, revoked: tuple[str, ...] = ()) -> Began | Refusal:
    """The word of two persons of a partner, one for policy and one for operations, that its log begins anew."""
    said = statements.verify(envelope, directory)
    if isinstance(said, Refusal):
        return said
    one = said.statement
    if not isinstance(one, LedgerEpoch):
        return Refusal("malformed", "This statement is not about an epoch of the log.")
    ours = [person for person in said.persons if person.partner == partner]
    if len(ours) < 2 or not {"policy", "operational"} <= said.capacities(partner):
        why = f"Two persons of {partner} must sign that the log begins anew, one for policy and one for operations."
        return Refusal("capacity_missing", why)
    if gone := [person.id for person in said.persons if person.key in revoked]:
        return Refusal("revoked_key", f"The key of {gone[0]} was revoked.")
    base, before = epoch_of(one.origin)
    if not before or not before < one.epoch <= EPOCHS_MAX:
        return Refusal("malformed", f"Epoch {one.epoch} cannot follow {one.origin}.")
    old = checkpoint.Checkpoint(one.origin, int(one.old_size), bytes.fromhex(one.old_root))
    return Began(base, one.epoch, old, tuple(person.id for person in ours))


def begin(disk: Disk, said: Began, there: dict[str, int], envelope: bytes, now_ns: int) -> None:
    """Put the first header of an epoch on the disk: from then on opening finds it. ``there``: the next place of each
    stream. Raises DiskError, and then nothing has begun."""
    made = Segments(disk, said.epoch)
    name = origin_of(said.base, said.epoch)
    made.begin(Header(VERSION, said.epoch, 0, name, now_ns, tree.Range().dump(), there, envelope))
    try:
        disk.sync(made.all[-1].name)
    except DiskError:
        with contextlib.suppress(DiskError):
            disk.remove(made.all[-1].name)
        raise
    with contextlib.suppress(DiskError):  # of an older epoch it says nothing any more
        forget_newer(disk)


def keep_newer(disk: Disk, signed: bytes) -> None:
    """Remember what halts the log; a disk that refuses costs only that a restart must ask again."""
    with contextlib.suppress(DiskError):
        disk.write_whole(NEWER, signed)


def newer(disk: Disk) -> bytes:
    """What halted the log, a signed note; b"" for nothing."""
    return disk.read(NEWER, 0, disk.size(NEWER)) if NEWER in disk.names() else b""


def forget_newer(disk: Disk) -> None:
    """The log has begun anew."""
    if NEWER in disk.names():
        disk.remove(NEWER)


def placed(entries: tuple[Entry, ...], there: dict[str, int], first: int) -> tuple[Entry, ...]:
    """Entries that were numbered before their log began anew, at places of the new epoch; others as they are.
    ``there``: the next place of each stream."""
    if not first:
        return entries
    found, taken = [], dict(there)
    for one in entries:
        old = one.offset < first
        offset = max(taken.get(one.stream, first), first) if old else one.offset
        taken[one.stream] = offset + 1
        found.append(_at(one, offset) if old else one)
    return tuple(found)


def _at(one: Entry, offset: int) -> Entry:
    head = heads.parse(one.head)
    if isinstance(head, Reject):  # the step wrote it
        raise ValueError(f"an entry of our own has no head: {head.detail}")
    moved = heads.encode(msgspec.structs.replace(head, offset=str(offset)))
    return msgspec.structs.replace(one, offset=offset, head=moved)
