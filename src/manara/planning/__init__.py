"""Joint procurement plans. Empty until its issue lands."""
