#!/usr/bin/env python3
"""Makes adaptation_losses.safetensors and adaptation_steps.safetensors: what PyTorch says about losses of images without labels,
and about trainings that adapt.

Run it with PyTorch 2.15 from anywhere:   python3 tests/golden/make_adaptation_golden.py
It rewrites the file beside itself, which is kept in the repository. Losses are written here from the papers, with gradients by
PyTorch, in double precision.

    consistency/p, q [20,7], loss [1], d [20,7]     French et al. 2018: student, teacher; weight 3, threshold 0.6, balance 0.05
    coral/x [20,5], other [14,5], loss [1], d [20,5], d_other [14,5]    Sun, Saenko 2016, by torch.cov; weight 2
    score/p [20,7], loss [1]                        log K less the mutual information

adaptation_steps.safetensors: source, target [16,2,8,6] (integers), label [16], init/NAME, and for every METHOD the tensors METHOD/NAME
behind three steps of SGD (rate 0.1, momentum 0.9) over all 16 + 16 images: of mean-teacher those of the teacher. Written here from the
papers; batch norm is functional, so that which pass moves the running statistics stands in the code.
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


# ---- Steps

NAMES = ("conv1.weight", "bn1.weight", "bn1.bias", "dense1.weight", "dense1.bias", "domain.weight", "domain.bias", "dense2.weight",
         "dense2.bias")


def network(w, x, stats=None, evaluation=False, factor=0.0):
    """Logits, features, logits of the domain; running statistics [mean, variance] in `stats` are moved in place."""
    mean, variance = stats if stats else (torch.zeros(4).double(), torch.ones(4).double())
    y = F.conv2d(x, w["conv1.weight"], padding=1)
    y = F.silu(F.batch_norm(y, mean, variance, w["bn1.weight"], w["bn1.bias"], not evaluation, 0.1, 1e-5))
    f = F.silu(F.linear(F.avg_pool2d(y, 2).flatten(1), w["dense1.weight"], w["dense1.bias"]))
    turned = f.detach() * (1 + factor) - f * factor  # the same value, the gradient turned round
    domain = F.linear(turned, w["domain.weight"], w["domain.bias"])
    return F.linear(f, w["dense2.weight"], w["dense2.bias"]), f, domain


def coral_extra(w, source, target, stats, step, t):
    fs, ft = network(w, source)[1], network(w, target, stats)[1]
    return 2 * ((torch.cov(fs.T) - torch.cov(ft.T)) ** 2).sum() / (4 * fs.shape[1] ** 2)


def dann_extra(w, source, target, stats, step, t):
    factor = 2 / (1 + math.exp(-10 * step / 3)) - 1
    ds, dt = network(w, source, factor=factor)[2], network(w, target, stats, factor=factor)[2]
    return 1.5 * (F.cross_entropy(ds, torch.zeros(16).long()) + F.cross_entropy(dt, torch.ones(16).long()))


def teacher_extra(w, source, target, stats, step, t):
    with torch.no_grad():
        q = F.softmax(network(t, target)[0], 1)
    p = F.softmax(network(w, target, stats)[0], 1)
    sure = q.max(1).values
    assert (sure - 0.8).abs().min() > 1e-4 and (step > 0 or 2 < (sure > 0.8).sum() < 16), sure
    mask = (sure > 0.8).double()
    balance = 3 * F.binary_cross_entropy(p.mean(0), torch.full((3,), 1 / 3).double())
    return 4 * ((mask * ((p - q) ** 2).mean(1)).mean() + 0.5 * mask.mean() * balance)


class Selves:
    """Labels for half of each class's images in steps 0 and 1, for 0.7 of them in step 2."""

    def __call__(self, w, source, target, stats, step, t):
        if step % 2 == 0:
            with torch.no_grad():
                p = F.softmax(network(w, target, [s.clone() for s in stats], evaluation=True)[0], 1)
            best, share = p.argmax(1), 0.5 + 0.1 * (step // 2)
            self.label = torch.full((16,), -1)
            for k in range(3):
                own = [i for i in range(16) if best[i] == k]
                own.sort(key=lambda i: -p[i, k])
                for i in own[: max(1, math.ceil(share * len(own) - 1e-9)) if own else 0]:
                    self.label[i] = k
        return 1.5 * F.cross_entropy(network(w, target, stats)[0], self.label, ignore_index=-1)


def train(init, source, target, label, extra):
    w = {name: value.clone().requires_grad_() for name, value in init.items()}
    stats = [torch.zeros(4).double(), torch.ones(4).double()]
    t = {name: value.clone() for name, value in init.items()}
    t_stats = [s.clone() for s in stats]
    optimizer = torch.optim.SGD(w.values(), 0.1, momentum=0.9)
    for step in range(3):
        optimizer.zero_grad()
        loss = F.cross_entropy(network(w, source)[0], label) + extra(w, source, target, stats, step, t)
        loss.backward()
        optimizer.step()
        decay = min(0.5, (2 + step) / (11 + step))
        for name in w:
            t[name] = decay * t[name] + (1 - decay) * w[name].detach()
        t_stats = [decay * a + (1 - decay) * b for a, b in zip(t_stats, stats)]
    if extra is teacher_extra:
        w, stats = t, t_stats
    return {**{name: value.detach() for name, value in w.items()}, "bn1.running_mean": stats[0], "bn1.running_var": stats[1]}


def steps():
    draw = np.random.default_rng(31)
    images = [torch.from_numpy(draw.integers(0, 256, (16, 2, 8, 6))).double() for _ in range(2)]
    images[1] = torch.floor(images[1] * 0.5 + 60)
    shapes = {"conv1.weight": (4, 2, 3, 3), "bn1.weight": (4,), "bn1.bias": (4,), "dense1.weight": (6, 48), "dense1.bias": (6,),
              "domain.weight": (2, 6), "domain.bias": (2,), "dense2.weight": (3, 6), "dense2.bias": (3,)}
    scale = {"dense1.weight": 0.3, "bn1.weight": 0.1}
    init = {n: torch.from_numpy(draw.normal(n == "bn1.weight", scale.get(n, 0.5), shapes[n]).astype(np.float32)).double() for n in NAMES}
    label = torch.from_numpy(draw.integers(0, 3, 16))
    out = {"source": images[0], "target": images[1], "label": label}
    out.update({f"init/{n}": v for n, v in init.items()})
    out["init/bn1.running_mean"], out["init/bn1.running_var"] = torch.zeros(4), torch.ones(4)
    for method, extra in {"coral": coral_extra, "dann": dann_extra, "mean-teacher": teacher_extra, "self-train": Selves()}.items():
        result = train(init, images[0] / 255, images[1] / 255, label, extra)
        out.update({f"{method}/{name}": value for name, value in result.items()})
    return out


def main():
    write_safetensors(os.path.join(HERE, "adaptation_steps.safetensors"),
                      {key: np.asarray(value, dtype=np.float32) for key, value in steps().items()})
    draw = np.random.default_rng(23)
    parts = {"consistency": consistency(draw), "coral": coral(draw), "score": score(draw)}
    tensors = {f"{name}/{key}": value.numpy().astype(np.float32) for name, part in parts.items() for key, value in part.items()}
    write_safetensors(os.path.join(HERE, "adaptation_losses.safetensors"), tensors)


if __name__ == "__main__":
    main()
