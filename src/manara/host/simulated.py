"""The host's own parts for the federation simulator: what keeps, proves, signs and checks, over disks of memory.

The simulator (study/federation) may not know the host; it is handed this in (cli/simulate.py). The parts are those of
a real node: only disks, chance and clock come from outside.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from manara.host import link_answers
from manara.host.keys import FileSigner, Signer
from manara.host.link_checks import Asked, Refusal, Remembered, check
from manara.host.log_store import LogStore, MustNotSign
from manara.host.problems import BadInput
from manara.host.received import Received, bare
from manara.host.vault import KeyDisk, Vault
from manara.host.witness_desk import WitnessDesk
from manara.host.witnessing import Witnessing
from manara.ledger import note, witness
from manara.link import heads, wire
from manara.records.directory import Directory, Partner
from manara.records.inputs import Arrived, Erase, Input, Publish, Published
from manara.records.reject import Reject

_HELD = b"\n--\n"  # between a witness's no and what it shows for it: one answer here, a second request on a real link
REFUSALS = (MustNotSign, BadInput)  # beside DiskError: what a log raises when it must not go on


def signer(seed: bytes) -> Signer:
    """A key that follows from 32 bytes."""
    return FileSigner(Ed25519PrivateKey.from_private_bytes(seed))


class Store:
    """What one node keeps beside its journal: key table, log, what partners sent, and what it has cosigned of theirs.
    ``keys``: of its log and of its witness. Raises DiskError."""

    def __init__(
        self,
        disks: tuple[KeyDisk, KeyDisk, KeyDisk, KeyDisk],
        own: str,
        keys: tuple[Signer, Signer],
        directory: Directory,
        clock: Callable[[], int],
        chance: Callable[[int], bytes],
    ) -> None:
        keyed, logged, came, cosigned = disks
        self.vault = Vault(keyed, chance)
        self.log = LogStore(logged, keys[0], self.vault, f"manara/{own}", own, clock=clock, chance=chance)
        self.received = Received(came, self.vault)
        logs = {f"manara/{one.id}": (_log_key(one),) for one in directory.partners if one.id != own}
        self._desk = WitnessDesk(cosigned, keys[1], f"manara-witness/{own}", logs)
        self._witnesses = {
            one.id: note.Key(f"manara-witness/{one.id}", note.COSIGNATURE, bytes.fromhex(one.witness_key))
            for one in directory.partners
        }
        self._told: list[Input] = []
        self._witnessing = Witnessing(self.log, self._told.append, clock)

    @property
    def last_effect_id(self) -> int:
        """Of the newest tick."""
        return self.log.last_effect_id

    @property
    def size(self) -> int:
        """Leaves of the log."""
        return self.log.size

    def heads(self) -> dict[str, int]:
        """Stream -> where it ends."""
        return self.log.heads()

    def publish(self, one: Publish) -> Published:
        """Put a tick into the log."""
        return self.log.publish(one.tick_ns, one.effect_id, one.entries)

    def answer(self, stream: str, first: int, size: int, now_ns: int) -> bytes | str:
        """What a partner gets who asks for a stream."""
        return link_answers.answer(self.log, stream, first, size, now_ns)

    def keep(self, partner: str, data: bytes, received_ns: int) -> None:
        """Write an answer down that was checked."""
        answer = wire.parse(data)
        if not isinstance(answer, Reject):
            self.received.keep(partner, answer, received_ns)

    def bare(self, one: Input) -> Input:
        """As the journal names it."""
        return bare(one) if isinstance(one, Arrived) else one

    def fill(self, inputs: tuple[Input, ...]) -> tuple[Input, ...]:
        """With the rows again."""
        return self.received.fill(inputs)

    def show(self, partner: str, shown: int) -> tuple[int, bytes, bytes] | None:
        """Size, text and request for a witness that has last seen so many leaves; None: there is nothing new."""
        del partner  # all are shown the same
        newest = self._witnessing.newest()
        if newest is None or newest[0] <= shown:
            return None
        return *newest, self._witnessing.request(shown, *newest)

    def shown(
        self, partner: str, shown: int, size: int, signed: bytes, status: int, body: bytes
    ) -> tuple[int, tuple[Input, ...]]:
        """What follows from a witness's answer: how much it has seen, and what the step is told."""
        self._told.clear()
        said, _, held = (body, b"", b"") if status == 200 else body.partition(_HELD)
        seen = self._witnessing.answered(self._witnesses[partner], shown, size, signed, status, said, held)
        return seen, tuple(self._told)

    def cosign(self, body: bytes, now_ns: int) -> tuple[int, bytes]:
        """What a partner's log gets of this node's witness; with a no, what it holds of that log."""
        answer, asked = self._desk.add_checkpoint(body, now_ns), witness.parse_request(body)
        if answer.status == 200 or isinstance(asked, str):
            return answer.status, answer.body
        return answer.status, answer.body + _HELD + self._desk.remembered(asked.checkpoint.origin).signed

    def erase(self, one: Erase) -> tuple[int, str]:
        """Rows erased for a recall, and whom it is of."""
        count = self.received.erase(one.stream, one.tracks, one.from_ns, one.to_ns, one.recall)
        return count, heads.releaser(one.stream)


def _log_key(partner: Partner) -> note.Key:
    return note.Key(f"manara/{partner.id}", note.ED25519, bytes.fromhex(partner.ledger_key))


def checked(
    data: bytes, partner: Partner, stream: str, first: int, last: tuple[int, bytes, bytes], received_ns: int
) -> tuple[tuple[Arrived, ...], Remembered, int] | tuple[str, str]:
    """What an answer brings, the checkpoint to remember and the partner's time; or why it is refused."""
    answer = wire.parse(data)
    if isinstance(answer, Reject):
        return answer.why, answer.detail
    key = _log_key(partner)
    remembered = Remembered(*last) if last[2] else Remembered()
    found = check(answer, Asked(partner.id, key, stream, first), remembered, received_ns)
    if isinstance(found, Refusal):
        return found.why, found.detail
    return found.arrived, found.remembered, answer.now_ns
