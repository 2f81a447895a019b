#!/usr/bin/env python3
"""Makes eval_golden.json, what independent implementations say about the probabilities of a small classifier.

Run it with Debian's python3-sklearn (1.2.1) and the scipy (1.10.1) it brings, from anywhere:
    /usr/bin/python3 tests/golden/make_eval_golden.py
It rewrites the file beside itself. The file is kept in the repository, so nobody needs scikit-learn to run the tests.

Five classes, 60 test and 60 validation examples; class 4 has no example. Probabilities are whole 64ths, so that a float
holds them, many are equal, and some are 0 or 1. Keys:
    classes, denominator
    test, validation {labels [n], parts [n][classes]}    probability = part / denominator
    loss, accuracy, confusion                            log_loss, accuracy_score, confusion_matrix
    roc_auc, average_precision {per_class, macro}        null where the class has no example; macro: mean of the others
    roc {fpr, tpr, thresholds} [class]                   roc_curve, all points, class 4 left out
    pr {precision, recall} [class]                       precision_recall_curve, from the highest threshold
    ece, bins [[index, count, confidence, accuracy]]     15 bins; calibration_curve of (right, confidence); bins not empty
    brier                                                sum over the classes of mean_squared_error
    temperature                                          scipy's bounded minimiser of the validation loss over log T
    loss_scaled, ece_scaled                              the test part at that temperature
    wilson [[successes, trials, low, high]]              scipy's binomtest().proportion_ci(method="wilson")
"""
import json
import os

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.metrics import (accuracy_score, average_precision_score, confusion_matrix, log_loss, mean_squared_error,
                             precision_recall_curve, roc_auc_score, roc_curve)

CLASSES, PRESENT, COUNT, PARTS, BINS = 5, 4, 60, 64, 15
TINY = float(np.finfo(np.float32).tiny)


def make_part(rng):
    """An overconfident classifier: right for about 70 %, with steep probabilities, in whole 64ths."""
    labels = np.arange(COUNT) % PRESENT
    logits = rng.normal(size=(COUNT, CLASSES)) * 2
    logits[np.arange(COUNT), labels] += 3
    parts = 1 + np.floor(softmax(logits, axis=1) * (PARTS - CLASSES)).astype(int)
    parts[np.arange(COUNT), parts.argmax(axis=1)] += PARTS - parts.sum(axis=1)
    return labels, parts


def add_extremes(labels, parts):
    parts[0] = [PARTS if c == labels[0] else 0 for c in range(CLASSES)]  # sure and right
    parts[1] = [PARTS if c == labels[2] else 0 for c in range(CLASSES)]  # sure and wrong
    parts[3] = [13, 13, 13, 13, 12]                                      # the first largest is predicted


def calibration_of(labels, probabilities):
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    accuracies, confidences = calibration_curve(right, confidence, n_bins=BINS, strategy="uniform")
    indices = np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], confidence)
    filled, counts = np.unique(indices, return_counts=True)
    ece = float(np.sum(counts / len(labels) * np.abs(accuracies - confidences)))
    return ece, [[int(b), int(n), float(c), float(a)] for b, n, c, a in zip(filled, counts, confidences, accuracies)]


def scaled(probabilities, temperature):
    return softmax(np.log(np.maximum(probabilities, TINY)) / temperature, axis=1)


def nll(labels, probabilities):
    return float(np.mean(-np.log(np.maximum(probabilities[np.arange(len(labels)), labels], TINY))))


def areas(score, labels, probabilities):
    per_class = [float(score(labels == c, probabilities[:, c])) for c in range(PRESENT)]
    return {"per_class": per_class + [None] * (CLASSES - PRESENT), "macro": float(np.mean(per_class))}


def main():
    rng = np.random.default_rng(20)
    (labels, parts), (v_labels, v_parts) = make_part(rng), make_part(rng)
    add_extremes(labels, parts)  # not to the validation part: a certain mistake there would be all that T looks at
    p, v = parts / PARTS, v_parts / PARTS
    best = minimize_scalar(lambda t: nll(v_labels, scaled(v, np.exp(t))), bounds=(-3, 3), method="bounded",
                           options={"xatol": 1e-12})
    temperature = float(np.exp(best.x))
    ece, bins = calibration_of(labels, p)
    loss = log_loss(labels, p, labels=list(range(CLASSES)), eps=TINY)
    q = scaled(p, temperature)
    rocs = [roc_curve(labels == c, p[:, c], drop_intermediate=False) for c in range(PRESENT)]
    prs = [precision_recall_curve(labels == c, p[:, c]) for c in range(PRESENT)]
    golden = {
        "classes": CLASSES,
        "denominator": PARTS,
        "test": {"labels": labels.tolist(), "parts": parts.tolist()},
        "validation": {"labels": v_labels.tolist(), "parts": v_parts.tolist()},
        "loss": float(loss),
        "accuracy": float(accuracy_score(labels, p.argmax(axis=1))),
        "confusion": confusion_matrix(labels, p.argmax(axis=1), labels=list(range(CLASSES))).tolist(),
        "roc_auc": areas(roc_auc_score, labels, p),
        "average_precision": areas(average_precision_score, labels, p),
        "roc": [{"fpr": f.tolist(), "tpr": t.tolist(), "thresholds": s[1:].tolist()} for f, t, s in rocs],
        "pr": [{"precision": a[::-1].tolist(), "recall": b[::-1].tolist()} for a, b, _ in prs],
        "ece": ece,
        "bins": bins,
        "brier": float(sum(mean_squared_error(labels == c, p[:, c]) for c in range(CLASSES))),
        "temperature": temperature,
        "loss_scaled": nll(labels, q),
        "ece_scaled": calibration_of(labels, q)[0],
        "wilson": [[k, n, *(float(x) for x in binomtest(k, n).proportion_ci(method="wilson"))]
                   for k, n in ((0, 7), (1, 7), (45, 60), (60, 60), (9899, 10000))],
    }
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "eval_golden.json")
    with open(path, "w", encoding="utf-8") as file:
        file.write("{\n" + ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in golden.items()) + "\n}\n")


if __name__ == "__main__":
    main()
