#!/usr/bin/env bash
# Sets of more classes than a byte counts, from folders and IDX files through split, training, evaluation, prediction and report:
# all of it is there, and what is for eyes stays short.
. "$(dirname "$0")/checks.sh"
export CIFRA_DATA=$work/nothing XDG_CACHE_HOME=$work/nothing

lines_at_most() { test "$(wc -l <"$2")" -le "$1"; }
bytes_at_most() { test "$(stat -c %s "$2")" -le "$1"; }

# many CLASSES EACH EPOCHS
many() {
    local k=$1 each=$2 n=$(($1 * $2))
    "$MAKE_SET" many "pictures$k" "$k" "$each"
    "$CIFRA" data info "pictures$k" --split pooled --json >info.json || bad "$k classes: data info"
    same "$k classes of folders" "$(grep -c '^    "c[0-9]*",\?$' info.json)" "$k"
    "$CIFRA" data info "pictures$k" --split pooled >info.txt
    check "$k classes: data info is short" lines_at_most 40 info.txt
    check "$k classes: and counts the others" grep -qF ".. $((k - 20)) more classes" info.txt

    # IDX files hold labels of 16 bits, and give the same set again.
    "$CIFRA" data make "pictures$k" --out "idx$k" --plain --quiet >/dev/null || bad "$k classes: data make"
    same "$k classes: labels of 16 bits" "$(head -c 8 "idx$k/train-labels-idx1-ubyte" | od -An -tx1 | tr -d ' ')" \
        "00000b01$(printf %08x "$n")"
    same "$k classes: the set of the folders" "$("$CIFRA" data info "idx$k" --json | grep '"sha256"')" "$(grep '"sha256"' info.json)"

    "$CIFRA" train --data "idx$k" --split pooled --model linear --epochs "$3" --lr 0.003 --batch 64 --patience 0 --out "run$k" --quiet >/dev/null || bad "$k classes: train"
    local report=run$k/report.html predictions=run$k/predictions.csv tested
    tested=$(($(wc -l <"$predictions") - 1))
    # Every image of the test part: the likeliest class first, never less likely than the label.
    check "$k classes: predictions.csv" awk -F, -v least="$((n / 5))" \
        'NR > 1 && (NF != 26 || $7 != $3 || $8 != $5 || $6 > $8 || ($4 == 1) != ($2 == $3) || $26 > $24) { exit 1 } END { exit NR - 1 < least }' "$predictions"
    same "$k classes: the cells sum to the images" "$(tr -d ' \n' <"run$k/metrics.json" | grep -o '"confusion_cells":\[\[[^"]*' |
        tr '[]' '\n\n' | awk -F, 'NF == 3 { n += $3 } END { print n }')" "$tested"
    same "$k classes: a row of scores for each" "$(grep -c '"recall"' "run$k/metrics.json")" "$((k + 2))"
    same "$k classes: confusion.csv has all images" "$(awk -F, 'NR > 1 { n += $3 } END { print n }' "run$k/figures/confusion.csv")" "$tested"
    same "$k classes: distribution.csv" "$(awk 'END { print NR - 1 }' "run$k/figures/distribution.csv")" "$k"
    check "$k classes: a page under 3 MB" bytes_at_most 3000000 "$report"
    check "$k classes: it shows the worst" grep -qF "the 20 with the lowest F1 of $k" "$report"
    check "$k classes: and those taken for each other" grep -qF "Of $k classes those of the 12 most confused pairs" "$report"

    "$CIFRA" eval "run$k" --figures none >eval.txt 2>/dev/null || bad "$k classes: eval"
    check "$k classes: eval is short" lines_at_most 75 eval.txt
    check "$k classes: eval names the worst" grep -qF "the 20 of $k classes with the lowest F1" eval.txt
    "$CIFRA" predict "run$k" "pictures$k/c0007" --top 3 --csv answers.csv --json >answers.json || bad "$k classes: predict"
    same "$k classes: the three likeliest" "$(grep -c '"probability"' answers.json)" "$((3 * each))"
    same "$k classes: a column for each" "$(head -1 answers.csv | tr ',' '\n' | grep -c '^p_c')" "$k"
    check "$k classes: probabilities sum to 1" awk -F, 'NR > 1 { s = 0; for (i = 4; i <= NF; i++) s += $i; if (s < 0.999 || s > 1.001) exit 1 }' answers.csv
    "$CIFRA" report "run$k" >/dev/null || bad "$k classes: report"
}

many 300 8 40
# Patterns are learnt, so classes are matched with labels beyond a byte.
check "300 classes are told apart" awk -F, 'NR > 1 { n++; right += $4; high += $4 && substr($2, 2) + 0 > 255 } END { exit !(2 * right > n && high) }' run300/predictions.csv
many 1000 3 2

# A class filter, and a part of a set; the names are those of the folders.
"$CIFRA" data info idx300 --split pooled --classes c0003,c0299 --json >two.json || bad "two classes"
same "two of 300 classes" "$(grep -c '^    "c[0-9]*",\?$' two.json)" 2
"$CIFRA" eval run1000 --data idx300 --split all --figures none --json >other.json 2>other.err || bad "other data: $(cat other.err)"
same "classes of other data are matched by name" "$(sed -n 's/^  "n": \([0-9]*\),$/\1/p' other.json)" 2400

check "data show draws what a page holds" "$CIFRA" data show idx1000 --per-class 3 --out shown.png --quiet

# The matrix and the scores of 51 classes are those of the worst, of 50 all of them.
for k in 50 51; do
    "$MAKE_SET" many "few$k" "$k" 5
    "$CIFRA" train --data "few$k" --split pooled --model linear --epochs 1 --out "few-run$k" --figures none --quiet >/dev/null || bad "$k classes: train"
    "$CIFRA" eval "few-run$k" --figures none 2>/dev/null >"eval$k.txt"
done
check "50 classes are all shown" grep -q '^ *c0049 ' eval50.txt
check "of 51 the worst" grep -qF "the 20 of 51 classes" eval51.txt
same "and their cells are a matrix" "$(tr -d ' \n' <few-run51/metrics.json | grep -o '"confusion":\[\[' | wc -l)" 1
finish
