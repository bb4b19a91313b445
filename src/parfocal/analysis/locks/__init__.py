"""Locks: services that keep beads in their regions and in focus, by small corrections."""
