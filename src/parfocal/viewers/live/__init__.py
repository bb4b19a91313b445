"""The live viewer: Qt and pyqtgraph are imported only by its own process."""
