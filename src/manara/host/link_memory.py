"""What a node remembers of its partners' logs, in a folder of its own: the newest checkpoint of each, and evidence of
lies. The entries themselves: host/received.py.

::

    <folder>/<partner>.checkpoint     the signed note, replaced whole and synced before anything of it is believed
             <partner>.epoch          the statement of two of its persons that its log began anew
             <partner>.epoch-N.checkpoint  the last note of an earlier epoch: what is provable of the abandoned log
             evidence/<partner>=….json  two checkpoints that cannot both be true: for anybody (ledger/evidence.py)
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from manara.host import files, log_epochs
from manara.host.link_checks import Refusal, Remembered, evidence_of
from manara.host.problems import BadInput
from manara.ledger import checkpoint, evidence
from manara.link import heads, wire
from manara.release import statements

EVIDENCE_MAX = 100  # files of one partner


class FolderMemory:
    """The checkpoints of host/link_client.py's Memory, over a folder."""

    def __init__(self, folder: Path, now_ns: Callable[[], int]) -> None:
        self._folder, self._now_ns = folder, now_ns
        self._newest: dict[str, Remembered] = {}
        self._epochs: dict[str, int] = {}
        try:
            (folder / "evidence").mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as fault:
            raise BadInput(f"no folder: {fault.strerror or fault}", str(folder), "see to room and rights") from None

    def last(self, partner: str) -> Remembered:
        """The newest checkpoint believed, of the log in its present epoch. Raises BadInput when its file is damaged:
        nobody may forget it in silence."""
        if partner not in self._newest:
            path, epoch = self._path(partner), self.epoch(partner)
            found = _read(path) if path.exists() else Remembered()
            self._newest[partner] = found if _epoch_of(found) == epoch else Remembered()
        return self._newest[partner]

    def epoch(self, partner: str) -> int:
        """Of its log, as its persons' statement says that was taken here."""
        if partner not in self._epochs:
            said = self.statement(partner)
            taken = statements.read(said) if said else None
            if isinstance(taken, statements.Refusal):
                path = self._beside(partner, "epoch")
                raise BadInput(f"damaged: {taken.sentence}", str(path), "restore it; it says where its log goes on")
            one = taken[1] if taken else None
            self._epochs[partner] = one.epoch if isinstance(one, statements.LedgerEpoch) else 1
        return self._epochs[partner]

    def statement(self, partner: str) -> bytes:
        """By which its log began anew; b"" where it never did."""
        path = self._beside(partner, "epoch")
        return files.read(path, statements.ENVELOPE_BYTES) if path.exists() else b""

    def begin(self, partner: str, epoch: int, envelope: bytes) -> None:
        """Its log goes on in another epoch; what was known of the earlier one is kept. Durable when it returns.
        Raises BadInput."""
        last = self.last(partner)
        if last.signed:
            files.write(self._beside(partner, f"epoch-{self.epoch(partner)}.checkpoint"), last.signed, private=True)
        files.write(self._beside(partner, "epoch"), envelope, private=True)
        self._epochs[partner], self._newest[partner] = epoch, Remembered()

    def remember(self, partner: str, newest: Remembered) -> None:
        """Durable when it returns. Raises BadInput."""
        files.write(self._path(partner), newest.signed, private=True)
        self._newest[partner] = newest

    def abandoned(self, partner: str, epoch: int) -> Remembered:
        """The last checkpoint known of an earlier epoch of its log."""
        path = self._beside(partner, f"epoch-{epoch}.checkpoint")
        return _read(path) if path.exists() else Remembered()

    def contradiction(self, partner: str, last: Remembered, refusal: Refusal) -> None:
        """Write the evidence down, once."""
        self._write(partner, evidence_of(last, refusal))

    def accuse(self, partner: str, before: bytes, submitted: bytes) -> Path | None:
        """The same for two checkpoints that a witness was shown; None where they prove nothing without a path: then
        they lie with the witness alone."""
        first, second = checkpoint.parse_note(before), checkpoint.parse_note(submitted)
        if isinstance(first, str) or isinstance(second, str) or first[0].size != second[0].size:
            return None
        return self._write(partner, evidence.Evidence(before, submitted, ()).encode())

    def _write(self, partner: str, made: bytes) -> Path | None:
        known = self.evidence(partner)
        mark = hashlib.sha256(made).hexdigest()[:16]
        if there := [path for path in known if path.stem.endswith(mark)]:
            return there[0]
        if len(known) >= EVIDENCE_MAX:
            return None
        path = self._folder / "evidence" / f"{self._path(partner).stem}={self._now_ns() // 1_000_000_000}={mark}.json"
        files.write(path, made)
        return path

    def evidence(self, partner: str) -> list[Path]:
        """Files of evidence against a partner."""
        return sorted((self._folder / "evidence").glob(f"{self._path(partner).stem}=*.json"))

    def _path(self, partner: str) -> Path:
        return self._beside(partner, "checkpoint")

    def _beside(self, partner: str, what: str) -> Path:
        if not heads.is_stream(partner) or heads.recipient(partner):
            raise BadInput(f"{partner[:80]!r} is no id of a partner", str(self._folder))
        return self._folder / f"{partner}.{what}"


def _epoch_of(one: Remembered) -> int:
    """Of the log of a checkpoint; 0 for none."""
    parsed = checkpoint.parse_note(one.signed)
    return 0 if isinstance(parsed, str) else log_epochs.epoch_of(parsed[0].origin)[1]


def _read(path: Path) -> Remembered:
    signed = files.read(path, wire.NOTE_BYTES)
    found = checkpoint.parse_note(signed)
    if isinstance(found, str):
        raise BadInput(f"damaged: {found}", str(path), "restore it; removing it forgets what the partner has signed")
    return Remembered(found[0].size, found[0].root, signed)
