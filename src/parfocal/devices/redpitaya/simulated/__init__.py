"""A Red Pitaya that is not there: its memory, its physics, closed, and its servers."""
