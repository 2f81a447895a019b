#!/usr/bin/env python3
"""The networks of PyTorch that exported weights are for, and what they ask of a file.

    python3 tests/golden/make_export_golden.py
makes export_golden.json: the SHA-256 of each network's state, as sorted lines "NAME DTYPE SHAPE"; the file is kept in the repository.
    python3 tests/golden/make_export_golden.py NAME FILE PIXELS
loads FILE into the network, strictly, and prints the probabilities of an image, whose bytes [C][H][W] are the file PIXELS: what
tests/long/load_in_pytorch.sh holds against cifra predict. Exit status 77 where a package is missing.

Needs PyTorch, for resnet18 torchvision, for efficientnet-lite0 PyPI's efficientnet-lite-pytorch. All are for 10 classes.
"""
import hashlib
import json
import os
import struct
import sys

import torch
from torch import nn

CLASSES = 10


def paper():
    network = nn.Sequential()
    for number, (inputs, outputs) in enumerate([(1, 32), (32, 64)], 1):
        network.add_module("conv%d" % number, nn.Conv2d(inputs, outputs, 3, padding=1, bias=False))
        network.add_module("bn%d" % number, nn.BatchNorm2d(outputs))
        network.add_module("relu%d" % number, nn.ReLU())
        network.add_module("pool%d" % number, nn.MaxPool2d(2))
    network.add_module("flatten", nn.Flatten())
    network.add_module("dense1", nn.Linear(64 * 7 * 7, 128))
    network.add_module("relu3", nn.ReLU())
    network.add_module("dense2", nn.Linear(128, CLASSES))
    return network, lambda x: x


def resnet18():
    from torchvision.models import resnet18 as torchvisions
    mean, deviation = (torch.tensor(v)[:, None, None] for v in ([.485, .456, .406], [.229, .224, .225]))
    return torchvisions(num_classes=CLASSES), lambda x: (x - mean) / deviation


def efficientnet_lite0():
    from efficientnet_lite_pytorch import EfficientNet
    network = EfficientNet.from_name("efficientnet-lite0")
    network._fc = nn.Linear(1280, CLASSES)
    return network, lambda x: (x - .5) / .5


# With the shape of their images in the tests.
NETWORKS = {"paper": (paper, (1, 28, 28)), "resnet18": (resnet18, (3, 32, 32)), "efficientnet-lite0": (efficientnet_lite0, (3, 32, 32))}
DTYPES = {"F32": (torch.float32, 4), "I64": (torch.int64, 8)}


def read_safetensors(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = bytearray(file.read())
    header.pop("__metadata__", None)
    state = {}
    for name, entry in header.items():
        dtype, size = DTYPES[entry["dtype"]]
        begin, end = entry["data_offsets"]
        state[name] = torch.frombuffer(data, dtype=dtype, count=(end - begin) // size, offset=begin).reshape(entry["shape"])
    return state


def state_hash(state):
    words = {dtype: word for word, (dtype, _) in DTYPES.items()}
    lines = sorted("%s %s %s\n" % (name, words[tensor.dtype], list(tensor.shape)) for name, tensor in state.items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def main():
    if len(sys.argv) == 1:
        path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "export_golden.json")
        with open(path, "w") as file:
            json.dump({name: state_hash(make()[0].state_dict()) for name, (make, _) in NETWORKS.items()}, file, indent=1)
            file.write("\n")
        return
    name, weights, pixels = sys.argv[1:]
    make, shape = NETWORKS[name]
    try:
        network, scale = make()
    except ModuleNotFoundError as missing:
        print(missing)
        sys.exit(77)
    network.load_state_dict(read_safetensors(weights), strict=True)
    image = torch.frombuffer(bytearray(open(pixels, "rb").read()), dtype=torch.uint8).reshape(shape)
    with torch.no_grad():
        print(*network.eval()(scale(image[None].float() / 255)).softmax(1)[0].tolist())


if __name__ == "__main__":
    main()
