"""Names and keys of logs and witnesses, as a partner's row of the directory gives them."""

from __future__ import annotations

from manara.host.witnessing import WITNESS
from manara.ledger import note
from manara.records.directory import Partner


def witness_name(partner: str) -> str:
    """Under which a partner cosigns others' logs.

    >>> witness_name("arvena")
    'manara-witness/arvena'
    """
    return f"{WITNESS}{partner}"


def log_key(partner: Partner) -> note.Key:
    """The key that signs a partner's checkpoints, under the origin of its log."""
    return note.Key(log_name(partner.id), note.ED25519, bytes.fromhex(partner.ledger_key))


def witness_key(partner: Partner) -> note.Key:
    """The key with which a partner cosigns."""
    return note.Key(witness_name(partner.id), note.COSIGNATURE, bytes.fromhex(partner.witness_key))


def log_name(partner: str) -> str:
    """The origin of a partner's log.

    >>> log_name("arvena")
    'manara/arvena'
    """
    return f"manara/{partner}"
