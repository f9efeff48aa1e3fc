"""Logs that begin anew: ours, by two of our persons, also while the node is halted; and partners', by two of theirs.

::

    command (ledger.epoch) ─▶ follows what was decided? names the head that halted us? ─▶ log begins ─▶ step, answer
    partner: "my log began anew" ─▶ its persons' statement ─▶ kept, then followed, witnessed, told to the step

A halted node runs no step: so the log is begun here, and the step is told before it runs again (``news``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from manara.host import commands, log_epochs
from manara.host.link_memory import FolderMemory
from manara.host.log_store import LogStore
from manara.host.problems import BadInput
from manara.ledger import places
from manara.node.durable.disk import DiskError
from manara.records.directory import Directory
from manara.records.inputs import Command, Epoch
from manara.release import standing, statements
from manara.release.statements import LedgerEpoch, Refusal


class Epochs:
    """``begun``: what is to be done once a partner's log is followed elsewhere."""

    def __init__(
        self,
        log: LogStore,
        memory: FolderMemory,
        own: str,
        directory: Directory,
        folder: Path,
        now_ns: Callable[[], int],
        begun: Callable[[Epoch], None],
    ) -> None:
        self._log, self._memory, self._own, self._directory = log, memory, own, directory
        self._folder, self._now_ns, self._begun = folder, now_ns, begun
        self._lock = threading.Lock()
        others = [one.id for one in directory.partners if one.id != own]
        self._untold = {one for one in others if memory.epoch(one) > 1} | ({own} if log.epoch > 1 else set())

    def news(self) -> list[Epoch]:
        """What the next step must know of, first of all; each once."""
        with self._lock:
            untold, self._untold = sorted(self._untold), set()
        return [self._epoch(one) for one in untold]

    def _epoch(self, partner: str) -> Epoch:
        own = partner == self._own
        envelope = self._log.statement if own else self._memory.statement(partner)
        said = statements.read(envelope)
        if isinstance(said, Refusal) or not isinstance(one := said[1], LedgerEpoch):
            raise ValueError("a statement that was taken no longer reads as one")  # our own fault
        by = tuple(signed.person for signed in said[0].signatures)
        held = 0 if own else self._memory.abandoned(partner, log_epochs.epoch_of(one.origin)[1]).size
        there = self._log.heads() if own else {}
        first = places.first_place(one.epoch)
        return Epoch(partner, one.epoch, first, there, int(one.old_size), held, by, self._now_ns())

    def command(self, one: Command) -> bool:
        """A command of our own persons. Whether it goes on to the step: not one about an epoch that changes nothing;
        that one is answered here."""
        taken = statements.read(one.envelope)
        if isinstance(taken, Refusal) or not isinstance(taken[1], LedgerEpoch):
            return True
        why = self._begin(one.envelope)
        if isinstance(why, Refusal):
            commands.answer(self._folder, one.name, why.why, why.sentence)
            return False
        return True

    def _begin(self, envelope: bytes) -> Refusal | None:
        verified = statements.verify(envelope, self._directory)
        if isinstance(verified, Refusal):
            return verified
        if envelope == self._log.statement:
            return None  # begun, and the node ended before the step had it
        decided = commands.standings(self._folder)
        found = standing.apply(decided, verified, self._directory, {}, (), self._now_ns(), self._own)
        if isinstance(found, Refusal):
            return found
        try:
            why = self._log.begin_epoch(envelope, self._directory)
        except DiskError as fault:
            return Refusal("disk", f"{fault}: nothing has begun.")
        if why:
            return Refusal("other_head" if "name the old head" in why else "not_halted", why)
        with self._lock:
            self._untold.add(self._own)
        return None

    def partner(self, partner: str, envelope: bytes, revoked: tuple[str, ...]) -> str:
        """A partner's log says that it began anew; "" when we follow, else why not, for a person."""
        said = log_epochs.read(envelope, partner, self._directory, revoked)
        if isinstance(said, Refusal):
            return said.sentence
        if said.base != f"manara/{partner}":
            return f"It is about the log {said.base[:80]}."
        try:
            known, last = self._memory.epoch(partner), self._memory.last(partner)
            if said.epoch < known or (said.epoch == known and last.signed):
                return f"Its log is in epoch {known} already."
            same = log_epochs.epoch_of(said.old.origin)[1] == known
            if same and said.old.size == last.size and said.old.root != last.root:
                return f"Its persons name another head of {last.size} leaves than its log has signed for us."
            self._memory.begin(partner, said.epoch, envelope)
        except BadInput as fault:
            return str(fault)
        self._begun(self._epoch(partner))
        return ""
