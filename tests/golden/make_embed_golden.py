#!/usr/bin/env python3
"""Makes embed_golden.json, what independent implementations say about a small embedding.

Run it where scikit-learn is (1.9.1 made the file), from anywhere:
    python3 tests/golden/make_embed_golden.py
It rewrites the file beside itself. The file is kept in the repository, so nobody needs scikit-learn to run the tests.

Three noisy classes of 40 points in 6 dimensions, and a bad embedding of them in 2. Values are whole numbers divided by 4096, so
that a float holds them. Keys:
    denominator, points [n][6], embedding [n][2], labels [n]
    trustworthiness, continuity {metric}              sklearn's trustworthiness of k = 15, and with the spaces exchanged
    knn_accuracy                                      majority of 15, leave one out; ties by the nearest, worked out here
    silhouette                                        silhouette_score of the embedding
    pca {scores [n][3], explained [3]}                numpy's SVD of the centred points; largest loading positive
"""
import json
import os

import numpy as np
from sklearn.manifold import trustworthiness
from sklearn.metrics import pairwise_distances, silhouette_score

EACH, CLASSES, DIM, K, DENOMINATOR = 40, 3, 6, 15, 4096
METRICS = ("euclidean", "cosine", "correlation", "manhattan")


def knn_accuracy(embedding, labels):
    hits = 0
    distances = pairwise_distances(embedding)
    np.fill_diagonal(distances, np.inf)
    for i, row in enumerate(distances):
        near = labels[np.argsort(row, kind="stable")[:K]].tolist()
        most = max(near.count(c) for c in near)
        hits += next(c for c in near if near.count(c) == most) == labels[i]
    return hits / len(labels)


def pca(points, components):
    centred = points - points.mean(axis=0)
    _, values, vectors = np.linalg.svd(centred, full_matrices=False)
    vectors = vectors[:components]
    vectors = vectors * np.sign(vectors[np.arange(components), np.abs(vectors).argmax(axis=1)])[:, None]
    return {"scores": (centred @ vectors.T).round(9).tolist(), "explained": (values**2 / (values**2).sum())[:components].tolist()}


def main():
    rng = np.random.default_rng(6)
    labels = np.arange(EACH * CLASSES) % CLASSES
    middles = rng.normal(size=(CLASSES, DIM)) * 1.2
    points = np.round((rng.normal(size=(len(labels), DIM)) + middles[labels]) * DENOMINATOR)
    embedding = np.round(points @ rng.normal(size=(DIM, 2)) / 2 + rng.normal(size=(len(labels), 2)) * DENOMINATOR / 2)
    x, y = points / DENOMINATOR, embedding / DENOMINATOR
    golden = {
        "denominator": DENOMINATOR,
        "points": points.astype(int).tolist(),
        "embedding": embedding.astype(int).tolist(),
        "labels": labels.tolist(),
        "trustworthiness": {metric: trustworthiness(x, y, n_neighbors=K, metric=metric) for metric in METRICS[:-1]}
        | {"manhattan": trustworthiness_of(pairwise_distances(x, metric="manhattan"), pairwise_distances(y))},
        "continuity": {"euclidean": trustworthiness(y, x, n_neighbors=K)}
        | {metric: continuity_of(y, pairwise_distances(x, metric=metric)) for metric in METRICS[1:]},
        "knn_accuracy": knn_accuracy(y, labels),
        "silhouette": float(silhouette_score(y, labels)),
        "pca": pca(x, 3),
    }
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "embed_golden.json"), "w") as file:
        json.dump(golden, file)
        file.write("\n")


def trustworthiness_of(distances, embedded):
    """By its definition: of equal distances, which whole numbers have, the point asked about counts as the nearest."""
    n, excess = len(distances), 0
    for i in range(n):
        others = np.arange(n) != i
        for j in np.argsort(np.where(others, embedded[i], np.inf), kind="stable")[:K]:
            excess += max(0, np.sum(distances[i][others] < distances[i][j]) + 1 - K)
    return float(1 - 2 / (n * K * (2 * n - 3 * K - 1)) * excess)


def continuity_of(embedding, distances):
    """By its definition, as sklearn has no metric for the embedded side."""
    n = len(distances)
    far = distances.copy()
    np.fill_diagonal(far, np.inf)
    ranks = np.argsort(np.argsort(np.where(np.eye(n) > 0, np.inf, pairwise_distances(embedding)), axis=1), axis=1) + 1
    near = np.argsort(far, axis=1, kind="stable")[:, :K]
    excess = np.maximum(np.take_along_axis(ranks, near, axis=1) - K, 0).sum()
    return float(1 - 2 * excess / (n * K * (2 * n - 3 * K - 1)))


main()
