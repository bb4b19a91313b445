"""Recorded images as a camera: TIFF, OME-TIFF, OME-Zarr, PNG, or a folder of images."""
