"""The script editor: a dock in which a script is written, checked, and carried out as a run."""
