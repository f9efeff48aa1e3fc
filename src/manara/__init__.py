"""Manara (منارة, lighthouse): one shared picture of air and sea.

The flow, and who may know whom (a room imports only what stands below it)::

    sensors ─▶ feeds ─▶ tracking ─▶ picture ─▶ release ─▶ ledger ─▶ link ─▶ partners
                                       ▲  │                  ▲         │
                                       │  └▶ warning ─▶ incident       │
                                       └──────── ledger ◀── link ◀─────┘

    6  cli
    5  desk │ planning │ exercise
    4  host │ study
    3  node
    2  feeds │ tracking │ picture │ release │ ledger │ link │ warning │ incident
    1  records │ kernels

``records``: what the rooms say to one another. ``kernels``: how they count.
``node`` wires the stages in one file, ``node/step.py``. ``host`` runs one node, ``study`` runs many.

Importing this package does no work.
"""
