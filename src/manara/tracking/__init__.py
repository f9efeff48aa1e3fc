"""Plots and reports in, tracks out: gate, associate, filter; one independent state per source view.

::

    stage     init, advance, dump, load, warm: the door; State, Inbox, Outbox
    motion    how craft of each kind move, and how long their silence is borne
    sites     the table of sensors
    rows      between record tables and kernels

The arithmetic is in ``kernels``: ``follow`` (reports), ``sensing`` ─▶ ``sweep`` with ``gate`` and ``assignment``
(plots), ``twins`` (tracks of one identity), ``states`` (one track), ``life`` (ageing and reading), ``tables`` (the
store), ``kalman``, ``geodesy``.
"""
