#!/usr/bin/env bash
# Groups of runs: seeds and folds, their table, killed and gone on with, compared, and as an ensemble. Means, intervals, counts and
# averages are formed anew here from the runs' own files.
. "$(dirname "$0")/checks.sh"
. "$(dirname "$0")/kills.sh"
export CIFRA_DATA=$work/nothing XDG_CACHE_HOME=$work/nothing
mkdir place && cd place || exit 1
data=hand:n=300,test=200
quick=(--quiet --figures none --data "$data" --model "dense 16 | relu | dense classes" --epochs 3 --batch 32 --lr 0.02)
vary() { with_other_values quick "$@"; }

# number KEY FILE: the first value of a key in JSON that the program wrote.
number() { sed -n "s/^ *\"$1\": \([^,]*\),*\$/\1/p" "$2" | head -1; }
# near WHAT A B TOLERANCE
near() { check "$1: $2 is not $3" awk -v a="$2" -v b="$3" -v t="$4" 'BEGIN { d = a - b; exit !(a != "" && b != "" && d <= t && -d <= t) }'; }
accuracies() { for run in "$@"; do sed -n '/"test"/,$ s/^ *"accuracy": \(.*\),$/\1/p' "$run/metrics.json" | head -1; done; }
# Names and bytes of all that is in a folder, but for group.json's and reports' own.
snapshot() { (cd "$1" && find . -type f | LC_ALL=C sort | xargs sha256sum); }

# ---- Seeds ----
"$CIFRA" train "${quick[@]}" --seeds 3 --out three --json >three.json 2>err || bad "train --seeds: $(cat err)"
for seed in 1 2 3; do
    "$CIFRA" train "${quick[@]}" --seed $seed --threads 1 --out single$seed >/dev/null 2>err || bad "train: $(cat err)"
    check "seed $seed has the bits of a single run" cmp -s three/s$seed/model.safetensors single$seed/model.safetensors
    check "and its predictions" cmp -s three/s$seed/predictions.csv single$seed/predictions.csv
done
check "seeds differ" test "$(sha_of three/s1)" != "$(sha_of three/s2)"
# Mean, deviation and interval: t of 2 degrees of freedom is 4.302653 (scipy.stats.t.ppf(0.975, 2)).
read -r mean low high < <(accuracies three/s1 three/s2 three/s3 | awk '{ s += $1; q += $1 * $1 }
    END { m = s / NR; d = sqrt((q - NR * m * m) / (NR - 1)); h = 4.302653 * d / sqrt(NR); print m, m - h, m + h }')
near "mean" "$(number mean three.json)" "$mean" 1e-6
near "low" "$(number low three.json)" "$low" 1e-5
near "high" "$(number high three.json)" "$high" 1e-5
same "n" "$(number n three.json)" 3
same "group.json has the mean, too" "$(number mean three/group.json)" "$(number mean three.json)"
same "runs as train" "$(grep -c '"weights_sha256"' three.json)" 3
"$CIFRA" runs list . >list.txt 2>err || bad "runs list: $(cat err)"
check "a group is one row of runs list" grep -q "^./three .*done .*3 seeds" list.txt
same "its runs are listed in it" "$("$CIFRA" runs list three | grep -c ' done ')" 3
check "runs show tells of a group" test -n "$("$CIFRA" runs show three | grep '^mean ')"
check "runs list --json has groups" grep -q '"kind": "seeds"' <("$CIFRA" runs list . --json)
check "the page has a link to each run" test "$(grep -o 'href="s[1-3]/report.html"' three/report.html | wc -l)" = 3
check "the page loads nothing" test -z "$(grep -E '(src|href)="?(https?:)?//' three/report.html)"
rm three/report.html
"$CIFRA" report three --quiet >/dev/null 2>err || bad "report of a group: $(cat err)"
check "report makes the page anew, with its figures" test "$(grep -c '<figure' three/report.html)" = 2
check "the figures' data have all epochs" test "$(wc -l <three/figures/group-curves.csv)" = 10

# More seeds; what is done stays as it is.
before=$(snapshot three/s2)
"$CIFRA" train --resume --out three --seeds 4 --figures none >out.txt 2>err || bad "more seeds: $(cat err)"
same "s2 was left as it was" "$(snapshot three/s2)" "$before"
same "three runs are passed over" "$(grep -c 'done already' err)" 3
check "the fourth is in the table" grep -q "^s4 .*%" out.txt
"$CIFRA" train "${quick[@]}" --seed 4 --out single4 >/dev/null 2>&1
same "and has the bits of a single run" "$(sha_of three/s4)" "$(sha_of single4)"

# ---- Refusals ----
before=$(snapshot three)
refuses 2 "holds a group of runs already" "$CIFRA" train "${quick[@]}" --seeds 4 --out three
refuses 2 "holds a group of runs" "$CIFRA" train "${quick[@]}" --out three
refuses 2 "--seeds has no meaning with --splits, which makes another kind of group" "$CIFRA" train "${quick[@]}" --seeds 4 --splits 3 --out new
refuses 2 "--config has no meaning with --resume" "$CIFRA" train --resume --out three --config single1
refuses 2 "make more, not fewer" "$CIFRA" train --resume --out three --seeds 2
refuses 2 "is a group of seeds, not of folds" "$CIFRA" train --resume --out three --splits 4
refuses 2 "first seed is 1" "$CIFRA" train --resume --out three --seed 2
refuses 2 "made with other settings" "$CIFRA" train --resume --out three --lr 0.5
refuses 2 "holds a single run" "$CIFRA" train "${quick[@]}" --seeds 2 --out single1
refuses 2 "" "$CIFRA" train "${quick[@]}" --seeds 0 --out new
refuses 2 "" "$CIFRA" train "${quick[@]}" --splits 1 --out new
vary --data ./nowhere
refuses 1 "there is no file or folder" "$CIFRA" train "${varied[@]}" --seeds 2 --out new
vary --batch 100000
refuses 2 "" "$CIFRA" train "${varied[@]}" --seeds 2 --out new
refuses 2 "a fold of the training images validates" "$CIFRA" train "${quick[@]}" --splits 3 --validation 0.2 --out new
check "what is refused leaves no folder" test ! -e new
same "and a group as it was" "$(snapshot three)" "$before"

# ---- Killed and gone on with ----
vary --epochs 12 --patience 0
long=("${varied[@]}")
"$CIFRA" train "${long[@]}" --seeds 3 --out whole >/dev/null 2>err || bad "train: $(cat err)"
go_on() { # what a user does: begin, or resume what was begun
    if [ -e cut/group.json ]; then exec "$CIFRA" train --resume --out cut --figures none --quiet; fi
    exec "$CIFRA" train "${long[@]}" --seeds 3 --out cut
}
look() {
    local run
    for run in s1 s2 s3; do
        same "$run of a group after $kills kills has the same bits" "$(sha_of cut/$run)" "$(sha_of whole/$run)"
        check "and predictions" cmp -s cut/$run/predictions.csv whole/$run/predictions.csv
    done
    check "the group comes to the same results" cmp -s cut/group.json whole/group.json
}
life=400
die_often 4 cut look go_on
# A run that is missing is trained again.
rm -r cut/s2
check "a group with a missing run is told" grep -q "2 of 3" <("$CIFRA" runs list .)
"$CIFRA" train --resume --out cut --figures none --quiet >/dev/null 2>err || bad "a missing run: $(cat err)"
same "a missing run comes back" "$(sha_of cut/s2)" "$(sha_of whole/s2)"
# Ctrl-C.
vary --epochs 2000 --patience 0
"$CIFRA" train "${varied[@]}" --seeds 2 --out stopped >/dev/null 2>err &
process=$!
for _ in $(seq 100); do [ -e stopped/s1/history.csv ] && break || sleep 0.05; done
kill -INT $process
wait $process
same "Ctrl-C is no success" $? 1
check "and says how to go on" grep -q "cifra train --resume --out stopped" err

# ---- Folds ----
"$CIFRA" train "${quick[@]}" --split pooled --splits 4 --out folds >out.txt 2>err || bad "train --splits: $(cat err)"
same "each image tests once" "$(cat folds/f?/predictions.csv | grep -v ^image | cut -d, -f1 | sort -n | uniq | wc -l)" 500
same "and only once" "$(cat folds/f?/predictions.csv | grep -vc ^image)" 500
check "what the interval does not know is told" grep -q "not independent" out.txt
"$CIFRA" train "${quick[@]}" --splits 3 --out cuts >/dev/null 2>err || bad "train --splits, official: $(cat err)"
check "of an official split the test part is one" cmp -s <(cut -d, -f1 cuts/f1/predictions.csv) <(cut -d, -f1 cuts/f3/predictions.csv)
check "and the networks are not" test "$(sha_of cuts/f1)" != "$(sha_of cuts/f2)"
same "a fold is in its configuration" "$(number fold cuts/f2/config.json)" 2
"$CIFRA" train --config cuts/f2/config.json --out again --quiet --figures none >/dev/null 2>err || bad "train --config of a fold: $(cat err)"
same "from which it can be repeated" "$(sha_of again)" "$(sha_of cuts/f2)"

# ---- Comparing ----
vary --model linear
"$CIFRA" train "${varied[@]}" --seeds 4 --out linear >/dev/null 2>err || bad "train: $(cat err)"
"$CIFRA" runs compare three/s1 linear/s1 --json >pair.json 2>err || bad "runs compare: $(cat err)"
correct=$(head -1 three/s1/predictions.csv | tr , '\n' | grep -n '^correct$' | cut -d: -f1)
paste -d, <(cut -d, -f"$correct" three/s1/predictions.csv) <(cut -d, -f"$correct" linear/s1/predictions.csv) >both.csv
same "images that only the first gets right" "$(number only_a pair.json)" "$(grep -c '^1,0$' both.csv)"
same "and only the second" "$(number only_b pair.json)" "$(grep -c '^0,1$' both.csv)"
near "the difference" "$(number difference pair.json)" \
    "$(awk -F, '$1 == 1 && $2 == 0 { d-- } $1 == 0 && $2 == 1 { d++ } END { print d / (NR - 1) }' both.csv)" 1e-9
check "what differs is the model" grep -q '"key": "model"' pair.json
check "and nothing else" test "$(grep -c '"key"' pair.json)" = 1
"$CIFRA" runs compare three/s1 single1 >out.txt 2>err || bad "runs compare: $(cat err)"
check "the same network twice is noise" grep -q "this is noise" out.txt
check "and its configuration the same" grep -q "configurations are the same" out.txt
# Paired t of 3 degrees: 3.182446 (scipy.stats.t.ppf(0.975, 3)).
"$CIFRA" runs compare three linear --json >groups.json 2>err || bad "runs compare: $(cat err)"
read -r difference low < <(paste <(accuracies three/s?) <(accuracies linear/s?) | awk '{ d = $2 - $1; s += d; q += d * d }
    END { m = s / NR; v = (q - NR * m * m) / (NR - 1); print m, m - 3.182446 * sqrt(v / NR) }')
near "difference of groups" "$(number difference groups.json)" "$difference" 1e-6
near "its interval" "$(sed -n '/"interval"/{n;s/[ ,]//gp}' groups.json)" "$low" 1e-5
check "paired by seed" grep -q "t test, paired" groups.json
"$CIFRA" runs compare three whole >out.txt 2>err || bad "runs compare: $(cat err)"
check "other seeds: Welch" grep -q "Welch's t test" out.txt
check "epochs differ" grep -q "train.epochs  *A 3  *B 12" out.txt
refuses 2 "folds/f1 on 125" "$CIFRA" runs compare three/s1 folds/f1
refuses 2 "a run is compared with a run" "$CIFRA" runs compare three three/s1
refuses 2 "" "$CIFRA" runs compare three
refuses 2 "is no run folder" "$CIFRA" runs compare three/s1 nowhere
vary --data hand:n=310,test=200
"$CIFRA" train "${varied[@]}" --out other >/dev/null 2>&1
refuses 2 "different data" "$CIFRA" runs compare three/s1 other
"$CIFRA" train "${quick[@]}" --split at:300 --out at >/dev/null 2>&1
check "another split with the same test images is comparable" test -n "$("$CIFRA" runs compare three/s1 at --quiet)"

# ---- Ensembles ----
"$CIFRA" eval three --figures none --quiet >out.txt 2>err || bad "eval of a group: $(cat err)"
first=$(head -1 three/s1/predictions.csv | tr , '\n' | grep -n '^p_' | head -1 | cut -d: -f1)
worst=$(paste -d, three/s1/predictions.csv three/s2/predictions.csv three/s3/predictions.csv three/s4/predictions.csv three/ensemble/predictions.csv |
    awk -F, -v first="$first" 'NR > 1 { w = NF / 5; for (c = first; c <= w; c++) { m = ($c + $(c + w) + $(c + 2 * w) + $(c + 3 * w)) / 4
        d = m - $(c + 4 * w); if (d < 0) d = -d; if (d > worst) worst = d } } END { printf "%.9f", worst }')
near "probabilities are the means of the members'" "$worst" 0 2e-6
same "lines of it" "$(wc -l <three/ensemble/predictions.csv)" 201
near "its accuracy" "$(number accuracy three/ensemble/ensemble.json)" \
    "$(awk -F, -v c="$correct" 'NR > 1 { s += $c } END { print s / (NR - 1) }' three/ensemble/predictions.csv)" 1e-9
same "all members are told" "$(grep -c '  three/s[1-4]$' out.txt)" 4
check "and whether it is better than the best" grep -q "ensemble less the best of them" out.txt
"$CIFRA" eval three/s1 linear/s1 single2 --out ens --figures svg --quiet --json >ens.json 2>err || bad "eval of runs: $(cat err)"
check "figures" test -s ens/figures/confusion.svg -a ! -e ens/figures/grad-cam.svg
same "members" "$(grep -c '"run": ' ens.json)" 4 # and the best
before=$(find . | sort)
"$CIFRA" eval three/s1 linear/s1 --quiet >/dev/null 2>err || bad "eval of runs: $(cat err)"
same "without --out nothing is written" "$(find . | sort)" "$before"
refuses 2 "is a group of runs; name one of them" "$CIFRA" umap three
refuses 2 "named twice" "$CIFRA" eval three/s1 three/s1
refuses 2 "named twice" "$CIFRA" eval three three/s1
refuses 2 "other test images" "$CIFRA" eval folds
refuses 2 "other data" "$CIFRA" eval three/s1 other
refuses 2 "--out DIR" "$CIFRA" eval three/s1 linear/s1 --figures svg
refuses 2 "holds a run" "$CIFRA" eval three/s1 linear/s1 --out single1
refuses 2 "--out is for several" "$CIFRA" eval three/s1 --out new
"$CIFRA" train "${quick[@]}" --classes 1,2 --out two >/dev/null 2>&1
refuses 2 "" "$CIFRA" eval three/s1 two --split official-test
check "no folder is left by a refusal" test ! -e new
finish
