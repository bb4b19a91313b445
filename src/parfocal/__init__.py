"""parfocal runs a microscope laboratory, each part in a process of its own, and counts every frame."""
