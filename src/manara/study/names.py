"""Names and identities that belong to nobody, drawn from a seed.

MMSI begin with 290 to 299, which ITU has allocated to no administration. Aircraft addresses begin with 1101 in
binary (hexadecimal D), which ICAO Annex 10 vol. III, table 9-1 keeps for future use. Ship call signs begin with Q and
aircraft callsigns with four letters, which ITU and ICAO give to nobody.
"""

from __future__ import annotations

import numpy as np

FIRST_ADDRESS = 0xD00001
_HEADS = [
    "Al", "Bre", "Cal", "Dor", "El", "Fen", "Gal", "Hes", "Il", "Jor", "Kel", "Lor", "Mar", "Nel", "Or", "Pel",
    "Quen", "Ros", "Sel", "Tar", "Ul", "Ves", "Wen", "Yar", "Zel",
]  # fmt: skip
_MIDDLES = [
    "a", "an", "e", "en", "i", "ir", "o", "or", "u", "ul",
]  # fmt: skip
_TAILS = [
    "bel", "dane", "fry", "gard", "lith", "mere", "nor", "quay", "rin", "sen", "tor", "vane", "wick", "ya", "zond",
]  # fmt: skip


class Names:
    """A source of names and identities, each given once."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._given: set[str] = set()
        self._serial: dict[int, int] = {}
        self._address = FIRST_ADDRESS

    def ship(self) -> str:
        """A ship's name in capitals, at most 20 letters."""
        while True:
            name = "".join(str(self._rng.choice(part)) for part in (_HEADS, _MIDDLES, _TAILS)).upper()
            if self._rng.random() < 0.3:
                name = f"{name} {self._rng.choice(['STAR', 'DAWN', 'WIND', 'SPIRIT', 'GRACE', 'REEF'])}"
            if name not in self._given:
                self._given.add(name)
                return name

    def mmsi(self, mid: int) -> int:
        """A ship's maritime identity with those first three digits."""
        serial = self._serial[mid] = self._serial.get(mid, 0) + int(self._rng.integers(1, 97))
        return mid * 1_000_000 + serial

    def call_sign(self) -> str:
        """A ship's radio call sign."""
        while True:
            sign = "Q" + "".join(self._rng.choice(list("ABCDEFGHJKLMNPRSTUVWXYZ"), 2)) + str(self._rng.integers(10, 99))
            if sign not in self._given:
                self._given.add(sign)
                return sign

    def address(self) -> int:
        """An aircraft's 24-bit address."""
        given = self._address
        self._address += int(self._rng.integers(1, 60))
        return given

    def flight(self, operator: str) -> str:
        """An aircraft's callsign: the operator's four letters and three digits."""
        while True:
            sign = f"{operator}{self._rng.integers(100, 999)}"
            if sign not in self._given:
                self._given.add(sign)
                return sign

    def squawk(self) -> str:
        """An ordinary Mode A code: none of the emergency codes, no conspicuity code."""
        digits = self._rng.integers(0, 8, size=4)
        digits[0] = self._rng.integers(1, 6)
        return "".join(str(d) for d in digits)
