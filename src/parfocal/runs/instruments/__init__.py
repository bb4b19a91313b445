"""What a run needs of the rig's services, called by name, each call with a limit."""
