"""python -m lab: train encoders by recipes, and write down what came of it.

python -m lab run RECIPE.toml …      train, judge, and keep everything under the runs folder
python -m lab report FILE.md         the table of all runs
python -m lab ship RUN               the encoder of a run into the file that Broadsheet ships
python -m lab methods                what there is
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

from evals.data import DataMissing


def main() -> int:
    given = _arguments()
    try:
        import torch
    except ModuleNotFoundError:
        print("The laboratory needs PyTorch: .venv/bin/pip install torch==2.13.0", file=sys.stderr)
        return 2
    from lab import LabError

    torch.set_num_threads(given.threads)
    try:
        return int(given.verb(given))
    except (LabError, DataMissing) as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error.filename or given.runs}: {error.strerror}. What is done is kept.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped; the same command goes on from here.", file=sys.stderr)
        return 130


def _run(given: argparse.Namespace) -> int:
    from lab import course, recipe
    from lab.corpus import Library
    from lab.judging import Bench
    from lab.judging_texts import TextBench
    from lab.shipping import as_it_ships
    from lab.transformer import TransformerEncoder

    recipes = [recipe.read(path) for path in given.recipes]
    library = Library(given.cache, given.limit)
    bench, texts = Bench(library), TextBench(library)
    for seed in given.seeds:
        for one in recipes:
            folder = given.runs / f"{one.name}-{seed}"
            if (folder / "judged.json").is_file():
                continue
            begun, used = time.monotonic(), time.process_time()
            encoder = course.run(one, seed, library, folder)
            spent = {"cpu_s": round(time.process_time() - used, 1)}
            if isinstance(encoder, TransformerEncoder):
                # Judging a transformer can take longer than its training, so its seconds are not counted.
                judged, spent["papers_per_s"] = texts.judge(as_it_ships(encoder, folder.name))
            else:
                judged = bench.judge(encoder)
                spent["cpu_s"] = round(time.process_time() - used, 1)
            spent["wall_s"] = round(time.monotonic() - begun, 1)
            part = folder / "judged.part"
            part.write_text(json.dumps({"measures": judged, **spent}) + "\n")
            part.replace(folder / "judged.json")
            means = ", ".join(
                f"{name} {100 * sum(values) / len(values):.1f}" for name, values in judged.items() if values
            )
            print(f"{folder.name}: {means}; {spent['cpu_s']} s of processor", flush=True)
    return 0


def _report(given: argparse.Namespace) -> int:
    from lab.report import write

    print(write(given.runs, given.file))
    return 0


def _ship(given: argparse.Namespace) -> int:
    import hashlib

    from broadsheet.embedders import small, static
    from lab import LabError
    from lab.encoder import TableEncoder
    from lab.shipping import ship, transformer_files
    from lab.transformer import TransformerEncoder

    made = sorted(given.run.glob("stage-*.npz"), key=lambda path: int(path.stem.partition("-")[2]))
    if not made or not (given.run / "judged.json").is_file():
        raise LabError(f"{given.run} is not the folder of a finished run.")
    if json.loads((given.run / "config.json").read_text()).get("encoder") == "transformer":
        module, written = "small", [small.GRAPH, small.READING]
        for path, content in zip(written, transformer_files(TransformerEncoder.load(made[-1])), strict=True):
            path.write_bytes(content)
    else:
        module, written = "static", [static.SHIPPED]
        ship(TableEncoder.load(made[-1]), static.SHIPPED)
    for path in written:
        print(f"{path}: {path.stat().st_size:,} bytes. Its SHA-256 for broadsheet/embedders/{module}.py:")
        print(hashlib.sha256(path.read_bytes()).hexdigest())
    return 0


def _methods(given: argparse.Namespace) -> int:
    from lab.method import find, names

    for name in names():
        found = find(name)
        print(f"{found.kind:7} {found.paper or '':>4} {name}")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m lab", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "broadsheet" / "lab"
    parser.add_argument("--cache", type=Path, default=cache, help="for the corpus as tokens")
    parser.add_argument("--runs", type=Path, default=cache / "runs", help="the folder of all runs")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="processor threads")
    verbs = parser.add_subparsers(required=True)
    run = verbs.add_parser("run", help="train and judge")
    run.add_argument("recipes", nargs="+", type=Path)
    run.add_argument("--seeds", nargs="+", type=int, default=[1])
    run.add_argument("--limit", type=int, help="only so many papers of the corpus")
    run.set_defaults(verb=_run)
    report = verbs.add_parser("report", help="the table of all runs")
    report.add_argument("file", type=Path)
    report.set_defaults(verb=_report)
    ship = verbs.add_parser("ship", help="into the file that ships")
    ship.add_argument("run", type=Path)
    ship.set_defaults(verb=_ship)
    verbs.add_parser("methods", help="what there is").set_defaults(verb=_methods)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
