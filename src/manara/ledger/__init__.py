"""What was told to whom, provable with tools that we did not write. This room sees bytes and keys given to it.

::

    rows, salts ─▶ entry ─▶ tick (one leaf) ─▶ tree ─▶ tiles ─▶ checkpoint ◀─ cosign ◀─ witness
                                                 │                  │
                                                 └──── bundle ◀─────┴────▶ evidence

    tree        RFC 6962 hashes, paths, and whether they hold
    entry       what an entry commits to, its place in the tick's leaf
    tiles       C2SP tlog-tiles: names, bytes, and which of them was changed
    note        C2SP signed notes and their keys
    checkpoint  size and root of a log, signed
    cosign      witnesses' cosignatures, and whether they are enough
    witness     what a witness answers to a checkpoint
    evidence    a file that proves a split or rewritten log to a stranger
    bundle      a file that proves one entry, or one row of it, to a stranger
    receipt     what a recipient signed for
    stage       places of streams in the step

Formats and vectors: docs/spec/ledger.md.
"""
