"""The desktop: a laboratory in one window of docks, which shows snapshots, sends commands, never waits.

::

    DesktopWindow ── StartPage               no rig yet: choose one, watch it start
          └───────── DockArea ── Panel ...   a dock for each panel
                                   └── Session ── snapshots, requests, rows, frames, settings of one rig
"""
