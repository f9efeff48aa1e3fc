"""The link between partners: heads, rows, the pull answer, and the order of what arrives. It opens no socket.

::

    bytes ─▶ wire ─▶ (host checks proofs) ─▶ Arrived ─▶ stage: in order, once ─▶ heads, rows ─▶ Frame
                                                          └▶ receipts
"""
