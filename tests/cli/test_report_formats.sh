#!/usr/bin/env bash
# cifra report --format md, tex and pdf of a run, a group, a tune, a study and a lab. What pdflatex and pdftotext have to say is skipped
# with a word where they are not installed. With $REPORT_SCREENSHOTS set to a folder, the files are left there for people to look at.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/checks.sh"
. "$here/tiny_study.sh"
export CIFRA_DATA=$work/nothing XDG_CACHE_HOME=$work/nothing

# A run whose classes would be markup.
"$MAKE_SET" many pictures 12 12
names=('a_b' '50% & #1' '$x^2$' '{c}' 'd~e' 'f|g' '*h*' '<i>' '\input{x}' 'é ą' '`j`' '[k](l)')
i=0
for folder in pictures/*/; do mv "$folder" "pictures/${names[i]}" 2>/dev/null || bad "the class ${names[i]}"; i=$((i + 1)); done
"$CIFRA" train --data pictures --split pooled --model "conv 4 3x3 | relu | globalavgpool | dense classes" --epochs 2 --out "r_u&n" --quiet >/dev/null || bad "train"
train=(train --data hand -n 300 --model "conv 4 5x5 | relu | maxpool 4 | dense classes" --epochs 2 --quiet)
"$CIFRA" "${train[@]}" --seeds 2 --out group >/dev/null || bad "group"
"$CIFRA" tune --data hand -n 300 --grid grid.yaml --epochs 1 --jobs 1 --out tune --quiet >/dev/null || bad "tune"
"$CIFRA" study tiny.yaml --out study --quiet >/dev/null || bad "study"
"$CIFRA" imbalance --data hand:n=300,test=150 --classes 1,2 --cases 8:24 --remedies balanced --seeds 2 --steps 4 --curve none \
    --model "conv 4 5x5 | relu | maxpool 4 | dense classes" --out lab --quiet >/dev/null || bad "lab"

# Tables of GitHub's Markdown: a head, a line of dashes, and as many cells in every row; an escaped pipe ends no cell.
tables() {
    awk 'function cells(line) { gsub(/\\\\/, "", line); gsub(/\\\|/, "", line); return gsub(/\|/, "", line) }
         /^\|/ { n = cells($0); if (!inside) { width = n; rows = 0 } rows++; inside = 1
                 if (n != width || (rows == 2 && $0 !~ /^[|:-]+$/)) exit found = 1; next }
         { if (inside && rows < 3) exit found = 1; if (inside) count++; inside = 0 }
         END { exit found || count != wanted }' wanted="$2" "$1"
}
# captions WORD FILE: "WORD 1." to "WORD N." in order, in lines of their own in bold; prints N, or nothing.
captions() { grep -o "^\*\*$1 [0-9]*\.\*\*" "$2" | tr -dc '0-9\n' | awk '$1 != NR { exit 1 } END { print NR }'; }

for folder in "r_u&n" group tune study lab; do
    same "$folder: md" "$("$CIFRA" report "$folder" --format md 2>err.txt)" "$folder/report.md"
    same "$folder: tex" "$("$CIFRA" report "$folder" --format tex 2>err.txt)" "$folder/report.tex"
    same "$folder: pdf" "$("$CIFRA" report "$folder" --format pdf 2>err.txt)" "$folder/report.pdf"
    md=$folder/report.md tex=$folder/report.tex
    tables=$(captions Table "$md") figures=$(captions Figure "$md")
    check "$folder: tables are numbered" test "${tables:-0}" -ge 3
    check "$folder: figures are numbered" test "${figures:-0}" -ge 1
    check "$folder: rows of tables fit their heads" tables "$md" "$tables"
    same "$folder: each figure is there as SVG" "$(grep -o '](report-figures/figure-[0-9]*\.svg)' "$md" | tr -d '()]' | while read -r f; do
        grep -q '<svg' "$folder/$f" && echo there; done | wc -l)" "$figures"
    same "$folder: as many tables in LaTeX" "$(($(grep -c '^\\begin{longtable}' "$tex") - $(grep -c '^\\addtocounter{table}' "$tex")))" "$tables"
    same "$folder: each figure is there as PDF" "$(grep -o '{report-figures/figure-[0-9]*\.pdf}' "$tex" | tr -d '{}' | while read -r f; do
        head -c 5 "$folder/$f" | grep -q '%PDF-' && echo there; done | wc -l)" "$figures"
    if command -v pdflatex >/dev/null; then
        (cd "$folder" && mkdir -p tex && pdflatex -halt-on-error -interaction=nonstopmode -output-directory tex report.tex >tex/out.txt 2>&1)
        check "$folder: pdflatex takes it: $(grep -A3 '^!' "$folder/tex/out.txt" | head -4)" test -s "$folder/tex/report.pdf"
        check "$folder: no line stands out by more than 5 points" awk '/^Overfull .[hv]box/ { gsub(/[^0-9.]/, "", $3); if ($3 + 0 > 5) exit 1 }' "$folder/tex/report.log"
    else
        echo "SKIPPED: compiling $tex (there is no pdflatex: apt-get install texlive-latex-base)"
    fi
    if command -v pdftotext >/dev/null; then
        pdftotext -layout "$folder/report.pdf" text.txt
        for word in Table Figure; do
            of=$tables
            [ $word = Figure ] && of=$figures
            same "$folder: $word 1 to $of in the PDF" "$(grep -o "$word [0-9]*\. " text.txt | tr -dc '0-9\n' | sort -n -u | awk '$1 == NR' | wc -l)" "$of"
        done
        pages=$(tr -dc '\f' <text.txt | wc -c)
        same "$folder: its pages are numbered" "$(tr '\f' '\v' <text.txt | tr '\n\v' ' \n' | awk '{ if ($NF == NR) n++ } END { print n + 0 }')" "$pages"
    else
        echo "SKIPPED: the text of $folder/report.pdf (there is no pdftotext: apt-get install poppler-utils)"
    fi
    [ -z "${REPORT_SCREENSHOTS:-}" ] || cp -r "$folder" "$REPORT_SCREENSHOTS/formats-${folder//[^a-z]/}"
done
check "names of classes are no markup" grep -qF '| 50% &amp; \#1 |' "r_u&n/report.md"
check "nor LaTeX" grep -qF '\textbackslash{}input\{x\}' "r_u&n/report.tex"
check "the study's ledger goes over pages" test "$(pdftotext -layout study/report.pdf - 2>/dev/null | grep -c 'continued$')" -ge 2 -o -z "$(command -v pdftotext)"
if command -v pdftotext >/dev/null; then
    same "each with its head" "$(pdftotext -layout study/report.pdf - | grep -A3 'continued$' | grep -c 'Report *Ours *95 % interval *Verdict')" \
        "$(pdftotext -layout study/report.pdf - | grep -c 'continued$')"
fi
check "what answers a click is not in it" test -z "$(grep -iE 'Draw with a mouse|opens its images|In this page:' "r_u&n/report.md")"
"$CIFRA" report group --format md --json >json.txt
check "--json" grep -q '"report": "group/report.md"' json.txt
cp study/report.pdf first.pdf
"$CIFRA" report study --format pdf >/dev/null
check "the same page gives the same file" cmp -s first.pdf study/report.pdf

# ---- What goes wrong ----
refuses 2 "did you mean md?" "$CIFRA" report group --format mt
refuses 2 "html, md, tex" "$CIFRA" report group --format word
refuses 2 "is a study: give cifra study its recipe" "$CIFRA" report study
mkdir begun
cp study/study.json begun
refuses 2 "is a study without a report.html" "$CIFRA" report begun --format md
check "nothing was made" test "$(ls begun)" = study.json
cp study/report.md first.md
head -c 3000 study/report.html >cut.html
cp cut.html study/report.html
refuses 1 "study/report.html is no page that cifra wrote" "$CIFRA" report study --format md
check "what was there stays" cmp -s first.md study/report.md
finish
