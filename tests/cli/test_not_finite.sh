#!/usr/bin/env bash
# Values that are not finite: a training that diverges is never done, its weights are never written, read or used; and what overflows
# in one figure or one picture is said without taking the rest with it. And files of models as other programs write them.
. "$(dirname "$0")/checks.sh"
change=$(cd "$(dirname "$0")" && pwd)/change_tensors.py
"$MAKE_SET" "$work/bars" 400 60
net="conv 4 3x3 | bn | relu | maxpool 2 | dense 8 | relu | dense classes"
settings=(--data "$work/bars" --batch 32 --patience 0 --quiet)
picture=$(find "$work/bars/pictures" -name '*.png' | sort | head -1)

# ---- Diverging

all_finite() { # all_finite FILE
    [ ! -e "$1" ] || python3 - "$1" <<'P'
import array, json, math, struct, sys
data = open(sys.argv[1], "rb").read()
begin = 8 + struct.unpack("<Q", data[:8])[0]
header = json.loads(data[8:begin])
sys.exit(any(name != "__metadata__" and not all(map(math.isfinite, array.array("f", data[begin + t["data_offsets"][0]:begin + t["data_offsets"][1]])))
             for name, t in header.items()))
P
}
deep="conv 8 3x3 | relu | conv 8 3x3 | relu | conv 8 3x3 | relu | dense 16 | relu | dense classes"
turn=0
for more in "--lr 10000" "--lr 1000000" "--lr 1000000 --precision bf16" "--lr 1000000 --engine reference" "--lr 1000000 --optimizer adam"; do
    turn=$((turn + 1))
    # shellcheck disable=SC2086
    refuses 1 "in epoch 1, step " "$CIFRA" train "${settings[@]}" --model "$deep" $more --epochs 4 --figures none --out "lost$turn"
    check "$more: a way out" grep -q "usually helps" stderr
    check "$more: no number without a value" test "$(grep -c -- '-nan' stderr)" = 0
    check "$more: no result" test ! -e "lost$turn/metrics.json"
    for file in model checkpoint; do check "$more: $file" all_finite "lost$turn/$file.safetensors"; done
done

# A later epoch diverges: what was best before it stays, and the run is not done.
"$CIFRA" train "${settings[@]}" --model "$net" --epochs 1 --figures none --out later >/dev/null
cp later/model.safetensors best.safetensors
python3 "$change" later/checkpoint.safetensors huge.safetensors "now/dense1.weight*=1e30" "now/dense2.weight*=1e30"
cp huge.safetensors later/checkpoint.safetensors
refuses 1 "in epoch 2, step " "$CIFRA" train --resume --out later --epochs 3 --figures none --quiet
check "the best weights stay" cmp -s later/model.safetensors best.safetensors

# A checkpoint that has such values goes on nowhere.
python3 "$change" huge.safetensors later/checkpoint.safetensors "first/conv1.weight[2]=inf"
rm -f later/checkpoint.previous.safetensors
refuses 1 "first/conv1.weight: value 2 is inf" "$CIFRA" train --resume --out later --epochs 3 --figures none --quiet

# In a tune it is a trial that failed, and the others count.
cat >space.yaml <<Y
model: $deep
parameters:
  - {name: lr, values: [0.01, 1000000]}
Y
"$CIFRA" tune --data "$work/bars" --grid space.yaml --sampler grid --epochs 2 --figures none --out tune --json >tune.json 2>tune.err || bad "tune: $(cat tune.err)"
same "trials done and failed" "$(grep -o '"state": "[a-z]*"' tune.json | sort | tr '\n' ' ')" '"state": "done" "state": "done" "state": "failed" ' # the best is told once more
check "why" grep -q 'in epoch 1, step .*at learning rate 1e+06' tune.json

# ---- Files

"$CIFRA" train "${settings[@]}" --model "$net" --epochs 1 --out run >/dev/null 2>&1
good=run/model.safetensors
predict() { # predict CHANGE...: with such a file
    python3 "$change" $good changed.safetensors "$@"
    "$CIFRA" predict changed.safetensors "$picture"
}
predict "conv1.weight*=1" >plain 2>/dev/null
refuses 1 "conv1.weight: value 4 is nan" predict "conv1.weight[4]=nan"
refuses 1 "dense2.bias: value 0 is nan" predict "dense2.bias[0]=nan"
refuses 1 "dense1.weight: value 7 is -inf" predict "dense1.weight[7]=-inf"
refuses 1 "bn1.running_var: value 1 is -0.25, and a variance is 0 or more" predict "bn1.running_var[1]=-0.25"
refuses 1 "bn1.running_mean: value 0 is inf" predict "bn1.running_mean[0]=inf"
refuses 1 "dense1.weight: shape [8, 144] expected, [144, 8] found" predict "dense1.weight~"
predict "dense1.weight:F16" >half || bad "weights of 16 bits: $(cat half)"
same "weights of 16 bits give the class" "$(cut -d' ' -f1-2 half)" "$(cut -d' ' -f1-2 plain)"
refuses 1 "dense1.weight has dtype I64; F32, F16, BF16 or F64 was expected" predict "dense1.weight+"
predict "bn1.num_batches_tracked+" >counted 2>counted.err || bad "a counter of batches: $(cat counted.err)"
same "a counter of batches changes nothing" "$(cat counted)" "$(cat plain)"
check "it is told" grep -q "passed over: bn1.num_batches_tracked" counted.err
predict "bn1.num_batches_tracked+" "epoch+" >/dev/null 2>counted.err
check "two are counted" grep -q "2 tensors that the model does not need are passed over, the first of them bn1.num_batches_tracked" counted.err

# Finite weights whose sums are not: no probabilities, and no list without numbers.
overflow=("conv1.weight*=1e18" "bn1.weight*=1e18" "dense1.weight*=1e18" "dense2.weight*=1e18")
refuses 1 "its outputs are not finite" predict "${overflow[@]}"
python3 "$change" $good changed.safetensors "${overflow[@]}"
refuses 1 "1 of 1 files could not be read" "$CIFRA" predict changed.safetensors "$picture" --json
check "the entry says why" grep -q '"error": ".*its outputs are not finite' stdout
check "and has nothing like an answer" test "$(grep -c 'probabilit.*\[\|"class"\|"confidence"\|"top"' stdout)" = 0
cp -r run overflow
cp changed.safetensors overflow/model.safetensors
refuses 1 "the outputs of the network overflow" "$CIFRA" eval overflow --quiet --json
check "no metrics without numbers" test "$(grep -ci nan stdout)" = 0

# ---- One figure that cannot be drawn: gradients overflow, where outputs do not.

steep=("bn1.weight*=1e-20" "bn1.bias*=1e-20" "dense1.weight*=1e20" "dense2.weight*=1e20")
cp -r run steep
python3 "$change" $good steep/model.safetensors "${steep[@]}"
"$CIFRA" eval steep --json >steep.json 2>steep.err || bad "eval: $(cat steep.err)"
check "eval: the figure is missing, and why" grep -q "there is no figure grad-cam: .*the map is not finite" steep.err
check "eval: none of before is left" test -z "$(find steep/figures -name 'grad-cam*')"
for name in confusion unsure confused-pairs roc precision-recall reliability; do
    check "eval: $name is drawn" test steep/figures/$name.svg -nt steep/model.safetensors
done
check "eval: --json has its numbers" grep -q '"accuracy"' steep.json
"$CIFRA" report steep --quiet >/dev/null 2>&1 || bad "no page of such weights"
python3 "$change" run/checkpoint.safetensors steep/checkpoint.safetensors "${steep[@]/#/best/}" "${steep[@]/#/now/}"
"$CIFRA" train --resume --out steep --json >steep.json 2>steep.err || bad "train --resume: $(cat steep.err)"
check "train: the figure is missing, and why" grep -q "there is no figure grad-cam: " steep.err
check "train: --json has its numbers" grep -q '"weights_sha256"' steep.json
check "train: the page is made" test steep/report.html -nt steep/metrics.json

# An error of the system is none of the numbers'.
rm -rf steep/figures
touch steep/figures
refuses 1 "figures" "$CIFRA" eval steep --quiet

# ---- Networks that could learn nothing are refused before a folder is made.

"$CIFRA" train --data "$work/bars" --model "input 1x2x5 | relu" --epochs 1 --out never >/dev/null 2>stderr
check "no weights" grep -q "has no weights" stderr
check "nothing is left of it" test ! -e never
finish
