"""What a viewer can be asked, one module per subject; `parfocal.viewers.service` joins them."""
