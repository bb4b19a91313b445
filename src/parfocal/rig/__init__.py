"""A laboratory as one validated file, and what runs when it is opened."""
