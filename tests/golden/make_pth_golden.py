#!/usr/bin/env python3
"""Makes checkpoint.pth, a training's state by torch.save, and checkpoint.safetensors, its tensors as float32 in their own order.

Run it with PyTorch 2.15 and safetensors from anywhere:   python3 tests/golden/make_pth_golden.py
Both files are kept in the repository; run this again only to change what is tested. The state has tensors of every width, views
that are turned, cut and shared, an optimizer's state and numbers beside the network's.
"""
import os

import torch
from safetensors.torch import save_file


def main():
    torch.manual_seed(3)
    network = torch.nn.Sequential()
    network.add_module("conv1", torch.nn.Conv2d(2, 3, 3, bias=False))
    network.add_module("bn1", torch.nn.BatchNorm2d(3))
    network.add_module("dense1", torch.nn.Linear(12, 4))
    optimizer = torch.optim.Adam(network.parameters())
    network.dense1(network.bn1(network.conv1(torch.randn(2, 2, 4, 4))).flatten(1)).square().sum().backward()
    optimizer.step()
    state = torch.nn.DataParallel(network).state_dict()
    block = torch.randn(4, 5, 6)
    state["half"], state["brain"], state["double"] = block[0].half(), block[1].bfloat16(), block[2].double()
    state["turned"], state["cut"] = block.permute(2, 0, 1), block[1:3, ::2, 4]
    state["channels_last"] = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    state["half_turned"], state["shared"], state["empty"] = block.half().transpose(0, 2), block, torch.zeros(0, 3)
    state["parameter"], state["number"] = torch.nn.Parameter(torch.randn(2)), torch.tensor(-2.5)
    here = os.path.dirname(os.path.abspath(__file__))
    torch.save({"epoch": 3, "best": 0.93, "long": 2**40, "name": "hand", "optimizer": optimizer.state_dict(), "state_dict": state},
               os.path.join(here, "checkpoint.pth"))
    save_file({name: tensor.detach().float().contiguous().clone() for name, tensor in state.items()
               if tensor.is_floating_point()}, os.path.join(here, "checkpoint.safetensors"))


if __name__ == "__main__":
    main()
