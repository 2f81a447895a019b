#!/usr/bin/env python3
"""Makes pretrained_logits.safetensors: what EfficientNet-Lite0 of PyPI's efficientnet-lite-pytorch 0.1.0 (PyTorch 2.15) says of 20 images.

    python3 tests/golden/make_pretrained_golden.py WEIGHTS [PICTURE.png ...]

WEIGHTS: efficientnet-lite0.safetensors, the published weights of ImageNet. The file is kept in the repository; run this again only to
change what is tested. Needs torch, safetensors, efficientnet-lite-pytorch. With pictures of 224x224, nothing is written: their logits go to
logits.npy in the working folder, to be held against a program's by hand.

Tensors: logits [20,1000], computed in double, of images() at (x - 127.5) / 127.5.
"""
import os
import sys

import numpy as np
import torch
from efficientnet_lite_pytorch import EfficientNet
from safetensors.torch import load_file, save_file


def images():
    """[20][3][224][224] of bytes, waves of triangles, all in whole numbers: the test makes the same."""
    n, c, y, x = np.ogrid[0:20, 0:3, 0:224, 0:224]
    wave = (x * (1 + n % 5) + y * (2 + c + n % 3) + (x * y >> 3 + n % 4) * (1 + n // 5) + 40 * c + 23 * n) % 512
    return np.where(wave < 256, wave, 511 - wave)


def logits(network, bytes_):
    with torch.no_grad():
        return torch.cat([network((torch.from_numpy(image[None]).to(next(network.parameters()).dtype) - 127.5) / 127.5)
                          for image in bytes_])


def main():
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(load_file(sys.argv[1]), strict=True)
    network.eval()
    if len(sys.argv) > 2:
        from PIL import Image
        pictures = np.stack([np.asarray(Image.open(name).convert("RGB")).transpose(2, 0, 1) for name in sys.argv[2:]])
        np.save("logits.npy", logits(network, pictures).numpy())
        return
    single = logits(network, images())
    double = logits(network.double(), images())
    print("largest %.3f, float32 is off by %.1e of it; classes %s"
          % (double.abs().max(), (single - double).abs().max() / double.abs().max(), double.argmax(1).tolist()))
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pretrained_logits.safetensors")
    save_file({"logits": double.float()}, path)
    print(path, os.path.getsize(path), "bytes")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
