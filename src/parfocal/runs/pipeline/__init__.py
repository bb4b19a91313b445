"""The closed loop: images are segmented, followed and decided on in processes of their own, for the stimuli.

::

    run's thread:  image exposed ──> LiveAnalysis ──> PipelineWorkers ──> a process each: the steps
                   stimulus due  <── mask ──┘  ^                                     │
                                               └── labels, columns, mask (shared memory)
                                               │
                                               └──> AnalysisSink: streams of labels, masks, tracks
"""
