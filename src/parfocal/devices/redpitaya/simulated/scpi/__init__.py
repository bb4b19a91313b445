"""The official operating system's SCPI server, in front of the same simulated board."""
