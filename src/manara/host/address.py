"""Where a feed comes from or goes to, as the user writes it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from manara.host.problems import BadInput

SCHEMES = ("udp", "tcp", "tcp-listen", "serial")
DEFAULT_PORTS = {"ais": 10110, "beast": 30005, "avr": 30002, "sbs": 30003, "asterix": 8600}


@dataclass(frozen=True)
class Address:
    """One address. ``scheme``: file, stdin, udp, tcp, tcp-listen, serial. ``group``: a multicast group to join."""

    scheme: str
    host: str = ""
    port: int = 0
    group: str = ""
    path: str = ""
    query: dict[str, str] = field(default_factory=dict)


def parse(url: str) -> Address:
    """An address from its URL. Raises BadInput.

    >>> parse("udp://239.1.1.1@127.0.0.1:8600")
    Address(scheme='udp', host='127.0.0.1', port=8600, group='239.1.1.1', path='', query={})
    >>> parse("tcp://[::1]:10110").host
    '::1'
    >>> parse("harbour.nmea.gz").scheme
    'file'
    """
    if url == "-":
        return Address("stdin")
    if "://" not in url:
        return Address("file", path=url)
    try:
        split = urlsplit(url)
        port = split.port or 0
    except ValueError as fault:
        raise BadInput(f"not an address: {fault}", url) from None
    if split.scheme == "file":
        return Address("file", path=split.path)
    if split.scheme not in SCHEMES:
        raise BadInput(f"unknown kind {split.scheme!r}", url, f"one of {', '.join(SCHEMES)}, a file, or - for stdin")
    query = dict(parse_qsl(split.query))
    if split.scheme == "serial":
        return Address("serial", path=split.path, query=query)
    host, group = split.hostname or "", split.username or ""
    check_host(host, url)
    check_host(group, url)
    if not port:
        raise BadInput("no port", url, "write host:port")
    if split.scheme == "udp" and not group and _is_multicast(host):
        host, group = "0.0.0.0", host  # noqa: S104 - a multicast feed is heard on every interface unless one is named
    return Address(split.scheme, host or "127.0.0.1", port, group, "", query)


def check_host(host: str, where: str) -> None:
    """Refuse what can be no name of a machine: the system's look-up would raise in the middle of things."""
    try:
        if host:
            host.encode("idna")
        fits = "\0" not in host
    except UnicodeError:
        fits = False
    if not fits:
        raise BadInput(f"no name of a machine: {host!r}", where)


def _is_multicast(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_multicast
    except ValueError:
        return False
