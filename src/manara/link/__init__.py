"""Frames between partners. Empty until its issue lands."""
