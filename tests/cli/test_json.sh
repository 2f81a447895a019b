#!/usr/bin/env bash
# docs/json.md against the program: every command with --json, and the files it leaves, on sets of seconds; the keys in both directions.
. "$(dirname "$0")/fetching.sh"
export CIFRA_DATA=$work/data
here=$(dirname "$0")
mkdir documents
# place HEADING: a new name under which one of its documents is kept.
place() {
    local folder
    folder=documents/$(echo "$1" | tr '[:upper:]' '[:lower:]' | tr -cd 'a-z0-9 _-' | tr ' ' '-')
    mkdir -p "$folder"
    echo "$folder/$(find "$folder" -type f | wc -l)"
}
# printed HEADING COMMAND..: what a command prints.
printed() { "$CIFRA" "${@:2}" --json --quiet >"$(place "$1").json" 2>err || bad "${*:2}: $(cat err)"; }
kept() { # kept HEADING FILE..
    local file
    for file in "${@:2}"; do cp "$file" "$(place "$1").${file##*.}" || bad "there is no $file"; done
}
net="conv 4 5x5 | bn | relu | maxpool 4 | dense 8 | relu | dense classes"
quick=(--model "$net" --epochs 2 --batch 32 --lr 0.02)
"$MAKE_SET" bars 200 60
"$MAKE_SET" far 100 40
"$MAKE_SET" many classes 258 2 >/dev/null

# ---- Data and models ----
mirrors 404 good
printed "cifra data fetch" data fetch --mirrors mirrors.yaml blob
printed "cifra data fetch" data fetch --mirrors mirrors.yaml --by-hand one
printed "cifra data list" data list
printed "cifra data info" data info hand:n=60,test=20 --factors
printed "cifra data info" data info street:n=60,test=20 --factors
printed "cifra data info" data info bars
printed "cifra data make" data make hand -n 40 --test 20 --out drawn
printed "cifra data show" data show bars --per-class 1 --out sample.svg
printed "cifra data show" data show bars --augment "rotate 10" --variants 1 --out variants.svg
printed "cifra augment" augment
printed "cifra augment" augment "flip | shift 1"
printed "cifra models" models
printed "cifra lr" lr bars --model "$net" --batch 32 --steps 20 --out lr.svg

# ---- Runs ----
printed "cifra train" train --data bars "${quick[@]}" --figures svg --out one
printed "cifra train" train --data bars "${quick[@]}" --figures none --seed 2 --out two --loss ldam --ema 0.9
printed "cifra train" train --data bars "${quick[@]}" --figures none --from two --classes 1,2,3 --limit 1:5 --out few
printed "cifra train" train --data classes --split pooled --model "dense classes" --epochs 1 --figures none --out wide
printed "cifra adapt" adapt one --to far --split at:60 --method self-train --epochs 1 --batch 32 --figures svg --out adapted
printed "cifra train --seeds" train --data bars "${quick[@]}" --figures none --seeds 2 --out group
printed "cifra train --seeds" train --data bars "${quick[@]}" --figures none --splits 2 --out folds
"$CIFRA" train --data bars --model "$net" --batch 32 --epochs 3 --lr 1e30 --figures none --quiet --out lost >/dev/null 2>&1 && bad "it does not diverge"
"$CIFRA" export one net.onnx --to onnx >/dev/null
printed "cifra import" import net.onnx --out imported
printed "cifra prune" prune one --keep 0.5 --out pruned
printed "cifra eval" eval one --data far --figures svg
printed "cifra eval" eval one --figures none --tta flip
printed "cifra eval" eval one --figures none --precision int8
printed "cifra eval" eval few --data far --figures none
printed "cifra eval" eval imported --data bars --figures none
printed "cifra eval of several runs" eval one two --figures svg --out both
printed "cifra eval of several runs" eval group --figures none
echo nothing >broken.png
printed "cifra predict" predict one bars/pictures/1 --top 2
"$CIFRA" predict one broken.png bars/pictures/1 --json >"$(place "cifra predict").json" 2>/dev/null
printed "cifra runs show" runs show one
printed "cifra runs show" runs show group
printed "cifra runs list" runs list .
printed "cifra runs compare" runs compare one two
printed "cifra runs compare" runs compare group folds
printed "cifra export" export one weights.safetensors
printed "cifra export" export one code --to c-int8
printed "cifra shift" shift one --to hand:n=60,test=40 --shift blur=2 --figures none
printed "cifra shift" shift one --to far
printed "cifra umap" umap one
printed "cifra umap" umap one --method pca --figures none
printed "cifra report" report two

# ---- Searches and studies ----
cat >space.yaml <<'YAML'
model: conv 4 5x5 | relu | maxpool 4 | dense {width} | relu | dense classes
parameters: [{name: lr, values: [0.01, 1.0e+30]}, {name: width, values: [4, 8]}]
YAML
printed "cifra tune" tune --data bars --epochs 2 --batch 32 --grid space.yaml --seeds 2 --figures svg --out tune
printed "cifra imbalance" imbalance --data bars --classes 1,2 --cases 4:12 --model "dense classes" --remedies balanced,moved --seeds 2 \
    --steps 6 --lr 0.02 --batch 8 --curve 2 --figures none --out lab
cat >study.yaml <<'YAML'
data: ["hand:n=100,test=40", "street:n=100,test=40"]
claims: report
grid: space.yaml
train: {epochs: 1, batch: 32}
final: {schedule: one-cycle}
features: {neighbors: 5}
cross: true
imbalance: {classes: [1, 2], cases: ["1:4,2:8"], remedies: [moved, augment], augment_with: shift 1, seeds: 2, steps: 2, train: {lr: 0.02}}
transfer: {sizes: [2], seeds: 2, steps: 2, train: {epochs: 1}}
adaptation: {methods: [self-train], seeds: 2, train: {epochs: 1}}
attention: {seeds: 2, train: {epochs: 1}, models: [{name: a, model: dense classes}, {name: b, model: "conv 2 5x5 | se 2 | dense classes"}]}
YAML
printed "cifra study" study study.yaml --figures none --out study

# ---- Measurements ----
printed "cifra bench ops" bench ops --case "conv 2x5x6x6 4 3x3 backward-weights" --precision f32 --threads 1 --seconds 0.01
printed "cifra bench ops" bench ops --case "block 2x5x6x6 pool 2 slope 0.5" --precision f32 --threads 1 --seconds 0.01
printed "cifra bench step" bench step --model "dense classes" --batch 8 --precision f32 --threads 1 --seconds 0.01
printed "cifra bench epoch" bench epoch --model "dense classes" --precision f32 --images 1000 --augment flip
ranks=$( . "$here/ranks.sh"; ranks_or_skip >&2; on_ranks 2 "$CIFRA" bench ranks --model "dense classes" --batch 64 --threads 1 --steps 5 --json --quiet 2>err)
unmade=cifra-bench-mnist99
if [ -n "$ranks" ]; then echo "$ranks" >"$(place "cifra bench ranks").json"; else unmade="$unmade cifra-bench-ranks"; fi

# ---- Files ----
kept config.json ./*/config.json folds/f1/config.json
kept metrics.json one/metrics.json adapted/metrics.json
kept failure.json lost/failure.json
kept exports.json one/exports.json
kept shift.json one/shift-*.json
kept group.json group/group.json folds/group.json
kept ensemble.json group/ensemble/ensemble.json
kept imbalance.json lab/imbalance.json
kept study.json study/study.json
kept Stages lab/stages/*.json study/stages/*.json
kept history.csv one/history.csv adapted/history.csv
kept predictions.csv one/predictions.csv wide/predictions.csv
kept embedding.csv one/embedding.csv
kept trials.csv tune/trials.csv
kept imbalance.csv lab/imbalance.csv
kept claims.csv study/claims.csv

# shellcheck disable=SC2086
python3 "$here/json_keys.py" "$CIFRA_SOURCE/docs/json.md" documents $unmade >keys.txt || bad "docs/json.md and the program differ:
$(cat keys.txt)"
check "many documents" test "$(find documents -type f | wc -l)" -gt 80

# The check itself: a key that the page has not, one that no document has, another type, a column.
red() { # red WHAT SED EXPECTED
    sed "$2" "$CIFRA_SOURCE/docs/json.md" >page.md
    # shellcheck disable=SC2086
    python3 "$here/json_keys.py" page.md documents $unmade >keys.txt && bad "$1 is not seen"
    same "$1" "$(cat keys.txt)" "$3"
}
red "a key that the page has not" '/^| `bandwidth_gb_s`/d; s/^## cifra lr$/&\n\n| `peak` | number | |/' \
    'cifra-bench-ops/0.json: bandwidth_gb_s does not stand under "cifra bench ops"
cifra-bench-ops/1.json: bandwidth_gb_s does not stand under "cifra bench ops"
cifra-bench-step/0.json: bandwidth_gb_s does not stand under "cifra bench step"
page: peak under "cifra lr" is in no document'
red "another type" 's/^| `steps_done` | integer/| `steps_done` | string/' \
    'cifra-lr/0.json: steps_done is integer; under "cifra lr" the page has string'
red "a column" '/^| `majority` | column/d' 'claimscsv/0.csv: the column majority does not stand under "claims.csv"'
finish
