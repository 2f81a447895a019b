#!/usr/bin/env python3
"""Makes class_losses.safetensors: what independent programs say about losses that know how many images a class has, and about
SMOTE.

Run it with PyTorch 2.15, scikit-learn 1.9 and imbalanced-learn 0.14 from anywhere:   python3 tests/golden/make_loss_golden.py
It rewrites the file beside itself, which is kept in the repository. Losses are written here from the papers, with gradients by
PyTorch, in double precision.

    logits [12,7], label, partner, share [12] (one label is -1: no target), counts [7], class_weights [7]
    teacher [12,7]                      another network's logits (Hinton et al. 2015)
    CASE/loss [12], CASE/d [12,7]       of each image, and the gradient of their sum by the logits, for each CASE below
    balanced, effective_0.9, effective_0.999 [7]    class weights from counts
    smote/images [30,12], smote/neighbors [30,5]    whole numbers as pixels of 4 x 3 x 1; the five nearest
    smote/row, column, step [20], smote/made [20,12]    random choices of imbalanced-learn, and the images it made by them
"""
import os

import numpy as np
import torch
import torch.nn.functional as F
from imblearn.over_sampling import SMOTE
from sklearn.neighbors import NearestNeighbors
from sklearn.utils.class_weight import compute_class_weight

from make_golden import write_safetensors

HERE = os.path.dirname(os.path.abspath(__file__))
N, M = 12, 7


def focal(z, q, gamma):
    """Lin et al. 2017, equation 4, of every class by its share."""
    p = F.softmax(z, 1)
    return (-q * (1 - p) ** gamma * F.log_softmax(z, 1)).sum(1)


def ldam(z, label, counts, weights, largest, scale):
    """As in Cao et al. 2019, equations 11 to 13: margins by counts^(-1/4), of which the largest is `largest`."""
    margin = counts ** -0.25
    margin = margin * (largest / margin.max())
    one = F.one_hot(label.clamp(min=0), len(counts)).double()
    return F.cross_entropy(scale * (z - one * margin), label, weights, reduction="none", ignore_index=-1)


def distilled(z, teacher, share, weight, temperature, loss):
    """Hinton et al. 2015: the divergence at the temperature, times its square, beside the loss by labels."""
    divergence = F.kl_div(F.log_softmax(z / temperature, 1), F.log_softmax(teacher / temperature, 1), reduction="none",
                          log_target=True).sum(1)
    return (1 - share) * loss + share * temperature ** 2 * weight * divergence


def losses():
    draw = np.random.default_rng(19)
    logits = torch.from_numpy(draw.normal(0, 2, (N, M)).astype(np.float32)).double()
    label = torch.from_numpy(draw.integers(0, M, N))
    partner = (label + torch.from_numpy(draw.integers(1, M, N))) % M
    label[4] = -1
    share = torch.from_numpy(draw.uniform(0.5, 1, N).astype(np.float32)).double()
    weights = torch.from_numpy(draw.uniform(0.2, 3, M).astype(np.float32)).double()
    counts = torch.tensor([500, 20, 7, 130, 60, 1000, 3]).double()
    prior = torch.log(counts / counts.sum())
    present = (label >= 0).double()[:, None]
    one = lambda k: F.one_hot(k.clamp(min=0), M).double()
    hard = present * one(label)
    soft = present * (share[:, None] * one(label) + (1 - share[:, None]) * one(partner))
    smooth = lambda q: present * (0.9 * q + 0.1 / M)
    teacher = torch.from_numpy(np.random.default_rng(20).normal(0, 3, (N, M)).astype(np.float32)).double()
    mean_weight = (soft * weights).sum(1)
    out = {"teacher": teacher, "logits": logits, "label": label, "partner": partner, "share": share, "counts": counts, "class_weights": weights}
    cases = {
        "focal": lambda z: focal(z, hard, 2),
        "focal_half": lambda z: focal(z, weights * hard, 0.5),
        "focal_zero": lambda z: F.cross_entropy(z, label, reduction="none", ignore_index=-1),
        "focal_soft": lambda z: focal(z, soft, 2),
        "focal_all": lambda z: focal(z + 1.5 * prior, weights * smooth(soft), 3),
        "adjust": lambda z: F.cross_entropy(z + prior, label, reduction="none", ignore_index=-1),
        "adjust_all": lambda z: F.cross_entropy(z + 0.5 * prior, label, weights, reduction="none", ignore_index=-1,
                                                label_smoothing=0.1),
        "ldam": lambda z: ldam(z, label, counts, None, 0.5, 30),
        "ldam_weights": lambda z: ldam(z, label, counts, weights, 0.8, 2),
        "ldam_soft": lambda z: share * ldam(z, label, counts, weights, 0.8, 2)
        + present[:, 0] * (1 - share) * ldam(z, partner, counts, weights, 0.8, 2),
        "teacher_alone": lambda z: distilled(z, teacher, 1, present[:, 0], 4, 0),
        "teacher_half": lambda z: distilled(z, teacher, 0.5, present[:, 0], 1,
                                            F.cross_entropy(z, label, reduction="none", ignore_index=-1)),
        "teacher_all": lambda z: distilled(z, teacher, 0.75, mean_weight, 2.5, focal(z + 1.5 * prior, weights * smooth(soft), 3)),
    }
    for name, of in cases.items():
        z = logits.clone().requires_grad_()
        values = of(z)
        values.sum().backward()
        out[name + "/loss"], out[name + "/d"] = values.detach(), z.grad
    y = np.repeat(np.arange(M), counts.numpy().astype(int))
    out["balanced"] = compute_class_weight("balanced", classes=np.arange(M), y=y)
    for beta in (0.9, 0.999):
        w = (1 - beta) / (1 - beta ** counts.numpy())
        out[f"effective_{beta}"] = w / w.sum() * M
    return out


def smote():
    draw = np.random.default_rng(2)
    images = draw.integers(0, 256, (30, 12)).astype(np.float64)
    found = NearestNeighbors(n_neighbors=6).fit(images)
    distances, near = found.kneighbors(images)
    assert (np.diff(distances, axis=1) > 0).all(), "ties"
    near = near[:, 1:]
    made, _ = SMOTE(random_state=7)._make_samples(images, int, 1, images, near, 20, 1.0)
    choice = np.random.RandomState(7)  # the same numbers once more
    places, step = choice.randint(0, near.size, 20), choice.uniform(size=20)
    row, column = np.divmod(places, 5)
    assert np.allclose(made, images[row] + step[:, None] * (images[near[row, column]] - images[row]))
    return {"smote/images": images, "smote/neighbors": near, "smote/row": row, "smote/column": column, "smote/step": step,
            "smote/made": made}


def main():
    path = os.path.join(HERE, "class_losses.safetensors")
    write_safetensors(path, {key: np.asarray(value, dtype=np.float32) for key, value in {**losses(), **smote()}.items()})
    print(path, os.path.getsize(path), "bytes")


if __name__ == "__main__":
    main()
