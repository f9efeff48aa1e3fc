"""The simulated federation: many real steps in one process from one seed, under faults, with invariants as it runs.

::

    seed ─▶ papers (partners, agreements) ─┐
         ─▶ sea (craft, who hears them) ───┼─▶ run: members ◀─ links ─▶ members ─▶ invariants ─▶ violation
         ─▶ faults (what goes wrong when) ─┘                                                        └─▶ shrink
"""
