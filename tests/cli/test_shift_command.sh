#!/usr/bin/env bash
# cifra shift, through the real program: what it prints and writes, into the run's folder and its page, or elsewhere; what it refuses.
. "$(dirname "$0")/checks.sh"
shift_of() { "$CIFRA" shift run --quiet "$@"; }
value() { sed -n "s/^ *\"$2\": \"\{0,1\}\([^\",]*\)\"\{0,1\},*$/\1/p" "$1" | head -1; }

"$CIFRA" train --data hand:n=800,test=100 --model "conv 4 5x5 | relu | maxpool 2 | dense classes" --epochs 2 --patience 0 --figures none \
    --out run --quiet >/dev/null || bad "train"

# ---- Of a generated set, with its dials ----
shift_of --to hand:n=1,test=80 --shift blur=3,rotation=0:40 --json >one.json 2>one.err || bad "shift: $(cat one.err)"
for key in n accuracy accuracy_interval source look factors factor kind gain interval explains without shares estimated collapse \
    effective_predicted corrected rounds run source_data data part figures; do
    check "shift --json has $key" grep -q "\"$key\"" one.json
done
same "n" "$(value one.json n)" 80
same "the part" "$(value one.json part)" official-test
for factor in polarity contrast "scale and place" background neighbours "all of these" "label shares" blur rotation "all dials"; do
    same "rows of $factor" "$(grep -c "\"factor\": \"$factor\"" one.json)" 1
done
suffix=hand_n_1_test_80_blur_3_rotation_0_40
name=shift-$suffix
for file in run/$name.json run/figures/$name.svg run/figures/$name.csv run/figures/shift-samples-$suffix.svg; do
    check "$file is there" test -s "$file"
done
same "head of the figure's data" "$(head -1 run/figures/$name.csv)" "factor,accuracy,gain,low,high,explains,without"
same "its rows" "$(wc -l <run/figures/$name.csv)" 11
for threads in 1 3; do
    shift_of --to hand:n=1,test=80 --shift blur=3,rotation=0:40 --figures none --threads $threads >"$threads.txt" || bad "at $threads threads"
done
check "the same at any number of threads" cmp 1.txt 3.txt
for part in "a drop of" "the generator's dials" "Predictions: " "estimated without labels" "Saerens"; do
    check "the text has: $part" grep -q "$part" 1.txt
done
"$CIFRA" report run --quiet >/dev/null || bad "report"
check "the page has the figure" grep -q 'aria-label="Shift hand' run/report.html
check "and says what it is" grep -q "moved towards those that it was trained on" run/report.html

# ---- Of files, a part of them, elsewhere ----
"$CIFRA" data make street -n 60 --out files --quiet >/dev/null || bad "data make"
files=$(ls -d files/train*.mat)
before=$(find run -type f | sort | xargs sha256sum | sha256sum)
"$CIFRA" shift run --to "$files" --split at:40 --figures png --out elsewhere --quiet >text.txt 2>err || bad "shift to files: $(cat err)"
check "images from 40 on" grep -q ": 20 images" text.txt
check "no dials of files" test "$(grep -c 'dials' text.txt)" = 0
same "nothing is written into the run" "$(find run -type f | sort | xargs sha256sum | sha256sum)" "$before"
same "files elsewhere" "$(find elsewhere -type f | wc -l)" 4

# ---- Refusals: nothing is written ----
before=$(find . -type f -not -name std\* | sort | xargs sha256sum | sha256sum)
refuses 2 "--to SET is needed" "$CIFRA" shift run
refuses 2 "is what the run was trained on" "$CIFRA" shift run --to hand:n=800,test=100
refuses 2 "test, official-test, all or at:N expected" "$CIFRA" shift run --to street:n=1,test=50 --split odd
refuses 2 "at:N expected" "$CIFRA" shift run --to street:n=1,test=50 --split at:x
refuses 2 "no run folder" "$CIFRA" shift nothing --to street
refuses 2 "figures" "$CIFRA" shift run --to street:n=1,test=50 --figures bmp
same "nothing is written" "$(find . -type f -not -name std\* | sort | xargs sha256sum | sha256sum)" "$before"
finish
