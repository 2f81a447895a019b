#!/usr/bin/env bash
# Classes and folders named to break out of a page, a figure, a table or a folder.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/checks.sh"
. "$here/browser.sh"
export CIFRA_DATA=$work/nothing XDG_CACHE_HOME=$work/nothing
mkdir nothing
"$MAKE_SET" good 20 10
classes=('<img src=x onerror=document.title=1>' '"&]]>' "=1+2,'a'" 'x..' '<script>document.title=1;<!--')
set="pic\"t<i>&,s'"
for class in "${classes[@]}"; do
    mkdir -p "$set/$class"
    for digit in 0 1 2 3 4 5; do
        for n in 0 1 2; do cp "good/pictures/$digit/$n.png" "$set/$class/$digit-$n.png"; done
    done
done
"$CIFRA" train --data "./$set" --model "dense classes" --epochs 1 --threads 2 --out "r<u>n" --quiet --json >train.json 2>train.err ||
    bad "train: $(cat train.err)"
[ -s "r<u>n/report.html" ] || "$CIFRA" report "r<u>n" --quiet >/dev/null 2>report.err || bad "report: $(cat report.err)"
page="r<u>n/report.html"

# The page: none of the names is an element.
check "the page names the classes" grep -qF '&lt;img src=x onerror=document.title=1&gt;' "$page"
for raw in '<img src=x' '<script>document' '<i>&' '<u>n'; do check "$raw is not in the page" test "$(grep -cF -- "$raw" "$page")" = 0; done
same "scripts that open and close" "$(grep -o '<script' "$page" | wc -l)" "$(grep -o '</script>' "$page" | wc -l)"

# The figures are sound XML; tables and documents give the names back.
if command -v xmllint >/dev/null; then
    for figure in "r<u>n"/figures/*.svg; do check "$figure is well-formed" xmllint --nonet --noout "$figure"; done
elif command -v python3 >/dev/null; then
    for figure in "r<u>n"/figures/*.svg; do
        check "$figure is well-formed" python3 -c 'import sys, xml.dom.minidom as d; d.parse(sys.argv[1])' "$figure"
    done
else
    echo "SKIPPED: that figures are sound XML (there is neither xmllint nor python3)"
fi
check "there are figures" test "$(find "r<u>n/figures" -name '*.svg' | wc -l)" -ge 5
check "a name with a comma is quoted" grep -qF "\"=1+2,'a'\"" "r<u>n/predictions.csv"
check "a name with a quote is quoted" grep -qF '"""&]]>"' "r<u>n/predictions.csv"
if command -v python3 >/dev/null; then
    names() { python3 -c 'import csv, json, sys
rows = list(csv.reader(open("r<u>n/predictions.csv", newline="")))
assert all(len(row) == len(rows[0]) for row in rows), "rows of other lengths"
names = {c["class"] for c in json.load(open("r<u>n/metrics.json"))["test"]["per_class"]}
assert names == set(sys.argv[1:]), names
label = rows[0].index("label")
assert {row[label] for row in rows[1:]} <= names, "another label"
json.load(open("train.json"))' "$@"; }
    check "CSV and JSON give the names back" names "${classes[@]}"
else
    echo "SKIPPED: reading CSV and JSON with another program (there is no python3)"
fi

# In a browser nothing of it ran. The last page shows that it would have been seen.
if browser_starts "hostile names in a browser"; then
    cp "$page" seen.html
    headless --dump-dom "file://$work/seen.html" >seen.dom 2>seen.log
    check "the browser shows the page" grep -q '</table>' seen.dom
    check "no script of a name ran" test "$(grep -c '<title>1</title>' seen.dom)" = 0
    check "no name became an element" test "$(grep -c '<img src="x"' seen.dom)" = 0
    sed 's|<body>|<body><img src=x onerror=document.title=1>|' seen.html >planted.html
    headless --dump-dom "file://$work/planted.html" >planted.dom 2>planted.log
    check "a planted one is seen" grep -q '<img src="x"' planted.dom
fi

# What would break a line is refused, and shown as what it is not.
mkdir -p "lines/a" $'lines/b\033[2J\nc'
cp good/pictures/0/0.png lines/a/ && cp good/pictures/1/0.png $'lines/b\033[2J\nc/'
refuses 1 'lines/b?[2J?c has a name with control characters' "$CIFRA" train --data ./lines --model "dense classes" --quiet
check "no control character reached the terminal" test "$(tr -d '\n' <stderr | grep -c "$(printf '[\001-\037]')")" = 0

# A run from elsewhere, whose texts would clear the screen.
mkdir -p "foreign/r"$'\033[2J'
cat >"foreign/r"$'\033[2J/config.json' <<'JSON'
{"data": "\u001b[2Jset", "model": "\u001b]0;title\u0007", "train": {"a\u001b[2J": 1}, "split": {}, "machine": {}}
JSON
for what in "list foreign" "show foreign/r"$'\033[2J'; do
    "$CIFRA" runs $what >seen || bad "runs $what"
    check "runs $what shows the set" grep -qF '?[2Jset' seen
    check "runs $what controls no terminal" test "$(tr -d '\n' <seen | grep -c "$(printf '[\001-\037]')")" = 0
done

# Names that are no UTF-8: in every document, with every entry, and back from it. \xff and what looks like its escape already.
raw=$'set\xff\\x41' shown='set\\xff\\x5cx41'
mkdir bytes && cd bytes || exit 1
"$MAKE_SET" "$raw" 200 50
mkdir found && cp -r ../good "found/$raw"
named() { grep -qF -- "$shown" "$1" && [ "$(LC_ALL=C grep -c $'\xff' "$1")" = 0 ]; }
"$CIFRA" data info "./$raw" --json >seen 2>err || bad "data info: $(cat err)"
check "data info names the set" named seen
"$CIFRA" data list --data-dir found --json >seen || bad "data list"
check "data list names the set" named seen
"$CIFRA" data make "./$raw" --out "made-$raw" --json >seen 2>err || bad "data make: $(cat err)"
same "data make names the set, the folder and four files" "$(grep -cF -- "$shown" seen)" 7
"$CIFRA" data show "./$raw" --beside none --out "$raw.svg" --json >seen 2>err || bad "data show: $(cat err)"
check "data show names the figure" named seen
"$CIFRA" train --data "./$raw" --model "dense 4 | relu | dense classes" --epochs 2 --threads 2 --out "run-$raw" --json >train.json 2>err || bad "train: $(cat err)"
check "train names the run" named train.json
same "its figures are all there" "$(grep -c "\"run-$(printf '%s' "$shown" | sed 's/\\/\\\\/g')/figures/" train.json)" \
    "$(find "run-$raw/figures" -name '*.svg' | wc -l)"
check "config.json has the path" named "run-$raw/config.json"
"$CIFRA" eval "run-$raw" --json >seen 2>err || bad "eval finds the data again: $(cat err)"
check "eval names the set" named seen
"$CIFRA" train --resume --out "run-$raw" --epochs 3 --json >seen 2>err || bad "--resume finds the data again: $(cat err)"
check "one more epoch was made" grep -q '"epochs_run": 3' seen
"$CIFRA" report "run-$raw" --json >seen 2>err || bad "report: $(cat err)"
check "report names the page" named seen
check "the page has its images" test "$(grep -c 'could not be loaded' "run-$raw/report.html")" = 0
"$CIFRA" umap "run-$raw" --epochs 5 --json >seen 2>err || bad "umap: $(cat err)"
check "umap names its files" named seen
mkdir runs-odd && cp -r "run-$raw" runs-odd/
"$CIFRA" runs list runs-odd --json >seen || bad "runs list"
check "runs list names the run" named seen
printf 'model: dense classes\nparameters:\n  - {name: lr, values: [0.1, 0.01]}\n' >space.yaml
"$CIFRA" tune --data "./$raw" --grid space.yaml --epochs 1 --out "tune-$raw" --json >seen 2>err || bad "tune: $(cat err)"
check "tune names its folder and data" named seen
same "and its page" "$(grep -c '"report": "tune-.*/report.html"' seen)" 1
for what in "data info ./$raw" "data list --data-dir found" "runs list runs-odd" "eval run-$raw"; do
    "$CIFRA" $what >seen 2>err
    check "$what writes UTF-8" test "$(LC_ALL=C grep -c $'\xff' seen)" = 0
done

cd "$work" && rm -rf bytes

# Nothing outside the study's folder: sets are named by paths that lead out of it.
mkdir -p deep/er out/er && mv "$set" "out/er/..set"
cat >deep/er/recipe.yaml <<'YAML'
data: ["../../out/er/..set", "hand:n=300,test=50"]
model: dense classes
split: pooled
grid: none
train: {epochs: 1}
features: null
imbalance: null
cross: false
YAML
before=$(find . -path ./deep/er/study -prune -o -print | LC_ALL=C sort)
(cd deep/er && "$CIFRA" study recipe.yaml --out study --figures none --quiet >../../study.out 2>../../study.err) || bad "study: $(cat study.err)"
check "the study has its page" test -s deep/er/study/report.html
same "what lies outside the study" "$(find . -path ./deep/er/study -prune -o -print | grep -v '^./study\.' | LC_ALL=C sort)" "$before"
check "its folders are named without a way out" test "$(find deep/er/study -name '*..*' | wc -l)" = 0

# A foreign figure that would run something is named, and not shown.
printf '<svg viewBox="0 0 9 9"><g a" onload=alert(1) b"/></svg>' >"r<u>n/figures/evil.svg"
"$CIFRA" report "r<u>n" --data-dir . --quiet >/dev/null 2>&1
check "the foreign figure is named" grep -q 'evil.svg is not shown' "$page"
check "and not shown" test "$(grep -c 'onload=alert' "$page")" = 0
# Nor do foreign keys of a configuration become elements.
sed -i '0,/{/s/{/{"<b onclick=alert(2)>": 1,/' "r<u>n/config.json"
"$CIFRA" report "r<u>n" --quiet >/dev/null 2>&1
check "the foreign key is written out" grep -qF '&lt;b onclick' "$page"
check "and is no element" test "$(grep -cF '<b onclick' "$page")" = 0
finish
