"""What a configuration may say: numbers that mean something, names of formats that exist, addresses that can be one.

A file can be read by the parser and still hold a port of -1, a period of NaN or a format that nobody wrote. Each is
said in one line before anything is opened, not by a traceback an hour later.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

import msgspec

from manara.host import address, register_bounds
from manara.host.problems import BadInput
from manara.link.sealed import is_alias
from manara.records.brokered import SIZES
from manara.records.config import ExitConfig, NodeConfig
from manara.records.sensors import FeedConfig, Sensor

CAPACITY = 1_048_576  # tracks to make room for at first
STALE_S = 86_400.0 * 365
EXIT_PERIOD_S = (0.05, 86_400.0)
HEIGHT_M = 100_000.0
FAR_M = 1e8
DOMAINS = ("air", "sea", "surface")
SENSITIVITIES = ("open", "limited", "restricted", "closed")
_URL = 'link_url = "https://host:port" as partners reach it'
_PARTNER = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")

Rule = tuple[str, float, float]  # field, lowest, highest

_NODE: tuple[Rule, ...] = (("capacity", 1, CAPACITY), ("stale_s", 0.001, STALE_S), ("desk_port", 0, 65_535))
_FEED: tuple[Rule, ...] = (
    ("receiver_lat_deg", -90, 90),
    ("receiver_lon_deg", -180, 180),
    ("range_max_m", 1, FAR_M),
)
_SENSOR: tuple[Rule, ...] = (
    ("sac", 0, 255),
    ("sic", 0, 255),
    ("lat_deg", -90, 90),
    ("lon_deg", -180, 180),
    ("height_m", -HEIGHT_M, HEIGHT_M),
    ("sigma_range_m", 0.001, FAR_M),
    ("sigma_azimuth_deg", 1e-6, 180),
    ("sigma_m", 0.001, FAR_M),
    ("range_max_m", 1, FAR_M),
    ("period_s", 0.001, 86_400),
    ("detection_probability", 0.001, 1),
)
_EXIT: tuple[Rule, ...] = (("period_s", *EXIT_PERIOD_S), ("sac", 0, 255), ("sic", 0, 255))
_BROKER: tuple[Rule, ...] = (("every_s", 0.02, 60), ("silence_s", 0.1, 86_400))
_CARRIES: tuple[Rule, ...] = (("envelopes", 1, 1_000_000), ("mib", 1, 65_536), ("per_s", 0.01, 100))
_MAY_BE_UNKNOWN = frozenset({"receiver_lat_deg", "receiver_lon_deg", "lat_deg", "lon_deg"})  # NaN: not said


def check(config: NodeConfig, where: str) -> None:
    """Refuse what cannot be meant. Raises BadInput with the key and its range."""
    _texts(config, where)
    _numbers(config, _NODE, "", where)
    if "/" in config.name:
        raise BadInput(f"name: {config.name!r} holds a slash", where, "a name is no path; use folder")
    address.check_host(config.desk_host, where)
    _sharing(config, where)
    for feed in config.feeds:
        check_feed(feed, where)
    check_sensors(config.sensors, where)
    for one in config.exits:
        _exit(one, where)
    register_bounds.check(config, where)


def _sharing(config: NodeConfig, where: str) -> None:
    ends = [name for brokered in config.broker for name in (brokered.via, brokered.partner)]
    ends += [name for pair in config.carries for name in pair.partners]
    for one in (config.partner, *config.never_to, *ends):
        if one and not _PARTNER.fullmatch(one):
            raise BadInput(f"{one!r} is no id of a partner", where, "lower case, digits and hyphens, at most 31")
    if config.partner in config.never_to:
        raise BadInput("never_to names this node itself", where)
    _brokered(config, where)
    if config.partner and not config.directory:
        raise BadInput("partner is given and directory is not", where, "name the directory's file")
    for url in (config.link_listen, config.link_url):
        if url:
            link_address(url, where)
    if config.link_url:
        if not config.link_listen:
            raise BadInput("link_url is given and link_listen is not", where, "say where this node listens")
        _callable(config.link_url, "link_url", where)


def _brokered(config: NodeConfig, where: str) -> None:
    """Who is carried, by whom, and between whom we carry."""
    seen: set[str] = set()
    for one in config.broker:
        what = f"broker to {one.partner!r}: "
        _numbers(one, _BROKER, what, where)
        if {one.via, one.partner} & {"", config.partner} or one.via == one.partner or one.partner in seen:
            raise BadInput(f"{what}not another partner, once, by a third one", where, "give via and partner")
        if one.size_bytes not in SIZES:
            raise BadInput(f"{what}size_bytes is {one.size_bytes}", where, f"one of {', '.join(map(str, SIZES))}")
        if one.via in config.never_to:
            raise BadInput(f"{what}never_to names {one.via}: nothing goes through it, sealed or not", where)
        seen.add(one.partner)
    for pair in config.carries:
        what = f"carries {pair.partners}: "
        _numbers(pair, _CARRIES, what, where)
        if len({*pair.partners, config.partner}) != 3 or set(pair.partners) & set(config.never_to):
            raise BadInput(f"{what}two other partners, none of them in never_to", where)
    aliases = [one for pair in config.carries for one in pair.aliases]
    if len(set(aliases)) != len(aliases) or not all(map(is_alias, aliases)):
        raise BadInput("carries: an alias is x and 24 hexadecimal digits, and stands once", where)


def link_url(config: NodeConfig, where: str) -> str:
    """The address that partners call, for the card; "" where nobody can. Raises BadInput for one that nobody can
    call.

    >>> link_url(NodeConfig(link_listen="https://0.0.0.0:8443", link_url="https://arvena.example:8443"), "")
    'https://arvena.example:8443'
    """
    if config.link_listen and not config.link_url:
        _callable(config.link_listen, "link_listen", where)
    return config.link_url or config.link_listen


def _callable(url: str, key: str, where: str) -> None:
    """Refuse what only a listener can mean: every address, or any port."""
    host, port = link_address(url, where)
    if port == 0 or not host.strip("0.:"):
        raise BadInput(f"{key} = {url!r} is no address that a partner can call", where, f"write {_URL}")


def link_address(url: str, where: str) -> tuple[str, int]:
    """Host and port of https://host:port. Raises BadInput.

    >>> link_address("https://127.0.0.1:8443", "")
    ('127.0.0.1', 8443)
    """
    found = re.fullmatch(r"https://(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):(\d{1,5})/?", url)
    if not found or int(found[2]) > 65_535:
        raise BadInput(f"{url!r} is no address of a link", where, "https://host:port")
    host = found[1].strip("[]")
    address.check_host(host, where)
    return host, int(found[2])


def check_sensors(sensors: Iterable[Sensor], where: str) -> None:
    """The same for sensors. Raises BadInput."""
    for one in sensors:
        _texts(one, where)
        _numbers(one, _SENSOR, f"sensor {one.name!r}: ", where)
        if one.domain not in DOMAINS:
            raise BadInput(f"sensor {one.name!r}: no domain {one.domain!r}", where, f"one of {', '.join(DOMAINS)}")


def check_feed(feed: FeedConfig, where: str) -> None:
    """The same for one feed: its address, its format, its editions. Raises BadInput."""
    from manara.feeds import formats
    from manara.feeds.decoder import Options

    _texts(feed, where)
    if feed.sensitivity not in SENSITIVITIES:
        raise BadInput(
            f"feed {feed.name!r}: sensitivity {feed.sensitivity!r}", where, f"one of {', '.join(SENSITIVITIES)}"
        )
    _numbers(feed, _FEED, f"feed {feed.name!r}: ", where)
    address.parse(feed.url)
    named = formats.names(feed.format)
    if not named:
        known = ", ".join(formats.table())
        raise BadInput(f"feed {feed.name!r}: unknown format {feed.format!r}", where, f"one of {known}")
    for name in named:
        try:
            formats.table()[name].new(Options(editions=dict(feed.editions)))
        except ValueError as fault:
            raise BadInput(f"feed {feed.name!r}: {fault}", where) from None


def _exit(one: ExitConfig, where: str) -> None:
    from manara.feeds import outgoing

    _numbers(one, _EXIT, f"exit {one.name!r}: ", where)
    if one.format not in outgoing.FORMATS:
        known = ", ".join(outgoing.FORMATS)
        raise BadInput(f"exit {one.name!r}: unknown format {one.format!r}", where, f"one of {known}")
    if one.tlp and (one.tlp not in outgoing.TLP or one.format not in outgoing.MARKED):
        hint = f"one of {', '.join(outgoing.TLP)}, for {' and '.join(outgoing.MARKED)}"
        raise BadInput(f"exit {one.name!r}: tlp {one.tlp!r} cannot be said in {one.format}", where, hint)
    at = address.parse(one.url)
    if at.scheme == "file" and not at.path.rpartition("/")[2].strip("."):
        raise BadInput(f"exit {one.name!r}: {one.url!r} names no file", where)


def _numbers(record: msgspec.Struct, rules: tuple[Rule, ...], what: str, where: str) -> None:
    for name, low, high in rules:
        value = getattr(record, name)
        unknown = name in _MAY_BE_UNKNOWN and math.isnan(value)
        if not (unknown or low <= value <= high):
            raise BadInput(f"{what}{name} is {value}", where, f"from {low:g} to {high:g}")


def _texts(value: Any, where: str) -> None:
    """No control characters anywhere: a NUL ends a path, an escape paints on the operator's terminal."""
    if isinstance(value, str) and any(ord(sign) < 32 or ord(sign) == 127 for sign in value):
        raise BadInput(f"a control character in {value[:40]!r}", where)
    if isinstance(value, msgspec.Struct):
        value = [getattr(value, name) for name in value.__struct_fields__]
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list | tuple):
        for one in value:
            _texts(one, where)
