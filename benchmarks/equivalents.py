"""How long 10,000 settings of a 384 x 768 pair take, replicates included; aim: 10 s on one core."""

from __future__ import annotations

import time

import numpy as np
from threadpoolctl import threadpool_limits

from outgrow.theory.effective_stage import Stages, effective_stages
from outgrow.theory.equivalents import single_risks, student_risks
from outgrow.theory.label_terms import label_terms
from outgrow.theory.terms import PairSpectra

D_W, D_S, ROWS, LABELS, SIDE = 384, 768, 6000, 400, 10


def main() -> None:
    """Time the settings after the spectra, the label terms apart."""
    rng = np.random.default_rng(0)
    C = np.linalg.qr(rng.standard_normal((D_S, D_W)))[0] * np.linspace(0.9, 0.1, D_W)
    pair = PairSpectra(
        values_w=np.arange(1, D_W + 1.0) ** -1, values_s=np.arange(1, D_S + 1.0) ** -1, C=C, rows=float(ROWS)
    )
    lengths = np.sqrt(rng.gamma(8, size=(LABELS, 1)) / 8)
    Z_w, Z_s = lengths * rng.standard_normal((LABELS, D_W)), lengths * rng.standard_normal((LABELS, D_S))
    y = Z_w[:, :20].sum(axis=1) + Z_s[:, :20].sum(axis=1) + rng.standard_normal(LABELS)
    pair = pair.with_lengths(Z_w, Z_s)
    n, N = np.geomspace(50, 2000, SIDE).round(), np.geomspace(200, 6000, SIDE).round()
    alphas = np.geomspace(1e-5, 1e-1, SIDE)

    def grid(values: np.ndarray, sizes: np.ndarray) -> Stages:
        every = (np.repeat(sizes, SIDE), np.tile(alphas, SIDE))
        return effective_stages(values, *every, rows=pair.rows, lengths=pair.lengths(values))

    with threadpool_limits(1):
        start = time.perf_counter()
        target = label_terms(pair, Z_w, Z_s, y[:, None], np.arange(LABELS) % 20)
        terms = time.perf_counter() - start
        start = time.perf_counter()
        teachers, students = grid(pair.values_w, n), grid(pair.values_s, N)
        error = student_risks(pair, target, teachers, students).error
        single_risks(teachers, target.weak(), target)
        took = time.perf_counter() - start
    print(f"label terms of {LABELS} labels {terms:.2f} s")
    print(f"{error[0].size:,} settings with {len(error) - 1} replicates {took:.2f} s")
    if took > 10:
        raise SystemExit("more than 10 s")


if __name__ == "__main__":
    main()
