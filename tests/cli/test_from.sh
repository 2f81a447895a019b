#!/usr/bin/env bash
# cifra train --from: a run of ten classes, then one of two that begins with its weights; frozen, killed, resumed, as a group; and what
# is refused.
. "$(dirname "$0")/checks.sh"
export CIFRA_DATA=$work/nothing XDG_CACHE_HOME=$work/nothing
mkdir place && cd place || exit 1
net="conv 6 3x3 | bn | relu | maxpool 4 | dense 12 | relu | dropout 0.2 | dense classes"
ten=(--data hand:n=300,test=100 --model "$net" --batch 32 --figures none --quiet)
two=(--data hand:n=300,test=100 --classes 1,2 --from ten --batch 32 --figures none --quiet)
tensors() { /usr/bin/env python3 - "$@" <<'PY'
import json, struct, sys
def read(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    return {k: data[slice(*v["data_offsets"])] for k, v in header.items() if k != "__metadata__"}
a, b = read(sys.argv[1]), read(sys.argv[2])
print(" ".join(name for name in sorted(a) if a[name] == b.get(name)))
PY
}

"$CIFRA" train "${ten[@]}" --epochs 2 --out ten >/dev/null 2>err || bad "train: $(cat err)"

# ---- Ten classes, then two ----
"$CIFRA" train "${two[@]}" --epochs 2 --freeze backbone --out two >/dev/null 2>err || bad "train --from: $(cat err)"
same "all but the head is the source's, statistics, too" "$(tensors ten/model.safetensors two/model.safetensors)" \
    "bn1.bias bn1.running_mean bn1.running_var bn1.weight conv1.weight dense1.bias dense1.weight"
for line in '"model": "input 1x28x28 | conv 6 3x3 ' '"path": "ten"' '"taken": 7' '"converted": 0' '"new": 2' '"left": 0' \
    '"freeze": "backbone"' "\"sha256\": \"$(sha256sum ten/model.safetensors | cut -d' ' -f1)\""; do
    check "config.json has $line" grep -qF "$line" two/config.json
done
check "the page tells of it" grep -q "<h3>From another network</h3>" two/report.html
"$CIFRA" train "${two[@]}" --epochs 2 --freeze backbone --threads 1 --out alone >/dev/null 2>err || bad "train: $(cat err)"
check "the same bits on one thread" cmp -s two/model.safetensors alone/model.safetensors
"$CIFRA" train --config two/config.json --figures none --quiet --out again >/dev/null 2>err || bad "--config: $(cat err)"
check "config.json repeats it" cmp -s two/model.safetensors again/model.safetensors
"$CIFRA" train --data hand:n=300,test=100 --classes 1,2 --from ten --epochs 1 --figures none --out shown >shown.txt 2>err ||
    bad "train --from: $(cat err)"
check "the table" grep -q "^from    ten: tensors 7 taken, 0 converted, 2 new, 0 left$" shown.txt
check "its rows" grep -q "^        taken         7  conv1.weight .. dense1.bias$" shown.txt
"$CIFRA" train --data street:n=300,test=50 --from ten/model.safetensors --epochs 1 --figures none --out rgb >rgb.txt 2>err ||
    bad "train --from of RGB: $(cat err)"
check "grey becomes RGB at its size" grep -q '"model": "input 3x28x28 | ' rgb/config.json
check "its first convolution" grep -q "^        converted     1  conv1.weight \[6, 3, 3, 3\], in the file \[6, 1, 3, 3\]$" rgb.txt

# ---- Killed before the first step and on both sides of the thaw; the source is gone then; resumed ----
thaw=(--data hand:n=3000,test=100 --classes 1,2,3 --batch 32 --figures none --quiet --epochs 8 --head-epochs 4 --lr-backbone 0.1)
"$CIFRA" train "${thaw[@]}" --from ten --out whole >/dev/null 2>err || bad "train: $(cat err)"
begun() { [ -e killed/checkpoint.safetensors ] && [ "$(cat killed/history.csv 2>/dev/null | wc -l)" -ge "$1" ]; }
# The reference engine takes long for an epoch.
"$CIFRA" train --data hand:n=20000,test=100 --from ten --engine reference --epochs 1 --figures none --quiet --out slow >/dev/null 2>err &
process=$!
for i in $(seq 1000); do [ -e slow/config.json ] && break; sleep 0.01; done
sleep 0.3
kill -KILL $process 2>/dev/null
wait $process 2>/dev/null
check "a checkpoint before the first step" test -e slow/checkpoint.safetensors -a ! -e slow/history.csv
unfinished=0
for lines in 0 2 6; do # of history.csv, one of them its head
    rm -rf killed
    cp -r ten other
    "$CIFRA" train "${thaw[@]}" --from other --out killed >/dev/null 2>err &
    process=$!
    for i in $(seq 1000); do begun $lines && break; sleep 0.01; done
    kill -KILL $process 2>/dev/null
    wait $process 2>/dev/null
    rm -r other
    [ -e killed/metrics.json ] || unfinished=$((unfinished + 1))
    "$CIFRA" train --resume --out killed --figures none --quiet --threads 1 >/dev/null 2>err || bad "resume: $(cat err)"
    check "killed at $lines lines: the same end" cmp -s whole/model.safetensors killed/model.safetensors
done
check "a kill came in time" test $unfinished -gt 0

# ---- A group: one source, a head for each seed ----
"$CIFRA" train "${two[@]}" --epochs 1 --seeds 2 --out seeds >/dev/null 2>err || bad "train --seeds: $(cat err)"
for seed in 1 2; do
    "$CIFRA" train "${two[@]}" --epochs 1 --seed $seed --out single$seed >/dev/null 2>err || bad "train: $(cat err)"
    check "seed $seed has the bits of a single run" cmp -s seeds/s$seed/model.safetensors single$seed/model.safetensors
done
check "heads differ" test "$(sha_of seeds/s1)" != "$(sha_of seeds/s2)"
"$CIFRA" train --resume --out seeds --seeds 3 --figures none --quiet >/dev/null 2>err || bad "resume --seeds: $(cat err)"
check "a third" test -e seeds/s3/metrics.json
mv ten moved
cp -r single1 ten
refuses 1 "holds other weights now" "$CIFRA" train --resume --out seeds --seeds 4 --figures none --quiet
check "nothing was made" test ! -e seeds/s4
rm -r ten
mv moved ten

# ---- Refusals leave everything as it was ----
refuses 2 "began with those of ten, not with the weights of single1" "$CIFRA" train --resume --out two --from single1 --quiet
refuses 2 "began with weights that were drawn, not with the weights of two" "$CIFRA" train --resume --out ten --from two --quiet
refuses 2 "there is no run and no file nowhere" "$CIFRA" train "${ten[@]}" --from nowhere --out no
refuses 1 "the first tensor that does not is conv1.weight, of shape [8, 1, 5, 5] in the network and [6, 1, 3, 3] in the file" \
    "$CIFRA" train "${two[@]}" --model "conv 8 5x5 | dense 5 | dense classes" --out no
head -c 1000 ten/model.safetensors >short.safetensors
refuses 1 "short.safetensors" "$CIFRA" train "${ten[@]}" --from short.safetensors --out no
refuses 2 'the model has no layer "conv9"' "$CIFRA" train "${two[@]}" --freeze conv9 --out no
pth=$CIFRA_SOURCE/tests/golden/checkpoint.pth # of torch.save; its convolution reads two channels
refuses 1 "the first tensor that does not is conv1.weight, of shape [3, 1, 3, 3] in the network and [3, 2, 3, 3] in the file" \
    "$CIFRA" train --data hand:n=300,test=100 --from "$pth" --model "conv 3 3x3 pad valid nobias | bn | dense classes" --out no
refuses 2 "checkpoint.pth does not say what network its weights are of; say it with --model" \
    "$CIFRA" train --data hand:n=300,test=100 --from "$pth" --out no
check "no folder is left" test ! -e no
finish
