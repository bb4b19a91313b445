"""Windows that show a laboratory and steer it: Qt widgets, of which none ever waits for a rig."""
