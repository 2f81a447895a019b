#!/usr/bin/env bash
# cifra predict: folders, damaged pictures among sound ones, names of any bytes, the likeliest classes, the table.
. "$(dirname "$0")/checks.sh"
export CIFRA_DATA=$work/nothing XDG_CACHE_HOME=$work/nothing
"$MAKE_SET" bars 300 50
"$CIFRA" train --data bars --model "conv 6 3x3 | bn | relu | maxpool 2 | dense 24 | relu | dense classes" --epochs 3 --batch 32 --lr 0.02 --out run --figures none \
    --quiet >/dev/null || bad "train"
picture() { echo "bars/pictures/$1/$2.png"; }
files() { sed -n 's/^ *"file": "\(.*\)",$/\1/p' "$1"; }

# ---- A folder: what is in it, in the order of its paths ----
mkdir -p in/b in/a/deep in/.hidden in/a-b
cp "$(picture 0 0)" in/b/1.png
cp "$(picture 1 0)" in/a/deep/2.png
cp "$(picture 2 0)" in/a/3.PNG
cp "$(picture 3 0)" in/a-b/4.png
cp "$(picture 4 0)" in/zz.dat # a picture whatever its name
cp "$(picture 5 0)" in/.hidden/5.png
cp "$(picture 5 0)" in/.6.png
echo text >in/a/notes.txt
echo text >in/readme.png
ln -s ../.. in/a/deep/up # back into what is being walked
ln -s ../../bars/pictures/6 in/b/linked
"$CIFRA" predict run in --json >in.json 2>in.err || bad "a folder: $(cat in.err)"
same "pictures of a folder, in order" "$(files in.json | tr '\n' ' ')" \
    "in/a-b/4.png in/a/3.PNG in/a/deep/2.png in/b/1.png in/b/linked/0.png in/b/linked/1.png in/b/linked/2.png in/zz.dat "
check "what is no picture is counted" grep -qF "2 files that are no pictures were passed over, the first is in/" in.err
"$CIFRA" predict run "$(picture 7 0)" in/b "$(picture 8 0)" --json >mixed.json 2>/dev/null
same "files and folders as they are named" "$(files mixed.json | tr '\n' ' ')" \
    "bars/pictures/7/0.png in/b/1.png in/b/linked/0.png in/b/linked/1.png in/b/linked/2.png bars/pictures/8/0.png "
mkdir empty && echo text >empty/notes.txt
refuses 1 "empty holds no picture" "$CIFRA" predict run empty

# ---- One bad file does not end what follows ----
mkdir bad
cp "$(picture 0 1)" bad/1.png
head -c 60 "$(picture 1 1)" >bad/2.png
cp "$(picture 2 1)" bad/3.png
refuses 1 "cifra: 2 of 4 files could not be read" "$CIFRA" predict run bad nowhere.png
same "the others are told" "$(cut -d: -f1 stdout | tr '\n' ' ')" "bad/1.png bad/3.png "
check "the damaged one is named" grep -q "^cifra: bad/2.png is a damaged PNG" stderr
check "the missing one, too" grep -q "^cifra: cannot open nowhere.png" stderr
refuses 1 "2 of 4 files could not be read" "$CIFRA" predict run bad nowhere.png --json --csv bad.csv
same "an entry for every file" "$(files stdout | tr '\n' ' ')" "bad/1.png bad/2.png bad/3.png nowhere.png "
same "with its class or its error" "$(grep -cE '^      "(class|error)": ' stdout)" 4
same "errors" "$(grep -c '"error": ' stdout)" 2
same "a row for every file" "$(cut -d, -f1 bad.csv | tr '\n' ' ')" "file bad/1.png bad/2.png bad/3.png nowhere.png "
same "one that could not be read has empty cells" "$(sed -n 3p bad.csv)" "bad/2.png,,,,,,,,,,,,"

# ---- The same bits alone and together, at any number of threads ----
for k in 1 2 3 4 5 6 7; do mkdir -p "many/$k/bars" && cp -r bars/pictures "many/$k/bars/"; done
"$CIFRA" predict run many --threads 1 --json >one.json 2>/dev/null || bad "many pictures"
same "more than one batch" "$(files one.json | wc -l)" 210
for threads in 2 3 8; do
    "$CIFRA" predict run many --threads $threads --json >t.json 2>/dev/null
    check "$threads threads" cmp one.json t.json
done
"$CIFRA" predict run many/1 many/2 many/3 many/4 --csv all.csv >/dev/null 2>&1
for n in 2 31 100; do
    file=$(sed -n ${n}p all.csv | cut -d, -f1)
    "$CIFRA" predict run "$file" --csv alone.csv >/dev/null
    same "$file alone" "$(sed -n 2p alone.csv)" "$(sed -n ${n}p all.csv)"
done
"$CIFRA" eval run --data bars/pictures --split all --json --figures none >eval.json 2>/dev/null
right=$(awk -F, 'NR > 1 { split($1, part, "/"); right += part[5] == $2 } END { print right / (NR - 1) }' all.csv)
same "as eval says" "$(awk -v a="$right" 'BEGIN { printf "%.4f", a }')" \
    "$(sed -n 's/^ *"accuracy": \([0-9.]*\),*$/\1/p' eval.json | head -1 | awk '{ printf "%.4f", $1 }')"

# ---- A picture is told what the run told of it in its set, at whatever size that was read ----
as_in_set() { # as_in_set RUN: rows of the run's predictions against those of the files alone
    "$CIFRA" predict "$1" bars/pictures --csv "$1.csv" >/dev/null || return 1
    awk -F, 'FNR == 1 { file++; next } file == 1 { sub(".*pictures/", "", $1); for (c = 4; c <= 13; c++) alone[$1, c] = $c; next }
        { rows++; for (c = 7; c <= 16; c++) { d = $c - alone[$2, c - 3]; if (d > 1e-6 || d < -1e-6) bad = 1 } }
        END { exit bad || !rows }' "$1.csv" "$1/predictions.csv"
}
small="conv 6 3x3 | bn | relu | dense classes"
for how in "bars/pictures:size=20x17,fit=crop|input 1x12x12" "bars/pictures|input 1x40x40" "bars/pictures|input 1x9x9"; do
    "$CIFRA" train --data "${how%|*}" --model "${how#*|} | $small" --epochs 1 --batch 8 --figures none --out sized --quiet >/dev/null || bad "$how"
    check "as in the set: $how" as_in_set sized
    rm -r sized
done

# ---- The likeliest classes ----
falls() { awk '{ for (i = 2; i <= NF; i++) if ($(i - 1) + 0 < $i + 0) bad = 1 } END { exit bad }'; }
"$CIFRA" predict run many/1 --top 4 >top.txt 2>/dev/null
same "four classes a line" "$(grep -o '%' top.txt | wc -l)" $((4 * 30))
check "the likeliest first" falls < <(sed 's/^[^:]*: . (\([0-9.]*\) %)/\1 %/; s/  . \([0-9.]*\) %/ \1/g; s/ %//' top.txt)
"$CIFRA" predict run many/1 >plain.txt 2>/dev/null
check "runners-up by their probability, without --top, too" falls < <(sed 's/^[^:]*: . (\([0-9.]*\) %)/\1 %/; s/  . \([0-9.]*\) %/ \1/g; s/ %//' plain.txt)
check "of 1 % and more" awk '{ gsub(/^[^:]*: . \([0-9.]* %\)/, ""); n = split($0, w, " "); for (i = 2; i <= n; i += 3) if (w[i] < 1) bad = 1 } END { exit bad }' plain.txt
"$CIFRA" predict run "$(picture 3 0)" --top 3 --json >top.json
same "top has three" "$(grep -c '"probability": ' top.json)" 3
same "the first is the class" "$(grep -A3 '"top"' top.json | sed -n 's/.*"class": "\(.*\)".*/\1/p')" \
    "$(sed -n 's/^      "class": "\(.*\)",$/\1/p' top.json)"
check "probabilities are all there, in the order of the classes" \
    test "$(sed -n '/"probabilities"/,/]/p' top.json | grep -c '[0-9]')" = 10
refuses 2 "--top" "$CIFRA" predict run "$(picture 3 0)" --top -1

# ---- The table ----
same "head of the table" "$(head -1 all.csv)" "file,class,confidence,p_0,p_1,p_2,p_3,p_4,p_5,p_6,p_7,p_8,p_9"
check "probabilities sum to 1, and confidence is the largest" awk -F, 'NR > 1 { sum = most = 0; for (i = 4; i <= NF; i++) { sum += $i; if ($i > most) most = $i }
    if (sum < 0.9999 || sum > 1.0001 || most != $3) bad = 1 } END { exit bad }' all.csv
echo kept >kept.csv
refuses 1 "nowhere/t.csv" "$CIFRA" predict run in --csv nowhere/t.csv
check "that it cannot be written is told before the work" test ! -s stdout
refuses 1 "a folder, not a file" "$CIFRA" predict run in --csv in
refuses 1 "model.safetensors" "$CIFRA" predict nowhere/model.safetensors in --csv kept.csv
same "a refused call keeps the old table" "$(cat kept.csv)" kept
check "and leaves nothing beside it" test -z "$(find . -name '*.part')"

# ---- Names of any bytes ----
mkdir odd
for name in $'x\xff.png' $'caf\xc3\xa9.png' 'a\x41.png' $'esc\033[2J\n.png' 'q",.png'; do cp "$(picture 0 0)" "odd/$name"; done
"$CIFRA" predict run odd --json --csv odd.csv >odd.json 2>odd.err || bad "odd names: $(cat odd.err)"
same "an entry for every name" "$(grep -c '"file"' odd.json)" 5
check "a byte that is no UTF-8 is escaped" grep -qF '"odd/x\\xff.png"' odd.json
check "UTF-8 stays" grep -qF $'"odd/caf\xc3\xa9.png"' odd.json
check "what looks escaped is escaped" grep -qF '"odd/a\\x5cx41.png"' odd.json
check "the table is UTF-8, too" grep -qF 'odd/x\xff.png,' odd.csv
check "and quoted" grep -qF '"odd/q"",.png",' odd.csv
if command -v python3 >/dev/null; then
    back() { python3 -c 'import csv, json, os, re, sys
def name(text): return re.sub(rb"\\x([0-9a-f]{2})", lambda m: bytes([int(m[1], 16)]), text.encode())
wanted = sorted(b"odd/" + f for f in os.listdir(b"odd"))
assert [name(p["file"]) for p in json.load(open("odd.json", encoding="utf-8"))["predictions"]] == wanted
assert [name(r[0]) for r in csv.reader(open("odd.csv", newline="", encoding="utf-8"))][1:] == wanted'; }
    check "another program gets the names back" back
else
    echo "SKIPPED: reading the names back with another program (there is no python3)"
fi
"$CIFRA" predict run odd >odd.txt 2>&1
check "a name controls no terminal" test "$(tr -d '\n' <odd.txt | LC_ALL=C grep -c "$(printf '[\001-\037\177]')")" = 0
finish
