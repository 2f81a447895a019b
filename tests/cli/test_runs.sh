#!/usr/bin/env bash
# Runs and what is done with them later: a refused command changes nothing; a run's own data are known by their checksum, and what a
# model was trained on is told; names from paths; the states of runs list.
. "$(dirname "$0")/checks.sh"
export CIFRA_DATA=$work/nothing XDG_CACHE_HOME=$work/nothing
mkdir place && cd place || exit 1 # what the checks write lies beside it
here=$work/place
"$MAKE_SET" bars 300 100
"$MAKE_SET" near 300 90
"$MAKE_SET" few 60 20 # the first images of bars, then other ones
quick=(--model "dense 16 | relu | dense classes" --epochs 2 --batch 32 --lr 0.02 --figures none --quiet)

# Names and bytes of all that is in a folder.
snapshot() { (cd "$1" && find . -type d | LC_ALL=C sort && find . -type f -exec sha256sum {} + | LC_ALL=C sort -k 2); }
# as_it_was FOLDER BEFORE WHAT: a folder must be as it was.
as_it_was() {
    local now
    now=$(snapshot "$1")
    if [ -n "$2" ] && [ "$now" = "$2" ]; then ok; else bad "$3 has changed $1: $(diff <(echo "$2") <(echo "$now"))"; fi
}
# unchanged FOLDER STATUS PART COMMAND...: refuses, and leaves the folder as it was.
unchanged() {
    local folder=$1 before
    before=$(snapshot "$folder")
    shift
    refuses "$@"
    as_it_was "$folder" "$before" "${*:3}"
}
json() { sed -n "s/^  \"$1\": \(.*[^,]\),*\$/\1/p" "$2"; }

# ---- A refused command changes nothing ----
"$CIFRA" train --data ./bars "${quick[@]}" --out runs/one >/dev/null || bad "train"
cp -r runs/one kept
for other in "--split-seed 9" "--split pooled" "--lr 0.5" "--seed 2" "--batch 16" "--data ./few" "--model linear" "--optimizer adam" \
    "--classes 1,2" "--limit 1:5" "--validation 0.3" "--epochs 1" "--engine reference" "--model nonsense" "--split at:99999" \
    "--unstratified" "--data ./nowhere"; do
    before=$(snapshot .)
    # shellcheck disable=SC2086
    "$CIFRA" train --resume --out runs/one --quiet $other >/dev/null 2>&1 && bad "--resume $other is accepted"
    as_it_was . "$before" "--resume $other"
done
"$CIFRA" train --resume --out runs/one --figures none --quiet >/dev/null 2>resume.err || bad "plain --resume: $(cat resume.err)"
same "the weights are those of before" "$(sha_of runs/one)" "$(sha_of kept)"
"$CIFRA" train --resume --out runs/one --epochs 3 --threads 1 --figures none --quiet >/dev/null || bad "more epochs"
same "more epochs are accepted, and kept" "$(sed -n 's/^    "epochs": \(.*\),/\1/p' runs/one/config.json)" 3
# Without its checkpoint a trained model must not get another configuration, but may be trained anew.
rm runs/one/checkpoint*.safetensors
unchanged runs/one 2 '"split" differ' "$CIFRA" train --resume --out runs/one --split-seed 9 --quiet
unchanged runs/one 2 '"data" differ' "$CIFRA" train --resume --out runs/one --data ./near --quiet
"$CIFRA" train --resume --out runs/one --figures none --quiet >/dev/null || bad "training anew"
# A new training that is refused leaves no folder, nor those above it.
for other in "--split at:99999" "--model nonsense" "--classes 1,77" "--data ./nowhere"; do
    # shellcheck disable=SC2086
    "$CIFRA" train --data ./bars --out new/er/run --quiet $other >/dev/null 2>&1 && bad "train $other is accepted"
    check "train $other leaves no folder" test ! -e new
done
check "nor does a folder that cannot be made" test ! -e new
touch file
unchanged . 1 "cannot make the folder" "$CIFRA" train --data ./bars --out file/run --quiet
unchanged runs/one 2 "holds a run already" "$CIFRA" train --data ./bars --out runs/one --quiet
# Other commands.
for part in "--split nonsense" "--data ./nowhere" "--figures bmp" "--data ./few --split test"; do
    before=$(snapshot runs/one)
    # shellcheck disable=SC2086
    "$CIFRA" eval runs/one --quiet $part >/dev/null 2>&1 && bad "eval $part is accepted"
    # shellcheck disable=SC2086
    "$CIFRA" umap runs/one --quiet $part >/dev/null 2>&1 && bad "umap $part is accepted"
    as_it_was runs/one "$before" "eval or umap $part"
done
unchanged . 1 "nothing" "$CIFRA" umap runs/one --save-features X.npy --model nothing --quiet
cp -r runs/one damaged && sed -i '1s/label/lable/' damaged/predictions.csv && rm -rf damaged/figures
unchanged damaged 1 "should be" "$CIFRA" report damaged --quiet
unchanged damaged 1 "should be" "$CIFRA" report damaged --figures svg --quiet
"$CIFRA" tune --data ./bars --grid paper --epochs 1 --trials 1 --sampler random --quiet --figures none --out tuned >/dev/null 2>tune.err ||
    bad "tune: $(cat tune.err)"
unchanged tuned 2 "" "$CIFRA" tune --data ./bars --grid paper --epochs 2 --trials 1 --sampler random --quiet --out tuned
unchanged tuned 2 "" "$CIFRA" tune --data ./few --grid paper --epochs 1 --trials 1 --sampler random --quiet --out tuned
cat >recipe.yaml <<'YAML'
data: [./bars, ./nowhere]
model: dense classes
grid: none
train: {epochs: 1}
features: null
imbalance: null
cross: false
YAML
unchanged . 1 "nowhere" "$CIFRA" study recipe.yaml --out studied --quiet
sed 's/nowhere/few/; s/^imbalance.*/imbalance: {classes: ["1", "77"], cases: ["all"]}/' recipe.yaml >classes.yaml
refuses 2 "77" "$CIFRA" study classes.yaml --out studied --quiet
check "a refused study leaves no folder" test ! -e studied
unchanged . 1 "nowhere" "$CIFRA" data make ./nowhere --out made/deep --quiet
unchanged bars 2 "holds a data set already" "$CIFRA" data make hand -n 20 --out bars --quiet

# ---- The run's own data, however they are named ----
"$CIFRA" train --data ./bars --split pooled "${quick[@]}" --out runs/two >/dev/null || bad "train pooled"
own=$("$CIFRA" eval runs/two --figures none --json | grep -v '"data"')
ln -s bars link
cp -r bars copy
for name in ./bars/ bars "$here/bars" "$here//bars///" link ./link/ copy "../place/bars"; do
    same "eval --data $name" "$("$CIFRA" eval runs/two --data "$name" --figures none --json 2>own.err | grep -v '"data"')" "$own"
done
check "the own test part may be asked for by another name" "$CIFRA" eval runs/two --data "$here/bars" --split test --figures none --quiet >/dev/null
check "no figures of other data were made" test ! -e runs/two/other-data.json
"$CIFRA" umap runs/two --data ./bars/ --figures none --quiet >umap.txt || bad "umap"
check "umap knows the own data" test -s runs/two/embedding.csv -a ! -e runs/two/embedding-bars.csv
# A part of the same images is another set.
"$CIFRA" eval runs/two --split all --figures none --json >all.json 2>all.err
same "all: images trained on" "$(json trained_on all.json)" 280
same "all: images that chose the epoch" "$(json validated_on all.json)" 40
same "all: images" "$(json n all.json)" 400
check "that is said" grep -q "trained on 280 of these 400 images" all.err
check "also without notices" grep -q "all: 400 images, of which it was trained on 280" <("$CIFRA" eval runs/two --split all --figures none --quiet)
same "test: images trained on" "$("$CIFRA" eval runs/two --figures none --json | grep -c '"trained_on": 0,')" 1
"$CIFRA" eval runs/two --split official-test --figures none --json >official.json 2>/dev/null
check "the official test part of a pooled run was trained on, for the most part" test "$(json trained_on official.json)" -gt 50
# Other sets with images of it: few holds the first eighty.
"$CIFRA" eval runs/two --data few --split all --figures none --json >few.json 2>few.err
trained=$(json trained_on few.json)
check "images are recognised in another set: $trained" test "$trained" -ge 40 -a "$trained" -le 72
check "and that is said" grep -q "trained on $trained of these 80 images" few.err
"$CIFRA" train --data ./bars --classes 1,2 "${quick[@]}" --out runs/classes >/dev/null || bad "train --classes"
"$CIFRA" eval runs/classes --data few --split all --figures none --json >few.json 2>/dev/null
check "of two classes only" test "$(json trained_on few.json)" -gt 0 -a "$(json trained_on few.json)" -le 16
"$CIFRA" eval runs/one --data few --figures none --json >test.json 2>/dev/null
same "the test images of few are training images of bars" "$(($(json trained_on test.json) + $(json validated_on test.json)))" 20
# A copy with more images, and one from which the run's own data are gone.
mkdir pictures # fifteen of each class
for n in 10 20 30 40 50; do
    "$MAKE_SET" "p$n" 10 "$n"
    for digit in 0 1 2 3 4 5 6 7 8 9; do
        mkdir -p "pictures/$digit"
        for i in 0 1 2; do cp "p$n/pictures/$digit/$i.png" "pictures/$digit/$n-$i.png"; done
    done
done
"$CIFRA" train --data pictures --split pooled "${quick[@]}" --out runs/pictures >/dev/null 2>pictures.err || bad "train on pictures: $(cat pictures.err)"
cp -r pictures more && cp bars/pictures/1/0.png more/1/new.png
"$CIFRA" eval runs/pictures --data more --figures none --json >more.json 2>more.err
same "a copy with an image more" "$(json n more.json) $(json trained_on more.json)" "151 $("$CIFRA" eval runs/pictures --split all --figures none --json 2>/dev/null | json trained_on /dev/stdin)"
mv more kept-more && mv pictures gone
"$CIFRA" eval runs/pictures --data kept-more --figures none --json >unknown.json 2>unknown.err
same "without the own data nothing is counted" "$(json trained_on unknown.json)" null
check "and that is said" grep -q "could not be checked" unknown.err
cp -r kept-more pictures
unchanged runs/pictures 1 "holds other data now" "$CIFRA" eval runs/pictures --split test --quiet
"$CIFRA" eval runs/pictures --figures none --json >changed.json 2>changed.err
same "data that have changed are other data" "$(json split changed.json)" '"all"'
check "and that is said, too" grep -q "holds other data now" changed.err
rm -r pictures && mv gone pictures
# Generated data by another spelling.
"$CIFRA" train --data hand:n=200,seed=3 "${quick[@]}" --out runs/hand >/dev/null || bad "train on hand"
same "generated data by another spelling" "$("$CIFRA" eval runs/hand --data hand:seed=3,n=200,test=33 --figures none --json | json split /dev/stdin)" '"test"'
"$CIFRA" eval runs/hand --data hand:seed=3,n=100 --split all --figures none --json >hand.json 2>/dev/null
check "more of the same digits were trained on" test "$(json trained_on hand.json)" -gt 80

# ---- From another folder ----
mkdir elsewhere
for command in "eval ../runs/two --figures none" "umap ../runs/two --figures none --epochs 5" "report ../runs/two" \
    "train --resume --out ../runs/two --figures none"; do
    # shellcheck disable=SC2086
    check "$command from elsewhere" env -C elsewhere "$CIFRA" $command >/dev/null 2>elsewhere.err
done
check "the place is said" grep -q "taken from $here/bars" elsewhere.err
check "the path stays as it was given" grep -q '"data": "./bars"' runs/two/config.json
check "the page has its images" grep -q 'id="shown"' runs/two/report.html
cp -r few elsewhere/bars # another set of that name
same "another set of the name is not taken for it" "$(cd elsewhere && "$CIFRA" eval ../runs/two --figures none --json 2>/dev/null | json n /dev/stdin)" 80
mkdir moved && mv bars runs few elsewhere moved/
same "a moved tree works as it did" "$(cd moved && "$CIFRA" eval runs/two --figures none --json 2>/dev/null | json n /dev/stdin)" 80
rm -r moved/elsewhere/bars
refuses 1 "relative to the folder in which the training was started" env -C moved/elsewhere "$CIFRA" eval ../runs/two --quiet
check "named by hand it is the own set" grep -q '"split": "test"' <(cd moved/elsewhere && "$CIFRA" eval ../runs/two --data ../bars --figures none --json 2>/dev/null)
mv moved/* . && rmdir moved

# ---- Names from paths ----
for name in ./bars/ "$here/bars//" bars/. bars/../bars/; do
    (mkdir named && cd named && ln -s ../bars bars && "$CIFRA" train --data "$name" "${quick[@]}" >/dev/null 2>&1 && ls runs) >named.txt
    same "the run of $name" "$(cat named.txt)" bars-custom-s1
    rm -r named
done
same "the run of ." "$(cd bars && "$CIFRA" train --data . "${quick[@]}" >/dev/null 2>&1 && ls runs && rm -r runs)" bars-custom-s1
mkdir a b && cp -r few a/set && "$MAKE_SET" b/set 40 30
"$CIFRA" eval runs/one/ --data ./a/set/ --json >a.json 2>a.err || bad "eval: $(cat a.err)"
"$CIFRA" eval runs/one --data b/set --json >b.json 2>b.err || bad "eval: $(cat b.err)"
same "predictions are named after the set" "$(json predictions a.json)" '"runs/one/predictions-set.csv"'
same "another set of that name has a number" "$(json predictions b.json)" '"runs/one/predictions-set-2.csv"'
check "which is said" grep -q "set-2" b.err
check "figures, too" test -s runs/one/figures/confusion-set.svg -a -s runs/one/figures/confusion-set-2.svg
same "predictions of a" "$(wc -l <runs/one/predictions-set.csv)" 21
same "predictions of b" "$(wc -l <runs/one/predictions-set-2.csv)" 31
before=$(snapshot runs/one)
"$CIFRA" eval runs/one --data a/set --quiet >/dev/null
"$CIFRA" eval runs/one --data "$here/b/set/" --quiet >/dev/null
same "each keeps its name" "$(snapshot runs/one | grep -v other-data | cut -c 66-)" "$(grep -v other-data <<<"$before" | cut -c 66-)"
check "the own test part's file is named, too" grep -q '"predictions": "runs/one/predictions.csv"' <("$CIFRA" eval runs/one --figures none --json)
same "a run's folder has no slash" "$("$CIFRA" eval runs/one/ --figures none --quiet | head -1 | cut -d' ' -f1)" runs/one
check "nor have the files of umap" test "$("$CIFRA" umap runs/one --epochs 5 --out plane// --figures none --quiet | grep -c 'plane/embedding')" = 2
same "nor in report" "$("$CIFRA" report runs/one// --quiet)" runs/one/report.html

# ---- Keys of config.json ----
cp -r runs/one typo
sed -i 's/"batch"/"bacth"/' typo/config.json
refuses 1 "train.bacth: there is no such key; did you mean batch?" "$CIFRA" eval typo
refuses 1 "train.bacth" "$CIFRA" train --config typo/config.json --out repeated --quiet
check "nothing was trained" test ! -e repeated

# ---- A folder without runs ----
mkdir without without/some
same "no runs" "$("$CIFRA" runs list without)" "no runs in without; cifra runs list FOLDER lists those of another folder"
same "no runs here" "$(cd without && "$CIFRA" runs list)" "no runs in runs; cifra runs list FOLDER lists those of another folder"
same "no runs, as JSON" "$("$CIFRA" runs list without --json | tr -d ' \n')" '{"runs":[],"groups":[]}'

# ---- States ----
state() { "$CIFRA" runs list states --json | awk -v run="\"states/$1\"" '/"run":/ { found = index($0, run) } found && /"state":/ { print $2; exit }'; }
cp -r runs/one/ states && rm -r states && mkdir states && cp -r runs/one states/done
"$CIFRA" train --data bars --model "dense 64 | dense 64 | dense 64 | dense classes" --lr 1e6 --epochs 3 --figures none --quiet --out states/diverged >/dev/null 2>diverged.err
same "a diverged run" "$(state diverged)" '"diverged",'
check "why is said" grep -q "states/diverged *diverged .*loss became" <("$CIFRA" runs list states)
cp -r runs/two states/stopped && rm states/stopped/metrics.json
same "a stopped run" "$(state stopped)" '"stopped",'
check "how it goes on is said" grep -q "after epoch 2 of 2; resume with: cifra train --resume --out states/stopped" <("$CIFRA" runs list states)
mkdir states/begun && cp runs/one/config.json states/begun
same "one that has nothing yet" "$(state begun)" '"begun",'
same "a finished one" "$(state done)" '"done",'
if command -v flock >/dev/null; then
    for run in done stopped; do
        same "$run: a process works in it" "$(flock states/$run/lock "$CIFRA" runs list states --json | awk -v run="\"states/$run\"" '/"run":/ { found = index($0, run) } found && /"state":/ { print $2; exit }')" '"training",'
    done
    flock states/stopped/lock "$CIFRA" runs list states >held.txt # to its end, which gives the lock back
    check "in which epoch" grep -q "states/stopped *training .* last steps" held.txt
    same "a lock that nobody holds is none" "$(state stopped)" '"stopped",'
else
    echo "SKIPPED: a run under way (there is no flock)"
fi
finish
