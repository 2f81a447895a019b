#!/usr/bin/env python3
"""Makes tune_golden.json, what independent implementations say about a few small tables of trials.

Run it with Debian's python3-scipy (1.10.1) and python3-statsmodels (0.13.5), from anywhere:
    /usr/bin/python3 tests/golden/make_tune_golden.py
It rewrites the file beside itself. The file is kept in the repository, so nobody needs either to run the tests.

Keys:
    student_t [[degrees, confidence, multiple]]      scipy.stats.t.ppf((1 + confidence) / 2, degrees)
    sign [[for one, for other, p]]                   statsmodels' mcnemar(exact=True) of the table with these off its diagonal
    means [{values, mean, deviation, low, high}]     statsmodels' DescrStatsW: mean, std_mean x sqrt(n), tconfint_mean
    wilson [[successes, trials, low, high]]          statsmodels' proportion_confint(method="wilson")
    images {right [trial][image], seeds, one, other, p}   two configurations of `seeds` trials each on the same images; an
                                                     image counts for the one that got it right in more of its trials
    trials [{values [parameter], loss, accuracy}]    of parameters with 2, 3 and 2 values
    marginals [parameter][value] {count, loss {mean, low, high}, accuracy {mean, low, high}}
"""
import json
import os

import numpy as np
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import DescrStatsW

SIZES = (2, 3, 2)


def exact_p(one, other):
    return float(mcnemar([[100, one], [other, 50]], exact=True).pvalue)


def interval(values):
    d = DescrStatsW(np.asarray(values, dtype=float))
    low, high = d.tconfint_mean(alpha=0.05)
    return {"mean": float(d.mean), "low": float(low), "high": float(high)}


def described(values):
    deviation = DescrStatsW(np.asarray(values, dtype=float)).std_mean * np.sqrt(len(values) - 1) * np.sqrt(
        len(values) / (len(values) - 1))
    return {"values": values, "deviation": float(deviation), **interval(values)}


def images(rng):
    seeds, count = 3, 200
    easy = rng.random(count)
    right = (rng.random((2 * seeds, count)) < 0.5 + 0.5 * easy).astype(int)
    right[:seeds] |= (rng.random((seeds, count)) < 0.15).astype(int)
    first, second = right[:seeds].sum(axis=0), right[seeds:].sum(axis=0)
    one, other = int((first > second).sum()), int((second > first).sum())
    return {"right": right.tolist(), "seeds": seeds, "one": one, "other": other, "p": exact_p(one, other)}


def grid(rng):
    places = [(a, b, c) for a in range(SIZES[0]) for b in range(SIZES[1]) for c in range(SIZES[2])]
    trials = []
    for place in places:
        loss = 0.05 + 0.02 * place[0] + 0.01 * place[1] ** 2 + 0.004 * rng.normal()
        trials.append({"values": list(place), "loss": round(loss, 6), "accuracy": round(1 - loss / 3, 6)})
    marginals = [[{"count": sum(t["values"][p] == v for t in trials),
                   **{key: interval([t[key] for t in trials if t["values"][p] == v]) for key in ("loss", "accuracy")}}
                  for v in range(size)] for p, size in enumerate(SIZES)]
    return trials, marginals


def main():
    rng = np.random.default_rng(7)
    trials, marginals = grid(rng)
    pairs = ((14, 11), (11, 14), (0, 1), (0, 6), (3, 15), (8, 8), (40, 75), (512, 600), (3500, 3300))
    golden = {
        "student_t": [[d, c, float(stats.t.ppf((1 + c) / 2, d))]
                      for d, c in ((1, 0.95), (2, 0.95), (3, 0.95), (4, 0.95), (5, 0.95), (11, 0.95), (23, 0.95), (24, 0.99),
                                   (999, 0.95), (2, 0.5))],
        "sign": [[a, b, exact_p(a, b)] for a, b in pairs],
        "means": [described(v) for v in ([0.0312, 0.0298, 0.0305], [1.0, 2.0], [5.0, 5.0, 5.0, 5.0],
                                         [0.9912, 0.9899, 0.9923, 0.9905, 0.9931, 0.9908])],
        "wilson": [[k, n, *(float(x) for x in proportion_confint(k, n, method="wilson"))]
                   for k, n in ((6930, 7000), (0, 12), (12, 12))],
        "images": images(rng),
        "trials": trials,
        "marginals": marginals,
    }
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tune_golden.json")
    with open(path, "w", encoding="utf-8") as file:
        file.write("{\n" + ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in golden.items()) + "\n}\n")


if __name__ == "__main__":
    main()
