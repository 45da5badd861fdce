"""A recipe: a short TOML file, a title and a list of stages, each a method with its options."""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

from lab import LabError
from lab.method import Kind, Options, find

# What can be trained, and the kind of method that its stages are.
KINDS: dict[str, Kind] = {"table": "stage", "transformer": "transformer"}


@dataclass(frozen=True, slots=True)
class Recipe:
    """`stages`: the options of each, with its "method". `tests`: the method that the recipe is about, or "";
    `against`: the recipe it is compared with, or "". `encoder`: what is trained, a table or a transformer."""

    name: str
    tests: str
    against: str
    hypothesis: str
    stages: tuple[Options, ...]
    encoder: str = "table"

    @property
    def fingerprint(self) -> str:
        said = json.dumps(self.stages, sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()[:16]


def read(path: Path) -> Recipe:
    """The recipe in a file. LabError, with a sentence, for whatever is wrong with it."""
    try:
        content = tomllib.loads(path.read_text())
    except OSError as error:
        raise LabError(f"{path} cannot be read ({error.strerror}): name a recipe of lab/recipes/.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LabError(f"{path} is not TOML: {error}.") from error
    stages = content.get("stage")
    if not isinstance(stages, list) or not stages or not all(isinstance(stage, dict) for stage in stages):
        raise LabError(f"{path} has no stages: write at least one [[stage]] with its method.")
    encoder = content.get("encoder", "table")
    if encoder not in KINDS:
        raise LabError(f"{path}: encoder is {encoder!r}; there are {', '.join(KINDS)}.")
    for stage in stages:
        if not isinstance(stage.get("method"), str):
            raise LabError(f"{path}: a [[stage]] has no method.")
        find(stage["method"], KINDS[encoder])
    if unknown := set(content) - {"encoder", "tests", "against", "hypothesis", "stage"}:
        raise LabError(
            f"{path}: {', '.join(sorted(unknown))} is not known; there are encoder, tests, against, "
            "hypothesis, stage."
        )
    tests = str(content.get("tests", ""))
    if tests:
        find(tests)
    return Recipe(
        path.stem,
        tests,
        str(content.get("against", "")),
        str(content.get("hypothesis", "")),
        tuple(stages),
        encoder,
    )
