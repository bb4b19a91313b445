"""Live bead tracking over streams: regions, workers that track, a front that puts their rows in order."""
