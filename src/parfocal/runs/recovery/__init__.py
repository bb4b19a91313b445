"""What is left of a run that was killed: decided by pure functions from its journal and what is stored."""
