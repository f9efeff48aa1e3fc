"""Three real nodes: Arvena and Delmara, that have no link, and Corvia between them, that cannot read. Programs of their
own. Only Arvena hears a sea."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from tests.doubles.two_processes import PATIENCE_S, Feeder, Node, free_port, sea

from manara.cli.main import main
from manara.exercise import brokered, partners, toml
from manara.host import files
from manara.records.config import NodeConfig

ENDS = ("arvena", "delmara")
VIA = "corvia"
NAMES = ("Arvena", "Corvia", "Delmara")


def of(node: Node, partner: str) -> dict[str, Any]:
    """What a node says of one partner."""
    return next((one for one in node.status().get("partners", ()) if one["id"] == partner), {})


def until(
    node: Node, partner: str, true: Callable[[dict[str, Any]], Any], patience_s: float = PATIENCE_S
) -> dict[str, Any]:
    """The same, once it is so."""
    node.until(lambda _: (now := of(node, partner)) and true(now), patience_s)
    return of(node, partner)


class Three:
    """``through``: end -> port at which it reaches the broker (a proxy's)."""

    def __init__(
        self, folder: Path, confirmed: bool = True, through: dict[str, int] | None = None, port: int = 0, **pace: Any
    ) -> None:
        self.scenario = sea()
        self.ports = {name.lower(): free_port() for name in NAMES}
        self.ports[VIA] = port or self.ports[VIA]
        shown = {name: self.ports[name.lower()] for name in NAMES}
        self.made = partners.make(folder, self.scenario, NAMES, shown)
        self.feeder = Feeder(self.scenario, "arvena")
        self.nodes: dict[str, Node] = {}
        for name in self.made.members:
            desk = free_port()
            self._configure(name, desk)
            self.nodes[name] = Node(self.made.members[name], desk)
        brokered.pair(self.made, ENDS, VIA, confirmed=confirmed, **{"every_s": 0.2, "silence_s": 4.0, **pace})
        for name, at in (through or {}).items():
            self._reach(name, at)
        self.a, self.b, self.d = (self.nodes[name] for name in ("arvena", VIA, "delmara"))

    def _configure(self, name: str, desk: int) -> None:
        """All but Arvena hear nothing: it is their partners that matter."""
        base = NodeConfig(desk_port=desk, capacity=1024)
        if name == "arvena":
            partners.configure(self.made, name, self.feeder.addresses, base)
            return
        config = msgspec.structs.replace(
            base,
            name=name,
            partner=name,
            directory="directory.toml",
            link_listen=f"https://127.0.0.1:{self.ports[name]}",
        )
        files.write(self.made.members[name].config, toml.text(config).encode())

    def _reach(self, name: str, port: int) -> None:
        path = self.made.members[name].folder / "directory.toml"
        path.write_text(path.read_text("utf-8").replace(f"127.0.0.1:{self.ports[VIA]}", f"127.0.0.1:{port}"), "utf-8")

    def start(self) -> None:
        for one in self.nodes.values():
            one.start()
        for one in self.nodes.values():
            one.until(lambda now: now["sequence"] > 2)

    def activate(self, releaser: str, recipient: str, *more: str) -> int:
        """Two persons of the releaser put its agreement in force."""
        home = self.made.members[releaser].folder
        words = ["agreement", "activate", str(home / f"{releaser}-{recipient}.toml"), "--phase", "full"]
        words += ["--node", str(home / f"{releaser}.toml"), "--wait", "30"]
        for who in ("policy", "operational"):
            person = f"{releaser}.{who}"
            words += ["--person", person, "--key", str(home / "people" / f"{person}.key")]
        return main([*words, *more])

    def distress(self) -> None:
        """Somebody is in distress in waters of Delmara, and Arvena alone hears it."""
        from tests.node.test_rule_zero import distress_in

        area = next(one for one in self.made.directory.areas if one.partner == "delmara" and one.warned)
        self.feeder.send(next(name for name in self.feeder.addresses if name not in self.feeder.udp), distress_in(area))

    def stop(self) -> list[int]:
        return [one.stop() for one in self.nodes.values()]

    def close(self) -> None:
        for one in self.nodes.values():
            if one.process is not None:
                one.kill()
        self.feeder.close()


@contextlib.contextmanager
def three(folder: Path, **more: Any) -> Iterator[Three]:
    made = Three(folder, **more)
    try:
        yield made
    finally:
        made.close()
