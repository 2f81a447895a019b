#!/usr/bin/env bash
# The two programs of docs/python.md as they stand there: the library by ctypes, the weights in PyTorch. Each gives what cifra gives.
. "$(dirname "$0")/checks.sh"
python=${PYTHON:-python3}
"$python" -c "import numpy" 2>/dev/null || python=/usr/bin/python3 # Debian's, to which its numpy belongs
# program N: the N-th block of Python of the page
program() { awk -v wanted="$1" '/^```python/ { block++; inside = block == wanted; next } /^```/ { inside = 0 } inside' "$CIFRA_SOURCE/docs/python.md"; }

"$CIFRA" data make hand -n 400 --seed 3 --out digits --quiet >/dev/null || bad "data make"
"$CIFRA" train --data digits --epochs 2 --figures none --out run --quiet >/dev/null || bad "train"
cp run/model.safetensors run/predictions.csv .

if ! "$python" -c "import numpy" 2>/dev/null; then
    echo "SKIPPED: the library from Python ($python has no numpy)"
else
    # The test images, from the IDX file: bytes behind a head of 16.
    "$python" - <<'PYTHON' || bad "images.npy"
import glob, gzip, numpy
path = glob.glob("digits/t10k-images*")[0]
content = (gzip.open if path.endswith(".gz") else open)(path, "rb").read()
numpy.save("images.npy", numpy.frombuffer(content, numpy.uint8, offset=16).reshape(-1, 28, 28, 1))
PYTHON
    program 1 >first.py
    check "the page has the program" grep -q cf_predict first.py
    LD_LIBRARY_PATH=$(dirname "$CIFRA")/ "$python" first.py >out.txt 2>err.txt || bad "the program of the page: $(tail -1 err.txt)"
    same "its classes are those of predictions.csv" "$(tr -dc '0-9' <out.txt)" "$(tail -n +2 predictions.csv | cut -d, -f3 | tr -d '\n')"
    # A file that is none: the message of the library.
    echo no >model.safetensors
    LD_LIBRARY_PATH=$(dirname "$CIFRA")/ "$python" first.py >out.txt 2>err.txt && bad "a damaged model was read"
    check "the message is the library's" grep -q "^RuntimeError: model.safetensors" err.txt
    cp run/model.safetensors .
fi

if ! "$python" -c "import torch, safetensors" 2>/dev/null; then
    echo "SKIPPED: the weights in PyTorch ($python has no torch with safetensors)"
    finish
    exit
fi
{
    program 2
    cat <<'PYTHON'
import numpy
images = torch.from_numpy(numpy.load("images.npy").transpose(0, 3, 1, 2)).float() / 255
with torch.no_grad():
    ours = torch.tensor([[float(row[f"p_{c}"]) for c in range(10)] for row in rows])
    print("largest difference", float((torch.softmax(network(images), 1) - ours).abs().max()))
PYTHON
} >second.py
"$python" second.py >out.txt 2>err.txt || bad "the second program of the page: $(tail -1 err.txt)"
check "it tells of all images" grep -q "^$(($(wc -l <predictions.csv) - 1)) images" out.txt
check "PyTorch gives the same probabilities: $(tail -1 out.txt)" awk '/largest difference/ { ok = $3 < 1e-5 } END { exit !ok }' out.txt
finish
