#!/usr/bin/env bash
# cifra export --to c and c-int8, and cifra eval --precision int8: what is written compiles, answers as expected, and agrees with eval; what
# is refused leaves what was there.
. "$(dirname "$0")/checks.sh"
cc=${CC:-cc}
"$CIFRA" train --data "hand:n=600,test=60" --model "conv 6 3x3 | bn | relu | maxpool 2 | conv 8 3x3 stride 2 | bn | relu | dense classes" --epochs 2 --lr 0.02 \
    --figures none --quiet --out run >/dev/null || bad "training"

build() { # build NET
    check "$1 compiles" "$cc" -std=c99 -O1 -Wall -Wextra -Wconversion -pedantic -Werror "$1/$1.c" "$1/$1_test.c" -lm -o "$1.test"
    check "$1 answers as expected" "./$1.test"
}
same "it says what it made" "$("$CIFRA" export run digits --to c)" digits
same "its files" "$(ls digits | tr '\n' ' ')" "README.md digits.c digits.h digits_test.c "
build digits >said
check "ten images of the test part" grep -q '^10 of 10 answers as expected' said
check "the page has a table" grep -q '^| conv2 | 7x7x8 | 21168 | ' digits/README.md
cp -r digits before
"$CIFRA" export run digits --to c >/dev/null || bad "again"
check "the same files again" diff -r digits before

"$CIFRA" export run whole --to c-int8 --json | tr -d ' \n' >whole.json
for part in '"file":"whole","format":"c-int8","numbers":"int8"' '"flash_bytes":' '"ram_bytes":' '"multiply_adds":' '"images":60,"accuracy":'; do
    check "in integers, JSON has $part" grep -qF "$part" whole.json
done
build whole >said
check "ten, too" grep -q '^10 of 10 answers as expected' said
check "constants take a quarter" [ $((3 * $(sed -n 's/.*CONSTANT_BYTES \([0-9]*\).*/\1/p' whole/whole.h))) -lt \
    "$(sed -n 's/.*CONSTANT_BYTES \([0-9]*\).*/\1/p' digits/digits.h)" ]

# The first images of the test part, by the network's own program and by eval.
cp run/metrics.json run/predictions.csv .
"$CIFRA" eval run --precision int8 --json --figures none >eval.json 2>/dev/null || bad "eval in integers"
same "it says so" "$(sed -n 's/^ *"precision": "\(int8\)".*/\1/p' eval.json)" int8
file=$(ls run/predictions-*int8.csv)
same "predictions and program" "$(awk -F, 'NR > 1 && NR < 12 { printf "%s, %.4f; ", $3, $5 }' "$file")" \
    "$(./whole.test | sed -n 's/^image [0-9]*: \(.*\)/\1;/p' | tr '\n' ' ')"
check "the run's own are as they were" cmp run/predictions.csv predictions.csv
check "and its figures" cmp run/metrics.json metrics.json
check "in words" bash -c '"$0" eval run --precision int8 --figures none | grep -q "60 images, in 8-bit integers"' "$CIFRA"
for threads in 1 2 3 8; do
    "$CIFRA" eval run --precision int8 --json --figures none --threads $threads 2>/dev/null | cmp -s - eval.json || bad "$threads threads"
done

refuses 2 "the folder of a run expected" "$CIFRA" export run/model.safetensors nothing --to c
refuses 2 "which is no name in C" "$CIFRA" export run 9lives --to c
echo kept >kept
refuses 1 "kept" "$CIFRA" export run kept --to c
same "a file in the way is kept" "$(cat kept)" kept
refuses 2 "--tta is not for int8" "$CIFRA" eval run --precision int8 --tta "shift 1"
refuses 2 "--precision int8 is for one run" "$CIFRA" eval run run --precision int8
"$CIFRA" train --data "hand:n=100,test=20" --model "conv 4 3x3 | layernorm | dense classes" --epochs 1 --figures none --quiet --out soft >/dev/null || bad "training"
refuses 2 "layernorm1 (layernorm) has no form in 8-bit integers" "$CIFRA" export soft nothing --to c-int8
check "nothing was made" [ ! -e nothing ]
finish
