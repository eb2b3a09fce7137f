"""Hidden layers of a transformer in one pass that goes no deeper than needed.

Hooks on the model's blocks keep what was asked for and end the pass before the first block not needed.
Layers are counted as transformers counts them: k is what the k-th block is given (0 the embeddings), and the
last layer what the model gives (after its final norm, where there is one). Models whose blocks are not one
list are run to their end.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

TRUSTED = 1e-4
"""Largest difference between a layer caught by a hook and transformers' own, relative to its largest value,
at which the hooks are trusted: float32 and bfloat16 runs of one kernel are equal, another layer differs by
1e-1."""


class _DeepEnough(Exception):
    pass


class HiddenLayers:
    """A model that gives hidden layers."""

    def __init__(self, model: Any, depth: int, wanted: Iterable[int]) -> None:
        self.model, self.depth = model, depth
        self.wanted = tuple(sorted(set(wanted)))
        inner = [layer for layer in self.wanted if layer < depth]
        self._blocks: Any = self._find_blocks() if inner else None

    def _find_blocks(self) -> Any:
        from torch import nn

        lists = [m for m in self.model.modules() if isinstance(m, nn.ModuleList) and len(m) == self.depth]
        return lists[0] if lists else None

    def check(self, **inputs: Any) -> None:
        """Compare the hooks with transformers' own hidden states, and do without them where they differ."""
        if self._blocks is None:
            return
        states = self.model(**inputs, output_hidden_states=True).hidden_states
        try:
            caught = self(**inputs)
            # The last layer is the model's own output and needs no hook.
            same = all(_near(caught[k], states[k]) for k in self.wanted if k < self.depth)
        except (RuntimeError, KeyError, AttributeError):
            same = False
        if not same:
            self._blocks = None

    def __call__(self, **inputs: Any) -> dict[int, Any]:
        """Run the model."""
        if self.wanted == (self.depth,):
            return {self.depth: self.model(**inputs).last_hidden_state}
        if self._blocks is None:
            output = self.model(**inputs, output_hidden_states=True)
            states = dict(enumerate(output.hidden_states))
            states[self.depth] = output.last_hidden_state
            return {layer: states[layer] for layer in self.wanted}
        return self._run_hooked(inputs)

    def _run_hooked(self, inputs: dict[str, Any]) -> dict[int, Any]:
        caught: dict[int, Any] = {}

        def keep(layer: int, _block: Any, args: Any, kwargs: Any) -> None:
            caught[layer] = args[0] if args else kwargs["hidden_states"]
            if layer == self.wanted[-1]:
                raise _DeepEnough

        handles = [
            self._blocks[layer].register_forward_pre_hook(partial(keep, layer), with_kwargs=True)
            for layer in self.wanted
            if layer < self.depth
        ]
        try:
            caught[self.depth] = self.model(**inputs).last_hidden_state
        except _DeepEnough:
            pass
        finally:
            for handle in handles:
                handle.remove()
        return {layer: caught[layer] for layer in self.wanted}


def _near(ours: Any, theirs: Any) -> bool:
    if ours.shape != theirs.shape:
        return False
    difference, size = (ours - theirs).abs().max(), theirs.abs().max()
    return bool(difference <= TRUSTED * size)
