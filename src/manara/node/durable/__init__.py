"""One truth on disk: journal, snapshot, recovery, poison inputs, over the Disk seam (docs/spec/journal.md).

::

    runner ─▶ recovery ─▶ poison
       │          │
       ├──────────┼─▶ outbox
       ▼          ▼
     clock     snapshot ─▶ journal ─▶ frames
                   └──────────┴─────▶ disk (a Protocol: host/disk.py is the real one)
"""
