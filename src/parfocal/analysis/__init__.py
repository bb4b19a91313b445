"""Live steps over streams: numbers from frames while they come."""
