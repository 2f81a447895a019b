"""Figures of an independent UMAP (umap-learn) on the 10,000 MNIST test images, raw pixels: tests/golden/umap_golden.json.

Usage: python make_umap_golden.py FOLDER_OF_MNIST_IDX_FILES > umap_golden.json
Needs umap-learn and scikit-learn. Only numbers are kept; the layout's random numbers differ between programs, so they
are compared within a tolerance, over several seeds.
"""
import gzip, json, sys, time
import numpy as np
import sklearn, umap
from sklearn.metrics import silhouette_score
from sklearn.neighbors import NearestNeighbors

K = 15


def read_idx(path):
    with gzip.open(path, "rb") as file:
        data = file.read()
    dims = data[3]
    shape = [int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(dims)]
    return np.frombuffer(data, np.uint8, offset=4 + 4 * dims).reshape(shape)


def lost_ranks(x, y, k):
    """Mean of what neighbours in y that are none in x lose: 1 - that is trustworthiness of y; of x and y swapped, continuity."""
    n = len(x)
    near = NearestNeighbors(n_neighbors=k + 1).fit(y).kneighbors(y, return_distance=False)[:, 1:]
    x = x.astype(np.float64)
    square = (x * x).sum(1)
    lost = 0
    for first in range(0, n, 500):
        rows = np.arange(first, min(first + 500, n))
        distance = square[rows, None] + square[None, :] - 2 * x[rows] @ x.T
        distance[np.arange(len(rows)), rows] = -1
        order = np.sort(distance, axis=1)
        for r, i in enumerate(rows):
            ranks = np.searchsorted(order[r], distance[r, near[i]])
            lost += np.maximum(ranks - k, 0).sum()
    return 2 * lost / (n * k * (2 * n - 3 * k - 1))


def accuracy(y, labels, k):
    near = NearestNeighbors(n_neighbors=k + 1).fit(y).kneighbors(y, return_distance=False)[:, 1:]
    votes = np.zeros((len(y), 10), int)
    for j in range(k):
        np.add.at(votes, (np.arange(len(y)), labels[near[:, j]]), 1)
    return (votes.argmax(1) == labels).mean()


def main():
    folder = sys.argv[1]
    pixels = read_idx(folder + "/t10k-images-idx3-ubyte.gz").reshape(-1, 784).astype(np.float32)
    labels = read_idx(folder + "/t10k-labels-idx1-ubyte.gz").astype(int)
    runs = []
    for seed in (1, 2, 3):
        begun = time.time()
        y = umap.UMAP(random_state=seed).fit_transform(pixels)
        runs.append({
            "seed": seed,
            "seconds": round(time.time() - begun, 1),
            "trustworthiness": round(1 - lost_ranks(pixels, y, K), 5),
            "continuity": round(1 - lost_ranks(y, pixels, K), 5),
            "knn_accuracy": round(float(accuracy(y, labels, K)), 5),
            "silhouette": round(float(silhouette_score(y, labels)), 5),
        })
    json.dump({"program": "umap-learn " + umap.__version__, "scikit-learn": sklearn.__version__, "data": "mnist t10k, raw pixels",
               "k": K, "runs": runs}, sys.stdout, indent=1)
    print()


main()
