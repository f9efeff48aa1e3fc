"""The log in a node's folder: owned by one process, read beside it, and never written by a reader."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.host.test_log_store import ORIGIN, all_of, plain, publish

from manara.host.keys import FileSigner
from manara.host.log_folder import open_log, read_log
from manara.host.problems import BadInput
from manara.node.durable.disk import DiskError

SIGNER = FileSigner(Ed25519PrivateKey.from_private_bytes(bytes(32)))


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_published_is_there_for_the_next_process(tmp_path):
    opened = open_log(tmp_path, SIGNER, ORIGIN, "arvena")
    for number in range(5):
        publish(opened.store, number)
    opened.store.erase("arvena", 2, 0, 1)
    before = {name: list(map(plain, found)) for name, found in all_of(opened.store).items()}
    opened.close()
    again = open_log(tmp_path, SIGNER, ORIGIN, "arvena")
    assert {name: list(map(plain, found)) for name, found in all_of(again.store).items()} == before
    again.close()


def test_a_second_process_is_refused_and_the_folder_is_let_go(tmp_path):
    opened = open_log(tmp_path, SIGNER, ORIGIN, "arvena")
    with pytest.raises(DiskError, match="another process"):
        open_log(tmp_path, SIGNER, ORIGIN, "arvena")
    opened.close()
    open_log(tmp_path, SIGNER, ORIGIN, "arvena").close()


def test_a_reader_beside_the_running_node_sees_the_log_and_changes_nothing(tmp_path):
    opened = open_log(tmp_path, SIGNER, ORIGIN, "arvena")
    for number in range(5):
        publish(opened.store, number)
    segment = next((tmp_path / "log").glob("log-*.mnl"))
    with segment.open("ab") as file:
        file.write(b"MNLT half a tick that is being written")
    before = files(tmp_path)
    seen = read_log(tmp_path)
    assert {name: list(map(plain, found)) for name, found in all_of(seen).items()} == {
        name: list(map(plain, found)) for name, found in all_of(opened.store).items()
    }
    assert seen.checkpoint() == opened.store.checkpoint()
    assert seen.export_tiles(tmp_path.parent / "tiles") > 0
    with pytest.raises(DiskError, match="signs nothing"):
        publish(seen, 5)
    assert files(tmp_path) == before
    opened.close()


def test_a_folder_without_a_log_is_refused_in_one_line(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(BadInput, match=str(folder)):
            read_log(folder)
    opened = open_log(tmp_path, SIGNER, ORIGIN, "arvena")
    opened.close()
    with pytest.raises(BadInput, match="no log of a node"):
        read_log(tmp_path)
