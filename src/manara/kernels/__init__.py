"""How the rooms count: arithmetic on plain arrays, one per column. No records, no clock, no objects."""
