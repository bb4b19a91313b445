"""Instruments: one process owns one instrument, and each kind has a simulated twin."""
