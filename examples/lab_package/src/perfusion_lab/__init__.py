"""A laboratory that perfuses its samples. Nothing is imported here: parfocal imports what a rig names."""
