#!/usr/bin/env python3
"""Makes picture_golden.json: what Pillow makes of JPEGs, whole, scaled while they are decoded and turned, and of pixels resized.

Run it with Pillow 13 (and numpy) from anywhere:   python3 tests/golden/make_picture_golden.py
It rewrites the file beside itself, which is kept in the repository, so nobody needs Pillow to run the tests.

    jpegs    [{"file": base64, "orientation_at": where the EXIF orientation's low byte stands, -1: there is none,
               "shown": [{"orientation", "wanted": [H, W], "shape": [H, W, C], "pixels": H x W x C}]}]
    resizes  [{"from": [H, W, C], "to": [H, W], "pixels", "out"}]

Pillow scales by libjpeg, too ("draft"), by its own rule, which rounds sides down; the sizes here are such that it comes to the smallest of
1, 1/2, 1/4, 1/8 that covers what is wanted, sides rounded up. Resizing is
the average over the area under a new pixel where a side shrinks: Pillow's BOX, which takes old pixels whole, behind an exact enlargement
that makes every new pixel a whole number of them; else BILINEAR, whose support is that of enlarging.
"""
import base64
import io
import json
import os

import numpy as np
from PIL import Image, ImageOps

HERE = os.path.dirname(os.path.abspath(__file__))
TRANSPOSED = range(5, 9)


def scene(height, width, channels):
    """Slopes, an edge and a fine pattern, as photographs have them."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    planes = [np.clip(96 + 70 * np.sin(x / (9 + 3 * c)) + 60 * np.cos(y / (7 + 2 * c)) + 30 * ((x + 2 * y) % (23 + c) < 9) +
                      8 * ((7 * x + 13 * y) % 3 - 1), 0, 255) for c in range(channels)]
    return np.rint(np.stack(planes, -1)).astype(np.uint8)


def picture(pixels):
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def listed(image):
    a = np.asarray(image)
    return list(a.shape[:2]) + [1 if a.ndim == 2 else a.shape[2]], a.reshape(-1).tolist()


def shown(data, orientation, wanted):
    image = Image.open(io.BytesIO(data))
    if wanted[0]:
        image.draft(None, wanted[::-1])  # of the file as it lies
        wanted = wanted[::-1] if orientation in TRANSPOSED else wanted
    image.load()
    shape, pixels = listed(ImageOps.exif_transpose(image))
    return {"orientation": orientation, "wanted": wanted, "shape": shape, "pixels": pixels}


def jpeg(height, width, channels, sizes, orientations, **how):
    exif = Image.Exif()
    exif[274] = 1
    out = io.BytesIO()
    picture(scene(height, width, channels)).save(out, "JPEG", quality=90, exif=exif.tobytes() if len(orientations) > 1 else b"", **how)
    data = bytearray(out.getvalue())
    at = -1
    if len(orientations) > 1:
        tag = data.index(b"\x01\x12\x00\x03\x00\x00\x00\x01")  # big-endian: the tag, SHORT, one value
        at = tag + 9
    entry = {"file": base64.b64encode(data).decode(), "orientation_at": at, "shown": []}
    for o in orientations:
        if at >= 0:
            data[at] = o
        entry["shown"] += [shown(bytes(data), o, s) for s in sizes if s[0] or o in (1, 7)]
    return entry


def along(pixels, size, axis):
    old = pixels.shape[axis]
    many = np.repeat(pixels, size, axis) if size < old else pixels
    shape = [pixels.shape[1], pixels.shape[0]]
    shape[1 - axis] = size
    planes = [np.asarray(Image.fromarray(many[..., c].astype(np.float32), "F").resize(shape, Image.BOX if size < old else Image.BILINEAR))
              for c in range(pixels.shape[2])]
    return np.stack(planes, -1)


def resize(height, width, channels, to):
    pixels = scene(height, width, channels)
    out = np.rint(along(along(pixels.astype(np.float32), to[1], 1), to[0], 0)).astype(int)
    return {"from": [height, width, channels], "to": to, "pixels": pixels.reshape(-1).tolist(), "out": out.reshape(-1).tolist()}


JPEGS = [
    jpeg(50, 75, 3, [[0, 0], [5, 7], [12, 18]], range(1, 9), subsampling=2),  # as cameras write them: colours at half the size
    jpeg(41, 30, 3, [[0, 0], [20, 14], [6, 5]], [1], subsampling=0, progressive=True),
    jpeg(33, 40, 1, [[0, 0], [16, 20], [4, 5]], [1]),
]
RESIZES = [resize(37, 50, 3, [9, 12]), resize(24, 36, 1, [8, 12]), resize(20, 15, 3, [31, 40]), resize(30, 11, 1, [13, 16]),
           resize(64, 5, 3, [1, 3]), resize(17, 17, 1, [16, 18])]

with open(os.path.join(HERE, "picture_golden.json"), "w") as f:
    json.dump({"jpegs": JPEGS, "resizes": RESIZES}, f, separators=(",", ":"))
    f.write("\n")
