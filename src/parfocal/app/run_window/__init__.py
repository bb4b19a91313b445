"""The run status widget: a window of its own, and a dock of other windows."""
