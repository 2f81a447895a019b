"""A safetensors file with other values, for the tests of models that are damaged or come from other programs.

change_tensors.py FROM TO CHANGE...   NAME[I]=V: value I becomes V; NAME*=V: all values times V; NAME+: an int64 number is added;
                                      NAME~: the sizes of its shape in reverse order; NAME:F16: as 16-bit floats.
A checksum is taken out, and a checkpoint becomes one of the format that had none.
"""
import array
import json
import re
import struct
import sys


def read(path):
    with open(path, "rb") as file:
        data = file.read()
    begin = 8 + struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:begin])
    texts = header.pop("__metadata__")
    return texts, {name: [t["dtype"], t["shape"], data[begin + t["data_offsets"][0]:begin + t["data_offsets"][1]]]
                   for name, t in header.items()}


def change(tensors, text):
    name, kind, rest = re.fullmatch(r"([\w./]+)(\[|\*=|\+|~|:)(.*)", text).groups()
    if kind == "+":
        tensors[name] = ["I64", [], struct.pack("<q", 7)]
        return
    tensor = tensors[name]
    values = array.array("f", tensor[2])
    if kind == "[":
        place, value = rest.split("]=")
        values[int(place)] = float(value)
    elif kind == "*=":
        values = array.array("f", [v * float(rest) for v in values])
    elif kind == "~":
        tensor[1].reverse()
    tensor[2] = values.tobytes() if kind != ":" else struct.pack("<%de" % len(values), *values)
    if kind == ":":
        tensor[0] = rest


def write(path, texts, tensors):
    texts.pop("file_sha256", None)
    texts["format"] = texts["format"].replace("cifra-checkpoint-2", "cifra-checkpoint-1")
    header, place = {"__metadata__": texts}, 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [place, place + len(data)]}
        place += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(data for _, _, data in tensors.values()))


all_texts, all_tensors = read(sys.argv[1])
for one in sys.argv[3:]:
    change(all_tensors, one)
write(sys.argv[2], all_texts, all_tensors)
