"""Registering a version: where its files come from, what they are kept by, in which order."""

from __future__ import annotations

import posixpath
from dataclasses import replace

from orris.errors import FailedPrecondition, InvalidArgument, OrrisError, PermissionDenied
from orris.names import ImageName, RunName, TreeName
from orris_kit.blocking import run_blocking
from orris_models.checks import check_draft
from orris_models.core import Claim, Models
from orris_models.keeping import Keeping
from orris_models.model import Draft, Framework, Version
from orris_models.ports import Artifacts, File, Images, Run, Runs

# What a pickled estimator's file is called. A folder with one of these, and other files, has that as its main file.
MODEL_SUFFIXES = (".joblib", ".pkl", ".pickle", ".dill", ".sav", ".model")
NAMED = 10


class Registration:
    """Registers versions with what runs, images and artifacts know."""

    def __init__(self, models: Models, keeping: Keeping, artifacts: Artifacts, images: Images, runs: Runs) -> None:
        self._models = models
        self._keeping = keeping
        self._artifacts = artifacts
        self._images = images
        self._runs = runs

    async def register(self, claim: Claim, draft: Draft, run_path: str, caller_run: str = "") -> Version:
        """Register a version; a retry returns the first result. `caller_run`: the run that calls, if one does.

        The reference at `artifacts` exists before the version does. Raises InvalidArgument, NotFound,
        FailedPrecondition (PATH_NOT_KEPT, RUN_NOT_FINISHED), PermissionDenied.
        """
        if made := await run_blocking(self._models.made_before, claim):
            return made
        _check_names(claim.workspace, draft)
        if caller_run:
            draft = _of_caller(draft, caller_run)
        check_draft(draft)
        draft = await self._with_files(claim, draft, run_path, bool(caller_run))
        draft = await self._with_image(draft)
        number = await run_blocking(self._models.reserve, claim.workspace, claim.model)
        key = (claim.workspace, claim.model, number)
        try:
            await self._keeping.keep(key, draft)
            version = await run_blocking(self._models.commit, claim, number, draft)
        except OrrisError:
            await self._keeping.let_go(key)
            raise
        if version.number != number:  # the same request was faster
            await self._keeping.let_go(key)
        return version

    async def _with_files(self, claim: Claim, draft: Draft, run_path: str, by_the_run: bool) -> Draft:
        run = await self._runs.get(draft.run) if draft.run else None
        if run:
            draft = replace(
                draft, experiment=run.experiment, image=draft.image or run.image,
                snapshot=run.snapshot, script=run.script,
            )  # fmt: skip
        if draft.tree:
            if run and not (run.finished or by_the_run):
                raise _not_finished(run)
            files = await self._artifacts.files(draft.tree)
        else:
            assert run is not None  # check_draft: one of the two is there
            files = await self._kept(run, run_path or claim.model)
            draft = replace(draft, tree=await self._artifacts.create_tree(claim.workspace, {f.path: f for f in files}))
        file = draft.file or main_file([each.path for each in files], draft.framework)
        if draft.file and draft.file not in {each.path for each in files}:
            message = f"model_version.file: the tree has no {draft.file[:200]!r}"
            raise InvalidArgument(message, field="model_version.file", reason="INVALID_MODEL")
        return replace(draft, file=file, size=sum(each.size for each in files))

    async def _kept(self, run: Run, path: str) -> list[File]:
        """Return the file of a run's outputs under its own name, or a folder's files by their paths in it."""
        if not run.finished:
            raise _not_finished(run)
        path = posixpath.normpath(path.lstrip("/")).strip("/")
        found = await self._artifacts.files(run.outputs, path) if run.outputs else []
        if not found:
            first = await self._artifacts.files(run.outputs, limit=NAMED + 1) if run.outputs else []
            raise _not_kept(run, path, [each.path for each in first])
        if len(found) == 1 and found[0].path == path:
            return [replace(found[0], path=posixpath.basename(path))]
        return [replace(each, path=each.path.removeprefix(f"{path}/")) for each in found]

    async def _with_image(self, draft: Draft) -> Draft:
        if draft.framework is not Framework.SCIKIT_LEARN:
            return draft
        if not draft.image:
            message = (
                "model_version.image: a scikit-learn model is served in the environment that made it; name its image"
            )
            raise InvalidArgument(message, field="model_version.image", reason="INVALID_MODEL")
        recorded = await self._images.package_version(draft.image, "scikit-learn")
        return replace(draft, recorded_framework_version=recorded)


def main_file(paths: list[str], framework: Framework) -> str:
    """Return the only file, or the only one named like a pickled model beside others; empty where that is not clear."""
    if len(paths) > 1 and framework is Framework.SCIKIT_LEARN:
        paths = [path for path in paths if path.lower().endswith(MODEL_SUFFIXES)]
    return paths[0] if len(paths) == 1 else ""


def _check_names(workspace: str, draft: Draft) -> None:
    """Raise InvalidArgument where something of another workspace, or no resource name, is given."""
    kinds = (("run", draft.run, RunName), ("tree", draft.tree, TreeName), ("image", draft.image, ImageName))
    for field, value, kind in kinds:
        if value and kind.parse(value, field=f"model_version.{field}").workspace != workspace:
            message = f"model_version.{field}: is of another workspace than the model"
            raise InvalidArgument(message, field=f"model_version.{field}", reason="INVALID_MODEL")


def _of_caller(draft: Draft, caller_run: str) -> Draft:
    if draft.run not in ("", caller_run):
        raise PermissionDenied("a run registers only what it made itself")
    return replace(draft, run=caller_run)


def _not_finished(run: Run) -> FailedPrecondition:
    message = (
        f"{run.name} has not ended; its outputs are kept at its end: wait for it, or call run.register_model inside it"
    )
    return FailedPrecondition(message, reason="RUN_NOT_FINISHED")


def _not_kept(run: Run, path: str, kept: list[str]) -> FailedPrecondition:
    more = ", …" if len(kept) > NAMED else ""
    message = f"run_path: {run.name} kept no {path[:200]!r}; it kept {', '.join(kept[:NAMED]) or 'nothing'}{more}."
    name = posixpath.basename(path)
    left = next((each for each in run.left_behind if posixpath.basename(each) == name), None)
    if left:
        message += f" The script left {left!r} outside outputs/: save it under outputs/ to keep it."
    return FailedPrecondition(message, reason="PATH_NOT_KEPT")
