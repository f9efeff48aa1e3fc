"""Scenarios that drive real nodes: a simulated world sends real bytes through real sockets.

::

    study.world ─▶ transmitter (a program of its own) ─ TCP, UDP ─▶ a node like any other
"""
