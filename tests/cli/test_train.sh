#!/usr/bin/env bash
# The real program from files to a tested model: the same bits at any thread count, killed or not; what it leaves behind.
. "$(dirname "$0")/checks.sh"
. "$(dirname "$0")/kills.sh"
"$MAKE_SET" "$work/bars" 6000 300
model="conv 12 3x3 | bn | relu | maxpool 2 | conv 20 3x3 | leakyrelu | dropout 0.2 | dense 40 | relu | dense classes"
settings=(--data "$work/bars" --model "$model" --epochs 6 --patience 0 --batch 32 --lr 0.02 --schedule one-cycle)

"$CIFRA" train "${settings[@]}" --threads 1 --out one --json >one.json 2>one.err || bad "train: $(cat one.err)"
sha=$(sha_of one)
for file in config.json history.csv model.safetensors checkpoint.safetensors metrics.json predictions.csv; do
    check "$file is in the run folder" test -s "one/$file"
done
for key in run epochs_run best_epoch validation test seconds images_per_second gflops share_of_peak weights_sha256; do
    check "train --json has $key" grep -q "^  \"$key\":" one.json
done
check "the network learns" awk -F '[:,]' '/"accuracy":/ && $2 > 0.9 { found = 1 } END { exit !found }' one.json
same "rows of history.csv" "$(wc -l <one/history.csv)" 7
same "rows of predictions.csv" "$(wc -l <one/predictions.csv)" 301

for threads in 2 3 8; do
    "$CIFRA" train "${settings[@]}" --threads "$threads" --out "t$threads" --quiet >/dev/null
    same "weights at $threads threads" "$(sha_of "t$threads")" "$sha"
done

# bf16, where the processor has it; elsewhere it says that f32 is used, and must then be f32.
"$CIFRA" train "${settings[@]}" --precision bf16 --threads 1 --out half1 >/dev/null 2>half1.err
if grep -q "f32 is used" half1.err; then
    echo "SKIPPED: bf16 (this processor has no instructions for it)"
    same "bf16 falls back to f32" "$(sha_of half1)" "$sha"
else
    check "bf16 is another arithmetic" test "$(sha_of half1)" != "$sha"
    for threads in 2 3 8; do
        "$CIFRA" train "${settings[@]}" --precision bf16 --threads "$threads" --out "half$threads" --quiet >/dev/null
        same "bf16 weights at $threads threads" "$(sha_of "half$threads")" "$(sha_of half1)"
    done
    check "bf16 learns" awk -F '[:,]' '/"accuracy":/ && $2 > 0.9 { found = 1 } END { exit !found }' half1/metrics.json
fi
CIFRA_ISA=avx2 "$CIFRA" train --data "$work/bars" --model "dense classes" --precision bf16 --epochs 1 --out "half-avx2" >/dev/null 2>half.err
check "bf16 without its instructions falls back and says so" grep -q "f32 is used" half.err

# SIGKILL at five random moments and to the end; on a machine so fast that a training ends before, it begins anew.
look() {
    same "weights after $kills kills" "$(sha_of killed)" "$sha"
    same "history after $kills kills" "$(cut -d, -f1-6 killed/history.csv)" "$(cut -d, -f1-6 one/history.csv)"
    same "files after $kills kills" "$(list killed)" "$(list one)"
}
life=600
die_often 5 killed look "$CIFRA" train "${settings[@]}" --out killed --resume --quiet
# The same with all that a step and an epoch can keep: Muon's momentum, a moving average, a mean over epochs, another best epoch.
recipe=("${settings[@]}" --optimizer muon --clip 1 --decay-on weights --weight-decay 0.01 --warmup 0.5 --ema 0.95
    --swa-from 0.5 --stop-on accuracy)
"$CIFRA" train "${recipe[@]}" --threads 1 --out recipe --quiet >/dev/null || bad "a recipe"
look_at_recipe() {
    same "weights of the recipe after $kills kills" "$(sha_of killed-recipe)" "$(sha_of recipe)"
    same "its history after $kills kills" "$(cut -d, -f1-6 killed-recipe/history.csv)" "$(cut -d, -f1-6 recipe/history.csv)"
    same "its test" "$(grep -A3 '"test"' killed-recipe/metrics.json)" "$(grep -A3 '"test"' recipe/metrics.json)"
}
die_often 3 killed-recipe look_at_recipe "$CIFRA" train "${recipe[@]}" --threads 2 --out killed-recipe --resume --quiet
check "no draft is left by finished writes" test -z "$(find one -name '*.part')"

# Ctrl-C: a checkpoint, and how to go on.
"$CIFRA" train "${settings[@]}" --out stopped >/dev/null 2>stopped.err &
process=$!
for _ in $(seq 200); do # until the first epoch is done
    [ -s stopped/history.csv ] && break
    sleep 0.02
done
kill -INT $process
wait $process
same "exit status after Ctrl-C" $? 1
check "Ctrl-C tells how to go on" grep -q "cifra train --resume --out stopped" stopped.err
check "runs list knows the stopped run" grep -q "stopped  *stopped" <("$CIFRA" runs list .)
"$CIFRA" train --resume --out stopped --quiet >/dev/null
same "weights after Ctrl-C" "$(sha_of stopped)" "$sha"

# Repeating a run from its config.json.
"$CIFRA" train --config one/config.json --out again --quiet >/dev/null
same "weights of the repeated run" "$(sha_of again)" "$sha"
refuses 2 "seed" "$CIFRA" train --resume --out again --seed 2
refuses 2 "holds a run already" "$CIFRA" train "${settings[@]}" --out one

# The other instruction sets and the reference learn the same task (their rounding differs).
for isa in avx2 baseline; do
    CIFRA_ISA=$isa "$CIFRA" train "${settings[@]}" --out "isa-$isa" --quiet >/dev/null
    check "accuracy with $isa" awk -F '[:,]' '/"accuracy":/ && $2 > 0.9 { found = 1 } END { exit !found }' "isa-$isa/metrics.json"
done

# Evaluation: the run's own test part gives the figures of the training; other shapes and forms are converted.
"$CIFRA" eval one --json >eval.json
same "eval repeats the test accuracy" "$(grep -m1 '"accuracy"' eval.json)" "$(grep '"accuracy"' one/metrics.json | sed -n 2p | sed 's/^  //')"
for key in data split n loss accuracy accuracy_interval macro weighted per_class confusion calibration roc_auc \
    average_precision confused; do
    check "eval --json has $key" grep -q "^  \"$key\":" eval.json
done
"$CIFRA" eval one --tta "flip | shift 1" --json --figures none >views.json
check "eval --tta tells its line" grep -q '"tta": "flip | shift 1"' views.json
check "and leaves the run's own predictions" test "$(grep -c . one/predictions.csv)" = "$(ls one/predictions-*-views.csv | head -n 1 | xargs grep -c .)"
refuses 2 "noise has no fixed views" "$CIFRA" eval one --tta "noise 0.1"
refuses 2 "an operation expected, found flop; did you mean flip" "$CIFRA" eval one --tta flop
"$CIFRA" eval one --data "$work/bars/pictures" --quiet >eval.txt
check "eval of a folder of pictures" grep -q "pictures, all: 30 images" eval.txt
check "the report has scikit-learn's rows" grep -q "^weighted avg" eval.txt
check "calibration is told" grep -q "^calibration error 0" eval.txt
check "the area under ROC is told" grep -q "^area under ROC" eval.txt
check "other data have no temperature, and why" grep -q "^no temperature scaling: .* own data only" eval.txt
check "nor has a part with other images in it" grep -q "^no temperature scaling: .* (--split test)" \
    <("$CIFRA" eval one --split all)
"$CIFRA" predict one "$work"/bars/pictures/3/*.png >predict.txt
same "three predictions" "$(wc -l <predict.txt)" 3
check "most pictures of class 3 are called 3" test "$(grep -c ': 3 (' predict.txt)" -ge 2
"$CIFRA" predict one "$work/bars/pictures/3/0.png" --json >predict.json
check "predict --json" grep -q '"probabilities"' predict.json
# White bars, and the same in black ink on a transparent ground.
for picture in 3/0 7/1 9/2; do
    same "ink on a transparent ground, inverted, is the picture ($picture)" \
        "$("$CIFRA" predict one --invert "$work/bars/ink/${picture/\//-}.png" | sed 's/^[^:]*: //')" \
        "$("$CIFRA" predict one "$work/bars/pictures/$picture.png" | sed 's/^[^:]*: //')"
done
check "runs show" grep -q "weights_sha256 $sha" <("$CIFRA" runs show one)

# Part of the classes.
"$CIFRA" train --data "$work/bars" --classes 1,2 --limit 1:20,2:100 --model "dense classes" --epochs 1 --out two >two.txt 2>/dev/null
check "limits apply to training" grep -q "120 train" two.txt
"$CIFRA" eval two --data "$work/bars" --split all >/dev/null 2>two.err
check "images of unknown classes are left out, and that is said" grep -q "left out" two.err
finish
