"""Each method of the laboratory, on a toy: that it does what its first line says. Needs PyTorch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import PROJECT

torch = pytest.importorskip("torch", reason="the laboratory needs PyTorch: make lab installs it")

if TYPE_CHECKING:
    from torch import Tensor

    from lab.corpus import Library
    from lab.course import Course
    from lab.encoder import TableEncoder
    from lab.method import Batch

TOKENS, WIDTH = 200, 8
FIELDS = {
    "cs.LG": ("graph", "network", "learning", "embedding"),
    "cond-mat.str-el": ("spin", "magnon", "lattice", "boson"),
}
EACH = 12  # papers of a field


class Reader:
    """Words as tokens, numbered as they come."""

    tokens = TOKENS

    def __init__(self) -> None:
        self.words: dict[str, int] = {}

    def read(self, text: str) -> NDArray[np.int64]:
        words = re.findall(r"[a-z0-9]+", text.lower())
        return np.array([self.words.setdefault(word, len(self.words)) for word in words], dtype=np.int64)


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """24 papers: the first half of one field, the rest of another. Each has a word of its own in its title,
    in its last sentence, and nowhere else; papers 0 and 1 share an author."""
    from lab.corpus import Library, Pieces

    papers = SimpleNamespace(titles=[], abstracts=[], authors=[], categories=[])
    for field, (code, words) in enumerate(FIELDS.items()):
        for number in range(EACH):
            row = field * EACH + number
            one, two = words[number % 4], words[(number + 1) % 4]
            papers.titles.append(f"{one} with paper{row}")
            extra = " filler" * number
            end = f"Here paper{row} beside paper{row} {one} helps."
            papers.abstracts.append(f"We study {one} and {two}. It is well known{extra}. {end}")
            papers.authors.append(["Ada", f"Author {row}"] if row < 2 else [f"Author {row}"])
            papers.categories.append([code] if number % 3 else [code, "stat.ML"])
    made = Library.__new__(Library)
    reader = Reader()
    sentences: list[NDArray[np.int64]] = []
    first = [0]
    for abstract in papers.abstracts:
        sentences += [reader.read(sentence) for sentence in abstract.split(". ")]
        first.append(len(sentences))
    made.__dict__.update(
        papers=papers,
        reader=reader,
        _folder=tmp_path,
        fingerprint="toy",
        training_rows=np.arange(2 * EACH),
        titles=Pieces.of([reader.read(title) for title in papers.titles]),
        sentences=Pieces.of(sentences),
        first_sentence=np.array(first),
    )
    return made


@pytest.fixture
def encoder() -> TableEncoder:
    return random_encoder()


@pytest.fixture
def course(tmp_path: Path, encoder: TableEncoder) -> Course:
    from lab.course import Course

    return Course(tmp_path, 1, made={"untrained": encoder})


def random_encoder(seed: int = 0, tokens: int = TOKENS, width: int = WIDTH) -> TableEncoder:
    from lab.encoder import TableEncoder

    chance = torch.Generator().manual_seed(seed)
    return TableEncoder(torch.randn(tokens, width, generator=chance), torch.ones(tokens))


def teach(library: Library, encoder: TableEncoder, seed: int = 5) -> TableEncoder:
    """Gives the library a teacher: another table, which has read all titles and openings. Returns it."""
    from lab.encoder import Bags
    from lab.teacher import Teacher

    other, rows = random_encoder(seed, width=WIDTH + 4), library.training_rows
    with torch.no_grad():
        titles = other(Bags.of([([library.titles[row] for row in rows], 1.0)])).numpy()
        openings = other(Bags.of([([library.sentences_of(row)[0] for row in rows], 1.0)])).numpy()
    library.__dict__["teacher"] = Teacher(rows, titles, openings)
    return other


def call(name: str, *given: Any) -> Any:
    from lab.method import find

    return find(name).function(*given)


def pairs(name: str, library: Library, rows: Sequence[int], share: float = 0.5, seed: int = 1) -> Any:
    from lab.method import Moment

    moment = Moment(share, np.random.default_rng(seed), random_encoder())
    return call(name, library, np.array(rows), moment)


def order(name: str, library: Library, steps: int = 3, size: int = 8, seed: int = 1) -> NDArray[np.int64]:
    rows, start = library.training_rows, random_encoder()
    seen: NDArray[np.int64] = call(name, library, rows, np.random.default_rng(seed), steps, size, start)
    assert seen.shape == (steps, size)
    assert set(seen.reshape(-1).tolist()) <= set(rows.tolist())
    return seen


def batch_of(
    library: Library,
    encoder: TableEncoder,
    rows: Sequence[int] | NDArray[np.int64],
    maker: str = "title_abstract",
) -> tuple[Tensor, Batch]:
    """Scores and batch, as a loss is given them."""
    from lab.encoder import Bags
    from lab.method import Batch, Moment

    moment = Moment(0.5, np.random.default_rng(1), encoder)
    left, right, *other = call(maker, library, np.asarray(rows), moment)
    sides = Bags.of(left), Bags.of(right)
    batch = Batch(other[0] if other else np.asarray(rows), *sides, encoder.copy(), encoder, library, 0.05)
    return encoder(batch.left) @ encoder(batch.right).T / batch.temperature, batch


def trained(
    library: Library, encoder: TableEncoder, loss: str, maker: str, measure: Any, steps: int = 40
) -> tuple[float, float]:
    """What a measure says before and after a few steps down a loss, all papers in the batch."""
    optimizer = torch.optim.Adam([encoder.table], lr=0.03)
    said = []
    for step in range(steps + 1):
        scores, batch = batch_of(library, encoder, library.training_rows, maker)
        if step in (0, steps):
            said.append(float(measure(scores, batch)))
        optimizer.zero_grad()
        call(loss, scores, batch).backward()
        optimizer.step()
    return said[0], said[1]


def words(library: Library, tokens: NDArray[np.uint16]) -> list[str]:
    known = list(library.reader.words)  # type: ignore[attr-defined]
    return [known[token] for token in tokens.tolist()]


def test_every_method_has_a_test_here_or_beside_it() -> None:
    from lab.method import names

    files = sorted((PROJECT / "tests").glob("test_lab*.py"))
    text = "".join(path.read_text() for path in files)
    assert not [name for name in names() if f"def test_{name}" not in text]


# What is brought together


def test_title_abstract_is_that(library: Library) -> None:
    ((titles, _),), ((abstracts, _),) = pairs("title_abstract", library, [3, 20])
    assert words(library, titles[1]) == ["spin", "with", "paper20"]
    assert "paper20" in words(library, abstracts[1])


def test_inverse_cloze_takes_a_sentence_out_of_its_text(library: Library) -> None:
    ((taken, _),), ((rest, _),) = pairs("inverse_cloze", library, [3])
    whole = sorted(words(library, library.titles[3]) + words(library, library.abstract(3)))
    assert sorted(words(library, taken[0]) + words(library, rest[0])) == whole
    assert list(taken[0]) in [list(sentence) for sentence in library.sentences_of(3)]


def test_body_first_pairs_the_opening_with_what_follows(library: Library) -> None:
    ((opening, _),), ((body, _),) = pairs("body_first", library, [3])
    assert words(library, opening[0])[:2] == ["we", "study"]
    assert words(library, body[0])[:2] == ["it", "is"]


def test_same_authors_pairs_papers_of_one_author(library: Library) -> None:
    (_, _), ((titles, _), _) = pairs("same_authors", library, [0, 5])
    assert words(library, titles[0])[-1] == "paper1"
    assert not len(titles[1]), "without a neighbour, a paper keeps its own abstract"


def test_representative_words_prefers_what_sets_a_text_apart(library: Library) -> None:
    drawn = [pairs("representative_words", library, [7], seed=seed)[0][0][0][0] for seed in range(20)]
    seen = [word for tokens in drawn for word in words(library, tokens)]
    assert seen.count("paper7") > seen.count("we")


def test_title_keywords_gives_the_rarest_words(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    from lab.methods import title_keywords

    monkeypatch.setattr(title_keywords, "KEYWORDS", 1)
    _, ((keywords, _),) = pairs("title_keywords", library, [12])
    assert words(library, keywords[0]) == ["paper12"]


def test_informative_tokens_hides_what_tells_most(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    from lab.methods import title_keywords

    monkeypatch.setattr(title_keywords, "KEYWORDS", 1)
    ((hidden, _),), ((left, _),) = pairs("informative_tokens", library, [12])
    assert words(library, hidden[0]) == ["paper12"]
    assert "paper12" not in words(library, left[0])


def test_metadata_conditioning_cools_down(library: Library) -> None:
    _, early = pairs("metadata_conditioning", library, [3], share=0.1)
    _, late = pairs("metadata_conditioning", library, [3], share=0.95)
    assert len(early) == 2
    assert len(late) == 1


def test_text_codes_has_each_combination_of_codes_once(library: Library) -> None:
    _, ((codes, _),) = pairs("text_codes", library, range(2 * EACH))
    assert len(codes) == len({piece.tobytes() for piece in codes}) == 4


def test_misspelled_titles_have_one_slip_and_keep_their_first_letter(library: Library) -> None:
    from lab.methods.misspelled_titles import misspelled

    chance = np.random.default_rng(1)
    for _ in range(50):
        slip = misspelled("A graph of embedding", chance)
        assert len(slip.split()) == 4
        assert [word[0] for word in slip.split()] == ["a", "g", "o", "e"]
        assert abs(len(slip) - len("a graph of embedding")) <= 1
    assert misspelled("of an", chance) == "of an"
    ((titles, _),), _ = pairs("misspelled_titles", library, [3])
    assert len(titles[0]) == len(library.titles[3])


def test_token_dropout_leaves_some_words_out_but_never_all(library: Library) -> None:
    ((titles, _),), ((abstracts, _),) = pairs("token_dropout", library, range(2 * EACH))
    assert all(len(title) for title in titles)
    whole = sum(len(library.abstract(row)) for row in range(2 * EACH))
    assert 0.55 * whole < sum(map(len, abstracts)) < 0.85 * whole


def test_augmentation_curriculum_begins_with_whole_texts(library: Library) -> None:
    _, ((first, _),) = pairs("augmentation_curriculum", library, [11], share=0.0)
    _, ((last, _),) = pairs("augmentation_curriculum", library, [11], share=1.0)
    assert np.array_equal(first[0], library.abstract(11))
    assert len(last[0]) < len(first[0])


def test_set_union_is_of_both(library: Library) -> None:
    ((titles, _),), ((abstracts, _),) = pairs("set_union", library, [3, 20, 5])
    assert {"paper20", "paper3"} <= set(words(library, titles[1]))
    assert {"paper20", "paper3"} <= set(words(library, abstracts[1]))


def test_rationale_sentence_is_the_one_that_shares_the_rare_word(library: Library) -> None:
    _, ((reasons, _),) = pairs("rationale_sentence", library, [9])
    assert "paper9" in words(library, reasons[0])


def test_self_training_pairs_the_surest_mutual_neighbours(library: Library) -> None:
    from lab.methods.self_training import mutual_pairs

    near, partner = np.array([0.9, 0.9, 0.5, 0.5, 0.8], np.float32), np.array([1, 0, 3, 2, 0])
    assert mutual_pairs(near, partner).tolist() == [[0, 1]], "of two pairs the surer; 4 is nobody's nearest"
    ((titles, _),), ((abstracts, _),), rows = pairs("self_training", library, range(2 * EACH))
    assert len(titles) == len(abstracts) == len(rows)
    for row, title, abstract in zip(rows, titles, abstracts, strict=True):
        assert np.array_equal(title, library.titles[row])
        assert not np.array_equal(abstract, library.abstract(row))


def test_data_composition_is_sentences_first_and_titles_after(library: Library) -> None:
    ((early, _),), _ = pairs("data_composition", library, [3], share=0.1)
    ((late, _),), _ = pairs("data_composition", library, [3], share=0.9)
    assert np.array_equal(late[0], library.titles[3])
    assert list(early[0]) in [list(sentence) for sentence in library.sentences_of(3)]


def test_title_opening_is_of_papers_that_the_teacher_has_read(
    library: Library, encoder: TableEncoder
) -> None:
    teach(library, encoder)
    ((titles, _),), ((openings, _),), rows = pairs("title_opening", library, [1, 2, 3])
    assert library.teacher.places(rows) is not None
    assert np.array_equal(titles[0], library.titles[rows[0]])
    assert np.array_equal(openings[0], library.sentences_of(rows[0])[0])
    assert library.teacher.places(np.array([0, 999])) is None


# Which papers are seen when


def test_shuffled_sees_every_paper_once_before_any_again(library: Library) -> None:
    assert sorted(order("shuffled", library).reshape(-1)) == list(range(2 * EACH))


def test_one_epoch_is_every_paper_once(library: Library) -> None:
    assert len(set(order("one_epoch", library).reshape(-1).tolist())) == 2 * EACH


def test_difficulty_curriculum_has_the_easy_first(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    from lab.encoder import Bags
    from lab.methods import difficulty_curriculum

    monkeypatch.setattr(difficulty_curriculum, "BLUR", 0.0)
    seen, start = order("difficulty_curriculum", library), random_encoder()
    fits = []
    with torch.no_grad():
        for batch in seen:
            left = start(Bags.of([([library.titles[row] for row in batch], 1.0)]))
            right = start(Bags.of([([library.abstract(row) for row in batch], 1.0)]))
            fits.append(float((left * right).sum(dim=1).mean()))
    assert fits == sorted(fits, reverse=True)


def test_length_curriculum_begins_with_short_texts_of_like_length(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lab.methods import length_curriculum

    monkeypatch.setattr(length_curriculum, "CHANCE", 0.0)
    seen = order("length_curriculum", library, steps=4, size=6)
    lengths = [np.mean([len(library.abstract(int(row))) for row in batch]) for batch in seen]
    assert lengths == sorted(lengths)


def test_mined_batches_puts_the_like_together(library: Library) -> None:
    from lab.methods.mined_batches import halved

    assert len(set(order("mined_batches", library).reshape(-1).tolist())) == 2 * EACH
    chance = np.random.default_rng(1)
    vectors = np.concatenate([chance.normal(5, 1, (6, 2)), chance.normal(-5, 1, (6, 2))]).astype(np.float32)
    mixed = chance.permutation(12)
    found = [sorted(mixed[part].tolist()) for part in halved(vectors[mixed], 2)]
    assert sorted(found) == [list(range(6)), list(range(6, 12))]


def test_up_sampled_domain_gives_a_small_field_more_than_its_share(library: Library) -> None:
    library.__dict__["archives"] = np.array(["cs"] * 22 + ["math"] * 2)
    seen = order("up_sampled_domain", library, steps=60, size=4)
    assert np.isin(seen, [22, 23]).mean() > 1.5 * 2 / 24


def test_planned_mixture_goes_over_to_computing_and_keeps_some_of_the_rest(library: Library) -> None:
    seen = order("planned_mixture", library, steps=6, size=10)
    computing = (library.archives[seen] == "cs").mean(axis=1)
    assert computing[0] == 0.5
    assert 0.7 < computing[-1] < 1.0


def test_lifelong_selection_discards_the_most_typical_of_each_group(library: Library) -> None:
    seen = set(order("lifelong_selection", library, steps=2, size=6).reshape(-1).tolist())
    assert len(seen) == EACH
    assert {library.archives[row] for row in seen} == {"cs", "cond-mat"}


# Losses


def test_in_batch_falls_as_partners_come_nearer(library: Library, encoder: TableEncoder) -> None:
    _, batch = batch_of(library, encoder, range(4))
    near, far = torch.eye(4) * 10, torch.zeros(4, 4)
    assert call("in_batch", near, batch) < call("in_batch", far, batch)


def test_focal_duplicates_hardly_counts_what_is_told_apart(library: Library, encoder: TableEncoder) -> None:
    _, batch = batch_of(library, encoder, range(4))
    easy, hard = torch.eye(4) * 5, torch.eye(4) * 0.5
    shares = [
        float(call("focal_duplicates", one, batch) / call("in_batch", one, batch)) for one in (easy, hard)
    ]
    assert shares[0] < 0.1 * shares[1]


def test_graded_alignment_counts_a_pair_by_its_fit(library: Library, encoder: TableEncoder) -> None:
    _, batch = batch_of(library, encoder, range(2 * EACH))
    fit = (batch.start(batch.left) * batch.start(batch.right)).sum(dim=1)
    worst, best = int(fit.argmin()), int(fit.argmax())
    losses = []
    for wrong in (worst, best):
        scores = torch.eye(2 * EACH) * 20
        scores[wrong, wrong] = 0.0
        losses.append(float(call("graded_alignment", scores, batch)))
    assert losses[1] > 2 * losses[0]


def test_margin_mse_is_nothing_for_who_has_the_teachers_margins(
    library: Library, encoder: TableEncoder
) -> None:
    from lab.methods.margin_mse import taught

    teach(library, encoder)
    scores, batch = batch_of(library, encoder, range(2 * EACH), "title_opening")
    told = taught(batch)
    assert told is not None
    assert call("margin_mse", told + 7.0, batch) < 1e-6, "margins count, not scores"
    assert call("margin_mse", scores, batch) > 1
    unread = batch_of(library, encoder, [0, 1])
    library.teacher.rows[0] = -1
    assert call("margin_mse", *unread) == call("in_batch", *unread)


@pytest.mark.parametrize(
    "loss",
    ["margin_mse", "balanced_teachers", "two_teachers", "competitive_distillation", "staged_distillation"],
)
def test_a_student_comes_nearer_to_its_teachers_order(
    library: Library, encoder: TableEncoder, loss: str
) -> None:
    from lab.methods.margin_mse import taught

    teach(library, encoder)

    def agreement(scores: Tensor, batch: Batch) -> float:
        told = taught(batch)
        assert told is not None
        stacked = torch.stack([scores.detach().reshape(-1), told.reshape(-1)])
        return float(torch.corrcoef(stacked)[0, 1])

    before, after = trained(library, encoder, loss, "title_opening", agreement)
    assert after > before


def test_competitive_distillation_asks_only_where_the_teacher_wins(
    library: Library, encoder: TableEncoder
) -> None:
    teach(library, encoder)
    _, batch = batch_of(library, encoder, range(2 * EACH), "title_opening")
    perfect = torch.eye(2 * EACH) * 40
    gap = call("competitive_distillation", perfect, batch) - call("in_batch", perfect, batch)
    assert abs(float(gap)) < 1e-4, "who is never worse learns from the pairs alone"


def test_balanced_teachers_speak_with_one_entropy(library: Library, encoder: TableEncoder) -> None:
    from lab.methods.balanced_teachers import at_entropy, entropy, words_shared

    teach(library, encoder)
    _, batch = batch_of(library, encoder, range(2 * EACH), "title_opening")
    shared = words_shared(batch)
    assert shared.shape == (2 * EACH, 2 * EACH)
    assert shared.max() <= 1.0 + 1e-5
    scores = torch.rand(24, 24)
    for wanted in (0.5, 2.0):
        assert abs(float(entropy(at_entropy(scores, torch.tensor(wanted)))) - wanted) < 0.1


def test_two_teachers_trusts_the_one_that_knows_the_partner(library: Library, encoder: TableEncoder) -> None:
    teach(library, encoder)
    _, batch = batch_of(library, encoder, range(2 * EACH), "title_opening")
    # MiniLM's place is taken by one that is always right: the other is not heard, and the aim is the partner.
    right = np.eye(2 * EACH, dtype=np.float32)
    object.__setattr__(library.teacher, "titles", right)
    object.__setattr__(library.teacher, "openings", right)
    good, bad = torch.eye(2 * EACH) * 20, torch.eye(2 * EACH).roll(1, dims=1) * 20
    assert call("two_teachers", good, batch) < call("two_teachers", bad, batch)


def test_staged_distillation_copies_how_titles_lie_among_themselves(
    library: Library, encoder: TableEncoder
) -> None:
    teach(library, encoder)

    def agreement(scores: Tensor, batch: Batch) -> float:
        places = library.teacher.places(batch.rows)
        its = torch.from_numpy(library.teacher.titles[places])
        mine = batch.encoder(batch.left).detach()
        stacked = torch.stack([(mine @ mine.T).reshape(-1), (its @ its.T).reshape(-1)])
        return float(torch.corrcoef(stacked)[0, 1])

    before, after = trained(library, encoder, "staged_distillation", "title_opening", agreement)
    assert after > before


def test_aligned_teacher_speaks_the_students_language(library: Library, encoder: TableEncoder) -> None:
    from lab.methods.aligned_teacher import fitted

    mine = torch.nn.functional.normalize(torch.randn(200, 4), dim=1)
    turned = mine @ torch.linalg.qr(torch.randn(6, 4))[0].T
    assert torch.allclose(fitted(turned, mine), mine, atol=0.05), (
        "a teacher that is only turned says nothing new"
    )
    teach(library, encoder)
    loss = call("aligned_teacher", *batch_of(library, encoder, range(2 * EACH), "title_opening"))
    assert torch.isfinite(loss)
    assert loss > 0


def test_knn_supervision_holds_near_papers_of_the_class_for_right(
    library: Library, encoder: TableEncoder
) -> None:
    _, batch = batch_of(library, encoder, range(2 * EACH))
    with torch.no_grad():
        near = batch.start(batch.right) @ batch.start(batch.right).T
    near.fill_diagonal_(-1.0)
    near[:EACH, EACH:] = near[EACH:, :EACH] = -1.0
    row = int(near.max(dim=1).values.argmax())
    same = int(near[row].argmax())
    other = EACH if row < EACH else 0
    losses = []
    for confused in (same, other):
        scores = torch.eye(2 * EACH) * 10
        scores[row, confused] = 12.0
        losses.append(float(call("knn_supervision", scores, batch) - call("in_batch", scores, batch) / 2))
    assert losses[0] < losses[1]


def test_co_training_brings_the_views_to_agree(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    from lab.methods import co_training
    from lab.methods.co_training import sureness

    assert sureness(torch.eye(4)).min() > 0.99
    assert sureness(torch.full((4, 4), 0.25)).max() < 0.01

    def agreement(scores: Tensor, batch: Batch) -> float:
        sides = [batch.encoder(side).detach() for side in (batch.left, batch.right)]
        return float(torch.corrcoef(torch.stack([(side @ side.T).reshape(-1) for side in sides]))[0, 1])

    monkeypatch.setattr(co_training, "SHARE", 0.9)
    after = [
        trained(library, random_encoder(), loss, "title_abstract", agreement)[1]
        for loss in ("co_training", "in_batch")
    ]
    assert after[0] > after[1]


def test_virtual_outliers_are_pushed_away_but_not_from_their_own(
    library: Library, encoder: TableEncoder
) -> None:
    scores, batch = batch_of(library, encoder, range(6))
    assert call("virtual_outliers", scores, batch) > call("in_batch", scores, batch), "they compete"
    scores, batch = batch_of(library, encoder, [0, 1])
    # Both outliers of two papers are of both: nothing is left to compete.
    assert torch.allclose(call("virtual_outliers", scores, batch), call("in_batch", scores, batch))


def test_shared_sizes_trains_a_slice_to_stand_alone(
    library: Library, encoder: TableEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lab.methods import shared_sizes

    monkeypatch.setattr(shared_sizes, "WIDTHS", (2,))

    def of_slice(scores: Tensor, batch: Batch) -> float:
        cut = [
            torch.nn.functional.normalize(batch.encoder(side)[:, :2], dim=1)
            for side in (batch.left, batch.right)
        ]
        return float(call("in_batch", (cut[0] @ cut[1].T / batch.temperature).detach(), batch))

    gains = []
    for loss in ("shared_sizes", "in_batch"):
        before, after = trained(library, random_encoder(), loss, "title_abstract", of_slice)
        gains.append(before - after)
    assert gains[0] > gains[1]


# Steps, and what is kept


def test_plain_goes_down(library: Library, encoder: TableEncoder) -> None:
    optimizer = torch.optim.SGD([encoder.table], lr=0.1)

    def loss() -> Tensor:
        return encoder.table.square().mean()

    first = call("plain", encoder, optimizer, loss)
    assert call("plain", encoder, optimizer, loss) < first


def test_flat_regions_takes_its_gradient_from_beside(encoder: TableEncoder) -> None:
    before = encoder.table.detach().clone()
    optimizer = torch.optim.SGD([encoder.table], lr=1.0)
    # The gradient of w²/2 is w; taken at w + r w/|w| it is longer by r.
    call("flat_regions", encoder, optimizer, lambda: encoder.table.square().sum() / 2)
    moved = (before - encoder.table.detach()).norm()
    assert torch.isclose(moved, before.norm() + 0.5, rtol=1e-4)


def test_last_is_the_last() -> None:
    some = [random_encoder(seed) for seed in range(3)]
    assert call("last", some) is some[2]


# Stages

TOY = {"steps": 12, "size": 8, "rate": 0.05}


def test_untouched_is_untouched(library: Library, encoder: TableEncoder, course: Course) -> None:
    assert call("untouched", encoder, library, {}, course) is encoder


def test_contrast_brings_titles_to_their_abstracts(
    library: Library, encoder: TableEncoder, course: Course
) -> None:
    from lab.probing import loss_on

    rows = library.training_rows
    before = loss_on(encoder, library, "title_abstract", rows, 1)
    after = call("contrast", encoder.copy(), library, TOY, course)
    assert loss_on(after, library, "title_abstract", rows, 1) < before


def test_contrast_reads_one_archive_or_all_others(
    library: Library, encoder: TableEncoder, course: Course
) -> None:
    own = library.titles[EACH][-1]  # a word of a paper that is not of computing
    for archive, moves in (("cs", False), ("-cs", True)):
        after = call("contrast", encoder.copy(), library, TOY | {"archive": archive}, course)
        assert torch.equal(after.table[int(own)], encoder.table[int(own)]) is not moves


def test_mean_pooling_lets_every_token_count_alike(
    library: Library, encoder: TableEncoder, course: Course
) -> None:
    encoder.weights.data = torch.rand(TOKENS)
    assert call("mean_pooling", encoder, library, {}, course).weights.unique().tolist() == [1.0]


def test_attention_pooling_learns_weights(library: Library, encoder: TableEncoder, course: Course) -> None:
    after = call("attention_pooling", encoder.copy(), library, TOY, course)
    token = library.reader.read
    assert after.weights[token("paper3")[0]] > after.weights[token("known")[0]]


def test_lite_self_training_moves_weights_alone(
    library: Library, encoder: TableEncoder, course: Course
) -> None:
    after = call("lite_self_training", encoder.copy(), library, TOY, course)
    assert torch.equal(after.table, encoder.table)
    assert not torch.equal(after.weights, encoder.weights)


def test_common_directions_takes_out_what_all_share(
    library: Library, encoder: TableEncoder, course: Course
) -> None:
    encoder.table.data += 5.0
    after = call("common_directions", encoder, library, {"directions": 1}, course)
    assert after.table.mean(dim=1).abs().mean() < 0.2 * encoder.table.mean(dim=1).abs().mean()


def test_model_merging_adds_what_each_task_changed(
    library: Library, encoder: TableEncoder, course: Course
) -> None:
    from lab import LabError
    from lab.encoder import TableEncoder

    for name, change in (("one", 1.0), ("two", 3.0)):
        course.made[name] = TableEncoder(encoder.table.detach() + change, encoder.weights)
    merged = call("model_merging", encoder, library, {"of": ["one", "two"], "share": 0.5}, course)
    assert torch.allclose(merged.table, encoder.table + 1.0)
    with pytest.raises(LabError, match="must name earlier stages"):
        call("model_merging", encoder, library, {"of": ["three"]}, course)


def test_domain_experts_hears_the_better_expert_more(
    library: Library, encoder: TableEncoder, course: Course
) -> None:
    from lab import LabError

    course.made["good"] = call("contrast", encoder.copy(), library, TOY, course)
    course.made["bad"] = random_encoder(9)
    merged = call("domain_experts", encoder, library, {"of": ["good", "bad"]}, course).table
    good, bad = ((merged - course.made[name].table).norm() for name in ("good", "bad"))
    assert good < bad
    with pytest.raises(LabError, match="must name earlier stages"):
        call("domain_experts", encoder, library, {}, course)


def test_structured_pruning_keeps_what_carries_most(library: Library, course: Course) -> None:
    from lab import LabError

    wide = random_encoder(tokens=32_000)
    wide.table.data[:, 3:] *= 1e-4
    narrow = call("structured_pruning", wide, library, {"dimensions": 3}, course)
    assert narrow.table.shape == (32_000, 3)
    some = [one.table[:50].detach() for one in (wide, narrow)]
    assert torch.allclose(some[0] @ some[0].T, some[1] @ some[1].T, atol=1e-3)
    with pytest.raises(LabError, match="dimensions must be 1 to 8"):
        call("structured_pruning", wide, library, {"dimensions": 9}, course)


def test_width_growth_computes_the_same_with_twice_the_width(
    library: Library, encoder: TableEncoder, course: Course
) -> None:
    grown = call("width_growth", encoder, library, {"noise": 0.0}, course)
    assert grown.table.shape == (TOKENS, 2 * WIDTH)
    assert torch.allclose(grown.table @ grown.table.T, encoder.table @ encoder.table.T, atol=1e-4)
    noisy = call("width_growth", encoder, library, {}, course).table
    assert not torch.allclose(noisy[:, :WIDTH], noisy[:, WIDTH:]), "both halves must be able to differ"


def test_v_cycle_changes_what_the_small_table_can_see(library: Library, course: Course) -> None:
    wide = random_encoder(tokens=32_000)
    after = call("v_cycle", wide.copy(), library, TOY | {"dimensions": 3}, course)
    change = (after.table - wide.table).detach()[:TOKENS]
    assert int(torch.linalg.matrix_rank(change, atol=1e-4)) == 3


def test_score_factorisation_gives_the_teachers_scores(library: Library) -> None:
    from lab.methods.score_factorisation import root

    chance = torch.Generator().manual_seed(1)
    mine = torch.randn(300, 6, generator=chance)
    theirs = torch.nn.functional.normalize(mine @ torch.randn(6, 6, generator=chance), dim=1)
    theirs_all = mine @ torch.linalg.lstsq(mine, theirs).solution
    anchors = theirs_all[:40]
    change = root(mine, theirs_all @ anchors.T, anchors @ anchors.T)
    given, wanted = mine @ change @ change @ mine.T, theirs_all @ theirs_all.T
    assert (given - wanted).norm() < 0.05 * wanted.norm()


def test_score_factorisation_is_a_stage(library: Library, encoder: TableEncoder, course: Course) -> None:
    teach(library, encoder)
    after = call("score_factorisation", encoder, library, {}, course)
    assert after.table.shape == encoder.table.shape
    assert torch.isfinite(after.table).all()


def test_canonical_correlation_strengthens_what_texts_and_codes_agree_on(
    library: Library, encoder: TableEncoder, course: Course
) -> None:
    from lab import LabError
    from lab.encoder import Bags

    after = call("canonical_correlation", encoder, library, {"share": 3.0}, course)

    def contrast(one: TableEncoder) -> float:
        with torch.no_grad():
            texts = one(Bags.of([([library.abstract(row) for row in library.training_rows], 1.0)]))
        near = texts @ texts.T
        return float(near[:EACH, :EACH].mean() + near[EACH:, EACH:].mean() - 2 * near[:EACH, EACH:].mean())

    assert contrast(after) > contrast(encoder)
    library.papers.categories[:] = [[] for _ in library.papers.categories]
    with pytest.raises(LabError, match="no paper of the corpus has a category"):
        call("canonical_correlation", encoder, library, {}, course)


def test_learning_curve_stops_where_little_is_left_to_gain(
    library: Library, encoder: TableEncoder, course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lab.methods import learning_curve

    points = (5, 10, 20, 40)
    losses = [1 + 4 * n**-1.0 for n in points]
    steps = learning_curve.enough(points, losses, 400, 0.05)
    # 1 + 4/n is within 5 % of 1.01 from n = 66 on.
    assert 60 <= steps <= 72
    monkeypatch.setattr(learning_curve, "POINTS", (2, 3, 4, 5))
    call("learning_curve", encoder, library, TOY, course)
    assert '"chosen"' in (course.folder / "curve.jsonl").read_text()


def test_skill_graph_practises_what_helps_most(
    library: Library, encoder: TableEncoder, course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lab import LabError
    from lab.methods import skill_graph

    chosen = skill_graph.shares(np.array([[0.3, 0.2], [0.0, 0.1]]))
    assert chosen[0] > 0.9
    assert chosen.sum() == pytest.approx(1)
    with pytest.raises(LabError, match="40 steps go to the trials"):
        call("skill_graph", encoder, library, TOY, course)
    monkeypatch.setattr(skill_graph, "TRIAL", 1)
    call("skill_graph", encoder, library, TOY, course)
    assert '"inverse_cloze"' in (course.folder / "curve.jsonl").read_text()


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ({"steps": 0}, "steps must be 1 or more"),
        ({"pairs": {}}, "shares that sum to more than 0"),
        ({"pairs": {"title_abstract": "much"}}, "shares that sum to more than 0"),
        ({"pairs": {"in_batch": 1.0}}, "is of kind 'loss'"),
        ({"loss": "in_bach"}, "Did you mean 'in_batch'"),
        ({"table": False}, "nothing to train"),
        ({"size": 4_096}, "needs more than the 24"),
        ({"archive": "zoology"}, "needs more than the 0"),
        ({"colour": 1}, "no option colour"),
        ({"rate": "fast"}, "is not of type float"),
    ],
)
def test_a_wrong_option_is_a_sentence(
    library: Library, encoder: TableEncoder, course: Course, option: dict[str, Any], sentence: str
) -> None:
    from lab import LabError

    with pytest.raises(LabError, match=re.escape(sentence)):
        call("contrast", encoder, library, TOY | option, course)


def test_a_loss_that_is_no_number_stops_the_run(
    library: Library, encoder: TableEncoder, course: Course
) -> None:
    from lab import LabError

    encoder.table.data[3] = torch.nan
    with pytest.raises(LabError, match="is not a number: lower rate"):
        call("contrast", encoder, library, TOY, course)


class TestRun:
    """A run in a folder, on the toy."""

    @pytest.fixture(autouse=True)
    def _begin(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from lab.encoder import TableEncoder

        monkeypatch.setattr(TableEncoder, "untrained", lambda: random_encoder())

    def recipe(self, folder: Path, *stages: str) -> Any:
        from lab import recipe

        path = folder / "toy.toml"
        path.write_text("".join(f"[[stage]]\n{stage}\n" for stage in stages))
        return recipe.read(path)

    def test_a_checkpoint_of_another_shape_is_a_sentence(self, library: Library, tmp_path: Path) -> None:
        from lab import LabError, course
        from lab.course import Course
        from lab.methods import contrast

        one = self.recipe(tmp_path, "method = 'contrast'\nsteps = 4\nsize = 8")
        folder = tmp_path / "run"
        folder.mkdir()
        other = random_encoder(width=WIDTH + 1)
        contrast._keep(Course(folder, 1), 2, other, torch.optim.Adam([other.table]), [])
        with pytest.raises(LabError, match=r"Stage 1 \(contrast\) was given tables of different shapes"):
            course.run(one, 1, library, folder)
        (folder / "stage-0.pt").write_bytes(b"half a file")
        with pytest.raises(LabError, match="cannot be read: remove it"):
            course.run(one, 1, library, folder)
        (folder / "stage-0.pt").unlink()
        course.run(one, 1, library, folder)
        assert [path.name for path in sorted(folder.glob("stage-*"))] == ["stage-0.npz"]
        for content in (b"half a file", b"PK\x03\x04 and no more"):
            (folder / "stage-0.npz").write_bytes(content)
            with pytest.raises(LabError, match="is not a stage's encoder: remove it"):
                course.run(one, 1, library, folder)

    def test_stages_of_different_widths_are_a_sentence(self, library: Library, tmp_path: Path) -> None:
        from lab import LabError, course

        one = self.recipe(tmp_path, "method = 'width_growth'", "method = 'low_rank'\nrank = 2")
        with pytest.raises(LabError, match=r"Stage 2 \(low_rank\) was given tables of different shapes"):
            course.run(one, 1, library, tmp_path / "run")

    def test_a_stage_can_start_from_an_earlier_one_alone(self, library: Library, tmp_path: Path) -> None:
        from lab import LabError, course

        one = self.recipe(tmp_path, "method = 'untouched'\nstart = 'later'", "method = 'untouched'")
        with pytest.raises(LabError, match="starts from 'later', which no earlier stage is named"):
            course.run(one, 1, library, tmp_path / "run")

    @pytest.mark.parametrize(
        "error",
        [
            OSError(28, "No space left on device"),
            RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed"),
            RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 32898112 vs 32898004"),
        ],
    )
    def test_a_full_disk_is_a_sentence_and_the_run_goes_on_later(
        self, library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
    ) -> None:
        from lab import LabError, course
        from lab.methods import contrast

        monkeypatch.setattr(contrast, "KEEP_EVERY", 2)
        one = self.recipe(tmp_path, "method = 'contrast'\nsteps = 6\nsize = 8")
        whole = course.run(one, 1, library, tmp_path / "whole")
        saved, save = 0, torch.save

        def full(state: object, path: Path) -> None:
            nonlocal saved
            saved += 1
            if saved == 2:
                path.write_bytes(b"half a file")
                raise error
            save(state, path)

        monkeypatch.setattr(torch, "save", full)
        with pytest.raises(LabError, match=r"cannot be written.*make room and start again"):
            course.run(one, 1, library, tmp_path / "full")
        resumed = course.run(one, 1, library, tmp_path / "full")
        assert np.array_equal(whole.array(), resumed.array())
        assert '"step": 6' in (tmp_path / "full" / "curve.jsonl").read_text()

    def test_trainings_within_a_stage_leave_no_checkpoints(
        self, library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from lab import course
        from lab.methods import contrast, skill_graph

        monkeypatch.setattr(contrast, "KEEP_EVERY", 1)
        monkeypatch.setattr(skill_graph, "TRIAL", 2)
        one = self.recipe(tmp_path, "method = 'skill_graph'\nsteps = 10\nsize = 8")
        course.run(one, 1, library, tmp_path / "run")
        assert [path.name for path in (tmp_path / "run").glob("stage-*")] == ["stage-0.npz"]
