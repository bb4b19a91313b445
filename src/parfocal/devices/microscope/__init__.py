"""Devices for which python-microscope has drivers: cameras, lights, stages and filter wheels."""
