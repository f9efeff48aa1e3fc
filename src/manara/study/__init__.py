"""What sharing is worth: the simulated world and, later, studies over it.

::

    scenario (TOML) ─▶ land ─▶ lanes ─▶ fleet (sea, air) ─▶ motion ─▶ truth
                                                            motion ─▶ emit_ais │ emit_adsb │ emit_radar ─▶ bytes

``world`` owns all of it; ``plane`` is the Earth below, ``path`` and ``craft`` are what voyages and craft are made of,
``radio`` is who hears whom, ``names`` gives identities that belong to nobody.
"""
