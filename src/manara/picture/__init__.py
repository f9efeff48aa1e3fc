"""The picture: own tracks and partners' joined with what is said of them, with trails, regions and attention.

::

    stage       init, advance, drop, dump, load, warm: the door; State, Inbox, Outbox
    partners    what partners told, remembered until it is old, ended or recalled
    correlate   track with track: who is who, joined and parted with patience, fused with pedigree
    assembled   the system tracks as the record table, and their names
    regions     what partners told within a cell
"""
