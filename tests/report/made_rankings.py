"""Rankings as they are read back from their JSON."""

from __future__ import annotations

import json

from outgrow.forecasts.rank import LabelsAlone, RankedTeacher, RankOutcome
from outgrow.results import Check, Estimate, Undefined, as_plain


def make_ranking(names=("good", "twin", "bad"), *, undefined=False, decision="tied", **changes):
    """A ranking as it is read back from its JSON."""
    teachers = []
    for place, name in enumerate(names):
        value = 0.3 + 0.07 * place
        gone = undefined and place == len(names) - 1
        missing = Undefined("the expected risk is infinite: 26 rows", "Take a positive penalty.")
        method = "prospective forecast from 400 labels and 7600 unlabelled rows"

        def near(x, reach=0.05, method=method):
            return Estimate(x, (x - reach, x + reach), n=400, method=method)

        teachers.append(
            RankedTeacher(
                weak=name,
                place=None if gone else place + 1,
                student=missing if gone else near(value),
                bias=missing if gone else near(value - 0.12),
                inherited=missing if gone else near(0.1, 0.01),
                fresh=missing if gone else near(0.02, 0.005),
                behind=None if gone else Estimate(0.07 * place, (max(0.0, 0.07 * place - 0.1), 0.2)),
                beyond_labels=None if gone else near(value - 0.35),
                alone=near(value + 0.2),
                probability=None if gone else 0.7 if place == 0 else 0.3 / (len(names) - 1),
                tied=not gone and place < 2,
                worth=False,
                d_w=None if gone else 60.0 + place,
                d_s=None if gone else 55.0,
                d_sw=None if gone else 12.0 + place,
                alpha_w=None if gone else 0.01,
                alpha_s=None if gone else 0.002,
            )
        )
    outcome = RankOutcome(
        title="",
        note="",
        strong="large",
        task="regression",
        n=400,
        N=7600,
        m=400,
        pool=7600,
        kind="prospective",
        excess=True,
        decision=decision,
        recommended=names[0],
        sentence="good and twin are tied.",
        tied=tuple(names[:2]),
        baseline=Estimate(0.35, (0.3, 0.4), n=400),
        labels_alone=LabelsAlone("baseline", None, Estimate(0.35, (0.3, 0.4), n=400)),
        teachers=tuple(teachers),
        checks=(Check("OG214", "bad: student 1.2, leave-one-out 2.4"),),
        config={"weak": ["/home/someone/good.npy"], "seed": 0},
        identities={"good": {"width": 384, "source": "good.npy", "sha256": "ab12"}},
        seconds=3.2,
    )
    return {**json.loads(json.dumps(as_plain(outcome))), **changes}
