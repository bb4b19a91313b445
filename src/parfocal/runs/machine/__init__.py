"""What a run does next, decided by pure functions on frozen values."""
