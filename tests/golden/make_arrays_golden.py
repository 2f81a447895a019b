#!/usr/bin/env python3
"""Makes arrays.npz and stored.npz: arrays as NumPy writes them, of every type and order that is read.

    python3 tests/golden/make_arrays_golden.py

The files are kept in the repository; run this again only to change what is tested. Needs NumPy (2.4 made them).

arrays.npz (deflated): rows(type) as NAME for each type of both byte orders, "F_" in front in Fortran order; cube: 2 x 3 x 4 numbers from 0
on in Fortran order; y: labels -1, 7, 3, 7, 300 as big-endian int16; halves: as float16, z: as complex.
stored.npz: rows of float32 alone, stored.
"""
import os

import numpy as np

folder = os.path.dirname(os.path.abspath(__file__))
kept = {}


def rows(dtype):
    """5 x 3 numbers that every type holds: 0 and 1 for bool."""
    numbers = np.array([[0, 1, 2], [3, 4, 5], [6, 7, 100], [1, 0, 1], [127, 9, 8]])
    if dtype.kind == "f":
        numbers = numbers * 0.5 - 2
    return numbers.astype(dtype)


for name in ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?"]:
    for order, word in [("<", ""), (">", "big_")]:
        array = rows(np.dtype(order + name))
        label = word + ("b1" if name == "?" else name)
        kept[label] = array
        kept["F_" + label] = np.asfortranarray(array)
kept["cube"] = np.asfortranarray(np.arange(24, dtype=np.int32).reshape(2, 3, 4))
kept["y"] = np.array([-1, 7, 3, 7, 300], dtype=">i2")
kept["wholes"] = np.array([-1, 7, 3, 7, 300], dtype=np.float64)
kept["halves"] = np.array([-1, 7.5], dtype=np.float16)
kept["z"] = np.array([1 + 2j])
np.savez_compressed(os.path.join(folder, "arrays.npz"), **kept)
np.savez(os.path.join(folder, "stored.npz"), rows(np.dtype("<f4")))
