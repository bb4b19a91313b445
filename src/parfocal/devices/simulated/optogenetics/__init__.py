"""A simulated sample for optogenetics: cells that divide, answer to light, bleach, and can be steered."""
