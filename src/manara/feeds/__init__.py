"""Bytes of the outside world in, columns out; and the other way round for the feeds that we send.

::

    bytes ─▶ decoder of one format ─▶ Batch (reports, plots, particulars, status, rejects)

Each format is one module or package that knows no other: ``ais``, ``adsb``, ``asterix``, ``cot``, ``geojson``,
``radar_nmea``. ``formats`` is the table of all of them; ``decoder`` says what each must offer; ``stage`` runs
one decoder per feed for the node.
"""
