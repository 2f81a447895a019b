#!/usr/bin/env bash
# cifra adapt and cifra train --target: every method with the same bits at any number of threads, whatever the target's labels are, and
# killed and resumed; what files and documents say; what is refused.
. "$(dirname "$0")/checks.sh"
. "$(dirname "$0")/kills.sh"
export CIFRA_DATA=$work/nothing XDG_CACHE_HOME=$work/nothing
mkdir place && cd place || exit 1
net="conv 6 3x3 | bn | relu | maxpool 4 | dense 12 | relu | dropout 0.2 | dense classes"
"$CIFRA" train --data hand:n=300,test=100 --model "$net" --batch 32 --optimizer adam --lr 0.003 --epochs 3 --figures none --quiet \
    --out source >/dev/null 2>err || bad "train: $(cat err)"
"$CIFRA" data make hand -n 250 --test 60 --seed 7 --shift polarity=1,blur=1 --plain --out target >/dev/null 2>err ||
    bad "data make: $(cat err)"
# The same images, each with another label, of train and test.
cp -r target scrambled
python3 - scrambled/*labels* <<'PY' || bad "python3"
import sys
for path in sys.argv[1:]:
    data = bytearray(open(path, "rb").read())
    for i in range(8, len(data)):
        data[i] = (data[i] * 3 + 1 + i % 7) % 10
    open(path, "wb").write(data)
PY
check "the labels are others" test "$(sha256sum <target/train-labels-idx1-ubyte)" != "$(sha256sum <scrambled/train-labels-idx1-ubyte)"

# ---- Every method ----
lines="shift 2 | invert p 0.5 | noise 0.05"
for method in adabn coral dann mean-teacher self-train; do
    settings=(--method $method --batch 48 --epochs 3 --adapt-round 2 --adapt-threshold 0.2 --augment "$lines" --figures none --quiet)
    for threads in 1 2 3 8; do
        "$CIFRA" adapt source --to target "${settings[@]}" --threads $threads --out $method-$threads >/dev/null 2>err ||
            bad "adapt --method $method: $(cat err)"
        same "$method: weights at $threads threads" "$(sha_of $method-$threads)" "$(sha_of $method-1)"
    done
    "$CIFRA" adapt source --to scrambled "${settings[@]}" --out $method-scrambled >/dev/null 2>err || bad "scrambled: $(cat err)"
    same "$method: no label of the target is seen" "$(sha_of $method-scrambled)" "$(sha_of $method-1)"
    same "$method: nor chooses" "$(cut -d, -f1-6 $method-scrambled/history.csv)" "$(cut -d, -f1-6 $method-1/history.csv)"
    check "$method: it does something" test "$(sha_of $method-1)" != "$(sha_of source)"
    check "$method: its column" grep -q '^  "target": "images",$' $method-1/config.json
    check "$method: the score" grep -q '"labels": "used for this score alone' $method-1/metrics.json
    check "$method: all weights are the source's" grep -q '"left": 0' $method-1/config.json
done
check "the score is by labels" test "$(grep -A99 '"target"' coral-1/metrics.json)" != "$(grep -A99 '"target"' coral-scrambled/metrics.json)"
check "the page opens with it" grep -q "Test accuracy, target" coral-1/report.html
"$CIFRA" report coral-1 --figures svg >/dev/null 2>err && "$CIFRA" report source --figures svg >/dev/null 2>err || bad "report: $(cat err)"
check "its curves say what validation without labels is" grep -q ">score without labels</text>" coral-1/figures/curves.svg
check "those of the source are losses" grep -q ">Loss</text>" source/figures/curves.svg
"$CIFRA" train --data hand:n=200,test=50 --model "$net" --target target --adapt coral --epochs 1 --batch 16 --seeds 2 --figures none --out pair \
    >pair.txt 2>err || bad "train --target --seeds: $(cat err)"
mean=$(sed -n "s/^target's test part: mean \([0-9.]*\) %.*/\1/p" pair.txt)
same "the target's mean of two seeds" "$(python3 -c 'import json
print("%.2f" % (50 * sum(json.load(open("pair/s%d/metrics.json" % s))["target"]["accuracy"] for s in (1, 2))))')" "$mean"
check "is on their page" grep -qF "<dt>Mean test accuracy, target</dt><dd>$mean %" pair/report.html
"$CIFRA" eval pair --figures none >/dev/null 2>err || bad "eval of a group: $(cat err)"
check "the ensemble too" grep -qF "<dt>Test accuracy, ensemble</dt>" pair/report.html
check "another page does not" test "$(grep -c "Test accuracy, target" source/report.html)" = 0
same "five methods, five networks" "$(for m in adabn coral dann mean-teacher self-train; do sha_of $m-1; done | sort -u | wc -l)" 5
check "none in an ordinary run" grep -q '^  "target": "none",$' source/config.json
"$CIFRA" train --config mean-teacher-1/config.json --figures none --quiet --out again >/dev/null 2>err || bad "--config: $(cat err)"
check "config.json repeats it" cmp -s mean-teacher-1/model.safetensors again/model.safetensors

# ---- Killed and resumed; self-train keeps the labels of a round ----
for method in mean-teacher self-train; do
    settings=(--data hand:n=300,test=100 --model "$net" --target target --adapt $method --adapt-round 2 --adapt-threshold 0.2 --batch 16
        --epochs 5 --augment "$lines" --figures none --quiet)
    "$CIFRA" train "${settings[@]}" --threads 1 --out whole-$method >/dev/null 2>err || bad "train --target: $(cat err)"
    look() {
        same "$method: weights after $kills kills" "$(sha_of killed)" "$(sha_of whole-$method)"
        same "$method: history after $kills kills" "$(cut -d, -f1-6 killed/history.csv)" "$(cut -d, -f1-6 whole-$method/history.csv)"
    }
    life=400
    die_often 4 killed look "$CIFRA" train "${settings[@]}" --out killed --resume
    rm -rf killed
done
# Ctrl-C within a round, whose labels are of weights that are gone.
"$CIFRA" train "${settings[@]}" --threads 1 --out stopped >/dev/null 2>err &
process=$!
for _ in $(seq 500); do
    [ -s stopped/history.csv ] && break
    sleep 0.01
done
kill -INT $process
wait $process
[ -e stopped/metrics.json ] || "$CIFRA" train --resume --out stopped --figures none --quiet >/dev/null 2>err || bad "resume: $(cat err)"
same "self-train: the same end after Ctrl-C" "$(sha_of stopped)" "$(sha_of whole-self-train)"

# ---- Other classes and shapes ----
"$CIFRA" adapt source --to street:n=100,test=40 --epochs 1 --batch 32 --figures none --json --out street >street.json 2>err ||
    bad "adapt to street: $(cat err)"
check "--json" python3 -c 'import json; d = json.load(open("street.json"))["target"]; assert d["n"] == 40 and "alone" in d["labels"]'
"$CIFRA" runs show street --json >show.json 2>err || bad "runs show: $(cat err)"
check "runs show" grep -q '"target": "images"' show.json
"$CIFRA" train --data hand:n=200,test=50 --from source --epochs 1 --figures none --quiet --out labels >/dev/null 2>err ||
    bad "--from: $(cat err)"
"$CIFRA" runs list . >list.txt 2>err || bad "runs list: $(cat err)"
check "runs list has the columns" grep -qE "^\./source .* none +3 " list.txt
check "images" grep -qE "^\./street .* images +1 " list.txt
check "labels" grep -qE "^\./labels .* labels +1 " list.txt

# ---- Refusals leave everything as it was ----
refuses 2 "--to SET is needed" "$CIFRA" adapt source
refuses 2 "--target-split goes with --target" "$CIFRA" train --data hand -n 100 --target-split pooled --out never
refuses 2 "a target set expected" "$CIFRA" train --data hand:n=200,test=50 --adapt coral --out no
refuses 2 "leave mixup and cutmix out" "$CIFRA" adapt source --to target --augment "mixup 0.2" --out no
refuses 2 "adapt mean-teacher" "$CIFRA" adapt source --to target --ema 0 --out no
refuses 2 "a first second output" "$CIFRA" train --data hand:n=200,test=50 --target target --adapt dann --out no
refuses 2 "a batch of no more than the 270 images of the source expected, found 300" "$CIFRA" adapt source --to target --batch 300 --out no
refuses 2 "no mean over epochs" "$CIFRA" adapt source --to target --swa-from 0.5 --out no
refuses 2 "holds a run already" "$CIFRA" adapt source --to target --out street
check "nothing was made" test ! -e no
finish
