"""The Red Pitaya: a client of its servers, its registers as data, and its modules."""
