"""A simulated Red Pitaya: its memory, its signals in closed loops, and its network servers."""
