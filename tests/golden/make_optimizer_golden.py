#!/usr/bin/env python3
"""Makes optimizer_steps.safetensors: 20 steps of the network of make_golden.py by optimizers that came after it.

Run it with PyTorch 2 from anywhere:   python3 tests/golden/make_optimizer_golden.py
It reads paper_step.safetensors (first weights, images) and rewrites the file beside itself. In double precision.

Tensors, each from init/ of paper_step.safetensors:
    nesterov_clip_losses [20]   SGD 0.05, Nesterov momentum 0.9, the gradient's norm at most 0.5, weight decay 0.001 on all
    adamw_weights_losses [20]   AdamW 0.01, betas 0.8 and 0.95, weight decay 0.5 on weights of convolutions and dense layers
    muon_losses [20]            Muon 0.02, momentum 0.9, weight decay 0.1 on weights, for conv1, conv2 and dense1 as Keller Jordan's
                                github.com/KellerJordan/Muon has it but for its bfloat16; AdamW 0.02 * 0.05 for the others
    ema/NAME, ema_logits        of the SGD run: the average of decay 0.9 as tf.train.ExponentialMovingAverage(num_updates=t) has it,
                                statistics too; and what it says of batch 0
"""
import os

import numpy as np
import torch
from make_golden import BATCHES, STEPS, make_network, write_safetensors
from make_network_golden import read_safetensors
from torch import nn

HERE = os.path.dirname(os.path.abspath(__file__))


def fresh(weights):
    network = make_network()
    network.load_state_dict(weights, strict=False)
    return network.double().train()


def matrices(network):
    return [value for value in network.parameters() if value.ndim > 1]


def others(network):
    return [value for value in network.parameters() if value.ndim <= 1]


def newton_schulz(G, steps):
    a, b, c = (3.4445, -4.7750, 2.0315)
    X = G.mT if G.size(0) > G.size(1) else G
    X = X / (X.norm() + 1e-7)
    for _ in range(steps):
        A = X @ X.mT
        X = a * X + (b * A + c * A @ A) @ X
    return X.mT if G.size(0) > G.size(1) else X


class Muon(torch.optim.Optimizer):
    def __init__(self, params, lr, momentum, weight_decay, steps=5):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "steps": steps})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                buffer = state.setdefault("momentum", torch.zeros_like(p))
                buffer.lerp_(p.grad, 1 - group["momentum"])
                update = p.grad.lerp(buffer, group["momentum"])
                update = update.view(len(update), -1)
                update = newton_schulz(update, group["steps"]) * max(1, update.size(0) / update.size(1)) ** 0.5
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(update.reshape(p.shape), alpha=-group["lr"])


def as_torch_has_it(x):
    """torch.optim.Muon, which takes matrices only and computes in bfloat16, must say nearly the same of one step."""
    mine, theirs = (nn.Parameter(torch.zeros_like(x)) for _ in range(2))
    mine.grad, theirs.grad = x.clone(), x.clone()
    Muon([mine], 0.02, 0.9, 0).step()
    torch.optim.Muon([theirs], lr=0.02, momentum=0.9, weight_decay=0, nesterov=True).step()
    return ((mine - theirs).norm() / mine.norm()).item()


def train(network, optimizers, x, y, before=lambda: None, after=lambda step: None):
    losses = []
    for step in range(STEPS):
        network.zero_grad()
        loss = nn.functional.cross_entropy(network(x[step % BATCHES]), y[step % BATCHES])
        loss.backward()
        before()
        for optimizer in optimizers:
            optimizer.step()
        after(step)
        losses.append(loss.item())
    print(np.array(losses).round(4).tolist())
    return np.array(losses)


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    paper = read_safetensors(os.path.join(HERE, "paper_step.safetensors"))
    x, y = torch.from_numpy(paper["images"]).double() / 255, torch.from_numpy(paper["labels"]).long()
    weights = {name[5:]: torch.from_numpy(value) for name, value in paper.items() if name.startswith("init/")}
    out = {}

    network = fresh(weights)
    average = {name: value.clone() for name, value in network.state_dict().items() if "num_batches" not in name}

    def follow(step):
        decay = min(0.9, (2 + step) / (11 + step))
        for name, value in network.state_dict().items():
            if name in average:
                average[name] = decay * average[name] + (1 - decay) * value

    norms = []
    sgd = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.001)
    out["nesterov_clip_losses"] = train(
        network, [sgd], x, y, lambda: norms.append(nn.utils.clip_grad_norm_(network.parameters(), 0.5).item()), follow)
    print("norms", np.array(norms).round(2).tolist())
    mean = fresh({name: value.float() for name, value in average.items()}).eval()
    mean.load_state_dict(average, strict=False)
    with torch.no_grad():
        out["ema_logits"] = mean(x[0]).numpy()
    for name in ("bn1.running_var", "bn2.bias", "dense2.weight"):
        out["ema/" + name] = average[name].numpy()

    network = fresh(weights)
    out["adamw_weights_losses"] = train(network, [torch.optim.AdamW([
        {"params": matrices(network), "weight_decay": 0.5}, {"params": others(network), "weight_decay": 0}],
        lr=0.01, betas=(0.8, 0.95), eps=1e-8)], x, y)

    network = fresh(weights)
    head = network.dense2.weight
    hidden = [value for value in matrices(network) if value is not head]
    out["muon_losses"] = train(network, [
        Muon(hidden, 0.02, 0.9, 0.1),
        torch.optim.AdamW([{"params": [head], "weight_decay": 0.1}, {"params": others(network), "weight_decay": 0}],
                          lr=0.02 * 0.05, betas=(0.9, 0.999), eps=1e-8)], x, y)
    draw = torch.Generator().manual_seed(3)
    print("torch.optim.Muon is off by", as_torch_has_it(torch.randn(24, 40, generator=draw)))
    write_safetensors(os.path.join(HERE, "optimizer_steps.safetensors"), out)
    print(os.path.getsize(os.path.join(HERE, "optimizer_steps.safetensors")), "bytes")


if __name__ == "__main__":
    main()
