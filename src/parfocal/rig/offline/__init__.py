"""What was recorded, worked on again without its microscope: records by a pipeline, movies by a tracker.

::

    reprocess:  record ──> source.py: what is to be seen ──> position_jobs.py: each position in its order
                                                                │  jobs: numbers of frames
                new_record.py <── labels, columns, masks ── workers: processes here, or those of a cluster

Workers read the images themselves, wherever they run.
"""
