"""What an agreement lets another partner have. Empty until its issue lands."""
