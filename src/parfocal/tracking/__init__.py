"""Numbers from images of beads: pure functions and small classes on arrays; knows no processes."""
