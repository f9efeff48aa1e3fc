"""What the rooms say to one another: nouns without arithmetic.

::

    columns ─▶ reports │ plots │ tracks          (NumPy columns: many rows)
    identity  reject  particulars  sensors       (what one row may name)
    batch                                        (what one feed made of some bytes)
    inputs ─▶ node.step ─▶ effects, views        (the node's door)
"""
