#!/usr/bin/env bash
# What cifra tune shows and leaves: the live table on a terminal, lines elsewhere, the final table with its comparison, JSON,
# figures, trials.csv, and the page, also in a browser.
# With $REPORT_SCREENSHOTS set to a folder, the page's screenshots are left there for people to look at.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/checks.sh"
export CIFRA_DATA=$work/nothing XDG_CACHE_HOME=$work/nothing
cat >space.yaml <<'YAML'
model: dense 24 | relu | dense 16 | relu | dense classes
parameters:
  - name: optimizer
    values: [sgd, adam]
  - name: lr
    values: [0.1, 0.01, 1e6]
YAML
tune=(tune --data hand -n 600 --grid space.yaml --epochs 2 --jobs 1 --seeds 2 --leading 2)

# ---- Lines, and the table ----
"$CIFRA" "${tune[@]}" --out "t<u>ne" --figures svg,png >table.txt 2>lines.txt || bad "tune: $(cat lines.txt)"
same "a line per trial" "$(grep -c '^trial [0-9]* (' lines.txt)" 8
check "a failed trial's line" grep -q '^trial 3 (3 of [0-9]*)  optimizer=sgd lr=1e6  failed: ' lines.txt
check "no control characters where there is no terminal" test -z "$(tr -d '\11\12\40-\176' <lines.txt | head -c 1)"
check "the table's head" grep -q '^ *trial  optimizer  *lr  *loss  accuracy %  *95 %  epochs  seconds  state$' table.txt
same "rows of the table" "$(grep -cE '^[* ] +[0-9]+ +[0-9]+ +(sgd|adam)|^\* [0-9]' table.txt)" 6
same "one winner" "$(grep -c '^\*' table.txt)" 1
check "seeds of the leaders" grep -q '± .*  2 seeds$' table.txt
check "the reason of a failure" grep -q '^trial 3 failed: ' table.txt
check "the comparison" grep -qE '^Trial [0-9]+ .*of 60 \((p [=<] [0-9.]+); sign test over images, 2 seeds each\)' table.txt
check "the mean difference" grep -qE "mean loss over 2 seeds is (lower|higher) by .* \(95 % interval" table.txt
check "the page is named" grep -qx 'report: t<u>ne/report.html' table.txt

# ---- What is left ----
for name in configurations parallel effects curves; do
    for end in svg png csv; do check "tune-$name.$end" test -s "t<u>ne/figures/tune-$name.$end"; done
done
same "lines of trials.csv" "$(wc -l <"t<u>ne/trials.csv")" 9
cp "t<u>ne/report.html" first.html
"$CIFRA" "${tune[@]}" --out "t<u>ne" --json >told.json 2>told.err || bad "told again: $(cat told.err)"
same "nothing is said when it is told again" "$(wc -c <told.err)" 0
check "the same page" cmp -s first.html "t<u>ne/report.html"
for key in comparison report figures best; do check "tune --json has $key" grep -q "^  \"$key\": [^n]" told.json; done
same "figures of --json" "$(grep -c '/figures/tune-.*svg' told.json)" 4
same "the best of --json is the table's" "$(sed -n '/^  "best"/,/^  }/s/^    "id": \([0-9]*\),/\1/p' told.json)" \
    "$(sed -n 's/^\* 1  *\([0-9]*\) .*/\1/p' table.txt)"
"$CIFRA" "${tune[@]}" --out "t<u>ne" --figures none --json >none.json 2>&1
check "--figures none" grep -q '"figures": \[\]' none.json
refuses 2 "--figures" "$CIFRA" "${tune[@]}" --out never --figures jpeg
check "what is refused makes no folder" test ! -e never
sed 's/0.1, 0.01, //; s/, adam//' space.yaml >bad.yaml
refuses 1 "no trial came to its end" "$CIFRA" "${tune[@]/space.yaml/bad.yaml}" --out bad
check "a table of failures only" grep -q '^trial 1 failed' stdout
check "and a page" grep -q 'Trial 1 failed' bad/report.html

# ---- cifra report ----
rm -r "t<u>ne/report.html" "t<u>ne/figures"
same "cifra report names the page" "$("$CIFRA" report "t<u>ne")" "t<u>ne/report.html"
check "the same page from the folder" cmp -s first.html "t<u>ne/report.html"
check "its name is text" grep -q '<h1>t&lt;u&gt;ne</h1>' "t<u>ne/report.html"
mkdir damaged && echo "no database" >damaged/tune.db
refuses 1 "damaged" "$CIFRA" report damaged

# ---- On a terminal ----
if terminal "the live table on a terminal"; then
    script -qec "stty cols 60; '$CIFRA' ${tune[*]} --out live" typescript >/dev/null 2>&1
    same "a line per trial on a terminal" "$(grep -c 'trial [0-9]* ([0-9]* of' typescript)" 8
    check "the table is renewed in place" grep -q $'\033\[[0-9]*A' typescript
    check "it tells counts" grep -qE '[0-9] of [0-9]* trials done, 1 running' typescript
    check "no line is longer than the terminal" test -z "$(tr '\r' '\n' <typescript | sed 's/\x1b\[[0-9]*[A-Z]//g' |
        grep -E 'running|best on validation' | awk 'length > 60')"
    check "the results are the same" diff <(grep -oE '^\* .*seeds' table.txt | sed 's/ [0-9.]*  2 seeds//') \
        <(tr -d '\r' <typescript | grep -oE '^\* .*seeds' | sed 's/ [0-9.]*  2 seeds//')
fi

# ---- The page in a browser ----
. "$here/browser.sh"
if ! browser_starts "the page of a tune in a browser"; then
    finish
    exit
fi
mv "t<u>ne" page
cat >touch.html <<'HTML'
<script>addEventListener("load", () => {
    const table = document.querySelector("#configurations"), head = [...table.tHead.rows[0].cells], lines = [];
    const column = name => head.findIndex(cell => cell.textContent.trim() === name);
    const ids = () => [...table.tBodies[0].rows].map(row => row.cells[1].textContent).join(" ");
    const click = name => head[column(name)].querySelector("button").click();
    lines.push("order " + ids());
    click("Trial");
    lines.push("by trial " + ids());
    click("Loss");
    const up = ids();
    click("Loss");
    const down = ids();
    lines.push("losses turn " + (up.split(" ").slice(0, 5).reverse().join(" ") === down.split(" ").slice(0, 5).join(" ")));
    lines.push("failed behind " + (up.split(" ").slice(5).join() === down.split(" ").slice(5).join()));
    lines.push("figures " + document.querySelectorAll("figure svg").length);
    lines.push("wide " + (document.documentElement.scrollWidth <= innerWidth));
    lines.push("background " + getComputedStyle(document.documentElement).backgroundColor);
    document.body.append(Object.assign(document.createElement("pre"), { id: "touched", textContent: lines.join("\n") + "\nend" }));
});</script>
HTML
cat page/report.html touch.html >page/touched.html
headless --window-size=1200,900 --dump-dom "file://$work/page/touched.html" >touched.html 2>touched.log
sed -n '/<pre id="touched">/,/^end/p' touched.html | sed 's/<[^>]*>//g' >touched.txt
check "no console message: $(grep CONSOLE touched.log | head -3)" test -z "$(grep CONSOLE touched.log)"
same "the table sorts by trial" "$(grep '^by trial' touched.txt)" "by trial 1 2 3 4 5 6"
same "by loss, both ways" "$(grep '^losses' touched.txt)" "losses turn true"
same "what has no loss stays behind" "$(grep '^failed' touched.txt)" "failed behind true"
same "figures in the page" "$(grep '^figures' touched.txt)" "figures 4"
same "nothing is wider than the page" "$(grep '^wide' touched.txt)" "wide true"
pictures=${REPORT_SCREENSHOTS:-$work}
for scheme in dark light; do # Chromium's 0 and 1
    headless --window-size=1200,3600 --screenshot="$pictures/tune-$scheme.png" \
        --blink-settings="preferredColorScheme=$([ "$scheme" = dark ]; echo $?)" "file://$work/page/report.html" >/dev/null 2>&1
    check "screenshot tune-$scheme" test -s "$pictures/tune-$scheme.png"
done
finish
