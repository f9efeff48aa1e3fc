"""Two fictional partners that know nothing of each other's machines, and a third that carries between them.

``pair`` is called once the three are configured (exercise/partners.py: make, configure). It does what people do with
``manara partner broker``: keys and cards for the relation, the fingerprint compared, and who carries writes it down.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from manara.exercise import toml
from manara.exercise.partners import Made, Member
from manara.host import broker_keys, config, directory, files
from manara.records.brokered import Brokered, Carries
from manara.records.config import NodeConfig


def pair(
    made: Made,
    ends: tuple[str, str],
    via: str,
    *,
    confirmed: bool = True,
    size_bytes: int = 16_384,
    every_s: float = 0.5,
    silence_s: float = 30.0,
) -> None:
    """Let ``via`` carry between two members (ids). ``confirmed``: two people have compared the fingerprint; else
    warnings only. Neither end's directory then holds an address or a certificate of the other. Raises BadInput."""
    one, other = (made.members[end] for end in ends)
    invitation = broker_keys.make_card(_folder(one, other), made.directory, one.id)
    reply = broker_keys.make_card(_folder(other, one), made.directory, other.id, invitation)
    for own, theirs, card in ((one, other, reply), (other, one, invitation)):
        folder = _folder(own, theirs)
        broker_keys.keep_card(folder, card)
        if confirmed:
            broker_keys.confirm(folder, broker_keys.fingerprint(folder))
        said = Brokered(via=via, partner=theirs.id, size_bytes=size_bytes, every_s=every_s, silence_s=silence_s)
        _add(own, broker=said)
        _hide(own, theirs)
    aliases = tuple(broker_keys.load(_folder(a, b), b.id).alias for a, b in ((one, other), (other, one)))
    carries = Carries(partners=ends, aliases=(aliases[0], aliases[1]), per_s=max(4.0, 2 / every_s))
    _add(made.members[via], carries=carries)


def _folder(own: Member, theirs: Member) -> Path:
    return own.folder / "keys" / "brokered" / theirs.id


def _add(member: Member, **tables: Brokered | Carries) -> None:
    """One more table in a configuration."""
    now = msgspec.convert(config.read_toml(member.config), NodeConfig)
    more = {name: (*getattr(now, name), one) for name, one in tables.items()}
    files.write(member.config, toml.text(msgspec.structs.replace(now, **more)).encode())


def _hide(own: Member, theirs: Member) -> None:
    """The other end's row in one's own directory leads nowhere."""
    path = own.folder / "directory.toml"
    listed = directory.load(path).directory
    rows = tuple(broker_keys.unreachable(row) if row.id == theirs.id else row for row in listed.partners)
    path.unlink()
    directory.write(path, msgspec.structs.replace(listed, partners=rows))
