#!/usr/bin/env python3
"""Makes augment_golden.json: what torchvision and PyTorch make of images by affine and perspective maps.

Run it with torchvision 0.29 (and PyTorch 2.15) from anywhere:   python3 tests/golden/make_augment_golden.py
It rewrites the file beside itself, which is kept in the repository, so nobody needs torchvision to run the tests. All in double precision.

    images   [{"shape": [C, H, W], "pixels": bytes, H x W x C}]
    lines    [{"line": an augmentation that draws nothing, "image": number, "out": H x W x C, of pixels / 255}]
    corners  [{"corners": [x, y, ..] where the image's corners come to lie, "image", "out"}], with zeros around

Zeros around are torchvision's own affine and perspective; the other borders are PyTorch's grid_sample at places computed here. torchvision
takes a pixel's corner for its place in a perspective; so its points are half a pixel further. Strokes are scipy's grey dilation and erosion
(1.17) of what lies above the median of the outermost pixels, which is 0 in image 2, a few strokes on black.
"""
import json
import math
import os

import numpy as np
import scipy.ndimage
import torch
import torch.nn.functional as F
import torchvision.transforms.functional as T

HERE = os.path.dirname(os.path.abspath(__file__))
SHAPES = [(1, 7, 9), (3, 6, 5), (1, 11, 10)]


def image(shape):
    C, H, W = shape
    return torch.tensor([[[(37 * y * y + 101 * x + 59 * c * (x + 1) + 13 * x * y) % 256 for x in range(W)] for y in range(H)]
                         for c in range(C)], dtype=torch.float64)


def strokes(shape):
    """Of three greys, off the edge."""
    x = torch.zeros(shape, dtype=torch.float64)
    x[0, 2:8, 3] = 200
    x[0, 4, 3:7] = 255
    x[0, 7:9, 6:8] = 90
    return x


IMAGES = [image(s) for s in SHAPES[:2]] + [strokes(SHAPES[2])]


def listed(x):
    return [round(float(v), 7) for v in x.permute(1, 2, 0).reshape(-1)]


def affine(number, angle=0.0, scale=1.0, shear=0.0):
    x = IMAGES[number] / 255
    return T.affine(x, angle, [0, 0], scale, [shear, 0.0], interpolation=T.InterpolationMode.BILINEAR)


def at_places(number, border, angle=0.0, scale=1.0, aspect=1.0):
    """Rotated and scaled, by grid_sample with pixel centres at -1 and 1: its reflection is about them."""
    x = IMAGES[number] / 255
    C, H, W = x.shape
    a = math.radians(angle)
    Y, X = torch.meshgrid(torch.arange(H, dtype=torch.float64) - (H - 1) / 2, torch.arange(W, dtype=torch.float64) - (W - 1) / 2,
                          indexing="ij")
    old_x = (math.cos(a) * X + math.sin(a) * Y) / scale
    old_y = (-math.sin(a) * X + math.cos(a) * Y) / scale
    old_x, old_y = old_x / math.sqrt(aspect), old_y * math.sqrt(aspect)
    grid = torch.stack((old_x / ((W - 1) / 2), old_y / ((H - 1) / 2)), -1)
    return F.grid_sample(x[None], grid[None], "bilinear", border, align_corners=True)[0]


def perspective(number, corners):
    x = IMAGES[number] / 255
    _, H, W = x.shape
    start = [[0.5, 0.5], [W - 0.5, 0.5], [W - 0.5, H - 0.5], [0.5, H - 0.5]]
    end = [[corners[2 * i] + 0.5, corners[2 * i + 1] + 0.5] for i in range(4)]
    return T.perspective(x, start, end, interpolation=T.InterpolationMode.BILINEAR)


def disc(radius):
    y, x = np.mgrid[-radius:radius + 1, -radius:radius + 1]
    return y * y + x * x <= radius * radius


def stroke(number, by):
    """Between two whole radii in proportion."""
    x = (IMAGES[number][0] / 255).numpy()
    whole, share = int(abs(by)), abs(by) - int(abs(by))
    change = scipy.ndimage.grey_dilation if by > 0 else scipy.ndimage.grey_erosion
    inner, outer = (change(x, footprint=disc(r), mode="constant", cval=0) for r in (whole, whole + 1))
    return torch.tensor(inner + share * (outer - inner))[None]


LINES = [
    ("rotate 17:17 zero", 0, affine(0, angle=17)),
    ("rotate -140:-140 zero", 1, affine(1, angle=-140)),
    ("scale 1.3:1.3 zero", 0, affine(0, scale=1.3)),
    ("scale 0.6:0.6 zero", 1, affine(1, scale=0.6)),
    ("shear 21:21 zero", 0, affine(0, shear=21)),
    ("shear -12:-12 zero | scale 0.8:0.8 zero | rotate 33:33 zero", 1, affine(1, angle=33, scale=0.8, shear=-12)),
    ("rotate 25:25", 0, at_places(0, "border", angle=25)),
    ("scale 0.45:0.45 edge | rotate 25:25 edge", 1, at_places(1, "border", angle=25, scale=0.45)),
    ("rotate 61:61 reflect", 0, at_places(0, "reflection", angle=61)),
    ("scale 0.15:0.15 reflect | rotate -8:-8 reflect", 1, at_places(1, "reflection", angle=-8, scale=0.15)),
    ("aspect 0.55:0.55", 0, at_places(0, "border", aspect=0.55)),
    ("aspect 2.1:2.1 reflect", 1, at_places(1, "reflection", aspect=2.1)),
    ("stroke 1:1", 2, stroke(2, 1)),
    ("stroke 1.4:1.4", 2, stroke(2, 1.4)),
    ("stroke -0.75:-0.75", 2, stroke(2, -0.75)),
    ("stroke -1:-1", 2, stroke(2, -1)),
]
CORNERS = [([0.8, 0.3, 7.1, 1.2, 7.7, 5.1, 1.4, 5.9], 0), ([0.4, 1.3, 3.6, 0.1, 2.9, 4.4, 0, 5], 1), ([1.5, 0, 8, 0.5, 6, 4, 0, 6], 0)]

golden = {
    "images": [{"shape": list(s), "pixels": [int(v) for v in x.permute(1, 2, 0).reshape(-1)]} for s, x in zip(SHAPES, IMAGES)],
    "lines": [{"line": line, "image": number, "out": listed(out)} for line, number, out in LINES],
    "corners": [{"corners": c, "image": number, "out": listed(perspective(number, c))} for c, number in CORNERS],
}
with open(os.path.join(HERE, "augment_golden.json"), "w") as file:
    json.dump(golden, file, separators=(",", ":"))
    file.write("\n")
