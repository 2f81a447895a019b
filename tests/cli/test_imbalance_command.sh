#!/usr/bin/env bash
# cifra imbalance on a set of seconds: one budget, other images for each seed, scores formed anew here from the runs' predictions, the
# same after kills and at other thread counts, and what it refuses.
. "$(dirname "$0")/checks.sh"
export CIFRA_DATA=$work/nothing XDG_CACHE_HOME=$work/nothing
lab=(imbalance --data hand:n=300,test=150 --classes 1,2 --cases 8:24,12:24 --model "conv 4 5x5 | bn | relu | maxpool 4 | dense classes"
    --remedies moved,balanced,head,smote --seeds 2 --steps 24 --lr 0.01 --batch 8 --figures svg)

vary() { with_other_values lab "$@"; }

"$CIFRA" "${lab[@]}" --out lab >lab.txt 2>lab.err || bad "imbalance: $(tail -3 lab.err)"
# nothing, balanced, head and smote of two cases with two seeds; nothing and the best at 4 and 16 images of class 1
same "trainings" "$(grep -c '^\[' lab.err)" 24
same "and as many were announced" "$(sed -n 's|^\[24/\(.*\)\].*|\1|p' lab.err)" 24
for file in imbalance.json imbalance.csv report.html figures/remedies-1.svg figures/remedies-2.csv figures/curve.svg \
    8_24-nothing-s1/metrics.json 12_24-head-s2/predictions.csv; do
    check "there is $file" test -s "lab/$file"
done
check "a best remedy is marked in both tables" test "$(grep -c '^\* ' lab.txt)" = 2
check "and told what it is worth" grep -q 'bootstrap over the seeds' lab.txt
same "a row per remedy and case" "$(wc -l <lab/imbalance.csv)" 11
check "the page has both tables" test "$(grep -c '<tr class="best">' lab/report.html)" = 2
check "the page loads nothing" test -z "$(grep -E '(src|href)="?(https?:)?//' lab/report.html)"
check "no tag is printed as text" test "$(grep -c "&lt;p" lab/report.html)" = 0
check "what the best is worth is said" grep -q "<p>What .* images of class" lab/report.html
check "nothing is left of what heads begin with" test -z "$(grep '"before"' lab/imbalance.json)"

# One budget: 32 images are 4 steps and 6 epochs; SMOTE's 48 are 6 and 4; a head has 6 steps, two epochs.
epochs() { sed -n 's/^ *"epochs_run": \([0-9]*\),*$/\1/p' "lab/8_24-$1-s1/metrics.json"; }
same "epochs of nothing" "$(epochs nothing)" 6
same "epochs of balanced" "$(epochs balanced)" 6
same "epochs of smote" "$(epochs smote)" 4
same "epochs of a head" "$(epochs head)" 2

# A run is a run: alone it has the same bits, with the other seed's images.
"$CIFRA" train --quiet --figures none --config lab/8_24-balanced-s2/config.json --out alone >/dev/null 2>err || bad "train --config: $(cat err)"
same "a run of the lab is that of cifra train" "$(sha_of alone)" "$(sha_of lab/8_24-balanced-s2)"
split_seed() { sed -n '/"split": {/,/}/ s/^ *"seed": \([0-9]*\),*$/\1/p' "lab/$1/config.json"; }
same "the second seed draws other images" "$(split_seed 8_24-nothing-s1) $(split_seed 8_24-nothing-s2)" "1 2"
same "the same for all remedies" "$(split_seed 8_24-smote-s2)" 2
"$CIFRA" "${lab[@]}" --splits 1 --curve none --out one --quiet >/dev/null 2>err || bad "--splits 1: $(cat err)"
same "one draw for both seeds" "$(sed -n '/"split": {/,/}/ s/^ *"seed": \([0-9]*\),*$/\1/p' one/8_24-nothing-s?/config.json | tr '\n' ' ')" "1 1 "

# Mean recalls from the predictions of both seeds: of nothing, and of probabilities over 8 and 24 images.
recalls() { # recalls WEIGHT1 WEIGHT2 FILE..
    awk -F, -v w1="$1" -v w2="$2" 'FNR == 1 { if (NR > 1) add(); for (i = 1; i <= NF; i++) if ($i == "p_1") a = i; else if ($i == "p_2") b = i; next }
        function add() { sum += (hit["1"] / n["1"] + hit["2"] / n["2"]) / 2; files++; delete hit; delete n }
        { n[$2]++; hit[$2] += ($a * w1 >= $b * w2 ? "1" : "2") == $2 }
        END { add(); printf "%.6f", sum / files }' "${@:3}"
}
column() { awk -F, -v remedy="$1" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "balanced") c = i } $1 == "8:24" && $2 == remedy { printf "%.6f", $c }' lab/imbalance.csv; }
check "predictions have a column per class" grep -q ',p_1,p_2$' lab/8_24-nothing-s1/predictions.csv
same "mean recall of nothing" "$(column nothing)" "$(recalls 1 1 lab/8_24-nothing-s?/predictions.csv)"
same "mean recall of balanced" "$(column balanced)" "$(recalls 1 1 lab/8_24-balanced-s?/predictions.csv)"
same "mean recall with the threshold moved" "$(column moved)" "$(recalls 0.125 0.0416666667 lab/8_24-nothing-s?/predictions.csv)"

# Kept; the same at other thread counts and after kills; more seeds keep those that are there.
results_of() { grep -v '"seconds"' "$1/imbalance.json"; }
"$CIFRA" "${lab[@]}" --out lab >again.txt 2>again.err || bad "again: $(cat again.err)"
same "everything is kept" "$(grep -c '(kept)$' again.err)" 24
check "with the same table" cmp -s lab.txt again.txt
"$CIFRA" "${lab[@]}" --threads 1 --out lab1 --quiet >/dev/null 2>err || bad "one thread: $(cat err)"
same "results with one thread" "$(results_of lab1)" "$(results_of lab)"
for _ in 1 2 3 4 5 6; do
    "$CIFRA" "${lab[@]}" --out killed --quiet >/dev/null 2>&1 &
    sleep "0.$((RANDOM % 6))$((RANDOM % 10))"
    kill -9 $! 2>/dev/null
    wait $! 2>/dev/null
done
"$CIFRA" "${lab[@]}" --out killed --quiet >/dev/null 2>err || bad "after kills: $(cat err)"
same "results after kills" "$(results_of killed)" "$(results_of lab)"
same "weights after kills" "$(cat killed/*/model.safetensors | cksum)" "$(cat lab/*/model.safetensors | cksum)"
same "files after kills" "$(cd killed && find . | sort)" "$(cd lab && find . | sort)"
vary --seeds 3
"$CIFRA" "${varied[@]}" --curve none --out lab >/dev/null 2>more.err || bad "a third seed: $(cat more.err)"
same "the first two seeds are kept" "$(grep -c '(kept)$' more.err)" 16
"$CIFRA" "${lab[@]}" --curve none --out lab --json >lab.json 2>err || bad "--json: $(cat err)"
check "--json is the results" grep -q '"best": ' lab.json

# Another network's weights: its line for all, its weights for one.
"$CIFRA" train --quiet --figures none --data hand:n=200,test=50 --model "conv 6 5x5 | relu | maxpool 4 | dense classes" --epochs 1 --out source >/dev/null
pre=(imbalance --data hand:n=300,test=150 --classes 1,2 --cases 8:24 --from source --remedies pretrained --seeds 1 --steps 4 --curve none --figures none)
"$CIFRA" "${pre[@]}" --out pre --quiet >/dev/null 2>err || bad "pretrained: $(cat err)"
check "nothing begins with drawn weights" test -z "$(grep '"from"' pre/8_24-nothing-s1/config.json)"
check "pretrained with those of the source" grep -q '"from": {' pre/8_24-pretrained-s1/config.json
check "both have its network" test "$(cat pre/8_24-*/config.json | grep -c 'conv 6 5x5')" = 2

# ---- What is refused, before anything is made ----
refuses 2 '--cases LIST is needed' "$CIFRA" imbalance --data hand:n=300
vary --remedies balancd
refuses 2 'did you mean balanced?' "$CIFRA" "${varied[@]}" --out new
refuses 2 'all trainings of a lab have the same number of steps' "$CIFRA" "${lab[@]}" --epochs 3 --out new
vary --remedies pretrained
refuses 2 'needs the network' "$CIFRA" "${varied[@]}" --out new
vary --cases 8
refuses 2 'one for each' "$CIFRA" "${varied[@]}" --out new
refuses 2 'growing numbers' "$CIFRA" "${lab[@]}" --curve 9,5 --out new
refuses 2 'holds something else' "$CIFRA" "${lab[@]}" --out source
check "nothing was made" test ! -e new
refuses 2 'give cifra imbalance its options' "$CIFRA" report lab
finish
