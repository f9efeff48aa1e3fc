"""Captures unwrapped: pcap and pcapng files to the UDP datagrams inside, with the time at which each was caught.

::

    pcap    magic 4, version 4, zone 4, accuracy 4, longest 4, link type 4; per packet s 4, µs or ns 4, caught 4, long 4
    pcapng  blocks: type 4, length 4, body, length 4; section 0x0a0d0d0a, interface 1, packet 6, simple packet 3

Both byte orders. Source: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng. Every length is checked before it is used.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from manara.feeds.decoder import Plain
from manara.records.reject import KEPT_BYTES, Reject

PACKET_BYTES_MAX = 262_144  # as tcpdump writes them
BLOCK_BYTES_MAX = 1 << 20
INTERFACES_MAX = 256
MAGICS = {0xA1B2C3D4: 1000, 0xA1B23C4D: 1}  # ns per unit of the fraction
SECTION = 0x0A0D0D0A
ETHERNET, NULL, RAW, SLL, SLL2 = 1, 0, (12, 14, 101, 228, 229), 113, 276
IPV4, IPV6, VLAN = 0x0800, 0x86DD, (0x8100, 0x88A8)
UDP = 17


@dataclass
class Caught:
    """What some bytes of a capture held: datagrams with their times, and what was refused or passed over."""

    payloads: list[bytes] = field(default_factory=list)
    times_ns: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)  # byte behind each datagram's packet, from the start of the capture
    rejects: list[Reject] = field(default_factory=list)
    others: int = 0  # packets that are no UDP


class CaptureReader:
    """Takes a capture in pieces of any size. After a length that cannot be, nothing more is read (one reject)."""

    def __init__(self) -> None:
        self._waiting = b""
        self._at = 0  # of the first waiting byte
        self._kind = ""  # "", pcap, pcapng, dead
        self._order = "<"
        self._unit_ns = 1000
        self._link = ETHERNET
        self._interfaces: list[tuple[int, int]] = []  # (link type, ticks per second)

    def take(self, data: bytes) -> Caught:
        """The datagrams that these bytes complete."""
        caught = Caught()
        data = self._waiting + data
        pos = 0
        while self._kind != "dead":
            used = self._step(data, pos, caught)
            if used == 0:
                break
            pos += used
            self._at += used
        self._waiting = b"" if self._kind == "dead" else data[pos:]
        return caught

    def finish(self) -> list[Reject]:
        """The capture ended; a packet that was cut is a reject."""
        waiting, self._waiting = self._waiting, b""
        return [Reject("truncated", waiting[:KEPT_BYTES], "the capture ended inside a packet")] if waiting else []

    def dump(self) -> Plain:
        """The whole state as plain values."""
        return {
            "waiting": self._waiting,
            "at": self._at,
            "kind": self._kind,
            "order": self._order,
            "unit_ns": self._unit_ns,
            "link": self._link,
            "interfaces": [list(one) for one in self._interfaces],
        }

    def load(self, state: Plain) -> None:
        """Take a state that ``dump`` gave."""
        self._waiting, self._at, self._kind = state["waiting"], state["at"], state["kind"]
        self._order, self._unit_ns, self._link = state["order"], state["unit_ns"], state["link"]
        self._interfaces = [(one[0], one[1]) for one in state["interfaces"]]

    def _step(self, data: bytes, pos: int, caught: Caught) -> int:
        """The bytes used up by the next header or packet; 0 where more are needed."""
        if self._kind == "":
            return self._begin(data, pos, caught)
        return self._packet(data, pos, caught) if self._kind == "pcap" else self._block(data, pos, caught)

    def _die(self, data: bytes, pos: int, caught: Caught, why: str, detail: str) -> int:
        self._kind = "dead"
        caught.rejects.append(
            Reject(why, data[pos : pos + KEPT_BYTES], f"{detail} at byte {self._at}; the rest is lost")
        )
        return 0

    def _begin(self, data: bytes, pos: int, caught: Caught) -> int:
        if len(data) - pos < 24:
            return 0
        for order in "<>":
            (magic,) = struct.unpack_from(order + "I", data, pos)
            if magic in MAGICS:
                self._kind, self._order, self._unit_ns = "pcap", order, MAGICS[magic]
                self._link = struct.unpack_from(order + "I", data, pos + 20)[0] & 0xFFFF
                return 24
        if struct.unpack_from("<I", data, pos)[0] == SECTION:
            self._kind = "pcapng"
            return self._block(data, pos, caught)
        return self._die(data, pos, caught, "bad_header", "neither pcap nor pcapng")

    def _packet(self, data: bytes, pos: int, caught: Caught) -> int:
        if len(data) - pos < 16:
            return 0
        seconds, fraction, size, _ = struct.unpack_from(self._order + "4I", data, pos)
        if size > PACKET_BYTES_MAX:
            return self._die(data, pos, caught, "bad_length", f"a packet of {size} bytes")
        if len(data) - pos < 16 + size:
            return 0
        time_ns = seconds * 1_000_000_000 + fraction * self._unit_ns
        self._frame(data[pos + 16 : pos + 16 + size], self._link, time_ns, 16 + size, caught)
        return 16 + int(size)

    def _block(self, data: bytes, pos: int, caught: Caught) -> int:
        if len(data) - pos < 12:
            return 0
        if struct.unpack_from("<I", data, pos)[0] == SECTION:
            self._order = "<" if data[pos + 8 : pos + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            self._interfaces = []
        kind, size = struct.unpack_from(self._order + "2I", data, pos)
        if size < 12 or size % 4 or size > BLOCK_BYTES_MAX:
            return self._die(data, pos, caught, "bad_length", f"a block of {size} bytes")
        if len(data) - pos < size:
            return 0
        body = data[pos + 8 : pos + size - 4]
        if kind == 1 and len(body) >= 8 and len(self._interfaces) < INTERFACES_MAX:
            self._interfaces.append((struct.unpack_from(self._order + "H", body)[0], self._resolution(body[8:])))
        elif kind == 6 and len(body) >= 20:
            self._enhanced(body, size, caught)
        elif kind == 3 and len(body) >= 4 and self._interfaces:
            self._frame(body[4:], self._interfaces[0][0], 0, size, caught)
        return int(size)

    def _resolution(self, options: bytes) -> int:
        """Ticks per second: option 9 of the interface, a power of ten or (top bit) of two; a million by default."""
        pos = 0
        while pos + 4 <= len(options):
            code, size = struct.unpack_from(self._order + "2H", options, pos)
            if code == 9 and size == 1 and pos + 5 <= len(options):
                power = options[pos + 4]
                return int(2 ** min(power & 0x7F, 62) if power & 0x80 else 10 ** min(power, 18))
            pos += 4 + (size + 3) // 4 * 4
        return 1_000_000

    def _enhanced(self, body: bytes, size: int, caught: Caught) -> None:
        which, high, low, caught_bytes, _ = struct.unpack_from(self._order + "5I", body)
        if which >= len(self._interfaces) or caught_bytes > len(body) - 20:
            caught.rejects.append(Reject("bad_record", body[:KEPT_BYTES], "a packet block that contradicts itself"))
            return
        link, ticks = self._interfaces[which]
        time_ns = ((high << 32) + low) * 1_000_000_000 // ticks
        self._frame(body[20 : 20 + caught_bytes], link, min(time_ns, 1 << 62), size, caught)

    def _frame(self, frame: bytes, link: int, time_ns: int, size: int, caught: Caught) -> None:
        found = _datagram(frame, link)
        if isinstance(found, bytes):
            caught.payloads.append(found)
            caught.times_ns.append(time_ns)
            caught.ends.append(self._at + size)
        elif found:
            caught.rejects.append(Reject(found, frame[:KEPT_BYTES], "in a packet of the capture", time_ns))
        else:
            caught.others += 1


def _datagram(frame: bytes, link: int) -> bytes | str | None:
    """The payload of a UDP datagram; a reason; None where the frame is something else."""
    packet = _network(frame, link)
    if packet is None or not packet:
        return None
    if packet[0] >> 4 == 4:
        return _ipv4(packet)
    return _ipv6(packet) if packet[0] >> 4 == 6 else None


def _network(frame: bytes, link: int) -> bytes | None:
    """What stands behind the link header, if it is IP."""
    if link in RAW:
        return frame
    if link == NULL:
        return frame[4:]
    at = {ETHERNET: 12, SLL: 14, SLL2: 0}.get(link, -1)
    if at < 0 or len(frame) < at + 2:
        return None
    kind = int.from_bytes(frame[at : at + 2], "big")
    at += 20 if link == SLL2 else 2
    while kind in VLAN and len(frame) >= at + 4:
        kind = int.from_bytes(frame[at + 2 : at + 4], "big")
        at += 4
    return frame[at:] if kind in (IPV4, IPV6) else None


def _ipv4(packet: bytes) -> bytes | str | None:
    if len(packet) < 20:
        return "truncated"
    header, total = (packet[0] & 15) * 4, int.from_bytes(packet[2:4], "big")
    if packet[9] != UDP:
        return None
    if header < 20 or total < header + 8:
        return "bad_length"
    if int.from_bytes(packet[6:8], "big") & 0x3FFF:
        return "fragment"
    return _udp(packet[header:total]) if total <= len(packet) else "truncated"


def _ipv6(packet: bytes) -> bytes | str | None:
    kind, at = packet[6] if len(packet) >= 40 else -1, 40
    for _ in range(8):
        if kind not in (0, 43, 60) or len(packet) < at + 2:
            break
        kind, at = packet[at], at + 8 + 8 * packet[at + 1]
    if kind == 44:
        return "fragment"
    return _udp(packet[at:]) if kind == UDP else None


def _udp(segment: bytes) -> bytes | str:
    size = int.from_bytes(segment[4:6], "big")
    if len(segment) < 8 or size < 8:
        return "bad_length"
    return segment[8:size] if size <= len(segment) else "truncated"
