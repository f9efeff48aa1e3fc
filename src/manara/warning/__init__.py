"""Who is in danger, where, when, how sure. Empty until its issue lands."""
