"""Conditions of plans and interlocks: what they ask as data, how they are judged, and who looks."""
