"""A tweezers microscope that needs no hardware: camera, focus, magnet and lamp over one shared world."""
