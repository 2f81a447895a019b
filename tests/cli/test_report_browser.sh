#!/usr/bin/env bash
# report.html in a browser: touched everywhere, its network against predictions.csv, dark, narrow and on paper.
# With $REPORT_SCREENSHOTS set to a folder, the screenshots are left there for people to look at.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/checks.sh"
BROWSER_BUDGET=20000
. "$here/browser.sh"
browser_starts "report.html in a browser" || exit 0
export CIFRA_DATA=$work/nothing XDG_CACHE_HOME=$work/nothing
mkdir nothing

# A copy of a report that catches errors from its first script on and ends with the self-test.
with_selftest() { # with_selftest REPORT COPY
    awk -v script="$here/report_selftest.js" '
        /^<head>$/ { print; print "<script>const errors = []; addEventListener(\"error\", e => errors.push(e.message));"
                     print "addEventListener(\"securitypolicyviolation\", e => errors.push(e.violatedDirective));</script>"; next }
        /^<\/body>$/ { print "<script>(() => {"; while ((getline line < script) > 0) print line; print "})()</script>" }
        { print }' "$1" >"$2"
}
lines() { sed -n '/<pre id="selftest">/,/^end$/p' "$1"; }

# nearest RESULTS PREDICTIONS: how many images were compared and the largest difference of a probability
nearest() {
    lines "$1" | awk -F'[ ,]' '
        NR == FNR { if ($1 == "image") { n++; for (c = 3; c <= NF; c++) p[$2, c - 3] = $c; seen[$2] = NF - 2 } next }
        FNR > 1 && ($1 in seen) { found++; for (c = 0; c < seen[$1]; c++) { d = p[$1, c] - $(NF - seen[$1] + 1 + c); if (d < 0) d = -d; if (!(d <= worst)) worst = d } }
        END { print n + 0, found + 0, worst <= 1e-5 ? "near" : "far: " worst }' - "$2"
}

# maps_near WORD RESULTS MAPS: how many maps were compared, whether some are not empty, and the largest difference, of a map's largest
maps_near() {
    lines "$2" | awk -v word="$1" '
        $1 != word { next }
        NR == FNR { n++; of[$2] = NF; for (i = 3; i <= NF; i++) value[$2, i] = $i; next }
        of[$2] == NF {
            found++; top = 0
            for (i = 3; i <= NF; i++) if ($i > top) top = $i
            if (top > 0) spoke++
            for (i = 3; i <= NF; i++) {
                d = value[$2, i] - $i; if (d < 0) d = -d
                if (!(d <= 1e-4 * top + 1e-9)) far = far " image " $2 ": " d " of " top
            }
        }
        END { print n + 0, found + 0, (spoke * 2 > n) ? "spoke" : "empty", (far == "") ? "near" : "far:" substr(far, 1, 200) }' - "$3"
}

# look RUN: Grad-CAM and attention rollout in the page against src/eval
look() {
    local run=$1 count
    # shellcheck disable=SC2046 # words
    "$GRAD_CAM_MAPS" "$run" $(sed -n 's/^mapped //p' "$run.txt") >"$run.maps"
    count=$(grep -c '^mapped ' "$run.txt")
    check "$run: maps to compare" test "$count" -ge 15
    same "$run: maps as eval/grad_cam.c has them to 1e-4" "$(maps_near map "$run.html" "$run.maps")" "$count $count spoke near"
    grep -q '^rollout ' "$run.txt" "$run.maps" || return 0
    same "$run: rollouts as eval/attention_rollout.c has them to 1e-4" "$(maps_near rollout "$run.html" "$run.maps")" "$count $count spoke near"
}

# visit RUN: the self-test's lines in RUN.txt
visit() {
    local run=$1
    with_selftest "$run/report.html" "$run/tested.html"
    headless --dump-dom "file://$work/$run/tested.html" >"$run.html" 2>"$run.log"
    lines "$run.html" >"$run.txt"
    check "$run: the self-test ran to its end" grep -qx end "$run.txt"
    check "$run: no failure: $(grep -E '^(FAILED|error)' "$run.txt" | head -5)" test -z "$(grep -E '^(FAILED|error)' "$run.txt")"
    check "$run: no console message: $(grep CONSOLE "$run.log" | head -3)" test -z "$(grep CONSOLE "$run.log")"
    local shown
    shown=$(grep -c '^image ' "$run.txt")
    check "$run: images to compare" test "$shown" -ge 40
    same "$run: probabilities as in predictions.csv to 1e-5" "$(nearest "$run.html" "$run/predictions.csv")" "$shown $shown near"
}

# ---- Digits ----
"$CIFRA" train --data hand -n 3000 --epochs 2 --batch 64 --lr 0.01 --out digits >/dev/null 2>&1
check "train makes the report" test -s digits/report.html
mkdir -p digits/figures
"$CIFRA" data show hand -n 100 --out digits/figures/samples.svg >/dev/null 2>&1
cp digits/figures/samples.svg digits/figures/other.svg
# Where cifra umap would put the images: each class in a heap of its own.
awk -F, 'NR == 1 { print "x,y,label,image"; next }
    { printf "%.3f,%.3f,%s,%s\n", 4 * cos($2) + sin(NR), 4 * sin($2) + cos(1.7 * NR), $2, $1 }' digits/predictions.csv >digits/embedding.csv
"$CIFRA" report digits >/dev/null
visit digits
look digits
"$PREPARED_IMAGES" >prepared.txt
same "images prepared as data/prepare.c does, to the bit" "$(grep '^prepared' digits.txt)" "$(cat prepared.txt)"
same "digits: points" "$(grep '^points' digits.txt)" "points 500"
same "digits: figures" "$(grep '^figures' digits.txt)" "figures $(find digits/figures -name '*.svg' ! -name 'confusion*' | wc -l)"
same "digits: a line is read" "$(grep '^drawn line' digits.txt)" "drawn line 1"
same "digits: a ring is read" "$(grep '^drawn ring' digits.txt)" "drawn ring 0"
same "digits: the drawing's centre of mass" "$(grep '^centre' digits.txt)" "centre 14.00 14.00"
light=$(grep '^background' digits.txt)

# ---- Every kind of layer, a resize of its own on each axis, channels both ways ----
"$MAKE_SET" bars 400 100
layers="input 3x16x9 | conv 8 5x3 stride 2 pad 1 | bn | leakyrelu 0.1 | avgpool 3 stride 1 pad 1 | dropout 0.3 | conv 12 3x3 pad valid"
layers="$layers nobias | relu | maxpool 2 stride 1 pad 1 | conv 10 1x1 | relu | globalavgpool | dense 12 nobias | relu | dense classes"
"$CIFRA" train --data bars --model "$layers" --epochs 2 --batch 32 --lr 0.02 --out layers >/dev/null 2>&1
visit layers
look layers
"$CIFRA" train --data street -n 400 --model "input 1x28x28 | conv 4 3x3 | relu | maxpool 4 | dense classes" --epochs 1 --batch 32 \
    --out colour >/dev/null 2>&1
visit colour
look colour
"$CIFRA" train --data street -n 400 --model "conv 4 3x3 | bn | relu | avgpool 4 | dense classes" --epochs 1 --batch 32 \
    --out rgb >/dev/null 2>&1
visit rgb
look rgb
# What can lie behind the last convolution, on the way back; and a model without one.
# The map takes means of the gradient, to which it is one where a pool sends it, but for the second leakyrelu.
behind="conv 6 3x3 | leakyrelu 0.1 | bn | leakyrelu 0.3 | maxpool 3 stride 2 pad 1 | leakyrelu 0.2 | dropout 0.2"
behind="$behind | avgpool 3 stride 1 pad 1 | bn"
"$CIFRA" train --data bars --model "$behind | dense 12 | bn | relu | dense classes" --epochs 2 --batch 32 --lr 0.02 --out behind \
    >/dev/null 2>&1
visit behind
look behind
"$CIFRA" train --data bars --model "dense 12 | relu | dense classes" --epochs 1 --batch 32 --lr 0.02 --out plain >/dev/null 2>&1
visit plain
same "plain: no map" "$(grep '^without a map' plain.txt)" "without a map"

# ---- Graphs of layers, and every word between them all ----
network() { # network NAME LINE
    "$CIFRA" train --data bars --model "$2" --epochs 2 --batch 32 --lr 0.01 --out "$1" >/dev/null 2>&1
    visit "$1"
    look "$1"
}
network residual "conv 8 3x3 | bn | relu | res( conv 12 3x3 stride 2 | bn | relu | conv 12 3x3 | bn ) | relu \
    | 2x( res( conv 12 3x3 | bn | leakyrelu 0.1 | droppath 0.1 ) ) | globalavgpool | dense classes"
for row in 'conv2</th><td>3x3, stride 2, pad 1, of relu1<' 'res1</th><td>with res1.1<' 'res2</th><td>with relu3<'; do
    check "residual: the table of layers has $row" grep -qF "$row" residual/report.html
done
network mobile "standardize | conv 8 4x3 stride 2 pad tf | bn eps 0.001 | relu6 | dwconv 5x3 pad tf | bn | hardswish | se 2 \
    | conv 12 3x3 groups 4 dilation 2 | bn | hardswish | globalmaxpool | dropout 0.2 | dense classes"
network transformer "normalize 0.2 0.3 | patch 3 16 | position | 2x( res( layernorm | attention 2 ) \
    | res( layernorm | conv 24 1x1 | gelu | conv 16 1x1 ) ) | layernorm | globalavgpool | dense classes"
network norms "conv 8 3x3 | groupnorm 2 | silu | conv 8 3x3 | instancenorm | sigmoid as a | conv 8 3x3 nobias as b | silu \
    | add b | concat a | head turn ( avgpool 3 | dense 4 ) | layernorm | avgpool 2 | dense classes"
check "transformer: rollouts" test "$(grep -c '^rollout ' transformer.txt)" -ge 15
# All that has a way back, behind the last convolution.
network back "conv 8 3x3 stride 2 | bn | relu | groupnorm 2 | silu as a | instancenorm | gelu as b | se 2 | concat a | attention 2 \
    | layernorm | position | hardswish | concat b | standardize | normalize 0.1 0.5 | relu6 | maxpool 2 as c | sigmoid \
    | reverse 2 | add c | globalmaxpool | dense 12 | leakyrelu 0.1 | dense classes"
same "every word of a line was run by a page" "$(sed -n 's/^words //p' ./*.txt | tr ' ' '\n' | sort -u)" \
    "$(grep -ohE '(_type = \{|[ {]ACTIVATION\()"[a-z0-9]+' "$CIFRA_SOURCE"/src/nn/layers/*.c | sed 's/.*"//' | sort)"

# ---- Pages that lack something are quiet too ----
bare() { # bare WHAT FILE: the page of a run without that file
    mv "$2" aside
    "$CIFRA" report layers >/dev/null
    headless --dump-dom "file://$work/layers/report.html" >bare.html 2>bare.log
    mv aside "$2"
    check "without $1: the page is there" grep -q "</footer>" bare.html
    check "without $1: no console message: $(grep CONSOLE bare.log | head -3)" test -z "$(grep CONSOLE bare.log)"
}
bare metrics layers/metrics.json
bare predictions layers/predictions.csv
bare data bars
check "without data: the box to draw in works" grep -q "Nothing is drawn yet" bare.html
bare "a model" layers/model.safetensors
check "without a model: there is no box" grep -q '<section id="draw".* hidden' bare.html

# ---- Looks ----
pictures=${REPORT_SCREENSHOTS:-$work}
picture() { # picture NAME SIZE FLAG...
    local name=$1 size=$2
    shift 2
    headless --window-size="$size" --screenshot="$pictures/$name.png" "$@" "file://$work/digits/report.html" >/dev/null 2>&1
    check "screenshot $name" test -s "$pictures/$name.png"
}
picture light 1200,4000
picture dark 1200,4000 --blink-settings=preferredColorScheme=0
headless --blink-settings=preferredColorScheme=0 --dump-dom "file://$work/digits/tested.html" >dark.html 2>/dev/null
dark=$(lines dark.html | grep '^background')
check "dark is dark: $light, $dark" test -n "$dark" -a "$dark" != "$light"
check "dark: no failure: $(lines dark.html | grep -E '^(FAILED|error)' | head -3)" test -z "$(lines dark.html | grep -E '^(FAILED|error)')"
headless --no-pdf-header-footer --print-to-pdf="$pictures/print.pdf" "file://$work/digits/report.html" >/dev/null 2>&1
same "a PDF is printed" "$(head -c 4 "$pictures/print.pdf")" "%PDF"
# The panel with its map, and the section below the tables.
{ cat digits/report.html; echo '<script>const list = [...document.querySelectorAll("#matrix .wrong button")]; list[0].click();
document.querySelector("#gallery .thumbnails button").click()</script>'; } >digits/panel.html
for scheme in dark light; do # Chromium's 0 and 1
    # As tall as all that is opened, for what is scrolled to is not in a picture.
    headless --window-size=1200,2600 --screenshot="$pictures/panel-$scheme.png" \
        --blink-settings="preferredColorScheme=$([ "$scheme" = dark ]; echo $?)" "file://$work/digits/panel.html" >/dev/null 2>&1
    check "screenshot panel-$scheme is no empty page" test "$(stat -c %s "$pictures/panel-$scheme.png")" -gt 30000
done
# A phone's width: Chromium's own window does not get that narrow, a frame does.
sed 's/.*/<!DOCTYPE html><iframe src="&" width="390" height="5000" style="border:0"><\/iframe>/' <<<"digits/tested.html" >narrow.html
headless --window-size=420,5000 --screenshot="$pictures/narrow.png" "file://$work/narrow.html" >/dev/null 2>&1
check "screenshot narrow" test -s "$pictures/narrow.png"
finish
