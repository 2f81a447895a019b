#!/usr/bin/env bash
# cifra lr, through the real program on generated digits: result, figure with its data, JSON, the same at any thread count, refusals.
. "$(dirname "$0")/checks.sh"
set_of=(hand -n 600 --model "conv 6 3x3 | bn | relu | maxpool 4 | dense classes" --batch 32 --steps 60)
member() { python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); print(eval(sys.argv[2], {"d": d}))' "$@"; }

"$CIFRA" lr "${set_of[@]}" --out curve.svg >text 2>err || bad "lr: $(cat err)"
for words in "^[0-9]* of 60 steps, learning rate 1e-05 to " "^lowest smoothed loss  *[0-9.]* at " "^steepest descent  *[0-9]" \
    "^a tenth of the lowest  *[0-9]" "^curve.svg$"; do
    check "it tells $words" grep -q "$words" text
done
check "the stage is told" grep -q "^range test [0-9]" err
check "the figure is one" grep -q "</svg>" curve.svg
same "head of the data" "$(head -1 curve.csv)" "step,learning_rate,loss,smoothed"
same "the first rate" "$(sed -n 2p curve.csv | cut -d, -f1,2)" "1,1e-05"
same "a row of each step" "$(tail -n +2 curve.csv | wc -l)" "$(sed -n 's/ of 60 steps.*//p' text)"
mkdir deep && "$CIFRA" lr "${set_of[@]}" --out deep/a.b.png --theme dark >/dev/null 2>&1
check "a figure in a folder" test -s deep/a.b.png -a -s deep/a.b.csv
same "its data are the same" "$(sha256sum <deep/a.b.csv)" "$(sha256sum <curve.csv)"

for threads in 1 3; do "$CIFRA" lr "${set_of[@]}" --threads $threads --json >$threads.json 2>/dev/null || bad "lr --json"; done
same "threads change nothing" "$(sha256sum <1.json)" "$(sha256sum <3.json)"
same "JSON: keys" "$(member 1.json '" ".join(d)')" \
    "from to steps steps_done ended_early steepest lowest lowest_loss lowest_tenth out points"
same "JSON: points" "$(member 1.json 'len(d["points"]) == d["steps_done"] <= d["steps"] == 60')" True
same "JSON: a tenth of the lowest" "$(member 1.json 'abs(d["lowest_tenth"] * 10 / d["lowest"] - 1) < 1e-9')" True
same "JSON: the lowest is a point" "$(member 1.json 'd["lowest"] in [p["lr"] for p in d["points"]]')" True
"$CIFRA" lr "${set_of[@]}" --optimizer muon --json >muon.json 2>/dev/null || bad "lr --optimizer muon"
check "options of a training count" bash -c '! cmp -s 1.json muon.json'
"$CIFRA" lr "${set_of[@]}" --lr 3 --epochs 1 --json >same.json 2>/dev/null || bad "lr --lr"
same "the rate of a training does not" "$(sha256sum <same.json)" "$(sha256sum <1.json)"

refuses 2 "--from 1 must be below --to 0.5" "$CIFRA" lr hand --from 1 --to 0.5
refuses 2 "must end with .svg, .png or .pdf" "$CIFRA" lr hand --out curve.gif
refuses 2 "--theme goes with --out" "$CIFRA" lr hand --theme dark
refuses 2 "--dpi goes with --out" "$CIFRA" lr hand --dpi 100
refuses 2 "--steps takes" "$CIFRA" lr hand --steps 3
refuses 2 "no data set \"nowhere\"" "$CIFRA" lr nowhere
check "the overview has it" bash -c '"$0" help | grep -q "^  lr  "' "$CIFRA"
finish
