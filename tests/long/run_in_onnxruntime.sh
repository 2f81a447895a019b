#!/usr/bin/env bash
# run_in_onnxruntime.sh ONNX_NETWORK: exported networks are looked at by onnx's checker and run by onnxruntime, whose probabilities must be
# cifra's to 1e-5: one network per word of the model line, and four named ones on 1,000 images. $CIFRA_PYTHON: a Python with onnx and
# onnxruntime (python3); without one a virtual environment is made. Where that cannot be, it says so. $CIFRA_DATA may hold EfficientNet's weights.
tool=$(realpath "${1:?the tool onnx_network of the tests}") python=$(command -v "${CIFRA_PYTHON:-python3}")
golden=$(cd "$(dirname "$0")/../golden" && pwd)/make_onnx_golden.py
weights=${CIFRA_DATA:-/nowhere}/pretrained/efficientnet-lite0.safetensors
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if ! "${python:-false}" -c 'import onnx, onnxruntime' 2>/dev/null; then
    python=$work/venv/bin/python
    if ! { python3 -m venv "$work/venv" && "$python" -m pip install --quiet onnx onnxruntime numpy; } >"$work/err" 2>&1; then
        echo "SKIPPED: exported files in onnxruntime ($(tail -1 "$work/err"); CIFRA_PYTHON names a Python that has onnx and onnxruntime)"
        exit 0
    fi
fi
failed=0
"$tool" all "$work/words" 100 && "$python" "$golden" "$work/words" || failed=1
"$tool" all "$work/integers" 100 int8 && "$python" "$golden" "$work/integers" || failed=1
for name in paper resnet20; do
    "$tool" $name "$work/$name" 1000 int8 && "$python" "$golden" "$work/$name" || failed=1
    rm -rf "${work:?}/$name"
done
for name in paper resnet20 vit-tiny efficientnet-lite0; do
    given=()
    [ $name != efficientnet-lite0 ] || [ ! -f "$weights" ] || given=("$weights")
    "$tool" $name "$work/$name" 1000 "${given[@]}" && "$python" "$golden" "$work/$name" || failed=1
    rm -rf "${work:?}/$name"
done
exit $failed
