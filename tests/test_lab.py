"""The laboratory, on toy tables; the runs behind docs/lab.md are `python -m lab run`. Needs PyTorch."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

from broadsheet.embedders.static import SHIPPED, SHIPPED_SHA256, StaticEmbedder
from tests.conftest import PROJECT


def test_the_table_that_ships_is_the_one_that_was_measured() -> None:
    assert hashlib.sha256(SHIPPED.read_bytes()).hexdigest() == SHIPPED_SHA256
    with np.load(SHIPPED) as kept:
        assert kept["table"].dtype == np.int8
        assert kept["table"].shape == (32_000, 256)
    card = SHIPPED.with_name("README.md").read_text()
    assert SHIPPED_SHA256 in card


def test_training_brought_papers_about_one_thing_nearer_than_the_table_it_began_with() -> None:
    one = "Dense retrieval with dual encoders\nPassages are found by the nearness of vectors to a question."
    like = "Learning to embed queries and documents\nA neural ranker maps both into one space."
    other = "Spin waves in thin magnetic films\nWe measure magnon spectra by Brillouin light scattering."
    gains = []
    for encoder in (StaticEmbedder.untrained(), StaticEmbedder.installed()):
        a, b, c = encoder.embed([one, like, other])
        gains.append(float(a @ b - a @ c))
    assert gains[1] > gains[0]


def test_every_method_says_where_it_is_from() -> None:
    for path in sorted((PROJECT / "lab" / "methods").glob("[a-z]*.py")):
        text = path.read_text()
        number = re.search(r'method\("\w+", (\d+)\)', text)
        told = rf"[Pp]apers? {number[1]}\b" if number else r"every \w+ begins with|Not of the front page"
        assert re.search(told, text), path.name


def test_every_number_of_the_front_page_that_was_to_be_tried_is_accounted_for() -> None:
    """Those that are about training: each has a method, or a reason why not."""
    tried = {
        int(number)
        for path in (PROJECT / "lab" / "methods").glob("[a-z]*.py")
        for number in re.findall(r'method\("\w+", (\d+)\)', path.read_text())
    }
    left_out = {int(number) for number in tomllib.loads((PROJECT / "lab" / "left_out.toml").read_text())}
    wanted = "2-4 7 8 10 11 21 22 24-26 28-30 33 36-39 41 43-45 47 53-56 58 62-66 68 71 75 78-80 82 84-86"
    numbers = set[int]()
    for part in (wanted + " 89 91-96 99-101 103 104 107-111").split():
        first, _, last = part.partition("-")
        numbers.update(range(int(first), int(last or first) + 1))
    assert not numbers - tried - left_out
    text = (PROJECT / "docs" / "lab.md").read_text()
    for number in left_out:
        assert re.search(rf"^\| {number} +\|", text, re.MULTILINE), number


@pytest.mark.real_data
def test_nothing_that_is_judged_is_trained_on(tmp_path: Path) -> None:
    from broadsheet import identifiers
    from evals.data import csfcube_texts
    from lab.corpus import Library

    library = Library(tmp_path, limit=60_000)
    rows = set(library.training_rows.tolist())
    judged = {row for topic in library.topics if not topic.development for row in topic.relevant}
    assert judged
    assert not rows & judged
    names = {identifiers.title_key(title) for title, _ in csfcube_texts().values()}
    assert not {row for row in rows if identifiers.title_key(library.papers.titles[row]) in names}
    for row, others in list(library.neighbours.items())[:500]:
        assert row in rows
        assert rows.issuperset(others)


class TestTraining:
    """What needs PyTorch."""

    @pytest.fixture(autouse=True)
    def _torch(self) -> None:
        pytest.importorskip("torch", reason="the laboratory needs PyTorch: make lab installs it")

    def test_recipes_can_be_read(self) -> None:
        from lab import recipe

        for path in sorted((PROJECT / "lab" / "recipes").glob("*.toml")):
            one = recipe.read(path)
            assert one.hypothesis
            assert not one.against or path.with_stem(one.against).is_file()

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            ("", "has no stages"),
            ("[[stage]]\nmethod = 'contrats'", "Did you mean 'contrast'"),
            ("[[stage]]\nmethod = 'in_batch'", "is of kind 'loss'"),
            ("[[stage]]\nsteps = 3", "has no method"),
            ("stage = 3", "has no stages"),
            ("a = [", "is not TOML"),
            ("colour = 1\n[[stage]]\nmethod = 'untouched'", "colour is not known"),
        ],
    )
    def test_a_wrong_recipe_is_a_sentence(self, tmp_path: Path, content: str, sentence: str) -> None:
        from lab import LabError, recipe

        path = tmp_path / "wrong.toml"
        path.write_text(content)
        with pytest.raises(LabError, match=re.escape(sentence)):
            recipe.read(path)

    def test_the_report_compares_seed_by_seed_and_query_by_query(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from lab import LabError, report
        from lab.report import interval, write

        monkeypatch.setattr(report, "DRAWS", 100)
        chance = np.random.default_rng(1)
        hard = chance.random(40)

        def run(name: str, seed: int, better: float, against: str = "") -> None:
            values = (0.5 * hard + better + 0.02 * chance.random(40)).tolist()
            measures = ("headings_dev", "libraries_dev", "headings_test", "libraries_test", "csfcube")
            folder = tmp_path / f"{name}-{seed}"
            folder.mkdir()
            config = {"recipe": name, "tests": "", "against": against, "seed": seed}
            (folder / "config.json").write_text(json.dumps(config))
            judged = {"measures": dict.fromkeys(measures, values), "cpu_s": 2.0}
            (folder / "judged.json").write_text(json.dumps(judged))

        file = tmp_path / "table.md"
        with pytest.raises(LabError, match="holds no finished run"):
            write(tmp_path, file)
        for seed in (1, 2, 3):
            run("first", seed, 0.0)
            run("better", seed, 0.1, "first")
            run("worse", seed, -0.1, "first")
            run("same", seed, 0.0, "first")
        with pytest.raises(LabError, match="is not there"):
            write(tmp_path, file)
        file.write_text("no marks")
        with pytest.raises(LabError, match="has no place for a table"):
            write(tmp_path, file)
        file.write_text("a <!-- runs --> b <!-- /runs --> c <!-- left out --> d <!-- /left out --> e")
        table = write(tmp_path, file)
        said = {
            cells[1].strip(): cells[4].strip()
            for line in table.splitlines()
            if (cells := line.split("|"))[1:]
        }
        wanted = {"better": "helps", "worse": "harms", "same": "no gain", "first": "the measure"}
        assert {name: said[name] for name in wanted} == wanted
        text = file.read_text()
        assert "not applicable" in text
        assert text.startswith("a ")
        assert text.endswith(" e")
        # Seeds that disagree widen the interval, however many queries there are.
        agreeing, apart = np.full((3, 40), 0.1), np.repeat([[0.0], [0.1], [0.2]], 40, axis=1)
        low, high = interval(agreeing)
        assert high - low < 1e-9
        low, high = interval(apart)
        assert high - low > 0.05
        run("alone", 9, 0.0, "first")
        with pytest.raises(LabError, match="no seed in common"):
            write(tmp_path, file)

    def test_a_table_of_another_shape_does_not_ship(self, tmp_path: Path) -> None:
        import torch

        from lab import LabError
        from lab.encoder import TableEncoder
        from lab.shipping import ship

        for tokens, width in ((10, 8), (32_000, 257)):
            with pytest.raises(LabError, match="cannot ship"):
                ship(TableEncoder(torch.zeros(tokens, width), torch.ones(tokens)), tmp_path / "x.npz")
        assert not list(tmp_path.glob("*.npz"))

    def test_bags_sum_as_the_shipped_encoder_does(self) -> None:
        import torch

        from lab.encoder import Bags, TableEncoder

        texts = ["Graph graph networks\nfor molecules and molecules", "A title\nand a body", ""]
        shipped = StaticEmbedder.untrained()
        parts = [text.partition("\n") for text in texts]
        heads = [shipped.read(head).astype(np.uint16) for head, _, _ in parts]
        bodies = [shipped.read(body).astype(np.uint16) for _, _, body in parts]
        with torch.no_grad():
            vectors = TableEncoder.untrained()(Bags.of([(heads, 2.0), (bodies, 1.0)])).numpy()
        assert np.allclose(vectors, shipped.embed(texts), atol=1e-6)

    def test_guided_negatives_leaves_out_what_the_guide_holds_for_nearer(self) -> None:
        import torch

        from lab.corpus import Library
        from lab.encoder import Bags, TableEncoder
        from lab.method import Batch, find

        table = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
        start = TableEncoder(table, torch.ones(3))
        left = Bags.of([([np.array([0], np.uint16), np.array([2], np.uint16)], 1.0)])
        right = Bags.of([([np.array([1], np.uint16), np.array([0], np.uint16)], 1.0)])
        batch = Batch(np.arange(2), left, right, start, start, Library.__new__(Library))
        scores = torch.zeros(2, 2, requires_grad=True)
        guided, plain = (
            find(name, "loss").function(scores, batch) for name in ("guided_negatives", "in_batch")
        )
        # The guide holds right 1 for nearer to left 0 than its own partner is: it does not compete.
        assert guided < plain

    def test_low_rank_keeps_the_strongest_directions_of_a_change(self) -> None:
        import torch

        from lab.course import Course
        from lab.encoder import TableEncoder
        from lab.method import find

        torch.manual_seed(1)
        start = TableEncoder(torch.randn(50, 8), torch.ones(50))
        change = torch.outer(torch.randn(50), torch.randn(8)) + 0.001 * torch.randn(50, 8)
        trained = TableEncoder(start.table.detach() + change, start.weights)
        course = Course(Path(), 1, made={"untrained": start})
        kept = find("low_rank", "stage").function(trained, None, {"rank": 1}, course)
        assert torch.linalg.matrix_rank(kept.table.detach() - start.table.detach(), atol=1e-3) == 1
        assert torch.allclose(kept.table, trained.table, atol=0.02)

    def test_checkpoint_averaging_is_the_mean_of_the_last(self) -> None:
        import torch

        from lab.encoder import TableEncoder
        from lab.method import find

        some = [TableEncoder(torch.full((2, 2), float(value)), torch.ones(2)) for value in range(10)]
        kept = find("checkpoint_averaging", "keep").function(some)
        assert torch.allclose(kept.table, torch.full((2, 2), 7.5))


@pytest.mark.real_data
class TestRuns:
    @pytest.fixture(autouse=True)
    def _torch(self) -> None:
        pytest.importorskip("torch", reason="the laboratory needs PyTorch: make lab installs it")

    def test_a_run_that_was_killed_comes_to_the_same_numbers(self, tmp_path: Path) -> None:
        from lab import course, recipe
        from lab.corpus import Library
        from lab.methods import contrast

        library = Library(tmp_path, limit=600)
        path = tmp_path / "toy.toml"
        path.write_text("[[stage]]\nmethod = 'contrast'\nsteps = 6\nsize = 32\n")
        one = recipe.read(path)
        whole = course.run(one, 1, library, tmp_path / "whole")

        class Killed(Exception):
            pass

        kept, contrast.KEEP_EVERY = contrast.KEEP_EVERY, 2
        keep = contrast._keep
        try:

            def kill(*given: object) -> None:
                keep(*given)  # type: ignore[arg-type]
                raise Killed

            contrast._keep = kill  # type: ignore[assignment]
            with pytest.raises(Killed):
                course.run(one, 1, library, tmp_path / "killed")
            contrast._keep = keep
            resumed = course.run(one, 1, library, tmp_path / "killed")
        finally:
            contrast.KEEP_EVERY, contrast._keep = kept, keep
        assert np.array_equal(whole.array(), resumed.array())
        with pytest.raises(Exception, match="another seed"):
            course.run(one, 2, library, tmp_path / "killed")
