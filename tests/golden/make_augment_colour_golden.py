#!/usr/bin/env python3
"""Makes augment_colour_golden.json, what torchvision and PIL make of two small images.

Run it with torchvision 0.29 and Pillow 13 from anywhere:
    python3 tests/golden/make_augment_colour_golden.py
It rewrites the file beside itself. The file is kept in the repository, so nobody needs torchvision to run the tests.

Values are bytes: images, and what works on bytes, as they are; results of floats, which torchvision makes of bytes over 255,
in steps of 1 / 25500. Images lie as [height][width][channels]. Keys:
    images {rgb {height, width, channels, bytes}, grey {..}, wide {..}}
    cases [{image, line, tolerance, values}]       the operation's word and numbers; tolerance in steps of 1 / 255
"""
import io
import json
import os

import numpy as np
import torch
from PIL import Image, ImageEnhance, ImageOps
from torchvision.transforms import functional as F


def smooth_image(rng, height, width, channels, whole):
    """Slopes and noise, with some black, white and grey pixels if it is to have the whole range."""
    y, x = np.mgrid[0:height, 0:width]
    image = np.stack([110 + 90 * np.sin(0.5 * x + c) * np.cos(0.37 * y - c) for c in range(channels)], -1)
    image = np.clip(image + rng.normal(size=image.shape) * 12, 0, 255).astype(np.uint8)
    if not whole:
        return image // 2 + 40
    image[0, 0], image[1, 2], image[2, 1] = 0, 255, 128
    return image


def through_floats(function):
    """Of an image as torchvision's float tensor."""
    def result(image):
        tensor = torch.from_numpy(image).permute(2, 0, 1).float() / 255
        return function(tensor).permute(1, 2, 0).numpy().astype(np.float64) * 255
    return result


def through_bytes(function):
    """Of an image as PIL's."""
    def result(image):
        picture = Image.fromarray(image if image.shape[2] == 3 else image[:, :, 0])
        return np.asarray(function(picture)).reshape(image.shape).astype(np.float64)
    return result


def blurred(sigma, radius):
    """torchvision's mirrors without the outermost pixel, ours with it: so the image comes mirrored already."""
    def result(tensor):
        padded = torch.from_numpy(np.pad(tensor.numpy(), ((0, 0), (radius, radius), (radius, radius)), "symmetric"))
        kept = slice(radius, -radius)
        return F.gaussian_blur(padded, 2 * radius + 1, sigma)[:, kept, kept]
    return result


def jpeg(quality):
    def result(picture):
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality, subsampling=0)
        return Image.open(file)
    return result


def cases():
    # Grey in torchvision has 0.2989 R instead of 0.299.
    yield "rgb", "invert", 1e-2, through_floats(F.invert)
    for factor in 0.4, 1.7:
        yield "rgb", f"brightness {factor}", 1e-2, through_floats(lambda t, f=factor: F.adjust_brightness(t, f))
        yield "rgb", f"contrast {factor}", 4e-2, through_floats(lambda t, f=factor: F.adjust_contrast(t, f))
        yield "grey", f"contrast {factor}", 1e-2, through_floats(lambda t, f=factor: F.adjust_contrast(t, f))
        yield "rgb", f"saturation {factor}", 4e-2, through_floats(lambda t, f=factor: F.adjust_saturation(t, f))
        yield "rgb", f"sharpness {factor}", 1e-2, through_floats(lambda t, f=factor: F.adjust_sharpness(t, f))
        yield "grey", f"sharpness {factor}", 1e-2, through_floats(lambda t, f=factor: F.adjust_sharpness(t, f))
    for turns in -0.35, 0.1, 0.5:
        yield "rgb", f"hue {turns}", 1e-2, through_floats(lambda t, s=turns: F.adjust_hue(t, s))
    yield "rgb", "grey", 4e-2, through_floats(lambda t: F.rgb_to_grayscale(t, 3))
    yield "rgb", "solarize 0.4", 1e-2, through_floats(lambda t: F.solarize(t, 0.4))
    yield "wide", "autocontrast", 1e-2, through_floats(F.autocontrast)
    yield "widegrey", "autocontrast", 1e-2, through_floats(F.autocontrast)
    for bits in 1, 3, 7:
        yield "rgb", f"posterize {bits}", 0, through_bytes(lambda p, b=bits: ImageOps.posterize(p, b))
    yield "wide", "equalize", 0, through_bytes(ImageOps.equalize)
    yield "widegrey", "equalize", 0, through_bytes(ImageOps.equalize)
    # Radii as ours: three deviations and a bit, at most the image's side.
    yield "rgb", "blur 0.5", 1e-2, through_floats(blurred(0.5, 2))
    yield "rgb", "blur 1.3", 1e-2, through_floats(blurred(1.3, 4))
    yield "grey", "blur 0.9", 1e-2, through_floats(blurred(0.9, 3))
    # A file's colours and frequencies are whole numbers on their way; ours are not.
    for quality in 25, 50:
        yield "rgb", f"jpeg {quality}", 2.5, through_bytes(jpeg(quality))
        yield "grey", f"jpeg {quality}", 1.5, through_bytes(jpeg(quality))


def main():
    rng = np.random.default_rng(19)
    images = {"rgb": smooth_image(rng, 8, 10, 3, True), "grey": smooth_image(rng, 9, 8, 1, True),
              "wide": smooth_image(rng, 16, 20, 3, False),
              "widegrey": smooth_image(rng, 20, 30, 1, False)}
    golden = {"images": {name: {"height": i.shape[0], "width": i.shape[1], "channels": i.shape[2],
                                "bytes": i.ravel().tolist()} for name, i in images.items()},
              "cases": []}
    for image, line, tolerance, function in cases():
        values = [round(v, 2) for v in function(images[image]).ravel().tolist()]
        golden["cases"].append({"image": image, "line": line, "tolerance": tolerance,
                                "values": [int(v) if v == int(v) else v for v in values]})
    lines = [json.dumps(case, separators=(",", ":")) for case in golden["cases"]]
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "augment_colour_golden.json")
    with open(path, "w", encoding="utf-8") as file:
        images_text = json.dumps(golden["images"], separators=(",", ":"))
        file.write('{"images":' + images_text + ',\n"cases":[\n' + ",\n".join(lines) + "\n]}\n")


main()
