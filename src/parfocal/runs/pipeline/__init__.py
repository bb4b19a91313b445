"""The closed loop: images are segmented, followed and decided on in processes of their own, for the stimuli.

::

    run's thread:  image exposed ──> LiveAnalysis ──> Workers ──> a process each: the steps of the pipeline
                   stimulus due  <── mask ── Decisions <───────── labels, columns, mask (shared memory)
                                                 └──> AnalysisSink: streams of labels, masks, tracks
"""
