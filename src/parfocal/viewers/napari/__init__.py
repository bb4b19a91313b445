"""The napari viewer: napari is imported only here and in its plugin, and only by a process of its own."""
