"""What every theory of risks is: from what it needs to know, and a design, to the risks of all models.

Exact risks, minimum norm and published bounds take a `Population`; deterministic equivalents take what a
forecast was measured from (`outgrow.forecasts.forecast.Forecast.risks`).
"""

from __future__ import annotations

from typing import Protocol, TypeVar, runtime_checkable

from outgrow.results import Risks

Inputs = TypeVar("Inputs", contravariant=True)


@runtime_checkable
class Forecaster(Protocol[Inputs]):
    """A theory of the risks of teacher, student, baseline and ceiling."""

    def __call__(self, inputs: Inputs, n: int, N: int, /) -> Risks:
        """Give the expected risks with n labelled and N unlabelled rows.

        Parameters
        ----------
        inputs : Inputs
            What the theory needs to know of features and target.
        n, N : int
            The design.

        Returns
        -------
        Risks
            Undefined, with the remedy, where the theory has no answer.
        """
        ...
