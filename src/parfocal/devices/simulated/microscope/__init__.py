"""A simulated fluorescence microscope: a field of moving cells, lights with shutters, filters, a camera."""
