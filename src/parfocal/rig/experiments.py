"""What a rig is told to do as a run: plans, acquisitions, sweeps, pulls; also by a script."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from parfocal.rig.pulls import Pulls
from parfocal.runs.plans.elements import acquire

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parfocal.core.run_status import StimMode
    from parfocal.rig.sweep import SweepHandle
    from parfocal.runs.acquisition_mode import AcquisitionMode
    from parfocal.runs.conditions.interlocks import AnyInterlocks
    from parfocal.runs.handle import RunHandle
    from parfocal.runs.pipeline.request import AnyPipeline
    from parfocal.runs.plans.any_plan import AnyPlan


class Experiments(Pulls):
    """Starts runs, each with a handle that is returned at once."""

    def run(
        self,
        plan: AnyPlan,
        *,
        name: str = "",
        folder: str | Path = "",
        continues: str = "",
        force: bool = False,
        notes: Mapping[str, Any] | None = None,
        pipeline: AnyPipeline | None = None,
        stim_mode: StimMode | None = None,
        interlocks: AnyInterlocks | None = None,
        open_ended: bool = False,
    ) -> RunHandle:
        """Start a run of a plan; return its handle at once.

        The run goes on in a process of its own. If this program opened the rig, not detached, the run ends
        with it, and all light goes off: it is cancelled, or has failed if the program was killed.

        Parameters
        ----------
        plan : plan, mapping or path
            A plan of `parfocal.runs`, the plain data of one, or a YAML, TOML or JSON file that holds them; a
            file may hold a `pipeline` and a `stim_mode`, too, which count unless others are given here.
        name : str
            Of the run, and in that of its folder; by default run1, run2 and so on. One that goes on with
            another has that one's.
        folder : path
            Where runs go; by default where the rig's recorder puts them.
        continues : str
            A run of this rig that has ended, whose indices and files go on with this plan, in its own folder.
            One whose engine died can go on, too. One that goes on is extended by the plan; refused if more
            is asked for, such as another pipeline, or `open_ended`.
        force : bool
            Use instruments although another run, or another program, holds them; the record says so.
        notes : mapping
            Goes into the record beside the plan, `manifest.plan_notes`.
        pipeline : Pipeline, mapping or str
            What is done with its images, up to the masks of its stimuli; or the address of one,
            "module:object".
        stim_mode : "current" or "previous"
            From which image the mask of a stimulus is made: of its time point, which is the default, or of
            the one before.
        interlocks : iterable of Interlock or mapping
            What has to hold as long as it goes on, beside the interlocks of the rig's file.
        open_ended : bool
            Whether it waits at the end of its plan, with the light off, for more of it (`RunHandle.extend`),
            until `RunHandle.finish`: it is complete then.

        Raises
        ------
        BadInputError
            If the plan or the pipeline cannot be carried out; names the value. Nothing was started.
        CommandError
            If the service `runs` does not answer.
        """
        self.keep_light()
        return self.runs.start(
            plan,
            name=name,
            folder=folder,
            continues=continues,
            force=force,
            notes=notes,
            pipeline=pipeline,
            stim_mode=stim_mode,
            interlocks=interlocks,
            open_ended=open_ended,
        )

    def acquire(
        self,
        mode: AcquisitionMode = "tracks",
        *,
        seconds: float | None = None,
        frames: int | None = None,
        name: str = "",
        folder: str | Path = "",
        save: bool = True,
        force: bool = False,
        notes: Mapping[str, Any] | None = None,
    ) -> RunHandle:
        """Have the camera run by itself, as a run; return its handle at once.

        Parameters
        ----------
        mode : str
            What is recorded beside the rows of devices: "tracks", "tracks+roi-video", "tracks+video",
            "roi-video" or "video". The video of the regions shows the beads that there are when it begins.
        seconds : float, optional
            For how long; pauses do not count.
        frames : int, optional
            How many, instead of that. Without either it goes on until `RunHandle.finish`.
        name, folder, force, notes
            As for `run`.
        save : bool
            False: it is seen, and nothing of it is stored.

        Raises
        ------
        BadInputError
            If that cannot be done; names the value. Nothing was started.
        """
        self.keep_light()
        return self.runs.record(
            acquire(frames, seconds=seconds),
            mode=mode,
            name=name,
            folder=folder,
            save=save,
            force=force,
            notes=notes,
        )

    def sweep(
        self,
        start_nm: float = -1000.0,
        stop_nm: float = 1000.0,
        step_nm: float = 100.0,
        frames: int = 10,
        *,
        settle_s: float = 0.0,
        index_factor: float = 1.0,
        focus: str = "focus",
        tracker: str = "tracker",
        name: str = "",
        folder: str | Path = "",
    ) -> SweepHandle:
        """Make z tables of all beads by a focus sweep, as a run; return its handle at once.

        Cancelled, the focus goes back to where it was. The tables of one that has ended whole are looked at
        (`SweepHandle.preview`), and accepted or discarded.

        Parameters
        ----------
        start_nm, stop_nm : float
            From where to where the focus goes, relative to where it stands; upwards or downwards.
        step_nm : float
            From plane to plane.
        frames : int
            How many images of each plane.
        settle_s : float
            How long to wait in each plane.
        index_factor : float
            By how much heights in the sample change for a change of the focus.
        focus, tracker : str
            Names of the services.
        name, folder
            As for `run`.

        Raises
        ------
        BadInputError
            If the tracker can't do that; names the value. Nothing was started.
        """
        from parfocal.rig.sweep import SweepHandle, sweep_plan

        sweep = uuid4().hex
        plan = sweep_plan(
            tracker,
            focus,
            sweep,
            start_nm=start_nm,
            stop_nm=stop_nm,
            step_nm=step_nm,
            frames=frames,
            settle_s=settle_s,
            index_factor=index_factor,
        )
        return SweepHandle(self.run(plan, name=name, folder=folder), self[tracker], sweep)
