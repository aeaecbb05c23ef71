"""The generator of the demo's inputs."""

from __future__ import annotations

import pytest

from latprof.demo.reviews import reviews


def _words(text: str) -> int:
    return len(text.replace("<br /><br />", " ").split())


def test_same_seed_same_reviews_and_another_seed_others() -> None:
    assert reviews(50, seed=3) == reviews(50, seed=3)
    assert reviews(50, seed=3) != reviews(50, seed=4)


def test_a_shorter_list_is_the_beginning_of_a_longer_one() -> None:
    assert reviews(10) == reviews(40)[:10]


def test_lengths_go_from_one_line_to_six_hundred_words() -> None:
    lengths = sorted(map(_words, reviews()))
    assert len(lengths) == 300
    assert lengths[0] <= 12
    assert 80 <= lengths[150] <= 160
    assert 550 <= lengths[-1] <= 620


def test_reviews_are_varied() -> None:
    assert len(set(reviews())) >= 295  # two one-liners may be alike


@pytest.mark.parametrize("seed", range(5))
def test_no_template_shows_through(seed: int) -> None:
    for text in reviews(60, seed=seed):
        assert not set("{}_") & set(text)
        assert not {" a a", " a e", " a i", " a o"} & {text[i : i + 4] for i in range(len(text))}


def test_no_sentence_twice_in_one_review() -> None:
    for text in reviews():
        sentences = text.replace("<br /><br />", " ").split(". ")
        assert len(sentences) == len(set(sentences))


def test_none_asked_none_given() -> None:
    assert reviews(0) == []
