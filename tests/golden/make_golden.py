#!/usr/bin/env python3
"""Makes paper_step.safetensors, what an independent framework says about a few training steps.

Run it with Debian's python3-torch (1.13) from anywhere:   /usr/bin/python3 tests/golden/make_golden.py
It rewrites the file beside itself. The file is kept in the repository, so nobody needs PyTorch to run the tests; run this
again only to change what is tested. Same versions, same machine: the same bytes.

The network is a small relative of the study's, odd and not square on purpose. Input 3 x 12 x 10, batch 12:
    conv 8 3x3 | bn | relu | maxpool 2 | conv 12 3x3 | bn | relu | maxpool 2 | dense 16 | relu | dense 10
Convolutions pad by 1 and have no bias; bn has eps 1e-5 and momentum 0.1 (running variance unbiased); the loss is the mean
cross-entropy. Inputs are integers / 255.

Tensors:
    images [4,12,3,12,10], labels [4,12]    four batches, used in turn: step s uses batch s mod 4
    init/NAME                               the weights before the first step
    logits [12,10], loss [1], grad/NAME     batch 0 at those weights, in training mode
    sgd_losses, adam_losses, adamw_losses [20]   the loss of each step, each from init/: SGD 0.05, momentum 0.9, weight
                                            decay 0.001; Adam 0.01; AdamW 0.01, weight decay 0.05
    sgd_losses_f64, adam_..., adamw_...     the same in double precision, rounded at the end: how far float32 drifts
    sgd_final/NAME                          bn's running statistics and conv1.weight after the 20 SGD steps
    sgd_final_logits [12,10]                batch 0 then, in evaluation mode
"""
import json
import os
import struct

import numpy as np
import torch
from torch import nn

BATCHES, N, C, H, W, K, STEPS = 4, 12, 3, 12, 10, 10, 20


def make_network():
    network = nn.Sequential()
    network.add_module("conv1", nn.Conv2d(C, 8, 3, padding=1, bias=False))
    network.add_module("bn1", nn.BatchNorm2d(8))
    network.add_module("relu1", nn.ReLU())
    network.add_module("pool1", nn.MaxPool2d(2))
    network.add_module("conv2", nn.Conv2d(8, 12, 3, padding=1, bias=False))
    network.add_module("bn2", nn.BatchNorm2d(12))
    network.add_module("relu2", nn.ReLU())
    network.add_module("pool2", nn.MaxPool2d(2))
    network.add_module("flatten", nn.Flatten())
    network.add_module("dense1", nn.Linear(12 * (H // 4) * (W // 4), 16))
    network.add_module("relu3", nn.ReLU())
    network.add_module("dense2", nn.Linear(16, K))
    return network


def make_batches():
    """Each class is a smooth pattern with noise, so that there is something to learn and no two pixels tie for long."""
    draw = np.random.default_rng(7)
    rows, columns = np.mgrid[0:H, 0:W]
    labels = draw.integers(0, K, (BATCHES, N))
    images = np.empty((BATCHES, N, C, H, W))
    for b in range(BATCHES):
        for n in range(N):
            k = labels[b, n]
            for c in range(C):
                wave = np.sin(0.35 * (k + 1) * rows / (c + 1) + 0.5 * c) * np.cos(0.25 * (10 - k) * columns)
                images[b, n, c] = 128 + 80 * wave
    images = np.clip(np.rint(images + draw.normal(0, 25, images.shape)), 0, 255)
    return images.astype(np.float32), labels


def make_weights():
    torch.manual_seed(11)
    network = make_network()
    with torch.no_grad():
        for bn in (network.bn1, network.bn2):
            bn.weight.copy_(1 + 0.3 * torch.randn(bn.num_features))
            bn.bias.copy_(0.2 * torch.randn(bn.num_features))
            bn.running_mean.copy_(0.1 * torch.randn(bn.num_features))
            bn.running_var.copy_(0.5 + torch.rand(bn.num_features))
    return {name: value.clone() for name, value in network.state_dict().items() if "num_batches" not in name}


def fresh(weights, dtype):
    network = make_network()
    network.load_state_dict(weights, strict=False)
    return network.to(dtype).train()


def train(weights, make_optimizer, x, y, dtype):
    network = fresh(weights, dtype)
    optimizer = make_optimizer(network.parameters())
    losses = []
    for step in range(STEPS):
        batch = step % BATCHES
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(x[batch].to(dtype)), y[batch])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return network, np.array(losses)


def write_safetensors(path, tensors):
    header, offset = {}, 0
    arrays = {name: np.ascontiguousarray(array, dtype="<f4") for name, array in tensors.items()}
    for name, array in arrays.items():
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for array in arrays.values():
            file.write(array.tobytes())


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    images, labels = make_batches()
    x, y = torch.from_numpy(images) / 255, torch.from_numpy(labels)
    weights = make_weights()
    out = {"images": images, "labels": labels}
    out.update({"init/" + name: value.numpy() for name, value in weights.items()})

    network = fresh(weights, torch.float32)
    logits = network(x[0])
    loss = nn.functional.cross_entropy(logits, y[0])
    loss.backward()
    out["logits"], out["loss"] = logits.detach().numpy(), [loss.item()]
    out.update({"grad/" + name: value.grad.numpy() for name, value in network.named_parameters()})

    optimizers = {
        "sgd": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.001),
        "adam": lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.9, 0.999), eps=1e-8, weight_decay=0),
        "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05),
    }
    for name, make_optimizer in optimizers.items():
        network, losses = train(weights, make_optimizer, x, y, torch.float32)
        _, exact = train(weights, make_optimizer, x, y, torch.float64)
        out[name + "_losses"], out[name + "_losses_f64"] = losses, exact
        print(name, "losses", losses.round(4).tolist(), "largest difference from double", np.abs(losses - exact).max())
        if name == "sgd":
            for key, value in network.state_dict().items():
                if "running" in key or key == "conv1.weight":
                    out["sgd_final/" + key] = value.numpy()
            with torch.no_grad():
                out["sgd_final_logits"] = network.eval()(x[0]).numpy()

    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "paper_step.safetensors")
    write_safetensors(path, out)
    print(path, os.path.getsize(path), "bytes")


if __name__ == "__main__":
    main()
