"""What other programs have written, read like the record of a run, as far as it goes: OME-Zarr and tables."""
