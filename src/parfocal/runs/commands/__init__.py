"""What the service of runs can be asked, one module per subject; `parfocal.runs.service` joins them."""
