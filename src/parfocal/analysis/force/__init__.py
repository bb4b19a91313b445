"""Forces: from the height of a magnet, and from the motion of beads."""
