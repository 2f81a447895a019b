#!/usr/bin/env bash
# Small networks: cifra train --teacher and --quantize, cifra prune, cifra export --to onnx-int8, and what exports.json and the report
# tell of what was exported.
. "$(dirname "$0")/checks.sh"
export CIFRA_DATA=$work/nothing XDG_CACHE_HOME=$work/nothing
mkdir place && cd place || exit 1
data=(--data hand:n=300,test=100 --batch 32 --figures none --quiet)
"$CIFRA" train "${data[@]}" --model "conv 8 3x3 | bn | relu | maxpool 4 | dense classes" --epochs 2 --out large >/dev/null 2>err || bad "train: $(cat err)"

# ---- A teacher ----
net="conv 4 3x3 | bn | relu | maxpool 4 | dense classes"
"$CIFRA" train "${data[@]}" --model "$net" --epochs 2 --teacher large --teacher-share 0.5 --temperature 3 --augment "shift 2" --out pupil >/dev/null 2>err ||
    bad "train --teacher: $(cat err)"
sha=$(sha256sum large/model.safetensors | cut -d' ' -f1)
for line in '"teacher": "large"' '"teacher_share": 0.5' '"temperature": 3.0' "\"teacher_sha256\": \"$sha\""; do
    check "config.json has $line" grep -qF "$line" pupil/config.json
done
"$CIFRA" train --config pupil/config.json --figures none --quiet --threads 1 --out again >/dev/null 2>err || bad "--config: $(cat err)"
check "config.json repeats it" cmp -s pupil/model.safetensors again/model.safetensors
refuses 2 "teacher nobody: there is no run and no file nobody" "$CIFRA" train "${data[@]}" --model "$net" --teacher nobody --out not
refuses 2 "it takes images of 1x28x28, and the network to be trained 1x14x14" "$CIFRA" train "${data[@]}" --model "input 1x14x14 | $net" \
    --teacher large --out not
mv large moved && cp -r pupil large
refuses 1 "holds other weights than those that are asked for" "$CIFRA" train --config pupil/config.json --figures none --quiet --out not
rm -r large && mv moved large
check "nothing is left of what was refused" [ ! -e not ]

# ---- Eight bits ----
"$CIFRA" train "${data[@]}" --from pupil --quantize int8 --epochs 2 --lr 0.001 --out rounded >/dev/null 2>err || bad "--quantize: $(cat err)"
check "config.json tells it" grep -qF '"quantize": "int8"' rounded/config.json
refuses 2 "the layer layernorm1 (layernorm) has no form in 8-bit integers yet" "$CIFRA" train "${data[@]}" --model "conv 4 3x3 | layernorm | dense classes" \
    --quantize int8 --out not
"$CIFRA" train --data "hand:n=60,test=20" --model "dense classes" --precision bf16 --epochs 1 --figures none --out bf16 >/dev/null 2>err
if grep -q "no instructions for bf16" err; then
    echo "SKIPPED: --quantize with bf16 (this processor has no instructions for it, and f32 is used)"
else
    refuses 2 "precision f32 expected, found bf16" "$CIFRA" train "${data[@]}" --model "$net" --quantize int8 --precision bf16 --out not
fi

# ---- Fewer channels ----
"$CIFRA" prune large --keep 0.5 --out half >half.txt 2>err || bad "prune: $(cat err)"
check "the line" grep -qxF "$net" half.txt
check "how many are left" grep -q "^2014 parameters of 4018, " half.txt
check "it is tested" [ -s half/metrics.json ]
"$CIFRA" train "${data[@]}" --from half --epochs 1 --out tuned >/dev/null 2>err || bad "train --from a pruned run: $(cat err)"
check "all was taken" grep -q '"new": 0' tuned/config.json
refuses 2 "holds a run already" "$CIFRA" prune large --out half
refuses 2 "--out RUN is needed" "$CIFRA" prune large

# ---- Exports ----
"$CIFRA" export rounded net.onnx --to onnx-int8 --json >net.json 2>err || bad "export: $(cat err)"
check "QuantizeLinear is in it" grep -qa QuantizeLinear net.onnx
same "the accuracy is that of eval" "$(sed -n 's/.*"accuracy": \([0-9.]*\).*/\1/p' net.json)" \
    "$("$CIFRA" eval rounded --precision int8 --figures none --json 2>/dev/null | sed -n 's/^ *"accuracy": \([0-9.]*\).*/\1/p' | head -1)"
refuses 2 "the folder of a run expected, a model file found" "$CIFRA" export rounded/model.safetensors not.onnx --to onnx-int8
"$CIFRA" export rounded c --to c-int8 >/dev/null || bad "export as C"
"$CIFRA" export rounded net.onnx --to onnx >/dev/null || bad "the same file again"
same "an entry for each file" "$(grep '"file"' rounded/exports.json | tr -d ' ,\n')" '"file":"c""file":"net.onnx"'
check "the arena is told" grep -qE '"ram_bytes": [1-9]' rounded/exports.json
"$CIFRA" report rounded --quiet >/dev/null || bad "report"
check "the page shows them" grep -q "<h3>Exports</h3>" rounded/report.html
check "with the file" grep -q '<th scope="row">net.onnx</th><td>onnx</td>' rounded/report.html
finish
