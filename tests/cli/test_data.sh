#!/usr/bin/env bash
# Generated data from the command line: their dials, the files and figures made of them, and what is refused.
. "$(dirname "$0")/checks.sh"
"$MAKE_SET" bars 400 100
export CIFRA_DATA=$work/nothing XDG_CACHE_HOME=$work/nothing
mkdir nothing
data_sha() { sed -n 's/^ *sha256 *//p; s/^ *"sha256": "\(.*\)",*$/\1/p' "$@"; }

# ---- list, info ----
"$CIFRA" data list >list.txt
same "the generated sets come first" "$(head -2 list.txt | cut -d: -f1 | tr -s ' ')" "$(printf 'hand built in\nstreet built in')"
"$CIFRA" data list --json >list.json
check "they have no path" grep -q '"path": null' list.json
refuses 2 "known names: hand, street, mnist" "$CIFRA" data info mnits
refuses 2 "did you mean street" "$CIFRA" data info stret
"$CIFRA" data info hand -n 400 --json >info.json
for key in name shape classes counts sha256 factors frequencies generator; do
    check "data info --json has $key" grep -q "^  \"$key\":" info.json
done
check "generator has its version" grep -q '"version": [1-9]' info.json
check "the name holds the dials" grep -q '"name": "hand:n=400"' info.json
"$CIFRA" data info street -n 400 --data-seed 7 --shift frequencies=even >info.txt
check "data info tells the seed" grep -q "generator street, version [0-9]*, seed 7; 400 training and 142 test images" info.txt
check "data info has the table of factors" grep -q "factor  *now  *default  *allowed" info.txt
"$CIFRA" data info street --factors >factors.txt
check "--factors has the table" grep -q "factor  *now  *default  *allowed" factors.txt
check "--factors makes no images" test -z "$(grep sha256 factors.txt)"
"$CIFRA" data info street --factors --json >factors.json
check "--factors --json" grep -q '^  "factors":' factors.json
refuses 2 "--factors is for generated data" "$CIFRA" data info bars --factors

# ---- make ----
"$CIFRA" data make hand -n 300 --test 40 --seed 5 --out made >made.txt
same "IDX files of hand" "$(cd made && ls)" "$(printf '%s\n' t10k-images-idx3-ubyte.gz t10k-labels-idx1-ubyte.gz train-images-idx3-ubyte.gz train-labels-idx1-ubyte.gz)"
check "gzip finds them sound" gzip -t made/*.gz
"$CIFRA" data info hand:n=300,test=40,seed=5 >direct.txt
"$CIFRA" data info made >read.txt
same "sha256 of files and set" "$(data_sha read.txt)" "$(data_sha direct.txt)"
same "sha256 that data make tells" "$(data_sha made.txt)" "$(data_sha direct.txt)"
check "parts are kept" grep -q "official train 300, test 40" read.txt
same "size of plain images" "$(gzip -dc made/train-images-idx3-ubyte.gz | wc -c)" $((16 + 300 * 784))
"$CIFRA" data make hand -n 300 --test 40 --seed 5 --out again >/dev/null
check "the same set gives the same files" diff -r made again
"$CIFRA" data make hand -n 300 --test 40 --seed 5 --plain --out plain --json >plain.json
same "sha256 of plain files" "$(data_sha <("$CIFRA" data info plain))" "$(data_sha direct.txt)"
for key in name out format files shape counts sha256; do
    check "data make --json has $key" grep -q "^  \"$key\":" plain.json
done
"$CIFRA" data make street -n 300 --out houses >/dev/null
same "SVHN's files of street" "$(cd houses && ls)" "$(printf 'test_32x32.mat\ntrain_32x32.mat')"
same "sha256 of .mat files" "$(data_sha <("$CIFRA" data info houses))" "$(data_sha <("$CIFRA" data info street:n=300))"
"$CIFRA" data make street -n 300 --format idx --out colour >/dev/null
check "colour images have a fourth dimension" test -s colour/train-images-idx4-ubyte.gz
same "sha256 of colour IDX files" "$(data_sha <("$CIFRA" data info colour))" "$(data_sha <("$CIFRA" data info street:n=300))"
"$CIFRA" data make hand -n 200 --test 0 --out lone >/dev/null 2>&1
same "no test part, no test files" "$(cd lone && ls | wc -l)" 2
"$CIFRA" data make bars --format mat --out bars-mat >/dev/null
same "sha256 of another set's files" "$(data_sha <("$CIFRA" data info bars-mat))" "$(data_sha <("$CIFRA" data info bars))"

refuses 2 "--out DIR is needed" "$CIFRA" data make hand -n 10
refuses 2 "made/train-images-idx3-ubyte.gz is there already" "$CIFRA" data make hand -n 10 --out made
refuses 2 "houses holds a data set already" "$CIFRA" data make hand -n 10 --out houses
refuses 2 "-n (--count) is for generated data" "$CIFRA" data make bars -n 10 --out x
refuses 2 "--test is for generated data" "$CIFRA" data make bars --test 10 --out x
refuses 2 "no factor" "$CIFRA" data make hand --shift nonsense=3 --out x
refuses 2 "--plain is for IDX" "$CIFRA" data make street -n 10 --plain --out x
refuses 2 "-n (--count) takes" "$CIFRA" data make hand -n 0 --out x
check "nothing was made" test ! -e x
touch file
refuses 1 "file" "$CIFRA" data make hand -n 10 --out file/x
# A full disk: the message, and no half a set.
refuses 1 "full/t" bash -c 'ulimit -f 1; exec "$@"' _ "$CIFRA" data make bars --plain --out full
check "nothing of it is left" test ! -e full
refuses 1 "full/t" bash -c 'ulimit -f 1; exec "$@"' _ "$CIFRA" data make bars --format mat --out full
check "nothing of it is left either" test ! -e full
refuses 1 "full/t10k-images" bash -c 'ulimit -f 64; exec "$@"' _ "$CIFRA" data make hand -n 10 --test 400 --plain --out full
check "nor what was written before it" test ! -e full
check "then there is room" "$CIFRA" data make bars --out full --quiet --json >/dev/null

# ---- train, eval ----
run=(--model "dense classes" --epochs 1 --quiet)
"$CIFRA" train --data hand -n 400 --data-seed 3 "${run[@]}" >/dev/null
check "the run's folder has the set's name" test -s runs/hand-custom-s1/config.json
check "config.json holds the whole name" grep -q '"data": "hand:n=400,seed=3"' runs/hand-custom-s1/config.json
"$CIFRA" train --data street --shift frequencies=even -n 400 "${run[@]}" >/dev/null
check "a shifted set's folder says so" test -s runs/street-shifted-custom-s1/config.json
"$CIFRA" train --config runs/hand-custom-s1/config.json --out repeated --quiet >/dev/null
same "a run repeated from its config.json" "$(sha_of repeated)" "$(sha_of runs/hand-custom-s1)"
"$CIFRA" train --resume --out repeated --data hand -n 400 --data-seed 3 --quiet >/dev/null
check "a resumed run keeps the name" grep -q '"data": "hand:n=400,seed=3"' repeated/config.json
own=$("$CIFRA" eval repeated | head -1)
same "eval of the own test part" "$own" "repeated on hand:n=400,seed=3, test: 67 images"
same "the own dials again are the own data" "$("$CIFRA" eval repeated --data-seed 3 | head -1)" "$own"
same "other dials are other data" "$("$CIFRA" eval repeated --shift frequencies=street | head -1)" \
    "repeated on hand:n=400,seed=3,frequencies=street, official-test: 67 images"
"$CIFRA" eval repeated --data hand:n=400,seed=8 --figures none --json >part.json
"$CIFRA" data make hand -n 400 --seed 8 --out eight >/dev/null
"$CIFRA" eval repeated --data eight --figures none --json >whole.json
same "the test part alone gives the figures of the whole set" "$(grep -v '"data"\|"predictions"' part.json)" \
    "$(grep -v '"data"\|"predictions"' whole.json)"
refuses 2 "--shift is for generated data" "$CIFRA" train --data bars --shift blur=2 "${run[@]}"
refuses 2 "a seed of the data is for generated data" "$CIFRA" train --data bars --data-seed 2 "${run[@]}"
refuses 2 "frequencies=x" "$CIFRA" eval repeated --shift frequencies=x

# ---- show ----
for kind in svg png pdf; do
    "$CIFRA" data show hand --out "figure.$kind" >/dev/null 2>notice.txt
    check "a notice where the real set is not" grep -q "note: mnist is not found" notice.txt
    "$CIFRA" data show hand --beside none --out "second.$kind" >/dev/null 2>notice.txt
    check "no notice with --beside none" test ! -s notice.txt
    check "two $kind figures are the same" cmp "figure.$kind" "second.$kind"
done
check "every class has ten images" test "$(grep -o '<image ' figure.svg | wc -l)" = 100
"$CIFRA" data show hand --per-class 3 --seed 9 --beside bars --out beside.svg --json >show.json 2>/dev/null
same "two groups of three" "$(grep -o '<image ' beside.svg | wc -l)" 60
for key in out per_class seed sets; do check "data show --json has $key" grep -q "^  \"$key\":" show.json; done
check "only what is needed is made" grep -q '"source": "generated' show.json
"$CIFRA" data show street -n 40 --beside houses/train_32x32.mat --out mat.png 2>notice.txt >/dev/null
check "a class with too few images is told" grep -q "training images; 10 were wanted" notice.txt
mkdir -p here/mnist && cp made/* here/mnist/
"$CIFRA" data show hand --data-dir here --out real.svg >/dev/null 2>notice.txt
check "mnist stands beside hand where it is found" test "$(grep -o '<image ' real.svg | wc -l)" = 200 -a ! -s notice.txt
"$CIFRA" data show bars --theme dark --out bars.png >/dev/null 2>notice.txt
check "any set can be shown, alone" test -s bars.png -a ! -s notice.txt
refuses 2 "--out FIG is needed" "$CIFRA" data show hand
refuses 2 "must end with .svg, .png or .pdf" "$CIFRA" data show hand --out figure.gif
refuses 2 "no data set \"nowhere\"" "$CIFRA" data show hand --beside nowhere --out x.png
refuses 2 "--theme takes light, dark or print" "$CIFRA" data show hand --theme drak --out x.png
refuses 2 "--per-class takes" "$CIFRA" data show hand --per-class 0 --out x.png
refuses 1 "nowhere/x.png" "$CIFRA" data show hand --out nowhere/x.png

# ---- show --augment ----
line="rotate 10 | brightness 0.3 | noise 0.1 p 0.5 | mixup 0.4"
for kind in svg png pdf; do
    "$CIFRA" data show hand -n 300 --augment "$line" --out "variants.$kind" >/dev/null 2>notice.txt
    check "one set needs no other beside it" test ! -s notice.txt
    "$CIFRA" data show hand -n 300 --augment "$line" --beside none --out "again.$kind" >/dev/null
    check "two $kind figures of variants are the same" cmp "variants.$kind" "again.$kind"
done
same "ten classes, each an image and nine variants" "$(grep -o '<image ' variants.svg | wc -l)" 100
"$CIFRA" data show hand -n 300 --augment "$line" --seed 2 --out other.svg >/dev/null
check "another seed draws others" test "$(cmp -s variants.svg other.svg; echo $?)" = 1
"$CIFRA" data show hand -n 300 --augment "" --variants 1 --out plain.svg >/dev/null
same "without operations a variant is the image" "$(grep -o 'base64,[^"]*' plain.svg | sort | uniq -c | awk '$1 != 2' | wc -l)" 0
"$CIFRA" data show street -n 300 --augment "hue 0.1" --per-class 2 --variants 3 --out colour.svg --json >show.json 2>/dev/null
same "images and variants by the options" "$(grep -o '<image ' colour.svg | wc -l)" 80
check "data show --json has the line" grep -q '"augment": "hue 0.1"' show.json
check "data show --json has the number of variants" grep -q '"variants": 3' show.json
"$CIFRA" data show bars --augment "flip" --per-class 60 --variants 1 --out many.svg >/dev/null 2>notice.txt
check "more rows than a page holds are told" grep -q "the first 100 of [0-9]* images are drawn" notice.txt
refuses 2 "did you mean brightness" "$CIFRA" data show hand --augment "flip | brigthness 0.3" --out x.png
refuses 2 "--variants goes with --augment" "$CIFRA" data show hand --variants 3 --out x.png
refuses 2 "leave --beside bars out" "$CIFRA" data show hand --augment flip --beside bars --out x.png
cp figure.png kept.png
refuses 1 "kept.png" bash -c 'ulimit -f 1; exec "$@"' _ "$CIFRA" data show hand --out kept.png
check "what was there before is kept" cmp figure.png kept.png
check "no draft is left" test -z "$(find . -name '*.part')"
finish
