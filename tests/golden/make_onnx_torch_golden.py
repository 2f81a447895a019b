"""Writes small networks as PyTorch's two exporters write them, and what PyTorch says of some images: onnx_torch/NAME.onnx, onnx_torch.json.

Usage: make_onnx_torch_golden.py FOLDER        (needs torch, onnx, onnxscript)
Images are bytes of the pattern of tests/export/onnx_networks.h, which the networks get divided by 255.
"""
import json
import pathlib
import sys
import warnings

import numpy
import onnx
import torch
from torch import nn

warnings.filterwarnings("ignore")


def conv(a, b, k=3, s=1, **more):
    return nn.Conv2d(a, b, k, s, k // 2, bias=False, **more)


class Paper(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1, self.conv2, self.bn2 = conv(1, 4), nn.BatchNorm2d(4), conv(4, 6), nn.BatchNorm2d(6)
        self.fc1, self.fc2 = nn.Linear(24, 8), nn.Linear(8, 5)

    def forward(self, x):
        x = torch.max_pool2d(torch.relu(self.bn1(self.conv1(x / 255))), 2)
        x = torch.max_pool2d(torch.relu(self.bn2(self.conv2(x))), 2)
        return torch.softmax(self.fc2(torch.relu(self.fc1(x.view(x.size(0), -1)))), 1)


class Basic(nn.Module):
    def __init__(self, a, b, s):
        super().__init__()
        self.conv1, self.bn1, self.conv2, self.bn2 = conv(a, b, 3, s), nn.BatchNorm2d(b), conv(b, b), nn.BatchNorm2d(b)
        self.down = nn.Sequential(conv(a, b, 1, s), nn.BatchNorm2d(b)) if a != b else nn.Identity()

    def forward(self, x):
        return torch.relu(self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x))))) + self.down(x))


class Resnet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(conv(3, 4), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        self.a, self.b, self.fc = Basic(4, 4, 1), Basic(4, 6, 2), nn.Linear(6, 5)

    def forward(self, x):
        return self.fc(self.b(self.a(self.stem(x))).mean((2, 3), keepdim=True).flatten(1))


class Lite(nn.Module):
    """Depthwise, relu6, TensorFlow's padding in front of the strides, squeeze and excitation."""
    def __init__(self):
        super().__init__()
        self.a, self.dw, self.out = nn.Conv2d(3, 8, 3, 2), nn.Conv2d(8, 8, 3, 2, groups=8, bias=False), conv(8, 8, 1)
        self.bn1, self.bn2, self.bn3 = nn.BatchNorm2d(8, 1e-3), nn.BatchNorm2d(8, 1e-3), nn.BatchNorm2d(8, 1e-3)
        self.fc1, self.fc2, self.head = nn.Conv2d(8, 2, 1), nn.Conv2d(2, 8, 1), nn.Linear(8, 5)

    def forward(self, x):
        pad = lambda v: nn.functional.pad(v, (0, 1, 0, 1))
        x = nn.functional.relu6(self.bn1(self.a(pad(x))))
        x = nn.functional.relu6(self.bn2(self.dw(pad(x))))
        gate = torch.sigmoid(self.fc2(torch.relu(self.fc1(x.mean((2, 3), keepdim=True)))))
        x = self.bn3(self.out(x * gate)) + x * gate
        return self.head(nn.functional.dropout(x.mean((2, 3)), .2, self.training))


class Norms(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.group, self.single, self.head = conv(3, 8), nn.GroupNorm(4, 8), nn.InstanceNorm2d(8, affine=True), nn.Linear(8, 5)

    def forward(self, x):
        x = nn.functional.hardswish(self.single(nn.functional.silu(self.group(self.conv(x)))))
        return self.head(nn.functional.gelu(nn.functional.leaky_relu(x, .1)).mean((2, 3)))


class Tokens(nn.Module):
    """What a vision transformer has besides attention."""
    def __init__(self):
        super().__init__()
        self.patch, self.position, self.norm = nn.Conv2d(3, 8, 4, 4), nn.Parameter(torch.randn(1, 6, 8)), nn.LayerNorm(8)
        self.fc1, self.fc2, self.last, self.head = nn.Linear(8, 12), nn.Linear(12, 8), nn.LayerNorm(8), nn.Linear(8, 5)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2) + self.position
        x = x + self.fc2(nn.functional.gelu(self.fc1(self.norm(x))))
        return self.head(self.last(x).mean(1))


def images(count, shape):
    c, h, w = shape
    i = numpy.arange(count * c * h * w, dtype=numpy.uint64)
    pixels = ((i * numpy.uint64(2654435761)) >> numpy.uint64(13)).astype(numpy.uint8).reshape(count, h, w, c)
    return torch.from_numpy(pixels.transpose(0, 3, 1, 2).astype(numpy.float32))


def scattered(network):
    for p in network.state_dict().values():
        if p.dim() == 1:
            nn.init.uniform_(p, .5, 1.5)
    return network.eval()


folder = pathlib.Path(sys.argv[1])
(folder / "onnx_torch").mkdir(exist_ok=True)
golden = {}
torch.manual_seed(1)
for make, shape in ((Paper, (1, 9, 11)), (Resnet, (3, 12, 10)), (Lite, (3, 12, 16)), (Norms, (3, 6, 5)), (Tokens, (3, 8, 12))):
    network, x = scattered(make()), images(3, shape)
    scaled = x if make is Paper else x / 255
    with torch.no_grad():
        y = network(scaled)
    for way in ("script", "dynamo"):
        if way == "script" and make is Lite:  # that exporter computes paddings from shapes, node by node
            continue
        name = f"{make.__name__.lower()}_{way}"
        path = folder / "onnx_torch" / f"{name}.onnx"
        if way == "script":
            torch.onnx.export(network, scaled, path, dynamo=False, opset_version=17, input_names=["x"], dynamic_axes={"x": {0: "n"}})
        else:
            torch.onnx.export(network, (scaled,), path, dynamo=True, external_data=False, input_names=["x"],
                              dynamic_shapes=({0: torch.export.Dim("n")},), verbose=False)
        model = onnx.load(path)  # without where in which source each node comes from
        del model.graph.value_info[:], model.metadata_props[:], model.graph.metadata_props[:]
        for item in list(model.graph.node) + list(model.graph.input) + list(model.graph.output) + list(model.graph.initializer):
            item.doc_string = ""
            del item.metadata_props[:]
        onnx.save(model, path)
        golden[name] = (y if make is Paper else torch.softmax(y, 1)).tolist()
with open(folder / "onnx_torch.json", "w") as out:
    out.write("{\n" + ",\n".join(f'"{name}": {json.dumps(rows)}' for name, rows in golden.items()) + "\n}\n")
