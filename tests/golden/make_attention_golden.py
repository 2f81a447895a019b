#!/usr/bin/env python3
"""Makes attention_rollout.safetensors: attention rollout as PyTorch's own attention weights and whole matrix products in NumPy have it.

Run it with PyTorch 2.15 (and numpy) from anywhere:   python3 tests/golden/make_attention_golden.py
It rewrites the file beside itself, which is kept in the repository. Weights are those of make_network_golden.py's formula(), with
in_proj_weight times 1.5, so that heads attend to something; images are waves of triangles (waves()). All in double precision.

For every CASE below, of two images: CASE/rollout [2][H][W], and of each layer N, CASE/headsN [2][heads][H][W], the mean over
queries.
"""
import os

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from make_golden import write_safetensors
from make_network_golden import formula

HERE = os.path.dirname(os.path.abspath(__file__))
CLASSES = 10


def waves(C, H, W):
    n, c, y, x = np.ogrid[0:2, 0:C, 0:H, 0:W]
    wave = (x * (13 + 20 * n) + y * (22 + 7 * c) + x * y * (1 + n) + 40 * c) % 512
    return torch.from_numpy(np.where(wave < 256, wave, 511 - wave).astype(np.float64) / 255)


class Weights:
    """Of the model line's tensors, by name."""

    def __getitem__(self, name_and_shape):
        name, shape = name_and_shape
        return formula(name, shape).double() * (1.5 if name.endswith("in_proj_weight") else 1)

    def norm(self, name, x):
        C = x.shape[-1]
        return F.layer_norm(x, (C,), self[name + ".weight", (C,)], self[name + ".bias", (C,)])

    def dense(self, name, x, K):
        C = x.shape[-1]
        return F.linear(x, self[name + ".weight", (K, C, 1, 1)].flatten(1), self[name + ".bias", (K,)])

    def attend(self, name, x, heads):
        """Its output, and the weights [images][heads][queries][keys]."""
        C = x.shape[-1]
        layer = nn.MultiheadAttention(C, heads, batch_first=True).double()
        layer.load_state_dict({"in_proj_weight": self[name + ".in_proj_weight", (3 * C, C)],
                               "in_proj_bias": self[name + ".in_proj_bias", (3 * C,)],
                               "out_proj.weight": self[name + ".out_proj.weight", (C, C)],
                               "out_proj.bias": self[name + ".out_proj.bias", (C,)]})
        return layer(x, x, x, need_weights=True, average_attn_weights=False)


def vit_tiny(x):
    """patch 4 128 | position | 6x( res( layernorm | attention 4 ) | res( layernorm | conv 256 1x1 | gelu | conv 128 1x1 ) ) | .."""
    weights, all_weights = Weights(), []
    x = F.conv2d(x, weights["patch1.weight", (128, x.shape[1], 4, 4)], weights["patch1.bias", (128,)], 4)
    grid = x.shape[2:]
    x = x.flatten(2).transpose(1, 2)
    x = x + weights["position1.weight", (x.shape[1], 128)]
    for i in range(1, 7):
        y, A = weights.attend("attention%d" % i, weights.norm("layernorm%d" % (2 * i - 1), x), 4)
        all_weights.append(A)
        x = x + y
        y = F.gelu(weights.dense("conv%d" % (2 * i - 1), weights.norm("layernorm%d" % (2 * i), x), 256))
        x = x + weights.dense("conv%d" % (2 * i), y, 128)
    return grid, all_weights


def behind(x):
    """conv 24 3x3 stride 2 | bn | relu | res( layernorm | attention 3 ) | res( layernorm | attention 6 ) | .."""
    weights, all_weights = Weights(), []
    x = F.conv2d(x, weights["conv1.weight", (24, x.shape[1], 3, 3)], None, 2, 1)
    x = F.relu(F.batch_norm(x, *(weights["bn1." + what, (24,)] for what in ("running_mean", "running_var", "weight", "bias"))))
    grid = x.shape[2:]
    x = x.flatten(2).transpose(1, 2)
    for i, heads in (1, 3), (2, 6):
        y, A = weights.attend("attention%d" % i, weights.norm("layernorm%d" % i, x), heads)
        all_weights.append(A)
        x = x + y
    return grid, all_weights


def rollout(all_weights):
    """Abnar and Zuidema's matrix of each image: (A + I) / 2 with rows that sum to 1, the last layer leftmost."""
    positions = all_weights[0].shape[-1]
    product = np.eye(positions)
    for A in all_weights:
        mixed = A.mean(axis=1) + np.eye(positions)
        product = mixed / mixed.sum(axis=-1, keepdims=True) @ product
    return product


CASES = {"grey": (vit_tiny, (1, 28, 28)), "colour": (vit_tiny, (3, 32, 32)), "wide": (vit_tiny, (3, 20, 36)),
         "behind": (behind, (3, 12, 10))}


def main():
    torch.set_num_threads(1)
    out = {}
    for name, (network, shape) in CASES.items():
        with torch.no_grad():
            grid, all_weights = network(waves(*shape))
        all_weights = [A.numpy() for A in all_weights]
        product = rollout(all_weights)
        assert np.allclose(product.sum(-1), 1)
        out[name + "/rollout"] = product.mean(axis=1).reshape(2, *grid)
        for i, A in enumerate(all_weights, 1):
            out["%s/heads%d" % (name, i)] = A.mean(axis=2).reshape(2, A.shape[1], *grid)
        print(name, "largest weight %.3f, largest share x positions %.2f" % (max(A.max() for A in all_weights),
                                                                         out[name + "/rollout"].max() * product.shape[-1]))
    path = os.path.join(HERE, "attention_rollout.safetensors")
    write_safetensors(path, out)
    print(path, os.path.getsize(path), "bytes")


if __name__ == "__main__":
    main()
