"""What sharing is worth: the simulated world and, later, studies over it."""
