"""Whom `manara ledger verify` trusts: keys that the user gave, and those of the directory."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from manara.host.problems import BadInput

if TYPE_CHECKING:
    from manara.ledger.note import Key
    from manara.records.directory import Directory, Partner

KEY_LINE_MAX = 1_000  # characters of a key line; a longer word is no file name either


@dataclass(frozen=True)
class Trusted:
    """Keys of logs, of witnesses and of recipients."""

    keys: tuple[Key, ...]
    witnesses: tuple[Key, ...]
    quorum: int
    recipients: tuple[bytes, ...]
    directory: Directory | None = None

    def of_log(self, origin: str) -> Trusted:
        """With what the directory says of the log of that name. Its own partner neither witnesses nor receives it."""
        owner = None if self.directory is None else owner_of(self.directory, origin)
        if self.directory is None or owner is None:
            return self
        others = [one for one in self.directory.partners if one.id != owner.id]
        return replace(
            self,
            keys=(*self.keys, log_key(owner, origin)),
            witnesses=(*self.witnesses, *witnesses_of(self.directory, others)),
            recipients=(*self.recipients, *(bytes.fromhex(one.agreement_key) for one in others if one.agreement_key)),
        )


def owner_of(directory: Directory, origin: str) -> Partner | None:
    """The partner whose log has this name, in any of its epochs."""
    from manara.host.log_names import log_name

    base = origin.partition("/epoch-")[0]
    return next((one for one in directory.partners if log_name(one.id) == base), None)


def log_key(partner: Partner, origin: str) -> Key:
    """The key that signs a partner's log."""
    from manara.ledger import note

    return note.Key(origin, note.ED25519, bytes.fromhex(partner.ledger_key))


def witnesses_of(directory: Directory, partners: list[Partner]) -> list[Key]:
    """These partners' keys as witnesses, and the neutral ones."""
    from manara.host.log_names import witness_key
    from manara.ledger import note

    neutral = [note.parse_vkey(line) for line in directory.witnesses.values()]
    return [witness_key(one) for one in partners if one.witness_key] + [k for k in neutral if isinstance(k, note.Key)]


def trusted(args: argparse.Namespace) -> Trusted:
    """What the options of verify say. Raises BadInput."""
    from manara.ledger import note

    keys, witnesses = [_key(x, "--key") for x in args.key], [_key(x, "--witness") for x in args.witness]
    if any(key.kind != note.ED25519 for key in keys):
        raise BadInput("is a witness's key", "--key", "give it with --witness")
    if any(key.kind != note.COSIGNATURE for key in witnesses):
        raise BadInput("is a log's key", "--witness", "give it with --key")
    found = None if args.directory is None else read_directory(args.directory)
    known = len(witnesses) + (0 if found is None else len(witnesses_of(found, list(found.partners))))
    quorum = len(witnesses) if args.quorum is None else args.quorum
    if not 0 <= quorum <= known:
        raise BadInput(f"{quorum} of {known} witnesses can never be", "--quorum", "name the keys with --witness")
    try:
        recipients = tuple(bytes.fromhex(one) for one in args.recipient)
    except ValueError:
        raise BadInput("not a key in hexadecimal digits", "--recipient") from None
    return Trusted(tuple(keys), tuple(witnesses), quorum, recipients, found)


def read_directory(path: Path) -> Directory:
    """The directory in a file. Raises BadInput."""
    from manara.host import directory

    return directory.load(path).directory


def _key(said: str, option: str) -> Key:
    from manara.ledger import note

    found = note.parse_vkey(said)
    if isinstance(found, str) and len(said) < KEY_LINE_MAX and Path(said).is_file():
        try:
            found = note.parse_vkey(Path(said).read_text("utf-8", errors="replace")[:KEY_LINE_MAX])
        except OSError as fault:
            raise BadInput(f"cannot be read: {fault.strerror}", said) from None
    if isinstance(found, str):
        raise BadInput(found, option, "give the line or a file that holds it")
    return found


def lines(directory: Directory) -> list[str]:
    """Every key of a directory as other programs want it: what it is, whose, the key."""
    from manara.host.log_names import log_name
    from manara.ledger import note

    found = [f"log {one.id} {note.vkey(log_key(one, log_name(one.id)))}" for one in directory.partners]
    found += [f"witness {key.name} {note.vkey(key)}" for key in witnesses_of(directory, list(directory.partners))]
    return found + [f"recipient {one.id} {one.agreement_key}" for one in directory.partners if one.agreement_key]
