"""The browser: folders of images, plates and runs as a table, brought to viewers.

::

    window (Qt) ── Catalogue ── BrowserWorker ═══ worker: lists folders, opens files, draws thumbnails, sends
       │              │            (pipes)
       │           Inventory: rows, folders, what is still to be asked    (pure)
       │           Arrangement: which rows are shown, in which order      (pure)
       └── draws the newest snapshot; never opens a file, and never asks a viewer anything

Files are opened in processes of their own: one that hangs or kills its reader costs a row that says so.
"""
