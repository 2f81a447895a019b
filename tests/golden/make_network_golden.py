#!/usr/bin/env python3
"""Makes network_steps.safetensors and losses.safetensors: what an independent framework says about every kind of layer in
training, about ResNet-18, and about losses.

Run it with PyTorch 2.15 (and numpy) from anywhere:   python3 tests/golden/make_network_golden.py
It rewrites the files beside itself, which are kept in the repository, so nobody needs PyTorch to run the tests. The networks
are written here once more, with PyTorch's own layers; their modules have the names of the model line's layers.
All figures are computed in double precision and rounded at the end. Where a value comes within rounding of an activation's
kink or ties in a pool, an engine that rounds elsewhere goes another way and is no less right; so first weights are taken from
the first seed with which neither float32 nor weights off by a millionth come further from the figures than half of what the
test allows.

network_steps.safetensors, for every CASE below, of the images and labels of paper_step.safetensors (four batches of
12 x 3 x 12 x 10, used in turn, integers / 255):
    CASE/init/NAME                      the weights before the first step
    CASE/logits [12,10], CASE/loss [1], CASE/grad/NAME    batch 0 at those weights, in training mode
    CASE/stats/NAME, CASE/eval_logits [12,10]    the running statistics after that pass; batch 0 with them, in evaluation mode
    CASE/sgd_losses, adam_.., adamw_.. [20]    the loss of each step, each from init/: SGD 0.05 with momentum 0.9, weight decay
                                        0.001; Adam 0.01; AdamW 0.01, weight decay 0.05
and, of the images that picture() makes, in evaluation mode:
    resnet18/logits [2,1000]            3 x 64 x 64; every weight by formula(): none is stored

losses.safetensors: logits [12,7], label, partner [12], share [12], class_weights [7], and for every CASE the loss of each
image, CASE/loss [12], and the gradient of their sum by the logits, CASE/d [12,7]. One label is -1: no target.
"""
import json
import math
import os
import struct

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from make_golden import write_safetensors

BATCHES, N, C, H, W, K, STEPS = 4, 12, 3, 12, 10, 10, 20
HERE = os.path.dirname(os.path.abspath(__file__))


# ---- Layers that PyTorch has not got, or not under these names of tensors

class Shortcut(nn.Module):
    """RES.0 and RES.1: what makes the input as large as the output."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.add_module("0", nn.Conv2d(inputs, outputs, 1, stride, bias=False))
        self.add_module("1", nn.BatchNorm2d(outputs))

    def forward(self, x):
        return self.get_submodule("1")(self.get_submodule("0")(x))


class Gate(nn.Module):
    def __init__(self, channels, reduction):
        super().__init__()
        self.fc1 = nn.Linear(channels, channels // reduction)
        self.fc2 = nn.Linear(channels // reduction, channels)

    def forward(self, x):
        return x * torch.sigmoid(self.fc2(F.relu(self.fc1(x.mean((2, 3))))))[:, :, None, None]


class ChannelNorm(nn.LayerNorm):
    """Over the channels of each position of an image."""

    def forward(self, x):
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class Position(nn.Module):
    def __init__(self, positions, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(positions, channels))

    def forward(self, tokens):
        return tokens + self.weight


class Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, dy):
        return -0.5 * dy


def same_pad(x, window, stride):
    """TensorFlow's SAME: as many outputs as ceil(side / stride), what is odd at the bottom and on the right."""
    total = [max((-(-side // stride) - 1) * stride + window - side, 0) for side in x.shape[2:]]
    return F.pad(x, (total[1] // 2, total[1] - total[1] // 2, total[0] // 2, total[0] - total[0] // 2))


def conv(inputs, outputs, window=3, stride=1, **more):
    more.setdefault("padding", window // 2)
    return nn.Conv2d(inputs, outputs, window, stride, **more)


# ---- Small networks, one for each kind of layer

class ResNet8(nn.Module):
    """conv 4 3x3 | bn | relu | res( conv 4 3x3 | bn | relu | conv 4 3x3 | bn ) | relu |
    res( conv 6 3x3 stride 2 | bn | relu | conv 6 3x3 | bn ) | relu |
    res( conv 8 3x3 stride 2 | bn | relu | conv 8 3x3 | bn ) as last | relu | globalavgpool | dense classes"""

    def __init__(self):
        super().__init__()
        for i, (inputs, outputs, stride) in enumerate(
                [(3, 4, 1), (4, 4, 1), (4, 4, 1), (4, 6, 2), (6, 6, 1), (6, 8, 2), (8, 8, 1)], 1):
            self.add_module("conv%d" % i, conv(inputs, outputs, 3, stride, bias=False))
            self.add_module("bn%d" % i, nn.BatchNorm2d(outputs))
        self.res2, self.last = Shortcut(4, 6, 2), Shortcut(6, 8, 2)
        self.dense1 = nn.Linear(8, K)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(x + self.bn3(self.conv3(F.relu(self.bn2(self.conv2(x))))))
        x = F.relu(self.res2(x) + self.bn5(self.conv5(F.relu(self.bn4(self.conv4(x))))))
        x = F.relu(self.last(x) + self.bn7(self.conv7(F.relu(self.bn6(self.conv6(x))))))
        return self.dense1(x.mean((2, 3)))


class PreActivated(nn.Module):
    """conv 4 3x3 nobias | res( bn | relu | conv 4 3x3 | bn | relu | conv 4 3x3 nobias ) | bn | relu |
    res( conv 8 3x3 stride 2 | bn | relu | conv 8 3x3 nobias ) | bn | relu | globalavgpool | dense classes"""

    def __init__(self):
        super().__init__()
        for i, (inputs, outputs, stride) in enumerate([(3, 4, 1), (4, 4, 1), (4, 4, 1), (4, 8, 2), (8, 8, 1)], 1):
            self.add_module("conv%d" % i, conv(inputs, outputs, 3, stride, bias=False))
        for i, channels in enumerate([4, 4, 4, 8, 8], 1):
            self.add_module("bn%d" % i, nn.BatchNorm2d(channels))
        self.res2 = Shortcut(4, 8, 2)
        self.dense1 = nn.Linear(8, K)

    def forward(self, x):
        x = self.conv1(x)
        x = x + self.conv3(F.relu(self.bn2(self.conv2(F.relu(self.bn1(x))))))
        x = F.relu(self.bn3(x))
        x = self.res2(x) + self.conv5(F.relu(self.bn4(self.conv4(x))))
        return self.dense1(F.relu(self.bn5(x)).mean((2, 3)))


class Mobile(nn.Module):
    """conv 8 3x3 | bn | hardswish | se 2 | res( dwconv 3x3 | bn | relu6 | se 4 | conv 8 1x1 | bn ) |
    conv 8 3x3 stride 2 | bn | silu | se 4 | globalavgpool | dense classes"""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1, self.se1 = conv(3, 8, bias=False), nn.BatchNorm2d(8), Gate(8, 2)
        self.dwconv1, self.bn2, self.se2 = conv(8, 8, groups=8, bias=False), nn.BatchNorm2d(8), Gate(8, 4)
        self.conv2, self.bn3 = conv(8, 8, 1, bias=False), nn.BatchNorm2d(8)
        self.conv3, self.bn4, self.se3 = conv(8, 8, 3, 2, bias=False), nn.BatchNorm2d(8), Gate(8, 4)
        self.dense1 = nn.Linear(8, K)

    def forward(self, x):
        x = self.se1(F.hardswish(self.bn1(self.conv1(x))))
        x = x + self.bn3(self.conv2(self.se2(F.relu6(self.bn2(self.dwconv1(x))))))
        x = self.se3(F.silu(self.bn4(self.conv3(x))))
        return self.dense1(x.mean((2, 3)))


class GroupNormed(nn.Module):
    """conv 8 3x3 | groupnorm 2 | relu | res( conv 8 3x3 | groupnorm 4 | silu ) | maxpool 2 | conv 6 3x3 | groupnorm 1 |
    leakyrelu 0.1 | globalavgpool | dense classes"""

    def __init__(self):
        super().__init__()
        self.conv1, self.groupnorm1 = conv(3, 8), nn.GroupNorm(2, 8)
        self.conv2, self.groupnorm2 = conv(8, 8), nn.GroupNorm(4, 8)
        self.conv3, self.groupnorm3 = conv(8, 6), nn.GroupNorm(1, 6)
        self.dense1 = nn.Linear(6, K)

    def forward(self, x):
        x = F.relu(self.groupnorm1(self.conv1(x)))
        x = x + F.silu(self.groupnorm2(self.conv2(x)))
        x = F.leaky_relu(self.groupnorm3(self.conv3(F.max_pool2d(x, 2))), 0.1)
        return self.dense1(x.mean((2, 3)))


class InstanceNormed(nn.Module):
    """conv 6 3x3 nobias | instancenorm | relu | conv 8 3x3 stride 2 nobias | instancenorm | relu | dense classes"""

    def __init__(self):
        super().__init__()
        self.conv1, self.instancenorm1 = conv(3, 6, bias=False), nn.InstanceNorm2d(6, affine=True)
        self.conv2, self.instancenorm2 = conv(6, 8, 3, 2, bias=False), nn.InstanceNorm2d(8, affine=True)
        self.dense1 = nn.Linear(8 * 6 * 5, K)

    def forward(self, x):
        x = F.relu(self.instancenorm1(self.conv1(x)))
        return self.dense1(F.relu(self.instancenorm2(self.conv2(x))).flatten(1))


class LayerNormed(nn.Module):
    """patch 2 8 | layernorm | conv 12 1x1 | gelu | conv 8 1x1 | layernorm | conv 8 3x3 | sigmoid | globalavgpool |
    dense classes"""

    def __init__(self):
        super().__init__()
        self.patch1, self.layernorm1 = nn.Conv2d(3, 8, 2, 2), ChannelNorm(8)
        self.conv1, self.conv2, self.layernorm2 = conv(8, 12, 1), conv(12, 8, 1), ChannelNorm(8)
        self.conv3 = conv(8, 8)
        self.dense1 = nn.Linear(8, K)

    def forward(self, x):
        x = self.conv2(F.gelu(self.conv1(self.layernorm1(self.patch1(x)))))
        return self.dense1(torch.sigmoid(self.conv3(self.layernorm2(x))).mean((2, 3)))


class Grouped(nn.Module):
    """normalize 0.5 0.4 0.3 0.2 0.3 0.4 | conv 8 3x3 stride 2 pad tf | bn | relu | dwconv 3x3 dilation 2 | relu6 |
    conv 12 3x3 groups 4 dilation 2 pad 2 | bn eps 0.001 | relu | dwconv 5x5 stride 2 pad tf | bn | relu | dense classes"""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = conv(3, 8, 3, 2, padding=0, bias=False), nn.BatchNorm2d(8)
        self.dwconv1 = conv(8, 8, padding=2, dilation=2, groups=8)
        self.conv2 = conv(8, 12, padding=2, dilation=2, groups=4, bias=False)
        self.bn2 = nn.BatchNorm2d(12, eps=1e-3)
        self.dwconv2, self.bn3 = conv(12, 12, 5, 2, padding=0, groups=12, bias=False), nn.BatchNorm2d(12)
        self.dense1 = nn.Linear(12 * 3 * 3, K)
        self.register_buffer("moments", torch.tensor([[.5, .4, .3], [.2, .3, .4]])[:, None, :, None, None], False)

    def forward(self, x):
        x = (x - self.moments[0]) / self.moments[1]
        x = F.relu(self.bn1(self.conv1(same_pad(x, 3, 2))))
        x = F.relu(self.bn2(self.conv2(F.relu6(self.dwconv1(x)))))
        return self.dense1(F.relu(self.bn3(self.dwconv2(same_pad(x, 5, 2)))).flatten(1))


class Transformer(nn.Module):
    """patch 2 12 | position | 2x( res( layernorm | attention 3 ) | res( layernorm | conv 16 1x1 | gelu | conv 12 1x1 ) ) |
    layernorm | globalavgpool | dense classes"""

    def __init__(self):
        super().__init__()
        self.patch1, self.position1 = nn.Conv2d(3, 12, 2, 2), Position(6 * 5, 12)
        for i in (1, 2):
            self.add_module("attention%d" % i, nn.MultiheadAttention(12, 3, batch_first=True))
            self.add_module("conv%d" % (2 * i - 1), nn.Linear(12, 16))
            self.add_module("conv%d" % (2 * i), nn.Linear(16, 12))
        for i in range(1, 6):
            self.add_module("layernorm%d" % i, nn.LayerNorm(12))
        self.dense1 = nn.Linear(12, K)

    def forward(self, x):
        x = self.position1(self.patch1(x).flatten(2).transpose(1, 2))
        y = self.layernorm1(x)
        x = x + self.attention1(y, y, y, need_weights=False)[0]
        x = x + self.conv2(F.gelu(self.conv1(self.layernorm2(x))))
        y = self.layernorm3(x)
        x = x + self.attention2(y, y, y, need_weights=False)[0]
        x = x + self.conv4(F.gelu(self.conv3(self.layernorm4(x))))
        return self.dense1(self.layernorm5(x).mean(1))


class Joined(nn.Module):
    """conv 4 3x3 | bn | relu as early | conv 4 3x3 | bn | relu | add early | conv 3 3x3 | bn | relu | concat early |
    maxpool 2 | conv 8 3x3 | bn | relu | globalmaxpool | dense classes"""

    def __init__(self):
        super().__init__()
        for i, (inputs, outputs) in enumerate([(3, 4), (4, 4), (4, 3), (7, 8)], 1):
            self.add_module("conv%d" % i, conv(inputs, outputs, bias=False))
            self.add_module("bn%d" % i, nn.BatchNorm2d(outputs))
        self.dense1 = nn.Linear(8, K)

    def forward(self, x):
        early = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(early))) + early
        x = torch.cat([F.relu(self.bn3(self.conv3(x))), early], 1)
        return self.dense1(F.relu(self.bn4(self.conv4(F.max_pool2d(x, 2)))).amax((2, 3)))


class Standardized(nn.Module):
    """standardize | conv 6 3x3 stride 2 | relu | dense classes"""

    def __init__(self):
        super().__init__()
        self.conv1, self.dense1 = conv(3, 6, 3, 2), nn.Linear(6 * 6 * 5, K)

    def forward(self, x):
        x = F.layer_norm(x, x.shape[1:])
        return self.dense1(F.relu(self.conv1(x)).flatten(1))


class Reversed(nn.Module):
    """conv 6 3x3 stride 2 | relu | reverse 0.5 | dense classes"""

    def __init__(self):
        super().__init__()
        self.conv1, self.dense1 = conv(3, 6, 3, 2), nn.Linear(6 * 6 * 5, K)

    def forward(self, x):
        return self.dense1(Reverse.apply(F.relu(self.conv1(x))).flatten(1))


CASES = {"resnet8": ResNet8, "preactivated": PreActivated, "se": Mobile, "groupnorm": GroupNormed,
         "instancenorm": InstanceNormed, "layernorm": LayerNormed, "dwconv": Grouped, "vit": Transformer, "joined": Joined,
         "standardize": Standardized, "reverse": Reversed}


# ---- Training them

def draw_weights(make, seed):
    """PyTorch's own first weights, with norms and biases moved from where an error would not show."""
    torch.manual_seed(seed)
    network = make()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, (nn.BatchNorm2d, nn.GroupNorm, nn.InstanceNorm2d, nn.LayerNorm)):
                module.weight.copy_(1 + 0.3 * torch.randn_like(module.weight))
                module.bias.copy_(0.2 * torch.randn_like(module.bias))
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.copy_(0.1 * torch.randn_like(module.running_mean))
                module.running_var.copy_(0.5 + torch.rand_like(module.running_var))
            if isinstance(module, nn.MultiheadAttention):
                module.in_proj_bias.copy_(0.2 * torch.randn_like(module.in_proj_bias))
                module.out_proj.bias.copy_(0.2 * torch.randn_like(module.out_proj.bias))
            if isinstance(module, Position):
                module.weight.copy_(0.3 * torch.randn_like(module.weight))
        if make is Mobile:
            network.bn2.weight.mul_(4)  # so that relu6 has something to cut
        if make is Grouped:
            network.dwconv1.weight.mul_(4)
    return {name: value.clone() for name, value in network.state_dict().items() if "num_batches" not in name}


def fresh(make, weights, dtype):
    network = make().to(dtype)
    network.load_state_dict(weights, strict=False)
    return network.train()


def train(make, weights, make_optimizer, x, y, dtype):
    network = fresh(make, weights, dtype)
    optimizer = make_optimizer(network.parameters())
    losses = []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = F.cross_entropy(network(x[step % BATCHES].to(dtype)), y[step % BATCHES])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return np.array(losses)


OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.001),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.9, 0.999), eps=1e-8, weight_decay=0),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05),
}


def stored(name, network_name, value):
    """As the model line's tensors: a linear layer on positions is a 1x1 convolution there."""
    return value[:, :, None, None] if network_name == "vit" and name.startswith("conv") and value.ndim == 2 else value


def off(value, right, floor=0):
    return float(np.abs(np.asarray(value) - np.asarray(right)).max() / max(np.abs(np.asarray(right)).max(), floor))


def figures(make, weights, x, y, dtype):
    """What the test compares, each with its limit there and the least scale of its error."""
    network = fresh(make, weights, dtype)
    logits = network(x[0].to(dtype))
    loss = F.cross_entropy(logits, y[0])
    loss.backward()
    gradients = {key: value.grad for key, value in network.named_parameters()}
    # A shift in front of a batch norm has no gradient but rounding's: no tensor's scale is less than a part of the largest.
    floor = 1e-2 * max(value.abs().max().item() for value in gradients.values())
    found = {"logits": (logits.detach().numpy(), 1e-5, 0), "loss": (np.array([loss.item()]), 1e-5, 0)}
    found.update({"grad/" + key: (value.numpy(), 1e-4, floor) for key, value in gradients.items()})
    found.update({"stats/" + key: (value.numpy(), 1e-5, 0) for key, value in network.named_buffers() if "running" in key})
    with torch.no_grad():
        found["eval_logits"] = (network.eval()(x[0].to(dtype)).numpy(), 1e-5, 0)
    for kind, make_optimizer in OPTIMIZERS.items():
        found[kind + "_losses"] = (train(make, weights, make_optimizer, x, y, dtype), 1e-3, 0)
    return found


def worst(found, right):
    """The largest error as a share of its limit, and whose it is."""
    return max((off(found[key][0], value, floor) / limit, key) for key, (value, limit, floor) in right.items())


def steps_of(name, make, x, y, out):
    for seed in range(11, 100):
        weights = draw_weights(make, seed)
        right = figures(make, weights, x, y, torch.float64)
        errors = [worst(figures(make, weights, x, y, torch.float32), right)]
        while len(errors) <= 12 and max(errors)[0] < 0.5:
            nudged = {key: value.double() * (1 + 1e-6 * torch.randn_like(value)) for key, value in weights.items()}
            errors.append(worst(figures(make, nudged, x, y, torch.float64), right))
        print(name, "seed", seed, "error / limit: float32 %.3f %s, nudged %.3f %s" % (errors[0] + max(errors)), flush=True)
        if max(errors)[0] < 0.5:
            break
    else:
        raise SystemExit(name + ": no steady weights")
    for key, value in weights.items():
        out["%s/init/%s" % (name, key)] = stored(key, name, value.numpy())
    for key, (value, _, _) in right.items():
        out["%s/%s" % (name, key)] = stored(key.removeprefix("grad/"), name, value)


# ---- Whole networks, evaluated

def mix(z):
    """splitmix64 (Steele, Lea, Flood 2014), its output function."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def formula(name, shape):
    """Weights that need no file: u in [0, 1), 24 bits, of the tensor's name (FNV-1a, 64 bits) and the value's index in it.
    Convolutions and dense layers (2u - 1) sqrt(3 / fan-in), a norm's weight and running variance 0.75 + u / 2, all others
    (2u - 1) / 10. In float32: products and sums rounded one by one."""
    key = 0xCBF29CE484222325
    for byte in name.encode():
        key = (key ^ byte) * 0x100000001B3 % 2 ** 64
    count = math.prod(shape)
    with np.errstate(over="ignore"):
        index = np.uint64(key) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        u = (mix(index) >> np.uint64(40)).astype(np.float32) * np.float32(2.0 ** -24)
    if len(shape) > 1:
        bound = np.float32(math.sqrt(3 / math.prod(shape[1:])))
        values = (u * np.float32(2) - np.float32(1)) * bound
    elif name.endswith("running_var") or name.endswith(".weight"):
        values = np.float32(0.75) + u * np.float32(0.5)
    else:
        values = (u * np.float32(2) - np.float32(1)) * np.float32(0.1)
    return torch.from_numpy(values.reshape(shape))


def picture(side):
    """Two images [2][3][side][side] of bytes, waves of triangles."""
    n, c, y, x = np.ogrid[0:2, 0:3, 0:side, 0:side]
    wave = (x * (3 + 2 * n) + y * (2 + c) + (x * y >> 4) * (1 + n) + 40 * c) % 512
    return torch.from_numpy(np.where(wave < 256, wave, 511 - wave).astype(np.float64) / 255)


class Block18(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1, self.bn1 = conv(inputs, outputs, 3, stride, bias=False), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = conv(outputs, outputs, bias=False), nn.BatchNorm2d(outputs)
        if stride != 1:
            self.downsample = Shortcut(inputs, outputs, stride)

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (self.downsample(x) if hasattr(self, "downsample") else x))


class ResNet18(nn.Module):
    """As torchvision.models.resnet18, with its names."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = conv(3, 64, 7, 2, bias=False), nn.BatchNorm2d(64)
        for i, (inputs, outputs) in enumerate([(64, 64), (64, 128), (128, 256), (256, 512)], 1):
            self.add_module("layer%d" % i, nn.Sequential(Block18(inputs, outputs, 2 if i > 1 else 1),
                                                         Block18(outputs, outputs, 1)))
        self.fc = nn.Linear(512, 1000)

    def forward(self, x):
        mean, deviation = (torch.tensor(v, dtype=x.dtype)[:, None, None] for v in ([.485, .456, .406], [.229, .224, .225]))
        x = F.max_pool2d(F.relu(self.bn1(self.conv1((x - mean) / deviation))), 3, 2, 1)
        return self.fc(self.layer4(self.layer3(self.layer2(self.layer1(x)))).mean((2, 3)))


def read_safetensors(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    return {name: np.frombuffer(data[slice(*entry["data_offsets"])], "<f4").reshape(entry["shape"]).copy()
            for name, entry in header.items() if name != "__metadata__" and entry["dtype"] == "F32"}


def evaluate(name, network, weights, side, out):
    missing, unexpected = network.load_state_dict(weights, strict=False)
    if unexpected or any("num_batches" not in key for key in missing):
        raise SystemExit("%s: missing %s, unexpected %s" % (name, missing, unexpected))
    x = picture(side)
    with torch.no_grad():
        single = network.eval()(x.float()).numpy()
        out[name + "/logits"] = logits = network.double()(x).numpy()
    print(name, sum(v.numel() for v in network.parameters()), "parameters, classes", logits.argmax(1), "deviation",
          logits.std(1).round(3))
    print("    float32 is off by %.1e" % off(single, logits))


# ---- Losses

def loss_cases(path):
    draw, M = np.random.default_rng(5), 7
    logits = torch.from_numpy(draw.normal(0, 2, (N, M)).astype(np.float32)).double()
    label = torch.from_numpy(draw.integers(0, M, N))
    partner = (label + torch.from_numpy(draw.integers(1, M, N))) % M
    label[4] = -1
    share = torch.from_numpy(draw.uniform(0.5, 1, N).astype(np.float32)).double()
    weights = torch.from_numpy(draw.uniform(0.2, 3, M).astype(np.float32)).double()
    present = (label >= 0).double()[:, None]
    one = lambda k: F.one_hot(k.clamp(min=0), M).double()
    soft = present * (share[:, None] * one(label) + (1 - share[:, None]) * one(partner))
    out = {"logits": logits, "label": label, "partner": partner, "share": share, "class_weights": weights}
    for name, target, more in [
        ("plain", label, {}), ("weights", label, {"weight": weights}), ("smoothing", label, {"label_smoothing": 0.1}),
        ("weights_smoothing", label, {"weight": weights, "label_smoothing": 0.1}), ("soft", soft, {}),
        ("soft_weights", soft, {"weight": weights}), ("soft_smoothing", soft, {"label_smoothing": 0.1}),
        ("soft_weights_smoothing", soft, {"weight": weights, "label_smoothing": 0.1}),
    ]:
        z = logits.clone().requires_grad_()
        if target is label:
            more["ignore_index"] = -1
        losses = F.cross_entropy(z, target, reduction="none", **more)
        losses = losses * present[:, 0]  # soft targets of zeros are smoothed, too: no target is no loss
        losses.sum().backward()
        out[name + "/loss"], out[name + "/d"] = losses.detach(), z.grad
        if target is label:
            out[name + "/mean"] = [F.cross_entropy(logits, label, **more).item()]
        print("loss", name, losses.detach().numpy().round(3)[:5].tolist())
    write_safetensors(path, {key: np.asarray(value) for key, value in out.items()})
    print(path, os.path.getsize(path), "bytes")


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    path = os.path.join(HERE, "network_steps.safetensors")
    paper = read_safetensors(os.path.join(HERE, "paper_step.safetensors"))
    x, y = torch.from_numpy(paper["images"]).double() / 255, torch.from_numpy(paper["labels"]).long()
    out = {}
    for name, make in CASES.items():
        steps_of(name, make, x, y, out)
    network = ResNet18()
    evaluate("resnet18", network, {name: formula(name, tuple(value.shape)) for name, value in network.state_dict().items()
                                   if "num_batches" not in name}, 64, out)
    write_safetensors(path, out)
    print(path, os.path.getsize(path), "bytes")
    loss_cases(os.path.join(HERE, "losses.safetensors"))


if __name__ == "__main__":
    main()
