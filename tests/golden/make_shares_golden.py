#!/usr/bin/env python3
"""Makes shares_golden.json: shares of classes estimated without labels (Saerens, Latinne, Decaestecker 2002), in numpy, in double.

Run it with numpy from anywhere:   python3 tests/golden/make_shares_golden.py
It rewrites the file beside itself, which is kept in the repository.

Four classes; 600 examples of one number x, normal about the class's number with deviation 0.8, so that posteriors under the source's shares
are known exactly. They are written as whole 4096ths, which a float holds, and the estimate is made of these.
    denominator, source [4], drawn [4]     shares of the target's classes as they were drawn
    parts [n][4], labels [n]
    estimated [4]                          by scipy's maximiser of the likelihood sum log(sum_c p_c target_c / source_c), not by rounds
    accuracy, corrected                    of the largest posterior, and of the largest p_c estimated_c / source_c
"""
import json
import os

import numpy as np
from scipy.optimize import minimize
from scipy.special import softmax

PARTS, COUNT = 4096, 600
SOURCE = np.array([0.4, 0.3, 0.2, 0.1])
TARGET = np.array([0.05, 0.15, 0.2, 0.6])

rng = np.random.default_rng(7)
labels = rng.choice(4, COUNT, p=TARGET)
x = labels + 0.8 * rng.normal(size=COUNT)
density = np.exp(-0.5 * ((x[:, None] - np.arange(4)) / 0.8) ** 2)
posterior = density * SOURCE
posterior /= posterior.sum(1, keepdims=True)
parts = np.floor(posterior * PARTS).astype(int)
parts[np.arange(COUNT), parts.argmax(1)] += PARTS - parts.sum(1)
p = parts / PARTS

best = minimize(lambda t: -np.log(p @ (softmax(np.append(t, 0)) / SOURCE)).sum(), np.zeros(3), method="BFGS", options={"gtol": 1e-7})
estimated = softmax(np.append(best.x, 0))
golden = {
    "denominator": PARTS, "source": SOURCE.tolist(), "drawn": (np.bincount(labels, minlength=4) / COUNT).tolist(),
    "parts": parts.tolist(), "labels": labels.tolist(), "estimated": estimated.tolist(),
    "accuracy": float((p.argmax(1) == labels).mean()),
    "corrected": float(((p * estimated / SOURCE).argmax(1) == labels).mean()),
}
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "shares_golden.json"), "w") as file:
    json.dump(golden, file, separators=(",", ":"))
    file.write("\n")
print(golden["drawn"], golden["estimated"], golden["accuracy"], golden["corrected"])
