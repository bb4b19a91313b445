"""Devices that Micro-Manager has adapters for: one process has its core, the others reach it there."""
