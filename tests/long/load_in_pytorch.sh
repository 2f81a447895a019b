#!/usr/bin/env bash
# load_in_pytorch.sh CIFRA: networks are trained for an epoch and exported; PyTorch's own networks load the files strictly and give the
# probabilities that cifra predict gives; the lines of Python in docs/weights.md run. $CIFRA_PYTHON: a Python with PyTorch (python3); where there is none, it says so.
CIFRA=$(realpath "${1:?the program}") MAKE_SET=none python=$(command -v "${CIFRA_PYTHON:-python3}")
load=$(cd "$(dirname "$0")/../golden" && pwd)/make_export_golden.py
page=$(cd "$(dirname "$0")/../../docs" && pwd)/weights.md
if ! "${python:-false}" -c 'import torch' 2>/dev/null; then
    echo "SKIPPED: exported files in PyTorch (${CIFRA_PYTHON:-python3} has no torch; CIFRA_PYTHON names a Python that has)"
    exit 0
fi
. "$(dirname "$0")/../cli/checks.sh"

# picture C SIDE: bytes in pixels ([C][H][W]) and the same as picture.bmp, whose rows go upwards, in the order blue, green, red.
picture() {
    "$python" -c 'import struct, sys
C, S = map(int, sys.argv[1:])
value = lambda c, y, x: (7 * x + 5 * y * (c % C + 1) + x * y // 3 + 60 * (c % C)) % 256
open("pixels", "wb").write(bytes(value(c, y, x) for c in range(C) for y in range(S) for x in range(S)))
rows = b"".join(bytes(value(c, y, x) for x in range(S) for c in (2, 1, 0)) + b"\0" * (-3 * S % 4) for y in range(S - 1, -1, -1))
open("picture.bmp", "wb").write(struct.pack("<2sIHHIIiiHHIIiiII", b"BM", 54 + len(rows), 0, 0, 54, 40, S, S, 1, 24, 0, len(rows), 0, 0, 0, 0) + rows)' "$@"
}

for row in "paper hand 1 28" "resnet18 street 3 32" "efficientnet-lite0 street 3 32"; do
    read -r name set channels side <<<"$row"
    picture "$channels" "$side"
    "$CIFRA" train --data "$set" -n 300 --model "$name" --epochs 1 --figures none --quiet --out "$name" >/dev/null || bad "training $name"
    "$CIFRA" export "$name" "$name.pt.safetensors" >/dev/null || bad "export of $name"
    "$CIFRA" predict "$name" picture.bmp --csv own.csv --quiet >/dev/null || bad "predict of $name"
    "$python" "$load" "$name" "$name.pt.safetensors" pixels >theirs 2>err
    case $? in
    0) check "$name: PyTorch's probabilities" "$python" -c 'import csv
own = [float(v) for v in list(csv.reader(open("own.csv")))[1][3:]]
theirs = [float(v) for v in open("theirs").read().split()]
worst = max(abs(a - b) for a, b in zip(own, theirs, strict=True))
print("%s: largest difference of %d probabilities %.1e" % ("'"$name"'", len(own), worst))
exit(not worst < 1e-5)' ;;
    77) echo "SKIPPED: $name in PyTorch ($(cat theirs))" ;;
    *) bad "$name: PyTorch does not load the file: $(tail -1 err)" ;;
    esac
done

# The page's own lines, in one go, where what they import is there.
if "$python" -c 'import safetensors, torchvision' 2>/dev/null; then
    cp resnet18.pt.safetensors resnet18.safetensors
    awk '/^```/ { inside = $0 == "```python"; next } inside' "$page" >page.py
    check "docs/weights.md: its lines run" "$python" page.py
    check "docs/weights.md: both files are made" test -s resnet18.pth -a -s resnet18-half.safetensors
else
    echo "SKIPPED: the lines of docs/weights.md ($python has no safetensors or no torchvision)"
fi
finish
