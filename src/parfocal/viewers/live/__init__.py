"""The live viewer: Qt and pyqtgraph are imported here alone, and only by its own process."""
