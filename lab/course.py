"""A run: one recipe with one seed, in a folder of its own that holds all there is to know of it.

    config.json       recipe, stages, seed, fingerprints of recipe and data, versions
    stage-N.npz       the encoder after stage N
    stage-N.pt        where stage N stands, until it is done
    curve.jsonl       loss by step
    judged.json       what the encoder scores, query by query

A run that was killed goes on where it stood and comes to the same numbers.
"""

from __future__ import annotations

import json
import os
import sys
import time
import zipfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lab import LabError
from lab.corpus import Library
from lab.encoder import TableEncoder
from lab.method import Kind, Options, find
from lab.recipe import KINDS, Recipe
from lab.transformer import TransformerEncoder

Encoder = TableEncoder | TransformerEncoder
ENCODERS: dict[str, type[TableEncoder] | type[TransformerEncoder]] = {
    "table": TableEncoder,
    "transformer": TransformerEncoder,
}


@dataclass
class Course:
    """What a stage is told of its run. `made`: the encoders of earlier stages by their names, all of the kind
    that the recipe trains; `part`: what a stage calls a training within it."""

    folder: Path
    seed: int
    stage: int = 0
    made: dict[str, Any] = field(default_factory=dict)
    part: str = ""

    def within(self, part: str) -> Course:
        """For a training inside this stage: its checkpoint is its own."""
        return replace(self, part=part)

    def rng(self, *where: int) -> np.random.Generator:
        """Chance that depends on seed, stage and place alone, so that a resumed run meets the same."""
        return np.random.default_rng([self.seed, self.stage, *where])

    @property
    def checkpoint(self) -> Path:
        return self.folder / f"stage-{self.stage}{'-' if self.part else ''}{self.part}.pt"

    def note(self, **what: float) -> None:
        with (self.folder / "curve.jsonl").open("a") as file:
            file.write(json.dumps({"stage": self.stage, **what}) + "\n")

    def say(self, line: str) -> None:
        print(f"{self.folder.name}, stage {self.stage + 1}: {line}", file=sys.stderr, flush=True)


def run(recipe: Recipe, seed: int, library: Library, folder: Path) -> Encoder:
    """The encoder that a recipe makes; whatever of it was done before is read from the folder.

    Raises LabError if the folder is of another recipe, seed or corpus, if a stage says so, or if the disk
    is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _claim(recipe, seed, library, folder)
        return _stages(recipe, Course(folder, seed), library)
    except OSError as error:
        raise LabError(
            f"{folder} cannot be written ({error.strerror}): make room and start again; what is done is kept."
        ) from error
    except RuntimeError as error:
        # What PyTorch raises when its file could not be written whole.
        if not any(sign in str(error) for sign in ("PytorchStreamWriter", "inline_container")):
            raise
        raise LabError(
            f"A checkpoint in {folder} cannot be written: make room and start again; what is done is kept."
        ) from error


def _stages(recipe: Recipe, course: Course, library: Library) -> Encoder:
    encoder: Encoder = ENCODERS[recipe.encoder].untrained()
    course.made["untrained"] = encoder
    for course.stage, options in enumerate(recipe.stages):
        path = course.folder / f"stage-{course.stage}.npz"
        if path.is_file():
            encoder = _made(path, recipe.encoder)
        else:
            torch.manual_seed(course.seed * 1_000 + course.stage)
            start = options.get("start")
            if start is not None and start not in course.made:
                raise LabError(
                    f"Stage {course.stage + 1} starts from {start!r}, which no earlier stage is named."
                )
            begun = time.monotonic()
            before = course.made[start] if start else encoder
            encoder = _stage(before.copy(), KINDS[recipe.encoder], library, options, course)
            encoder.save(path)
            for left in course.folder.glob(f"stage-{course.stage}*.pt"):
                left.unlink()
            course.note(seconds=round(time.monotonic() - begun, 1))
        if name := options.get("name"):
            course.made[name] = encoder
    return encoder


def _stage(encoder: Encoder, kind: Kind, library: Library, options: Options, course: Course) -> Encoder:
    made: Encoder
    try:
        made = find(options["method"], kind).function(encoder, library, options, course)
    except RuntimeError as error:
        # The size of tensor a (128) must match …, size mismatch for table: …
        if "size" not in str(error) and "shape" not in str(error):
            raise
        raise LabError(
            f"Stage {course.stage + 1} ({options['method']}) was given tables of different shapes: let all "
            "stages that it combines have the same dimensions, or remove a checkpoint of another recipe from "
            f"{course.folder}. ({str(error).splitlines()[-1].strip()})"
        ) from error
    return made


def _made(path: Path, encoder: str) -> Encoder:
    """The encoder in the file of a stage that was done. LabError if it is no such file, or not whole."""
    try:
        return ENCODERS[encoder].load(path)
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise LabError(f"{path} is not a stage's encoder: remove it, and the stage is done again.") from error


def _claim(recipe: Recipe, seed: int, library: Library, folder: Path) -> None:
    """The folder's config: written when new, compared when not."""
    config: dict[str, Any] = {
        "recipe": recipe.name,
        "encoder": recipe.encoder,
        "tests": recipe.tests,
        "against": recipe.against,
        "hypothesis": recipe.hypothesis,
        "seed": seed,
        "stages": list(recipe.stages),
        "recipe_fingerprint": recipe.fingerprint,
        "data_fingerprint": library.fingerprint,
        "torch": torch.__version__,
    }
    path = folder / "config.json"
    if path.is_file():
        kept = json.loads(path.read_text())
        for key in ("recipe_fingerprint", "data_fingerprint", "seed"):
            if kept[key] != config[key]:
                raise LabError(
                    f"{folder} holds a run with another {key.replace('_', ' ')}: name another or remove it."
                )
        return
    part = path.with_suffix(f".{os.getpid()}")
    part.write_text(json.dumps(config, indent=1) + "\n")
    part.replace(path)
