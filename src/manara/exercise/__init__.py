"""Scenarios that drive real nodes: a simulated world sends real bytes through real sockets.

::

    scenario ─▶ partners (folders, keys, directory, agreements) ─▶ a node like any other, one for each partner
    study.world ─▶ transmitter (a program of its own) ─ TCP, UDP ─▶ each partner's own channels ─┘
"""
