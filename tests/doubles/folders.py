"""Folders of a fictional node: configuration, directory, agreement and persons' keys, with nobody running it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from tests.doubles.agreements import TEXT
from tests.doubles.persons import DIRECTORY, key_of

from manara.host import commands, directory
from manara.release import document, standing, statements
from manara.release.standing import Standings

RULED = TEXT.replace("cell_m = 4_000\nepoch_s = 600\n", "cell_m = 4_000\nepoch_s = 900\n").replace(
    'not_after = "2027-01-01T00:00:00Z"', 'not_after = "2126-01-01T00:00:00Z"'
)


def key_file(folder: Path, name: str) -> Path:
    """The key of a fictional person as a file."""
    path = folder / f"{name}.key"
    pem = key_of(name).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.touch(mode=0o600)
    path.write_bytes(pem)
    return path


def make(folder: Path, never_to: tuple[str, ...] = ()) -> Path:
    """A node's configuration in a folder that holds everything that persons need."""
    directory.write(folder / "directory.toml", DIRECTORY)
    (folder / "arvena-belora.toml").write_text(RULED)
    for one in DIRECTORY.persons:
        key_file(folder, one.id)
    config = folder / "arvena.toml"
    listed = ", ".join(f'"{one}"' for one in never_to)
    config.write_text(
        f'name = "arvena"\npartner = "arvena"\ndirectory = "directory.toml"\nnever_to = [{listed}]\n', "utf-8"
    )
    return config


@dataclass
class Clerk:
    """What a node does with commands, and nothing else of it."""

    folder: Path
    now: Standings = field(default_factory=standing.init)
    own: str = "arvena"

    def turn(self) -> None:
        """Take, apply, answer."""
        for one in commands.take(self.folder, 0):
            documents = {}
            for attachment in one.attachments:
                admitted = document.admit(attachment, DIRECTORY)
                assert isinstance(admitted, document.Admitted), admitted
                documents[admitted.document.sha256] = admitted
            verified = statements.verify(one.envelope, DIRECTORY)
            found: object = verified
            if isinstance(verified, statements.Verified):
                found = standing.apply(self.now, verified, DIRECTORY, documents, (), time.time_ns(), self.own)
            if isinstance(found, Standings):
                self.now = found
                commands.publish(self.folder, found)
                commands.answer(self.folder, one.name, "")
            else:
                assert isinstance(found, statements.Refusal)
                commands.answer(self.folder, one.name, found.why, found.sentence)


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Clerk]:
    """A clerk that works while the command line waits."""
    clerk, over = Clerk(folder), threading.Event()

    def work() -> None:
        while not over.wait(0.01):
            clerk.turn()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield clerk
    finally:
        over.set()
        worker.join()
