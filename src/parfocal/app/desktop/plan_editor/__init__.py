"""The plan editor: a dock in which a plan is composed, foreseen by the rig, prepared and started."""
