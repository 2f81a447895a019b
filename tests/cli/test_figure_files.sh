#!/usr/bin/env bash
# The figures that train and eval leave in the run folder: every file, and data equal to the run's own tables.
. "$(dirname "$0")/checks.sh"
: "${CIFRA_DATA:=}"
"$MAKE_SET" "$work/bars" 3000 400
of_run="distribution samples curves rates"
of_evaluation="confusion confusion-normalized confused-pairs misclassified top-losses unsure probabilities reliability roc precision-recall"
names="$of_run $of_evaluation"
# A network that makes mistakes.
settings=(--data "$work/bars" --model "maxpool 4 | dense 6 | relu | dense classes" --epochs 3 --patience 0)

"$CIFRA" train "${settings[@]}" --out run --figures svg,png,pdf --json >train.json 2>train.err || bad "train: $(cat train.err)"
check "a notice says where figures are" grep -q "figures are in run/figures" train.err
for name in $names; do
    for ending in svg png pdf csv; do check "$name.$ending is there" test -s "run/figures/$name.$ending"; done
    for ending in svg png pdf; do check "--json names $name.$ending" grep -q "\"run/figures/$name.$ending\"" train.json; done
    check "$name.svg is small" test "$(stat -c %s "run/figures/$name.svg")" -lt 250000
    if command -v xmllint >/dev/null; then check "$name.svg is XML" xmllint --noout "run/figures/$name.svg"; fi
done
same "number of figures in --json" "$(grep -c '"run/figures/' train.json)" 45

# Curves: the history's columns, digit for digit; the best epoch is the one that training chose.
same "curves.csv" "$(cut -d, -f1-5 run/figures/curves.csv)" "$(cut -d, -f1,3-6 run/history.csv)"
same "best epoch" "$(awk -F, '$6 == 1 { print $1 }' run/figures/curves.csv)" "$(sed -n 's/^  "best_epoch": \([0-9]*\),*$/\1/p' train.json)"

# Confusion: counted again from predictions.csv (image,label,predicted,..).
recount='FNR == 1 { next } FILENAME == "run/predictions.csv" { n[$2 "," $3]++; t[$2]++; next }'
check "confusion.csv" awk -F, "$recount"' { for (c = 2; c <= NF; c++) { cells++; if ($c != n[$1 "," c - 2] + 0) bad = 1 } } END { exit bad || cells != 100 }' run/predictions.csv run/figures/confusion.csv
check "confusion-normalized.csv" awk -F, "$recount"' { for (c = 2; c <= NF; c++) { d = $c - n[$1 "," c - 2] / t[$1]; if (d > 1e-6 || d < -1e-6) bad = 1; cells++ } } END { exit bad || cells != 100 }' run/predictions.csv run/figures/confusion-normalized.csv

# Mistakes: all of them, with predictions.csv's digits, the most confident first.
same "misclassified.csv" "$(sed 1d run/figures/misclassified.csv | cut -d, -f1-4 | sort)" \
    "$(awk -F, 'NR > 1 && $4 == 0 { print $1 "," $2 "," $3 "," $5 }' run/predictions.csv | sort)"
check "some mistakes to look at" test "$(wc -l <run/figures/misclassified.csv)" -gt 3
check "the most confident come first" awk -F, 'NR > 2 && $4 > last { bad = 1 } NR > 1 { last = $4 } END { exit bad }' run/figures/misclassified.csv

# Probabilities: three right ones of three classes, with predictions.csv's digits.
same "panels" "$(sed 1d run/figures/probabilities.csv | cut -d, -f1 | sort -u | tr '\n' ' ')" "1 2 3 "
same "classes of the panels" "$(sed 1d run/figures/probabilities.csv | cut -d, -f3 | sort -u | wc -l)" 3
check "probabilities.csv" awk -F, 'FNR == 1 { next } FILENAME == "run/predictions.csv" { row[$1] = $0; next }
    { split(row[$2], f, ","); rows++; if (f[4] != 1 || f[2] != $3 || f[6 + $4] != $5) bad = 1 } END { exit bad || rows != 30 }' run/predictions.csv run/figures/probabilities.csv

# Rankings: predictions.csv's numbers in order, and none left out that belongs before the last.
check "top-losses.csv" awk -F, 'FNR == 1 { next } FILENAME == "run/predictions.csv" { loss[$1] = -log($(6 + $2)); said[$1] = $2 "," $3 "," $5; next }
    { d = $5 - loss[$1]; if (d > 1e-4 || d < -1e-4 || said[$1] != $2 "," $3 "," $4 || (rows && $5 > last)) bad = 1; rows++; last = $5; delete loss[$1] }
    END { for (i in loss) if (loss[i] > last + 1e-4) bad = 1; exit bad || rows != 24 }' run/predictions.csv run/figures/top-losses.csv
check "unsure.csv" awk -F, 'FNR == 1 { next } FILENAME == "run/predictions.csv" { if ($4) { p[$1] = $5; said[$1] = $3; row[$1] = $0 } next }
    { split(row[$1], f, ","); if ($4 != p[$1] || $2 != said[$1] || f[6 + $3] != $5 || $4 < last) bad = 1
      for (c = 0; c < 10; c++) if (c != $2 && f[6 + c] > $5) bad = 1
      rows++; last = $4; delete p[$1] }
    END { for (i in p) if (p[i] < last) bad = 1; exit bad || rows != 24 }' run/predictions.csv run/figures/unsure.csv

# Calibration, areas and pairs are those of metrics.json.
after() { sed -n "/\"$1\": [[{]/,/[]}],*\$/p" run/metrics.json; }
number='s/^ *\(".*": \)\{0,1\}\([-0-9.e]*\),*$/\2/p'
ece=$(sed -n 's/^ *"ece": \([0-9.e-]*\),*$/\1/p' run/metrics.json)
check "calibration error" awk -F, -v ece="$ece" '$1 == "no" { n += $4; d = $5 - $6; s += $4 * (d < 0 ? -d : d) }
    END { e = s / n - ece; exit !(n == 400 && ece > 0 && e < 1e-6 && e > -1e-6) }' run/figures/reliability.csv
scaled=$(sed -n 's/^ *"ece_scaled": \([0-9.e-]*\),*$/\1/p' run/metrics.json)
check "calibration error, scaled" awk -F, -v ece="$scaled" '$1 == "yes" { n += $4; d = $5 - $6; s += $4 * (d < 0 ? -d : d) }
    END { e = s / n - ece; exit !(n == 400 && ece > 0 && e < 1e-6 && e > -1e-6) }' run/figures/reliability.csv
for pair in roc:roc_auc precision-recall:average_precision; do
    same "areas of ${pair%:*}" "$(sed 1d "run/figures/${pair%:*}.csv" | cut -d, -f1,2 | sort -u | awk -F, '{ printf "%.6f\n", $2 }')" \
        "$(after "${pair#*:}" | sed -n "$number" | head -10 | awk '{ printf "%.6f\n", $1 }')"
done
check "the area under ROC from its points" awk -F, 'NR > 1 && $1 == "6" { if (n++) a += ($4 - x) * ($5 + y) / 2; x = $4; y = $5; area = $2 }
    END { d = a - area; exit !(n > 10 && d < 0.005 && d > -0.005) }' run/figures/roc.csv
same "confused-pairs.csv" "$(sed 1d run/figures/confused-pairs.csv | cut -d, -f1-3)" \
    "$(sed -n '/"confused": /,$p' run/metrics.json | awk -F'[:,]' '/"true"/ { gsub(/[" ]/, "", $2); t = $2 } /"predicted"/ { gsub(/[" ]/, "", $2); p = $2 } /"count"/ { gsub(/ /, "", $2); print t "," p "," $2 }')"

# Rates: the history's columns.
same "rates.csv" "$(cat run/figures/rates.csv)" "$(cut -d, -f1,2,8 run/history.csv)"

# Classes per part and samples.
same "images in all parts" "$(awk -F, 'NR > 1 { a += $2; b += $3; c += $4 } END { print a, b, c }' run/figures/distribution.csv)" "2700 300 400"
same "samples" "$(sed 1d run/figures/samples.csv | cut -d, -f1,2 | sort | uniq -c | awk '{ print $1 }' | sort -u)" 2
same "classes and parts of samples" "$(wc -l <run/figures/samples.csv)" 61
check "a sample of the test part is one" awk -F, 'FNR == 1 { next } FILENAME == "run/predictions.csv" { label[$1] = $2; next }
    ($1 == "test") != ($3 in label) || ($3 in label && label[$3] != $2) { bad = 1 } END { exit bad }' run/predictions.csv run/figures/samples.csv

# Eval makes the same files again; those of other data and parts have their own names and touch nothing else.
cp -r run again
rm -r again/figures
"$CIFRA" eval again --quiet >/dev/null 2>eval.err
check "--quiet says nothing" test ! -s eval.err
for name in $names; do
    for ending in svg csv; do check "eval draws $name.$ending again" cmp -s "run/figures/$name.$ending" "again/figures/$name.$ending"; done
done
same "svg is the default" "$(find again/figures -name '*.p*' | wc -l)" 0
"$CIFRA" eval again --data "$work/bars/pictures" --figures png --json >eval.json 2>/dev/null
same "figures of other data" "$(grep -o 'again/figures/[^"]*' eval.json | sort | tr '\n' ' ')" \
    "$(for n in $of_evaluation; do [ -e "again/figures/$n-pictures.png" ] && echo "again/figures/$n-pictures.png"; done | sort | tr '\n' ' ')"
check "confusion of other data" test -s again/figures/confusion-pictures.png
"$CIFRA" eval again --split all --quiet >/dev/null
check "another part of the own data has its own name" test -s again/figures/confusion-bars-all.svg
for name in $names; do check "$name.svg is untouched" cmp -s "run/figures/$name.svg" "again/figures/$name.svg"; done
rm again/history.csv
"$CIFRA" eval again >/dev/null 2>eval.err
check "a missing history is said" grep -q "history.csv is not there" eval.err

# Part of the classes, of which one is rare.
"$CIFRA" train --data "$work/bars" --classes 1,2 --limit 1:5 --model "dense classes" --epochs 1 --out two --quiet >/dev/null
same "only the classes that take part" "$(cut -d, -f1 two/figures/distribution.csv | tr '\n' ' ')" "class 1 2 "
same "the limit shows" "$(awk -F, '$1 == "1" { print $2 }' two/figures/distribution.csv)" 5

# What only a convolution has.
check "no filters without a convolution" grep -q "no figure of filters" train.err
"$CIFRA" train --data "$work/bars" --model "conv 5 3x3 stride 4 | relu | dense classes" --epochs 1 --out conv --json >conv.json 2>/dev/null
for name in $names filters grad-cam; do
    for ending in svg csv; do check "conv: $name.$ending is there" test -s "conv/figures/$name.$ending"; done
done
same "number of figures with a convolution" "$(grep -c '"conv/figures/' conv.json)" 17
same "filters.csv" "$(wc -l <conv/figures/filters.csv)" 46
same "examples with a map" "$(sed 1d conv/figures/grad-cam.csv | cut -d, -f1 | uniq | wc -l)" \
    "$(awk -F, 'NR > 1 && $4 && !seen[$2]++ { n++ } END { print 6 + (n > 6 ? 6 : n) }' conv/predictions.csv)"
check "their classes" awk -F, 'FNR == 1 { next } FILENAME == "conv/predictions.csv" { row[$1] = $2 "," $3; next }
    row[$1] != $2 "," $3 { bad = 1 } $6 < 0 { bad = 1 } END { exit bad }' conv/predictions.csv conv/figures/grad-cam.csv

# What only attention has, beside Grad-CAM of the same examples.
check "no attention, no such figure" test -z "$(find conv/figures -name 'attention*')"
"$CIFRA" train --data "$work/bars" --model "patch 4 8 | res( attention 2 ) | res( attention 4 ) | globalavgpool | dense classes" --epochs 1 --out look --quiet >/dev/null
for name in attention-rollout attention-heads; do
    for ending in svg csv; do check "attention: $name.$ending is there" test -s "look/figures/$name.$ending"; done
done
same "the same examples as Grad-CAM" "$(cut -d, -f1-5 look/figures/attention-rollout.csv)" "$(cut -d, -f1-5 look/figures/grad-cam.csv)"
check "shares" awk -F, 'NR > 1 { s[$1] += $6 } END { for (i in s) { n++; if (s[i] < 0.9999 || s[i] > 1.0001) bad = 1 } exit bad || !n }' look/figures/attention-rollout.csv
check "shares of each head" awk -F, 'NR > 1 { s[$1 $4 $5] += $8 } END { for (i in s) { n++; if (s[i] < 0.9999 || s[i] > 1.0001) bad = 1 } exit bad || n % 6 || !n }' look/figures/attention-heads.csv

# None, and wrong words.
"$CIFRA" train "${settings[@]}" --out bare --figures none --json >bare.json 2>/dev/null
check "none draws nothing" test ! -e bare/figures
check "--json has an empty list" grep -q '"figures": \[\]' bare.json
same "figures change no weight" "$(sha_of bare)" "$(sha_of run)"
refuses 2 "did you mean png?" "$CIFRA" train "${settings[@]}" --out never --figures svg,pgn
check "a wrong word is found before training" test ! -e never
refuses 2 "none stands alone" "$CIFRA" eval run --figures none,svg

# Looks of figures that nobody draws.
for look in "--theme dark" "--dpi 100"; do
    for command in "train --data $work/bars --out never" "eval run" "report run" "umap run"; do
        # shellcheck disable=SC2086
        refuses 2 "${look% *} has no meaning with --figures none" "$CIFRA" $command --figures none $look
    done
    # shellcheck disable=SC2086
    refuses 2 "figures of several runs need a folder" "$CIFRA" eval run bare $look
done
check "nothing was trained for them" test ! -e never
finish
