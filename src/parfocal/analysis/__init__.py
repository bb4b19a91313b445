"""Numbers from images: live steps over streams, and cells found, followed and chosen."""
