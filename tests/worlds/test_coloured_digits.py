"""Coloured digits have the published rates, and a row's colour hangs on its id alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from outgrow.data.raw import RawRows
from outgrow.errors import ConfigError, DataError
from outgrow.worlds.coloured_digits import FLIPS, LABEL_NOISE, Coloured, coloured, some_pictures

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


def drawn(made: Coloured) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and whether each picture is green."""
    assert made.rows.labels is not None
    return made.rows.labels.astype(bool), np.array([image[..., 1].any() for image in made.rows.items])


def test_published_rates() -> None:
    rows = grey()
    made = coloured(rows)
    labels, green = drawn(made)
    assert (LABEL_NOISE, dict(FLIPS)) == (0.25, {"train-1": 0.2, "train-2": 0.1, "test": 0.9})
    assert rows.labels is not None
    noisy = labels != (rows.labels < 5)
    assert within(noisy, 0.25)
    for name, chance in FLIPS.items():
        here = made.environments == name
        flipped = green[here] != labels[here]
        # The two flips are independent: among noisy labels, colours flip as often as among others.
        cases = ((here, 1 / 3), (noisy[here], 0.25), (flipped, chance), (flipped[noisy[here]], chance))
        assert all(within(found, expected) for found, expected in cases)


def test_colour_is_a_channel() -> None:
    rows = grey(50)
    made = coloured(rows, {"all": 0.5})
    _, colours = drawn(made)
    assert colours.any() and not colours.all()
    for image, plain, green in zip(made.rows.items, rows.items, colours, strict=True):
        assert image.shape == (4, 6, 3) and image.dtype == np.uint8
        np.testing.assert_array_equal(image[..., int(green)], plain)
        assert not image[..., [int(not green), 2]].any()


def test_a_row_is_drawn_by_its_id_and_the_seed(rng: np.random.Generator) -> None:
    rows = grey(400)
    made = coloured(rows)
    order = rng.permutation(400)[:150]
    assert rows.labels is not None
    part = coloured(
        replace(rows, ids=rows.ids[order], items=[rows.items[i] for i in order], labels=rows.labels[order])
    )
    for found, whole in zip(drawn(part), drawn(made), strict=True):
        np.testing.assert_array_equal(found, whole[order])
    np.testing.assert_array_equal(part.environments, made.environments[order])
    other = coloured(rows, seed=1)
    assert (drawn(other)[1] != drawn(made)[1]).any() and other.rows.digest != made.rows.digest
    assert coloured(rows).rows.digest == made.rows.digest


def test_environments_may_be_given() -> None:
    rows = grey(30)
    labels, green = drawn(coloured(rows, {"a": 0.0, "b": 1.0}, ["a", "b"] * 15, label_noise=0))
    assert rows.labels is not None
    np.testing.assert_array_equal(labels, rows.labels < 5)
    np.testing.assert_array_equal(green, labels ^ np.tile([False, True], 15))
    with pytest.raises(DataError, match="environments without a probability: 'c'"):
        coloured(rows, {"a": 0.0}, ["a", "c"] * 15)


def test_some_pictures_are_drawn_by_id() -> None:
    every = grey(600)
    some = some_pictures(every, 50, seed=0)
    assert some.labels is not None and every.labels is not None
    assert len(some.ids) == len(some.items) == 50 and some.split is None
    rows = [int(name[-5:]) for name in some.ids]
    assert rows == sorted(rows) and all(some.items[k] is every.items[row] for k, row in enumerate(rows))
    assert (some.labels == every.labels[rows]).all()
    # Fewer are among more; another seed draws others.
    assert set(some_pictures(every, 20, 0).ids) < set(some.ids)
    assert set(some_pictures(every, 50, 1).ids) != set(some.ids)
    with pytest.raises(ConfigError, match="601 pictures are asked for, 600 are there"):
        some_pictures(every, 601, 0)


def test_what_cannot_be_coloured() -> None:
    rows = grey(3)
    with pytest.raises(ConfigError, match=r"train: 1.5 is not a probability"):
        coloured(rows, {"train": 1.5})
    with pytest.raises(DataError, match="labels are not the digits"):
        coloured(replace(rows, labels=np.array([0.0, 1.0, 11.0])))
    with pytest.raises(DataError, match="row 'train-00000' is not a grey picture"):
        coloured(replace(rows, items=coloured(rows).rows.items))
