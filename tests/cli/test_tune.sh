#!/usr/bin/env bash
# cifra tune as a whole: the same trials to the bit at any number of jobs, after kills, and with several processes; what fails,
# what is refused, what is left behind.
[ -w /dev/shm ] && export TMPDIR=/dev/shm # thousands of small synced writes, which are not what is tested
. "$(dirname "$0")/checks.sh"
cat >space.yaml <<'YAML'
model: dense {width} | {activation} | dense classes
parameters:
  - name: optimizer
    values: [sgd, adam]
  - name: lr
    values: [0.1, 0.02, 1e6]
  - name: width
    values: [8, 24]
  - name: activation
    values: [relu, leakyrelu]
YAML
cat >ranges.yaml <<'YAML'
model: dense {width} | relu | dense classes
parameters:
  - {name: lr, log: [0.001, 1]}
  - {name: momentum, uniform: [0, 0.95]}
  - {name: width, integer: [8, 32]}
  - {name: schedule, values: [constant, cosine, one-cycle]}
YAML
data=(--data hand -n 600)
grid=(tune "${data[@]}" --grid space.yaml --epochs 3 --patience 2)

# What must not depend on time, jobs, workers or kills: everything but seconds, the folder, and what lies in it.
table() { grep -v '"seconds"\|"tune"\|"report"\|/figures/' "$1"; }
# Runs in the background until it is killed, at a random moment, or done.
kill_at_random() { # kill_at_random TIMES COMMAND...
    local left=$1 kills=0
    shift
    while [ "$left" -gt 0 ]; do
        "$@" >/dev/null 2>&1 &
        sleep "0.$((RANDOM % 2))$((RANDOM % 10))"
        kill -9 $! 2>/dev/null && kills=$((kills + 1))
        wait $! 2>/dev/null
        left=$((left - 1))
    done
    echo "killed $kills times while it ran"
}

"$CIFRA" "${grid[@]}" --jobs 1 --out one --json >one.json 2>one.err || bad "tune: $(cat one.err)"
same "trials" "$(grep -c '"id":' one.json)" 25 # 24 and the best again
check "a line per trial is told" test "$(grep -c '^trial ' one.err)" = 24
for key in trials best; do check "tune --json has $key" grep -q "^  \"$key\":" one.json; done
for file in tune.db trials/0001/model.safetensors trials/0001/history.csv; do
    check "$file is left" test -s "one/$file"
done
same "checkpoints left" "$(find one -name 'checkpoint*' | wc -l)" 0
check "the paper's order: the last parameter varies fastest" grep -q leakyrelu <(grep -m2 '"activation"' one.json | tail -1)

# Divergence is a result, with its reason.
check "some trials fail" grep -q '"state": "failed"' one.json
check "the reason of a failure is kept" grep -q '"reason": ".*learning rate 1e+06' one.json

for jobs in 2 4; do
    "$CIFRA" "${grid[@]}" --jobs $jobs --threads 3 --out "jobs$jobs" --json --quiet >"jobs$jobs.json"
    same "trials with $jobs jobs" "$(table "jobs$jobs.json")" "$(table one.json)"
done

kill_at_random 10 "$CIFRA" "${grid[@]}" --out killed --quiet
"$CIFRA" "${grid[@]}" --out killed --json --quiet >killed.json
same "trials after kills" "$(table killed.json)" "$(table one.json)"
same "files after kills" "$(cd killed && find . | sort)" "$(cd one && find . | sort)"

# A finished tune is told again without work.
"$CIFRA" "${grid[@]}" --out one --json >again.json 2>again.err
same "finished trials are not run again" "$(cat again.json)" "$(cat one.json)"
check "and nothing is told to have ended" test ! -s again.err

# The winner is a run: the same bits when trained anew, and every command that takes a run takes the tune.
best=$(printf '%04d' "$(sed -n '/^  "best"/,$ s/^ *"id": \([0-9]*\),/\1/p' one.json)")
"$CIFRA" train --config one --figures none --out winner --quiet >/dev/null 2>err || bad "train --config TUNE: $(cat err)"
check "the winner trained anew" cmp -s one/trials/"$best"/model.safetensors winner/model.safetensors
same "its configuration" "$(sed '/"version"/,$ d' winner/config.json)" "$(sed '/"version"/,$ d' one/trials/"$best"/config.json)"
"$CIFRA" eval one --json --quiet --figures none >eval.json 2>err || bad "eval TUNE: $(cat err)"
same "eval TUNE" "$(grep -m1 '"loss"' eval.json)" "$(sed -n '/"test"/,$ p' winner/metrics.json | grep -m1 '"loss"' | sed 's/^  //')"
"$CIFRA" train "${data[@]}" --from one --freeze backbone --epochs 1 --figures none --out from-tune --quiet >/dev/null 2>err ||
    bad "train --from TUNE: $(cat err)"
check "its source is the trial" grep -q "\"path\": \"one/trials/$best\"" from-tune/config.json
"$CIFRA" data show hand -n 4 --out shown.png >/dev/null 2>&1
same "predict TUNE" "$("$CIFRA" predict one/ shown.png --json 2>err)" "$("$CIFRA" predict winner shown.png --json 2>/dev/null)"
"$CIFRA" adapt one --to street:n=200 --method adabn --figures none --out adapted --quiet >/dev/null 2>err || bad "adapt TUNE: $(cat err)"
check "it begins with the trial's weights" grep -q "\"path\": \"one/trials/$best\"" adapted/config.json
"$CIFRA" adapt one --to street:n=200 --method adabn --figures none --quiet >/dev/null 2>err || bad "adapt TUNE: $(cat err)"
check "the adapted run is named by the tune" test -s one-adabn/config.json
"$CIFRA" shift one --to street:n=200 --figures none --out shifted --json >shift.json 2>err || bad "shift TUNE: $(cat err)"
check "shift TUNE tells of the trial" grep -q "\"run\": \"one/trials/$best\"" shift.json
"$CIFRA" prune one --keep 0.5 --out pruned --json >/dev/null 2>err || bad "prune TUNE: $(cat err)"
check "prune TUNE" test -s pruned/model.safetensors
"$CIFRA" runs show one >shown.txt 2>err || bad "runs show TUNE: $(cat err)"
check "runs show TUNE" grep -q "one/trials/$best" shown.txt
"$CIFRA" train "${data[@]}" --teacher one --epochs 1 --figures none --out taught --quiet >/dev/null 2>err ||
    bad "train --teacher TUNE: $(cat err)"
check "the teacher is the trial" grep -q "\"teacher\": \"one/trials/$best\"" taught/config.json

# Several processes: each trial once; then with one of them killed.
for p in 1 2 3; do "$CIFRA" "${grid[@]}" --jobs 1 --out shared --json >"shared$p.json" 2>"shared$p.err" & done
wait
same "each trial is run once" "$(cat shared?.err | grep -o '^trial [0-9]*' | sort | uniq | wc -l)" \
    "$(cat shared?.err | grep -c '^trial ')"
for p in 1 2 3; do same "trials of process $p" "$(table shared$p.json)" "$(table one.json)"; done
"$CIFRA" "${grid[@]}" --jobs 2 --out taken --quiet >/dev/null 2>&1 &
dying=$!
sleep 0.2
"$CIFRA" "${grid[@]}" --jobs 1 --out taken --json --quiet >taken.json &
other=$!
sleep 0.2
kill -9 $dying 2>/dev/null
wait $dying 2>/dev/null
wait $other
same "a dead process's trials are taken over" "$(table taken.json)" "$(table one.json)"

# Ctrl-C, in trials long enough to be met.
grep -v 1e6 space.yaml | sed 's/8, 24/24/; s/relu, leakyrelu/relu/; /name: lr/d' >long.yaml
long=(tune "${data[@]}" --grid long.yaml --epochs 200 --patience 0)
"$CIFRA" "${long[@]}" --out long --json --quiet >long.json
"$CIFRA" "${long[@]}" --jobs 1 --out stopped >/dev/null 2>stopped.err &
process=$!
for _ in $(seq 200); do
    grep -q '^trial 1' stopped.err && break
    sleep 0.02
done
kill -INT $process
wait $process
same "exit status after Ctrl-C" $? 1
check "Ctrl-C tells how to go on" grep -q "same command goes on" stopped.err
"$CIFRA" "${long[@]}" --jobs 1 --out stopped --json --quiet >stopped.json
same "trials after Ctrl-C" "$(table stopped.json)" "$(table long.json)"

# Another tune is refused, with what differs.
refuses 2 "train.epochs: 3 there, 4 now" "$CIFRA" "${grid[@]/3/4}" --out one
refuses 2 "data.split: \"official\" there, \"pooled\" now" "$CIFRA" "${grid[@]}" --split pooled --out one
sed 's/0.02/0.03/' space.yaml >other.yaml
refuses 2 'space.parameters.lr: {"name":"lr","values":["0.1","0.02","1e6"]} there' \
    "$CIFRA" "${grid[@]/space.yaml/other.yaml}" --out one
refuses 2 "a grid needs lists" "$CIFRA" tune "${data[@]}" --grid ranges.yaml --out never
refuses 2 "--trials has no meaning with --sampler grid, which has as many trials as points" "$CIFRA" tune "${data[@]}" --trials 3 --out never
# An option whose help names a sampler or a pruner is refused with another one, and not ignored.
refuses 2 "--startup goes with --sampler tpe" "$CIFRA" tune "${data[@]}" --sampler random --startup 3 --out never
refuses 2 "--leading goes with --seeds" "$CIFRA" tune "${data[@]}" --leading 2 --out never
refuses 2 "--eta goes with --pruner asha" "$CIFRA" tune "${data[@]}" --eta 2 --out never
refuses 2 "--first-rung goes with --pruner asha" "$CIFRA" tune "${data[@]}" --first-rung 2 --out never
refuses 2 "--lookback goes with --sampler tpe or --pruner asha" "$CIFRA" tune "${data[@]}" --lookback 2 --out never
check "what is refused makes no folder" test ! -e never
mkdir bad && echo "no database" >bad/tune.db
refuses 1 "damaged, or not made by cifra tune" "$CIFRA" "${grid[@]}" --out bad

# Models as values: names, and lines of any length; by accuracy the order is another, and the tune is another one.
long_line="conv 4 3x3 | relu"
for _ in $(seq 30); do long_line="$long_line | conv 4 3x3 | bn | relu"; done
printf 'model: [linear, mlp, "%s | globalavgpool | dense classes"]\nparameters:\n  - {name: lr, values: [0.05]}\n' "$long_line" >models.yaml
models=(tune "${data[@]}" --grid models.yaml --epochs 2 --stop-on accuracy)
"$CIFRA" "${models[@]}" --out models --json --quiet >models.json 2>err || bad "tune of models: $(cat err)"
same "a trial per model" "$(sed '/^  "best"/,$ d' models.json | grep -c '"model":')" 3
check "a line is kept whole" grep -q "$long_line" models.json
check "trials.csv has it whole" grep -q "$long_line" models/trials.csv
check "the page has its beginning, and the whole of it" grep -q "title=\"conv 4 3x3.*\">3: conv 4 3x3" models/report.html
check "the page is by accuracy" grep -q "All configurations by validation accuracy" models/report.html
refuses 2 "search.objective: \"accuracy\" there, nothing now" "$CIFRA" tune "${data[@]}" --grid models.yaml --epochs 2 --out models
printf 'model: [linear, no such layer]\n' >bad.yaml
refuses 2 "no such layer" "$CIFRA" tune "${data[@]}" --grid bad.yaml --out never
printf 'parameters:\n  - {name: model, values: [linear, mlp]}\n' >listed.yaml
"$CIFRA" tune "${data[@]}" --grid listed.yaml --epochs 1 --out listed --json --quiet >listed.json 2>err || bad "parameter model: $(cat err)"
same "a parameter of that name" "$(sed '/^  "best"/,$ d' listed.json | grep -c '"model": "\(linear\|mlp\)"')" 2

# Repeats of the leading configurations with other seeds, added to a finished tune.
"$CIFRA" "${grid[@]}" --jobs 2 --out one --seeds 3 --leading 2 --json --quiet >seeds.json
same "repeats" "$(grep '"repeats":' seeds.json | grep -vc ': 0')" 4
same "seeds of the repeats" "$(grep -o '"seed": [23]' seeds.json | sort | uniq -c | tr -d ' \n')" '2"seed":22"seed":3'

# What is decided from results is the same at any number of jobs and after kills.
adaptive() { # adaptive NAME OPTIONS...
    local name=$1
    shift
    local command=(tune "${data[@]}" --epochs 9 --patience 3 "$@")
    "$CIFRA" "${command[@]}" --jobs 1 --out "$name" --json --quiet >"$name.json" || bad "$name does not run"
    "$CIFRA" "${command[@]}" --jobs 4 --out "$name-4" --json --quiet >"$name-4.json"
    same "$name at 4 jobs" "$(table "$name-4.json")" "$(table "$name.json")"
    kill_at_random 5 "$CIFRA" "${command[@]}" --out "$name-k" --quiet
    "$CIFRA" "${command[@]}" --out "$name-k" --json --quiet >"$name-k.json"
    same "$name after kills" "$(table "$name-k.json")" "$(table "$name.json")"
    check "$name leaves nothing under way" test -z "$(find "$name/trials" "$name-k/trials" -name 'checkpoint*' -o -name '*.part')"
}
adaptive random --grid ranges.yaml --sampler random --trials 6
adaptive tpe --grid ranges.yaml --sampler tpe --trials 14 --startup 5
adaptive asha --grid space.yaml --pruner asha
adaptive both --grid ranges.yaml --sampler tpe --trials 12 --startup 4 --pruner asha --lookback 3
check "ASHA leaves most" test "$(grep -c '"state": "pruned"' asha.json)" -ge 12
check "ASHA trains one to the end" grep -q '"epochs_run": 9' asha.json
# A trial that went on from rung to rung ends as one that was never paused.
sha=$(grep -B1 -A20 '"state": "done"' asha.json | grep -m1 '"weights_sha256"')
"$CIFRA" tune "${data[@]}" --epochs 9 --patience 3 --grid space.yaml --out straight --json --quiet >straight.json
check "a paused trial ends as one that was not" grep -qF "$sha" straight.json
finish
