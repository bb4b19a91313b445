"""Scripts: a Python file with ``main(lab)``, checked, then run in a process of its own as a run.

::

    file ── check ─────────> problems, each with its line           pure: syntax tree against command tables
      │
    ScriptRun ── ScriptProcess ══ pipe ══ ScriptGate ── lab ── main(lab)
      │              │                      │
    ScriptMachine  started, killed        where the calls of a script meet pause and end
    ScriptRecord   the file, its helpers, what it told, how it ended

`ScriptRun` lives in the service that carries out runs, the gate in the process of the script. What ``lab``
offers is in `parfocal.rig.lab`, as it needs all of a rig.
"""
