"""What parfocal adds to a napari that somebody started themselves: two docks and a reader.

napari finds it by the entry point ``napari.manifest``; what there is stands in ``napari.yaml``.
"""
