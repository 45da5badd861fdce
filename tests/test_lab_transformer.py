"""The laboratory's transformer, on a toy of two layers; docs/lab.md's runs are `python -m lab run`."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the laboratory needs PyTorch: make lab installs it")

import torch

from lab import LabError, course, recipe
from lab.lessons import Schedule, train
from lab.method import find
from lab.shipping import as_it_ships
from lab.transformer import TransformerEncoder, Words, batches

WIDE, DEEP, MARKS = 24, 2, ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
LETTERS = [letter for one in "abcdefghijklmnopqrstuvwxyz," for letter in (one, f"##{one}")]
TOKENS = [*MARKS, *LETTERS, "graph", "##s", "the", "of", "spin", "wave", "zebra", "net"]


def _tokenizer() -> str:
    special = {
        mark: {"id": mark, "ids": [MARKS.index(mark)], "tokens": [mark]} for mark in ("[CLS]", "[SEP]")
    }
    single = [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    single.append({"SpecialToken": {"id": "[SEP]", "type_id": 0}})
    added = [
        {"id": number, "content": mark, "special": True}
        | dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
        for number, mark in enumerate(MARKS)
    ]
    model = {
        "type": "WordPiece",
        "unk_token": "[UNK]",
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
        "vocab": {token: number for number, token in enumerate(dict.fromkeys(TOKENS))},
    }
    template = {"type": "TemplateProcessing", "single": single, "pair": single, "special_tokens": special}
    written = {"version": "1.0", "added_tokens": added, "post_processor": template, "model": model}
    return json.dumps(
        {**written, "normalizer": {"type": "Lowercase"}, "pre_tokenizer": {"type": "BertPreTokenizer"}}
    )


@pytest.fixture
def toy() -> TransformerEncoder:
    chance = np.random.default_rng(1)

    def some(*shape: int) -> torch.Tensor:
        return torch.from_numpy(chance.standard_normal(shape).astype(np.float32) / 3)

    words = Words(_tokenizer(), limit=40)
    weights = {"embeddings.word_embeddings.weight": some(len(words.tokens), WIDE)}
    weights["embeddings.position_embeddings.weight"] = some(64, WIDE)
    weights["embeddings.token_type_embeddings.weight"] = some(2, WIDE)
    normalised = ["embeddings.LayerNorm"]
    for layer in range(DEEP):
        at = f"encoder.layer.{layer}."
        for name in ("attention.self.query", "attention.self.key", "attention.self.value"):
            weights |= {f"{at}{name}.weight": some(WIDE, WIDE), f"{at}{name}.bias": some(WIDE)}
        weights |= {f"{at}attention.output.dense.weight": some(WIDE, WIDE)}
        weights |= {
            f"{at}intermediate.dense.weight": some(48, WIDE),
            f"{at}intermediate.dense.bias": some(48),
        }
        weights |= {f"{at}output.dense.weight": some(WIDE, 48), f"{at}output.dense.bias": some(WIDE)}
        weights |= {f"{at}attention.output.dense.bias": some(WIDE)}
        normalised += [f"{at}attention.output.LayerNorm", f"{at}output.LayerNorm"]
    for name in normalised:
        weights |= {f"{name}.weight": 1 + some(WIDE), f"{name}.bias": some(WIDE)}
    return TransformerEncoder(weights, words)


@pytest.fixture
def library() -> Any:
    titles = ["graphs of nets", "spin wave", "the zebra", "net of graphs"] * 10
    papers = SimpleNamespace(
        titles=titles,
        abstracts=[f"{title}, the {title}s of {title[::-1]}. Spin" for title in titles],
        text=lambda row: f"{titles[row]}\n{titles[row]}, the {titles[row]}s of {titles[row][::-1]}",
    )
    return SimpleNamespace(papers=papers, training_rows=np.arange(40))


def _stage(
    name: str, encoder: TransformerEncoder, library: Any, folder: Path, made: Any = None, **options: Any
) -> TransformerEncoder:
    where = course.Course(folder, 1, made=made or {})
    found: TransformerEncoder = find(name, "transformer").function(encoder.copy(), library, options, where)
    return found


TEXTS = ["graphs of the zebra", "spin, wave", "net", "the of"]


def test_what_is_trained_and_what_ships_give_the_same_vectors(toy: TransformerEncoder) -> None:
    trained = toy.embed(toy.words.read(TEXTS))
    shipped = as_it_ships(toy, "toy").embed(TEXTS)
    assert ((trained * shipped).sum(1) > 0.995).all()
    alone = np.concatenate([toy.embed(toy.words.read([text])) for text in TEXTS])
    assert np.allclose(trained, alone, atol=1e-5)


def test_trimmed_vocabulary_lets_a_text_keep_what_it_reads_when_other_tokens_go(
    toy: TransformerEncoder, library: Any, tmp_path: Path
) -> None:
    size = len(toy.words.tokens) - 4
    fewer = _stage("trimmed_vocabulary", toy, library, tmp_path, size=size, papers=40)
    assert len(fewer.words.tokens) == size
    texts = ["graphs of the graph"]
    assert np.allclose(fewer.embed(fewer.words.read(texts)), toy.embed(toy.words.read(texts)), atol=1e-6)
    assert "[UNK]" not in [fewer.words.tokens[number] for number in fewer.words.read(["zebra"])[0]]
    with pytest.raises(LabError, match="all letters"):
        _stage("trimmed_vocabulary", toy, library, tmp_path, size=7)


def test_skipped_tokens_are_read_only_where_there_is_nothing_else(
    toy: TransformerEncoder, library: Any, tmp_path: Path
) -> None:
    quick = _stage("skipped_tokens", toy, library, tmp_path)
    assert [len(numbers) for numbers in quick.words.read(["graph of the net", "of the"])] == [4, 4]
    vectors, shipped = quick.embed(quick.words.read(TEXTS)), as_it_ships(quick, "toy").embed(TEXTS)
    assert ((vectors * shipped).sum(1) > 0.995).all()


def test_dropped_layers_leave_the_others_as_they_are(
    toy: TransformerEncoder, library: Any, tmp_path: Path
) -> None:
    first = _stage("dropped_layers", toy, library, tmp_path, layers=[0])
    lists = toy.words.read(TEXTS[:1])
    assert first.layers == 1
    assert torch.equal(first.states(lists)[0][-1], toy.states(lists)[0][1])
    with pytest.raises(LabError, match="0 to 1 in order"):
        _stage("dropped_layers", toy, library, tmp_path, layers=[1, 0])


def test_distilled_states_brings_the_student_to_its_teacher(
    toy: TransformerEncoder, library: Any, tmp_path: Path
) -> None:
    student = _stage(
        "dropped_layers", _stage("skipped_tokens", toy, library, tmp_path), library, tmp_path, layers=[1]
    )
    options = {"teacher": "whole", "layers": [1], "steps": 30, "tokens": 256, "rate": 0.01}
    taught = _stage("distilled_states", student, library, tmp_path, {"whole": toy}, **options)
    texts = [library.papers.text(row) for row in range(4)]
    aim = toy.embed(toy.words.read(texts))
    near = [(one.embed(one.words.read(texts)) * aim).sum(1).mean() for one in (student, taught)]
    assert near[1] > near[0] + 0.05
    with pytest.raises(LabError, match="name its teacher"):
        _stage("distilled_states", student, library, tmp_path, **options)


def test_contrastive_adapter_brings_titles_to_their_abstracts(
    toy: TransformerEncoder, library: Any, tmp_path: Path
) -> None:
    options = {"papers": 40, "size": 40, "steps": 30, "rate": 0.01}
    adapted = _stage("contrastive_adapter", toy, library, tmp_path, **options)
    lines = [json.loads(line)["loss"] for line in (tmp_path / "curve.jsonl").read_text().splitlines()]
    assert lines[-1] < lines[0]
    shipped = as_it_ships(adapted, "toy").embed(TEXTS)
    assert ((adapted.embed(adapted.words.read(TEXTS)) * shipped).sum(1) > 0.995).all()
    with pytest.raises(LabError, match="needs more than 40"):
        _stage("contrastive_adapter", toy, library, tmp_path, papers=40, size=50)


def test_added_title_counts_beside_the_text_that_follows_it(
    toy: TransformerEncoder, library: Any, tmp_path: Path
) -> None:
    plain, added = (
        as_it_ships(toy, "a"),
        as_it_ships(_stage("added_title", toy, library, tmp_path, weight=1.0), "b"),
    )
    text, title = plain.embed(["spin wave\nnet of graphs", "spin wave"])
    both = added.embed(["spin wave\nnet of graphs", "spin wave\n ", "spin wave"])
    assert np.allclose(both[0], (text + title) / np.linalg.norm(text + title), atol=1e-6)
    assert np.array_equal(both[1], both[2])
    assert np.array_equal(both[2], title)


def test_fewer_tokens_are_read_of_a_text(toy: TransformerEncoder, library: Any, tmp_path: Path) -> None:
    shorter = _stage("fewer_tokens", toy, library, tmp_path, limit=8)
    assert len(shorter.words.read(["net " * 30])[0]) == 8


def test_unchanged_is_what_it_was(toy: TransformerEncoder, library: Any, tmp_path: Path) -> None:
    same = _stage("unchanged", toy, library, tmp_path)
    assert all(torch.equal(same[name], toy[name]) for name in toy.names)


def test_a_lesson_that_was_killed_comes_to_the_same_numbers(
    toy: TransformerEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.lessons.KEEP_EVERY", 2)
    plan = Schedule.of("toy", {"steps": 6, "words": True}, {})
    lists = toy.words.read(TEXTS)

    def learn(folder: Path, until: int) -> TransformerEncoder:
        def loss_of(step: int) -> torch.Tensor:
            if step == until:
                raise KeyboardInterrupt
            return (encoder(lists)[:, step] + 1).square().mean()

        folder.mkdir(exist_ok=True)
        encoder = toy.copy()
        return train(encoder, course.Course(folder, 1), plan, loss_of)

    whole = learn(tmp_path / "whole", until=-1)
    with pytest.raises(KeyboardInterrupt):
        learn(tmp_path / "killed", until=5)
    resumed = learn(tmp_path / "killed", until=-1)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole.names)


def test_an_encoder_is_kept_whole(toy: TransformerEncoder, library: Any, tmp_path: Path) -> None:
    quick = _stage("added_title", _stage("skipped_tokens", toy, library, tmp_path), library, tmp_path)
    quick.save(tmp_path / "kept.npz")
    again = TransformerEncoder.load(tmp_path / "kept.npz")
    assert again.words == quick.words
    assert np.array_equal(again.embed(again.words.read(TEXTS)), quick.embed(quick.words.read(TEXTS)))


def test_a_loss_that_is_no_number_stops_with_a_sentence(toy: TransformerEncoder, tmp_path: Path) -> None:
    plan = Schedule.of("toy", {"steps": 2}, {})
    with pytest.raises(LabError, match="lower rate"):
        train(toy, course.Course(tmp_path, 1), plan, lambda step: torch.tensor(float("nan")))
    with pytest.raises(LabError, match="no option colour"):
        Schedule.of("toy", {"colour": 1}, {})
    with pytest.raises(LabError, match="is not of type int"):
        Schedule.of("toy", {"steps": "many"}, {})


def test_batches_hold_texts_of_like_length() -> None:
    lengths = [5, 100, 6, 90, 7, 300]
    found = batches(lengths, 200)
    assert sorted(place for batch in found for place in batch.tolist()) == list(range(6))
    assert [sorted(lengths[place] for place in batch) for batch in found] == [[5, 6, 7], [90, 100], [300]]


def test_a_recipe_for_a_transformer_takes_no_stage_of_a_table(tmp_path: Path) -> None:
    path = tmp_path / "mixed.toml"
    path.write_text("encoder = 'transformer'\n[[stage]]\nmethod = 'contrast'\n")
    with pytest.raises(LabError, match="here a method of kind transformer"):
        recipe.read(path)
    path.write_text("encoder = 'tree'\n[[stage]]\nmethod = 'contrast'\n")
    with pytest.raises(LabError, match="there are table, transformer"):
        recipe.read(path)
