#!/usr/bin/env python3
"""Makes adaptation_losses.safetensors: what PyTorch says about losses of images without labels.

Run it with PyTorch 2.15 from anywhere:   python3 tests/golden/make_adaptation_golden.py
It rewrites the file beside itself, which is kept in the repository. Losses are written here from the papers, with gradients by
PyTorch, in double precision.

    consistency/p, q [20,7], loss [1], d [20,7]     French et al. 2018: student, teacher; weight 3, threshold 0.6, balance 0.05
    coral/x [20,5], other [14,5], loss [1], d [20,5], d_other [14,5]    Sun, Saenko 2016, by torch.cov; weight 2
    score/p [20,7], loss [1]                        log K less the mutual information
"""
import math
import os

import numpy as np
import torch
import torch.nn.functional as F

from make_golden import write_safetensors

HERE = os.path.dirname(os.path.abspath(__file__))
N, M, SIZE = 20, 7, 5


def consistency(draw):
    z = torch.from_numpy(draw.normal(0, 1.5, (N, M))).requires_grad_()
    q = F.softmax(torch.from_numpy(draw.normal(0, 3, (N, M))), 1).float().double()
    p = F.softmax(z, 1)
    mask = (q.max(1).values > 0.6).double()
    assert 3 < mask.sum() < N
    mean = p.mean(0)
    balance = M * F.binary_cross_entropy(mean, torch.full((M,), 1 / M).double())
    loss = 3 * ((mask * ((p - q) ** 2).mean(1)).mean() + 0.05 * mask.mean() * balance)
    loss.backward()
    return {"p": p.detach(), "q": q, "loss": loss.detach().reshape(1), "d": z.grad}


def coral(draw):
    x = torch.from_numpy(draw.normal(0, 2, (N, SIZE)).astype(np.float32)).double().requires_grad_()
    other = torch.from_numpy(draw.normal(1, 1, (14, SIZE)).astype(np.float32)).double().requires_grad_()
    loss = 2 * ((torch.cov(x.T) - torch.cov(other.T)) ** 2).sum() / (4 * SIZE**2)
    loss.backward()
    return {"x": x.detach(), "other": other.detach(), "loss": loss.detach().reshape(1), "d": x.grad, "d_other": other.grad}


def score(draw):
    p = F.softmax(torch.from_numpy(draw.normal(0, 2, (N, M))), 1)
    entropy = torch.distributions.Categorical(probs=p).entropy().mean()
    information = torch.distributions.Categorical(probs=p.mean(0)).entropy() - entropy
    return {"p": p, "loss": (math.log(M) - information).reshape(1)}


def main():
    draw = np.random.default_rng(23)
    parts = {"consistency": consistency(draw), "coral": coral(draw), "score": score(draw)}
    tensors = {f"{name}/{key}": value.numpy().astype(np.float32) for name, part in parts.items() for key, value in part.items()}
    write_safetensors(os.path.join(HERE, "adaptation_losses.safetensors"), tensors)


if __name__ == "__main__":
    main()
