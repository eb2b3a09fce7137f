"""Coloured digits have the published rates, and a row's colour hangs on its id alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from outgrow.data.raw import RawRows
from outgrow.errors import ConfigError, DataError
from outgrow.worlds.coloured_digits import FLIPS, LABEL_NOISE, coloured

ROWS = 20_000


def grey(rows: int = ROWS) -> RawRows:
    """Digits of 4 x 6 pixels, all ten alike often."""
    rng = np.random.default_rng(3)
    images = rng.integers(1, 256, (rows, 4, 6), dtype=np.uint8)
    return RawRows(
        kind="image",
        ids=np.array([f"train-{i:05d}" for i in range(rows)], dtype=object),
        items=list(images),
        digest="",
        labels=(np.arange(rows) % 10).astype(float),
    )


def within(found: np.ndarray, chance: float) -> bool:
    """Whether a rate is within 4.5 standard errors: false alarms in 7 of a million."""
    return abs(found.mean() - chance) < 4.5 * np.sqrt(chance * (1 - chance) / len(found))


def test_published_rates() -> None:
    rows = grey()
    made = coloured(rows)
    assert rows.labels is not None and made.rows.labels is not None
    np.testing.assert_array_equal(made.truth, rows.labels < 5)
    assert (LABEL_NOISE, dict(FLIPS)) == (0.25, {"train-1": 0.2, "train-2": 0.1, "test": 0.9})
    noisy = made.rows.labels != made.truth
    assert within(noisy, 0.25)
    for name, chance in FLIPS.items():
        here = made.environments == name
        assert within(here, 1 / 3)
        assert within(noisy[here], 0.25)
        flipped = made.colours[here] != made.rows.labels[here].astype(bool)
        assert within(flipped, chance)
        # The two flips are independent: among noisy labels, colours flip as often as among others.
        assert within(flipped[noisy[here]], chance)


def test_colour_is_a_channel() -> None:
    rows = grey(50)
    made = coloured(rows, 0.5)
    assert made.colours.any() and not made.colours.all()
    for image, plain, green in zip(made.rows.items, rows.items, made.colours, strict=True):
        assert image.shape == (4, 6, 3) and image.dtype == np.uint8
        np.testing.assert_array_equal(image[..., int(green)], plain)
        assert not image[..., [int(not green), 2]].any()
    small = coloured(rows, 0.5, subsample=True)
    assert small.rows.items[0].shape == (2, 3, 3)
    np.testing.assert_array_equal(small.rows.items[7], made.rows.items[7][::2, ::2])


def test_a_row_is_drawn_by_its_id_and_the_seed(rng: np.random.Generator) -> None:
    rows = grey(400)
    made = coloured(rows)
    order = rng.permutation(400)[:150]
    assert rows.labels is not None and made.rows.labels is not None
    part = coloured(
        replace(rows, ids=rows.ids[order], items=[rows.items[i] for i in order], labels=rows.labels[order])
    )
    assert part.rows.labels is not None
    np.testing.assert_array_equal(part.rows.labels, made.rows.labels[order])
    np.testing.assert_array_equal(part.colours, made.colours[order])
    np.testing.assert_array_equal(part.environments, made.environments[order])
    other = coloured(rows, seed=1)
    assert (other.colours != made.colours).any()
    assert other.rows.digest != made.rows.digest
    assert coloured(rows).rows.digest == made.rows.digest


def test_environments_may_be_given() -> None:
    rows = grey(30)
    made = coloured(rows, {"a": 0.0, "b": 1.0}, ["a", "b"] * 15, label_noise=0)
    assert made.rows.labels is not None
    np.testing.assert_array_equal(made.rows.labels, made.truth)
    np.testing.assert_array_equal(made.colours[::2], made.truth[::2] == 1)
    np.testing.assert_array_equal(made.colours[1::2], made.truth[1::2] == 0)
    with pytest.raises(DataError, match="environments without a probability: 'c'"):
        coloured(rows, {"a": 0.0}, ["a", "c"] * 15)


def test_what_cannot_be_coloured() -> None:
    rows = grey(3)
    with pytest.raises(ConfigError, match=r"train: 1.5 is not a probability"):
        coloured(rows, {"train": 1.5})
    with pytest.raises(DataError, match="labels are not the digits"):
        coloured(replace(rows, labels=np.array([0.0, 1.0, 11.0])))
    with pytest.raises(DataError, match="row 'train-00000' is not a grey picture"):
        coloured(replace(rows, items=coloured(rows).rows.items))
