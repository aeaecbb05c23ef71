from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from latprof.recording.adapters import facts as home
from latprof.recording.adapters.facts import Facts

PARTS = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=6)


@given(PARTS, PARTS)
def test_the_models_own_counts_are_the_padding_and_the_tokenizers_the_tokens(made, given_parts):
    facts = Facts()
    for tokens, padding in made:
        facts.tokenized(1, tokens, tokens + padding)
    tokens = sum(part[0] for part in made)
    positions = sum(map(sum, made))
    assert facts.columns["tokens"] == tokens
    assert facts.columns["positions"] == positions
    for real, padding in given_parts:
        facts.given(real, real + padding)
        facts.tokenized(0, 0, 0)
    assert facts.columns["tokens"] == tokens
    assert facts.columns["texts"] == len(made)
    positions = sum(map(sum, given_parts))
    assert facts.columns["positions"] == positions
    if positions:
        share = 1 - sum(part[0] for part in given_parts) / positions
        assert facts.columns["padding_share"] == share


def test_words_flags_and_shapes():
    facts = Facts()
    for shape, word, flag in (((2, 3), "a", False), ((4, 1), "b", True), ((3, 2), "a", False)):
        facts.shaped(shape)
        facts.word("device", word)
        facts.flag("training", flag)
    assert facts.columns == {
        "batch_size": 4,
        "input_shape": "2x3",
        "device": "a,b",
        "training": True,
    }


def test_layers_are_built_until_they_have_their_weights():
    facts = Facts()
    facts.furnished(5)  # of a module that was there before
    assert facts.columns == {}
    facts.layer(10, 20)
    facts.layer(30, 40)
    facts.furnished(70)
    assert facts.columns == {"constructed_modules": 2, "constructed_ns": 60}
    facts.built()
    facts.furnished(90)
    assert facts.columns["constructed_ns"] == 60


def test_every_name_in_the_code_is_in_the_table():
    table = set(re.findall(r"^\| `(\w+)`", home.__doc__, re.MULTILINE))
    used = set()
    for path in Path(home.__file__).parent.glob("*.py"):
        text = path.read_text()
        used |= set(re.findall(r'(?:add|flag|word)\("(\w+)"|columns\["(\w+)"\]', text))
        used |= {(name, "") for name in re.findall(r'once\([\w.]+, "(\w+)"', text)}
        used |= {(name, "") for name in re.findall(r'"(constructed_\w+)"', text)}
    assert {one or other for one, other in used} == table
