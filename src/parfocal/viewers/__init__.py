"""Viewers: processes of their own, found by name, fed through shared memory, never felt by what runs."""

from parfocal.viewers.client import ViewerInfo, close_viewer, list_viewers, open_viewer
from parfocal.viewers.tickets import Ticket
from parfocal.viewers.viewer import Viewer

__all__ = ["Ticket", "Viewer", "ViewerInfo", "close_viewer", "list_viewers", "open_viewer"]
