"""Live bead tracking over streams: regions, workers that track, a coordinator that orders their rows."""
