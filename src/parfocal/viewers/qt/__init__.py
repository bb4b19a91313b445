"""What all windows of ours share: Qt's loop as that of a service, the palette, scrolling plots."""
