"""Plans as they are read back from their JSON."""

from __future__ import annotations


def estimate(value, spread=0.2):
    return {"type": "Estimate", "value": value, "interval": [value - spread, value + spread], "level": 0.9,
            "n": 400, "method": "prospective forecast"}  # fmt: skip


def route(kind, weak, n, N, risk, behind=None, tied=False):
    penalties = {"alpha_w": 0.01, "alpha_s": 0.02} if kind == "student" else {kind: 0.03}
    return {"route": kind, "weak": weak, "n": n, "N": N, "cost": n + 0.02 * N, "penalties": penalties,
            "risk": estimate(risk), "difference": None if behind is None else estimate(behind, 0.1),
            "tied": tied}  # fmt: skip


def make_plan(weak=("small",), strong="large", title=""):
    """A plan as it is read back from its JSON."""
    budgets = [10.0 * 1.5**k for k in range(14)]
    sizes = [2, 8, 30, 120, 480, 2000]
    first = weak[0]
    return {
        "title": title, "note": "", "weak": list(weak), "strong": strong, "m": 400, "pool": 7600,
        "kind": "prospective", "excess": True, "asked": "budget", "budget": 500.0, "target": None,
        "prices": {"label": 1.0, "unlabelled": 0.02, "have_labels": 0, "have_unlabelled": 0},
        "routes": [
            route("student", first, 400, 5000, 1.0),
            route("union", first, 500, 0, 1.05, 0.05, True),
            route("baseline", None, 500, 0, 1.3, 0.3),
        ],
        "missing": {f"teacher ({first})": {"type": "Undefined", "reason": "no design", "remedy": "Spend."}},
        "floor": estimate(0.4), "floor_route": f"union ({first})",
        "frontier": {
            "budgets": budgets,
            "risks": {
                f"student ({first})": [3 / (1 + k) + 0.5 for k in range(14)],
                f"union ({first})": [3 / (1 + k) + 0.6 for k in range(14)],
                "baseline": [None] + [3 / (1 + k) + 0.8 for k in range(1, 14)],
            },
        },
        "risk_map": {"weak": first, "n": sizes, "N": sizes,
                     "risk": [[5 / (1 + i) + 2 / (1 + j) for j in range(6)] for i in range(6)]},
        "as_good": {"n": [300, 450], "N": [10000, 2500]},
        "scenarios": [
            {"what": what, "change": change, "route": "student", "n": 400, "N": 5000,
             "risk": 1 + change / 2, "stay": 1.01 + change / 2}
            for what in ("sharing", "unexplained") for change in (-0.2, 0.2)
        ],
        "notes": ["More rows than there are."],
        "checks": [], "config": {"weak": ["/secret/place/small.npy"], "budget": 500.0}, "seconds": 3.2,
    }  # fmt: skip
