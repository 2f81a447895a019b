"""Runs networks of tests/onnx_network.c with onnxruntime, after onnx's checker has looked at them.

Usage: make_onnx_golden.py FOLDER [GOLDEN.json]
FOLDER holds NAME.onnx, NAME.images, NAME.probabilities (onnx_network all FOLDER 3). Prints the largest difference of probabilities for each
network and exits with 1 where it is above 1e-5; of NAME-int8 where it is above 0.1 of an image or 0.004 in the mean (a step of the
integers apart, by other rounding of halves), or where two images in a hundred that are no near ties (0.05) are of another class. With GOLDEN.json, what onnxruntime says is written there for tests/export/test_onnx.c.
"""
import hashlib
import json
import pathlib
import sys

import numpy
import onnx
import onnxruntime


def graph_bytes(data):
    """Field 7 of a ModelProto, as it stands in the file."""
    def varint(at):
        value = shift = 0
        while True:
            value |= (data[at] & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if not data[at - 1] & 0x80:
                return value, at
    at = 0
    while at < len(data):
        tag, at = varint(at)
        length, at = varint(at)
        if tag & 7 == 0:
            continue
        if tag >> 3 == 7:
            return data[at:at + length]
        at += length


golden, bad = {}, False
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.onnx")):
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim][1:]
    images = numpy.fromfile(path.with_suffix(".images"), numpy.uint8).reshape([-1] + shape[1:] + shape[:1])
    images = images.transpose(0, 3, 1, 2).astype(numpy.float32)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    ran = numpy.concatenate([session.run(None, {"image": images[i:i + 100]})[0] for i in range(0, len(images), 100)])
    ours = numpy.fromfile(path.with_suffix(".probabilities"), numpy.float32).reshape(ran.shape)
    difference = float(abs(ran - ours).max())
    if path.stem.endswith("-int8"):
        top = numpy.sort(ours, 1)
        clear = top[:, -1] - top[:, -2] > 0.05
        other = (ran.argmax(1) != ours.argmax(1))[clear].sum()
        bad |= not (difference <= 0.1 and abs(ran - ours).mean() <= 0.004 and other <= 0.02 * len(images))
        print(f"  in the mean {abs(ran - ours).mean():.2g}; of {clear.sum()} images that are no near ties {other} of another class")
    else:
        bad |= not difference <= 1e-5
    print(f"{path.stem}: {len(images)} images, {difference:.2g}, classes equal {(ran.argmax(1) == ours.argmax(1)).mean():.4f}")
    golden[path.stem] = {"graph_sha256": hashlib.sha256(graph_bytes(path.read_bytes())).hexdigest(),
                         "probabilities": [[float(f"{p:.9g}") for p in row] for row in ran]}
if len(sys.argv) > 2:
    with open(sys.argv[2], "w") as out:
        out.write("{\n" + ",\n".join(f'"{name}": {json.dumps(entry)}' for name, entry in golden.items()) + "\n}\n")
sys.exit(bad or not golden)
