"""What was told to whom, provable. Empty until its issue lands."""
