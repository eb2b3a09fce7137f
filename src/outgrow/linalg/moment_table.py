"""What the moments say once read: by split, with or without a group, and how exactly.

A `MomentTable` holds the sums of every split and jackknife group; `select` adds the wanted ones (leaving a
group out is one subtraction) and gives `BlockMoments`: means, covariances, second moments, and the relative
error that the arithmetic leaves in the covariances.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from outgrow.errors import DataError


@dataclass
class Cell:
    """Sums of the shifted rows of one split and group.

    Parameters
    ----------
    n : int
        Rows.
    weight : float
        Sum of their weights.
    sums : dict of str to array of shape (d,)
        Sum of w z by block.
    products : dict of (str, str) to array of shape (d_a, d_b)
        Sum of w z_a z_b' by pair of blocks, names in order.
    noise : dict of str to float
        By block: sum over chunks of (unit roundoff)^2 (m + d) (trace of the chunk's product)^2, from which
        `BlockMoments.relative_error` is made.
    scale : dict of str to float
        By block: sum over chunks of the trace of the product at the shift it was taken at.
    """

    n: int
    weight: float
    sums: dict[str, Float[np.ndarray, " d"]]
    products: dict[tuple[str, str], Float[np.ndarray, "d_a d_b"]]
    noise: dict[str, float]
    scale: dict[str, float]

    @classmethod
    def empty(cls, widths: Mapping[str, int]) -> Cell:
        """Sums of no rows.

        Parameters
        ----------
        widths : mapping of str to int
            Width by block.

        Returns
        -------
        Cell
            All zeros.
        """
        names = sorted(widths)
        return cls(
            0,
            0.0,
            {a: np.zeros(widths[a]) for a in names},
            {(a, b): np.zeros((widths[a], widths[b])) for a in names for b in names if a <= b},
            dict.fromkeys(names, 0.0),
            dict.fromkeys(names, 0.0),
        )
