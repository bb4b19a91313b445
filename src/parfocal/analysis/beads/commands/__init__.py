"""What the tracker can be asked, one module per subject; `parfocal.analysis.beads.tracker` joins them."""
