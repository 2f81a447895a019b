#!/usr/bin/env python3
"""Makes imbalance_golden.json: what scikit-learn and scipy say of results of an imbalance lab.

Run it from anywhere, with numpy, scipy and scikit-learn:
    python3 tests/golden/make_imbalance_golden.py
It rewrites the file beside itself. The file is kept in the repository, so nobody needs them to run the tests.

Keys:
    rows {remedies {name: [results]}, expected {name: {mean, low, high of "balanced", gain, gain_low, gain_high}}}
                                                     t intervals of means and of paired differences (scipy.stats)
    curves [{curve, images}]                         IsotonicRegression over the sizes, read back by numpy.interp in the logarithm;
                                                     null: more than the largest size
"""
import json
import os

import numpy as np
from scipy import stats
from sklearn.isotonic import IsotonicRegression

rng = np.random.default_rng(7)


def t_interval(values):
    half = stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return float(np.mean(values)), float(np.mean(values) - half), float(np.mean(values) + half)


def result(balanced, validation):
    return {"images": [50, 1000], "accuracy": 0.9, "gmean": 0.9, "balanced": round(float(balanced), 6),
            "per_class": [{"class": "1", "recall": 0.8, "support": 10}, {"class": "2", "recall": 1.0, "support": 20}],
            "validation": {"balanced": round(float(validation), 6)}}


def rows():
    remedies = {name: [result(b, v) for b, v in zip(rng.normal(mean, 0.01, 5), rng.normal(0.8, 0.01, 5))]
                for name, mean in (("nothing", 0.85), ("weights", 0.86), ("balanced", 0.9))}
    expected = {}
    nothing = np.array([r["balanced"] for r in remedies["nothing"]])
    for name, runs in remedies.items():
        values = np.array([r["balanced"] for r in runs])
        mean, low, high = t_interval(values)
        expected[name] = {"mean": mean, "low": low, "high": high}
        if name != "nothing":
            gain = t_interval(values - nothing)
            expected[name].update(dict(zip(("gain", "gain_low", "gain_high"), gain)))
    return {"remedies": remedies, "expected": expected}


def curve(sizes, means, best):
    points = [{"images": n, "nothing": [{"balanced": round(float(m + d), 6)} for d in (-0.01, 0, 0.01)], "best": []}
              for n, m in zip(sizes, means)]
    points[1]["best"] = [{"balanced": best}] * 3
    rising = IsotonicRegression().fit_transform(np.arange(len(sizes)), means)
    if best > rising[-1]:
        images = None
    else:
        place = next(i for i, m in enumerate(rising) if best <= m)
        images = float(sizes[0]) if place == 0 else float(np.exp(np.interp(best, rising[place - 1:place + 1],
                                                                            np.log(sizes[place - 1:place + 1]))))
    return {"curve": {"class": "1", "best": "balanced", "at": sizes[1], "points": points}, "images": images}


curves = [curve([25, 50, 100, 200, 400], [0.7, 0.8, 0.9, 0.95, 0.98], 0.92),
          curve([25, 50, 100, 200, 400], [0.7, 0.85, 0.8, 0.82, 0.98], 0.9),  # falls twice: three sizes are pooled
          curve([25, 50, 100], [0.7, 0.8, 0.75], 0.79), curve([10, 20, 40], [0.7, 0.8, 0.9], 0.6)]

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "imbalance_golden.json"), "w") as out:
    json.dump({"rows": rows(), "curves": curves}, out, indent=1)
    out.write("\n")
