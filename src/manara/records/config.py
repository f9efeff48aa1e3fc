"""A node as its partner configures it: one TOML file."""

from __future__ import annotations

import msgspec

from manara.records.brokered import Brokered, Carries
from manara.records.capability import Capability
from manara.records.sensors import FeedConfig, Sensor


class ExitConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One feed out. ``url``: udp://host:port, tcp-listen://host:port or a path. ``format``: asterix062, ais, cot,
    geojson, sbs. ``period_s``: how often the picture is sent, seconds of node time."""

    name: str
    url: str
    format: str
    period_s: float = 4.0
    sac: int = 0
    sic: int = 0
    tlp: str = ""  # level of the Traffic Light Protocol that cot and geojson say of all that leaves here; "": none


class NodeConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One partner's node. Bounds stand beside what they bound."""

    name: str = "node"
    title: str = ""
    feeds: tuple[FeedConfig, ...] = ()
    sensors: tuple[Sensor, ...] = ()
    exits: tuple[ExitConfig, ...] = ()
    capacity: int = 16_384  # tracks to begin with; grows to a bound
    stale_s: float = 15.0  # a feed without bytes for so long is shown as stale
    journal_days: float = 30.0  # how long what was heard is kept; 0: for ever
    desk_host: str = "127.0.0.1"
    desk_port: int = 8777
    folder: str = ""  # where journal and snapshots lie; "": beside the configuration
    partner: str = ""  # own id in the directory; "": this node shares with nobody
    directory: str = ""  # the directory's file, beside the configuration
    keys: str = "keys"  # folder of the node's keys, beside the configuration
    link_listen: str = ""  # https://host:port where partners fetch their streams; "": nobody can
    link_url: str = ""  # https://host:port by which partners call it; "": as link_listen
    never_to: tuple[str, ...] = ()  # partners that nothing of ours may reach by any path; it never leaves the node
    broker: tuple[Brokered, ...] = ()  # partners without a link that a third one carries to, sealed; both ends opt in
    carries: tuple[Carries, ...] = ()  # pairs of partners between whom this node carries what it cannot read
    capability: tuple[Capability, ...] = ()  # the register: sensors, means of rescue, channels of alert
    interest: tuple[str, ...] = ()  # areas in which gaps of coverage are looked for; none: our own in the directory
