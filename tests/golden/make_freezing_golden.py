#!/usr/bin/env python3
"""Makes freezing_steps.safetensors: what an independent framework says of fine-tuning with a frozen part.

Run it with PyTorch 2.15 (and numpy) from anywhere:   python3 tests/golden/make_freezing_golden.py
The network, its first weights and the images are those of the case resnet8 (make_network_golden.py, network_steps.safetensors,
paper_step.safetensors). Frozen are its layers up to relu3, the first group's: they are in evaluation mode, in double precision:

    loss [1], grad/NAME, stats/NAME      batch 0 at the first weights: gradients of what learns, running statistics after the pass
    sgd_losses, adamw_losses [20]        of each step: SGD 0.05 with momentum 0.9, weight decay 0.001; AdamW 0.01, weight decay
                                         0.05. In the first 6 steps the dense layer learns alone; from then on all behind relu3,
                                         the dense layer at that rate, the others at a fifth of it
    sgd_final/NAME, adamw_final/NAME     two tensors after them
"""
import os

import numpy as np
import torch
import torch.nn.functional as F

from make_golden import write_safetensors
from make_network_golden import BATCHES, HERE, STEPS, ResNet8, off, read_safetensors

FROZEN, HEAD_STEPS = ("conv1", "bn1", "conv2", "bn2", "conv3", "bn3"), 6


def freeze(network, learns):
    for name, module in network.named_children():
        module.train(learns(name))
        for value in module.parameters():
            value.requires_grad_(learns(name))


def behind(name):
    return name not in FROZEN


def fresh(weights, dtype):
    network = ResNet8().to(dtype)
    network.load_state_dict(weights, strict=False)
    return network


def loss_of(network, x, y, step):
    return F.cross_entropy(network(x[step % BATCHES]), y[step % BATCHES])


def train(weights, make_optimizer, rate, x, y, dtype):
    network = fresh(weights, dtype)
    head, rest = list(network.dense1.parameters()), [v for k, v in network.named_parameters() if "dense1" not in k]
    optimizer = make_optimizer([{"params": head}, {"params": rest, "lr": rate / 5}])
    losses = []
    for step in range(STEPS):
        freeze(network, (lambda name: name == "dense1") if step < HEAD_STEPS else behind)
        optimizer.zero_grad()
        loss = loss_of(network, x.to(dtype), y, step)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return np.array(losses), network.state_dict()


def figures(weights, x, y, dtype):
    network = fresh(weights, dtype)
    freeze(network, behind)
    loss = loss_of(network, x.to(dtype), y, 0)
    loss.backward()
    found = {"loss": np.array([loss.item()])}
    found.update({"grad/" + k: v.grad.numpy() for k, v in network.named_parameters() if v.grad is not None})
    found.update({"stats/" + k: v.numpy().copy() for k, v in network.named_buffers() if "running" in k})
    for kind, make, rate in [
            ("sgd", lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.001), 0.05),
            ("adamw", lambda p: torch.optim.AdamW(p, lr=0.01, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05), 0.01)]:
        found[kind + "_losses"], state = train(weights, make, rate, x, y, dtype)
        for key in ("dense1.weight", "conv6.weight"):
            found["%s_final/%s" % (kind, key)] = state[key].numpy()
    return found


def main():
    steps = read_safetensors(os.path.join(HERE, "network_steps.safetensors"))
    images = read_safetensors(os.path.join(HERE, "paper_step.safetensors"))
    weights = {key.removeprefix("resnet8/init/"): torch.from_numpy(value) for key, value in steps.items()
               if key.startswith("resnet8/init/")}
    x = torch.from_numpy(images["images"].reshape(BATCHES, 12, 3, 12, 10)).double() / 255
    y = torch.from_numpy(images["labels"].reshape(BATCHES, 12)).long()
    right, single = figures(weights, x, y, torch.float64), figures(weights, x, y, torch.float32)
    for key, value in right.items():
        print("%-24s float32 is off by %.1e" % (key, off(single[key], value)))
    path = os.path.join(HERE, "freezing_steps.safetensors")
    write_safetensors(path, right)
    print(path, os.path.getsize(path), "bytes")


if __name__ == "__main__":
    main()
