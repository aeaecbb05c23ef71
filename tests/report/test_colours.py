from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from latprof.report.colours import QUEUE, STAGE_HUES, UNTRACKED, contrasting, mixed, stage_colours

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
SIGHT = {
    "full": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
TO_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
) / np.array([[0.95047], [1.0], [1.08883]])


def linear(colour):
    channels = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    ratio = TO_XYZ @ np.clip(rgb, 0, 1)
    x, y, z = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("sight", SIGHT)
def test_colours_are_told_apart_by_every_kind_of_sight(sight):
    seen = {
        colour: lab(SIGHT[sight] @ linear(colour)) for colour in (*STAGE_HUES, QUEUE, UNTRACKED)
    }
    for one, other in combinations(seen, 2):
        assert np.linalg.norm(seen[one] - seen[other]) >= 15, (one, other)


@pytest.mark.parametrize("page", ["#ffffff", "#1e1e1e"])
def test_every_colour_stands_out_from_light_and_dark_pages(page):
    for colour in (*STAGE_HUES, QUEUE):
        assert np.linalg.norm(lab(linear(colour)) - lab(linear(page))) >= 25


def test_a_stage_keeps_its_colour_whatever_comes_after_it():
    names = [f"stage {at}" for at in range(30)]
    few, many = stage_colours(names[:4]), stage_colours(names)
    assert all(many[name] == few[name] for name in names[:4])


def test_eighteen_stages_have_eighteen_colours():
    colours = stage_colours([str(at) for at in range(18)])
    assert len(set(colours.values())) == 21


def test_the_words_of_the_model_keep_their_colours():
    assert stage_colours(["queue", "forward"])["queue"] == QUEUE


def test_mixing_and_contrast():
    assert mixed("#000000", "#ffffff", 0) == "#000000"
    assert mixed("#102030", "#ffffff", 1) == "#ffffff"
    assert contrasting("#000000") == "#ffffff"
    assert contrasting("#ffffff") == "#000000"
