"""What students see of their mean teachers: products in the population, from those on the pool."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from outgrow.theory.effective_stage import Stages
from outgrow.theory.finite_pool import (
    PoolShrinkage,
    Products,
    Shared,
    StrongProducts,
    WeakProducts,
    products_elsewhere,
    shared_dimensions,
)
from outgrow.theory.terms import PairSpectra, Side, Target


class TaughtProducts:
    """All teachers of a call; what they share is computed once."""

    def __init__(self, pair: PairSpectra, target: Target, teachers: Stages) -> None:
        self._C, self._teachers, self._weights = pair.C, teachers, target.weights
        self._weak, self._strong = target.weak(), target.strong()
        once, twice = teachers.shrink.T, (teachers.shrink**2).T
        self._seen = (pair.C**2 @ once, pair.C**2 @ twice)
        # On the pool: the target's fit with mean teachers of it and of its rest, and those with each other.
        sizes = self._weak.parts(target.weights)
        self._norm = (target.weights @ target.fit_norm)[:, None]
        self._met, self._size = sizes[:2] @ once, sizes @ twice
        self._target = self._strong.parts(target.weights)

    def through(
        self,
        k: int,
        shrink: Float[np.ndarray, "K_s d_s"],
        strong: PoolShrinkage | Stages,
        bare: Bool[np.ndarray, " K_s"],
    ) -> tuple[Shared, Products, Products]:
        """Put one mean teacher through students: shared dimensions, then products once and twice."""
        weak = self._teachers.at(np.array([k]))
        shrinks, seen = (shrink, shrink**2), [x[:, k] for x in self._seen]
        shared = shared_dimensions(weak, strong, Shared(*(h @ x for h in shrinks for x in seen)))
        # What strong directions see of the mean teacher, and its products with the target there.
        z = Side(*((side * weak.shrink[0]) @ self._C.T for side in self._weak))
        profiles = (self._target, self._strong.crossed(z, self._weights), z.parts(self._weights))
        teacher = WeakProducts(self._norm, self._met[:, :, k, None], self._size[:, :, k, None])
        once, twice = (StrongProducts(*(x @ h.T for x in profiles)) for h in shrinks)
        return shared, *products_elsewhere(weak, strong, shared, teacher, once, twice, bare)
