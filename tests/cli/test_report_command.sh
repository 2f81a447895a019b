#!/usr/bin/env bash
# cifra report, and the report that cifra train makes.
. "$(dirname "$0")/checks.sh"
export CIFRA_DATA=$work/nothing XDG_CACHE_HOME=$work/nothing
mkdir nothing
"$MAKE_SET" bars 400 100

"$CIFRA" train --data bars --model "conv 4 3x3 | bn | relu | maxpool 2 | dense classes" --epochs 2 --batch 32 --lr 0.02 --out run \
    >train.txt 2>/dev/null
check "train tells where the report is" grep -qx "report:     run/report.html" train.txt
check "train makes it" grep -q "<title>run " run/report.html
cp run/report.html first.html
same "report prints its path" "$("$CIFRA" report run)" run/report.html
check "the folder gives the page that train made" cmp -s first.html run/report.html
"$CIFRA" report run --json >report.json
check "--json" grep -q '"report": "run/report.html"' report.json
(cd run && "$CIFRA" report . --data-dir .. >/dev/null 2>&1)
check "a folder given as . has its name all the same" grep -q "<title>run " run/report.html
"$CIFRA" report --help >help.txt
check "--help" grep -q "cifra report RUN" help.txt
check "--help has an example" grep -q "cifra report runs/" help.txt

# ---- The network in the page: its words for each kind of layer ----
"$CIFRA" train --data bars --model "conv 4 3x3 | bn | relu | maxpool 2 | avgpool 2 | dropout 0.1 | dense classes" --epochs 1 --out kinds \
    --figures none --quiet >/dev/null
for layer in conv:conv1 bn:bn1 relu:relu1 maxpool:maxpool1 avgpool:avgpool1 dropout:dropout1 dense:dense1; do
    check "the page calls ${layer#*:} ${layer%:*}" grep -qE "\"kind\": ?\"${layer%:*}\", ?\"name\": ?\"${layer#*:}\"" kinds/report.html
done

# ---- Figures ----
rm -r run/figures
"$CIFRA" report run >/dev/null
check "figures that are missing are drawn" test -s run/figures/confusion.svg -a -s run/figures/curves.csv
check "the folder gives the page that train made, again" cmp -s first.html run/report.html
check "no other kind than SVG by itself" test -z "$(find run/figures -name '*.png')"
"$CIFRA" report run --figures png >/dev/null
check "--figures png" test -s run/figures/confusion.png
rm -r run/figures
"$CIFRA" report run --figures none >/dev/null
check "--figures none draws nothing" test ! -e run/figures
refuses 2 "did you mean png?" "$CIFRA" report run --figures pgn

# ---- Without its data, and with others of the same name ----
mv bars elsewhere
"$CIFRA" report run >/dev/null 2>notes.txt
check "without data no figures are drawn, and that is said" grep -q "no figures are drawn: .*bars" notes.txt
refuses 2 "bars" "$CIFRA" report run --figures svg
check "without data there is a page without images" grep -q "The data could not be loaded" run/report.html
check "and no image is in it" test -z "$(grep 'id="pixels"' run/report.html)"
"$MAKE_SET" bars 390 100
"$CIFRA" report run >/dev/null 2>notes.txt
check "nor drawn" grep -q "no figures are drawn: bars holds other data now" notes.txt
check "there is no figure of them" test ! -e run/figures
check "other data are not shown" grep -q "their checksums differ" run/report.html
rm -r bars
mv elsewhere bars

# ---- A network too large for a page ----
"$CIFRA" train --data bars --model "dense 3000 | relu | dense 300 | relu | dense classes" --epochs 1 --out large >/dev/null 2>&1
check "too many weights are left out, and that is said" grep -q "weights are too many for this page" large/report.html
check "and the box to draw in with them" grep -q '<section id="draw".* hidden>' large/report.html
check "the page is below 10 MB" test "$(stat -c %s large/report.html)" -lt 10000000

# ---- What goes wrong ----
refuses 2 "there is nothing of that name" "$CIFRA" report nowhere
refuses 2 "no config.json" "$CIFRA" report bars
mkdir -p stuck/report.html
refuses 1 "the run is complete, but its report could not be made" "$CIFRA" train --data bars --model "dense classes" --epochs 1 --out stuck
check "its results are told" grep -q "^accuracy " "$work/stdout"
check "and kept" test -s stuck/metrics.json -a -s stuck/model.safetensors
rmdir stuck/report.html
same "the report can be made later" "$("$CIFRA" report stuck)" stuck/report.html
finish
