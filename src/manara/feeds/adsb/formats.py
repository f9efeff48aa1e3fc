"""The rows of the table of formats that ADS-B gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from manara.feeds.adsb import aircraft_json, avr, beast, modes_jsonl, sbs
from manara.feeds.decoder import Format, Options
from manara.records.reject import Reject


def _beast_full(data: bytes, options: Options) -> Iterator[dict[str, Any] | Reject]:
    from manara.feeds.adsb.full import beast_full  # rs1090 is only loaded where it is asked

    return beast_full(data, options)


def _avr_full(data: bytes, options: Options) -> Iterator[dict[str, Any] | Reject]:
    from manara.feeds.adsb.full import avr_full

    return avr_full(data, options)


def _jsonl_full(data: bytes, options: Options) -> Iterator[dict[str, Any] | Reject]:
    from manara.feeds.adsb.full import modes_jsonl_full

    return modes_jsonl_full(data, options)


FORMATS: tuple[Format, ...] = (
    Format("beast", "Mode S, Beast binary", "adsb", beast.BeastDecoder, beast.guess, beast.cut, _beast_full),
    Format("avr", "Mode S, AVR raw lines", "adsb", avr.AvrDecoder, avr.guess, avr.cut, _avr_full),
    Format("sbs", "ADS-B, SBS lines", "adsb", sbs.SbsDecoder, sbs.guess, sbs.cut, sbs.full),
    Format(
        "aircraft-json",
        "ADS-B, readsb aircraft.json",
        "adsb",
        aircraft_json.AircraftJsonDecoder,
        aircraft_json.guess,
        aircraft_json.cut,
        aircraft_json.full,
    ),
    Format(
        "modes-jsonl",
        "Mode S, lines of JSON",
        "adsb",
        modes_jsonl.ModesJsonlDecoder,
        modes_jsonl.guess,
        modes_jsonl.cut,
        _jsonl_full,
    ),
)
