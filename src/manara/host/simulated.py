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
from manara.ledger import note
from manara.link import heads, wire
from manara.records.directory import Partner
from manara.records.inputs import Arrived, Erase, Input, Publish, Published
from manara.records.reject import Reject

REFUSALS = (MustNotSign, BadInput)  # beside DiskError: what a log raises when it must not go on


def signer(seed: bytes) -> Signer:
    """A key that follows from 32 bytes."""
    return FileSigner(Ed25519PrivateKey.from_private_bytes(seed))


class Store:
    """What one node keeps beside its journal: key table, log, and what partners sent. Raises DiskError."""

    def __init__(
        self,
        disks: tuple[KeyDisk, KeyDisk, KeyDisk],
        own: str,
        key: Signer,
        clock: Callable[[], int],
        chance: Callable[[int], bytes],
    ) -> None:
        keyed, logged, came = disks
        self.vault = Vault(keyed, chance)
        self.log = LogStore(logged, key, self.vault, f"manara/{own}", own, clock=clock, chance=chance)
        self.received = Received(came, self.vault)

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

    def erase(self, one: Erase) -> tuple[int, str]:
        """Rows erased for a recall, and whom it is of."""
        count = self.received.erase(one.stream, one.tracks, one.from_ns, one.to_ns, one.recall)
        return count, heads.releaser(one.stream)


def checked(
    data: bytes, partner: Partner, stream: str, first: int, last: tuple[int, bytes, bytes], received_ns: int
) -> tuple[tuple[Arrived, ...], Remembered, int] | tuple[str, str]:
    """What an answer brings, the checkpoint to remember and the partner's time; or why it is refused."""
    answer = wire.parse(data)
    if isinstance(answer, Reject):
        return answer.why, answer.detail
    key = note.Key(f"manara/{partner.id}", note.ED25519, bytes.fromhex(partner.ledger_key))
    remembered = Remembered(*last) if last[2] else Remembered()
    found = check(answer, Asked(partner.id, key, stream, first), remembered, received_ns)
    if isinstance(found, Refusal):
        return found.why, found.detail
    return found.arrived, found.remembered, answer.now_ns
