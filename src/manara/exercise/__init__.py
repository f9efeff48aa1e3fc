"""Scenarios that drive real nodes. Empty until its issue lands."""
