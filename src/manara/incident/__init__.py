"""Dossiers, the watch log, consultations. Empty until its issue lands."""
