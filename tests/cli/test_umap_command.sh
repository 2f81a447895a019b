#!/usr/bin/env bash
# cifra umap, through the real program: of a run and of files, the same points at any thread count, odd input, transform.
. "$(dirname "$0")/checks.sh"
. "$(dirname "$0")/browser.sh"
: "${MAKE_POINTS:?the tool that writes points}"
umap=("$CIFRA" umap --figures none)
value() { sed -n "s/^  *\"$2\": \"\{0,1\}\([^\",]*\)\"\{0,1\},*$/\1/p" "$1" | head -1; }
above() { awk -v a="${1:-0}" -v b="$2" 'BEGIN { exit !(a > b) }'; }

# ---- Of files ----
"$MAKE_POINTS" groups 700 20 X.npy y.npy
"$CIFRA" umap --features X.npy --labels y.npy --threads 1 --figures svg,png --json >one.json 2>one.err || bad "umap: $(cat one.err)"
for key in n dim seconds knn graph init layout total trustworthiness continuity knn_accuracy silhouette init_used neighbors_method \
    points_sha256 files; do
    check "umap --json has $key" grep -q "\"$key\":" one.json
done
sha=$(value one.json points_sha256)
same "n" "$(value one.json n)" 700
same "dim" "$(value one.json dim)" 20
same "init" "$(value one.json init_used)" spectral
check "neighbours stay neighbours" above "$(value one.json trustworthiness)" 0.85
check "the groups can be told" above "$(value one.json knn_accuracy)" 0.99
check "and lie apart" above "$(value one.json silhouette)" 0.5
for file in embedding.csv embedding.npy figures/umap.svg figures/umap.png figures/umap.csv; do
    check "$file is there" test -s "X-umap/$file"
done
same "head of embedding.csv" "$(head -1 X-umap/embedding.csv)" "x,y,label,image"
same "rows of embedding.csv" "$(wc -l <X-umap/embedding.csv)" 701
check "labels are those of the file" grep -q ',10,0$' X-umap/embedding.csv
check "memory is told" grep -q "700 rows of 20 values: .* MB" one.err
check "stages are told" grep -q "^layout  *[0-9]" one.err
for threads in 2 3 8; do
    "${umap[@]}" --features X.npy --threads "$threads" --json --quiet >t.json
    same "points at $threads threads" "$(value t.json points_sha256)" "$sha"
done
same "labels change nothing without --target" "$(value t.json points_sha256)" "$sha"
check "without labels there is no accuracy" grep -q '"knn_accuracy": null' t.json
"${umap[@]}" --features X.npy --seed 2 --json --quiet >t.json
check "another seed, other points" test "$(value t.json points_sha256)" != "$sha"
"${umap[@]}" --features X.npy --labels y.npy >text.txt 2>/dev/null
check "the text has the quality" grep -q "^trustworthiness  *0\.[89]" text.txt
check "and the checksum" grep -q "sha256 $sha" text.txt

# ---- Options ----
for options in "--init pca" "--init random" "--metric cosine" "--components 3" "--components 1" "--neighbors 30" "--min-dist 0.5 --spread 2" \
    "--metric correlation" "--metric manhattan" "--metric hamming" "--epochs 20" "--negative-sample-rate 2" "--learning-rate 0.5"; do
    # shellcheck disable=SC2086
    "${umap[@]}" --features X.npy $options --json --quiet >t.json || bad "umap $options"
    check "$options makes other points" test "$(value t.json points_sha256)" != "$sha" -a -n "$(value t.json points_sha256)"
done
"${umap[@]}" --features X.npy --n-neighbors 30 --random-state 2 --json --quiet >t.json || bad "umap-learn's names"
"${umap[@]}" --features X.npy --neighbors 30 --seed 2 --json --quiet >u.json
same "umap-learn's names are the same options" "$(value t.json points_sha256)" "$(value u.json points_sha256)"
refuses 2 "twice" "${umap[@]}" --features X.npy --n-neighbors 30 --neighbors 30
for metric in correlation manhattan; do
    "${umap[@]}" --features X.npy --metric $metric --threads 3 --json --quiet >t.json
    "${umap[@]}" --features X.npy --metric $metric --threads 1 --json --quiet >u.json
    same "$metric at 3 threads" "$(value t.json points_sha256)" "$(value u.json points_sha256)"
done
refuses 2 "search descent has no metric manhattan" "${umap[@]}" --features X.npy --metric manhattan --search descent
# The same rows as text.
awk 'BEGIN { print "a,b,kind"; for (i = 0; i < 120; i++) print i % 7 + i / 200 ",", (i * 37) % 11 "," (i % 2 ? "odd" : "even") }' >rows.csv
"${umap[@]}" --features rows.csv --labels kind --out rows --json --quiet >t.json 2>err || bad "CSV: $(cat err)"
same "rows of a CSV" "$(value t.json n)" 120
check "its classes" grep -q ",odd," rows/embedding.csv
refuses 2 "no column \"kinds\"" "${umap[@]}" --features rows.csv --labels kinds
refuses 1 "column 3 (kind), and a number was expected" "${umap[@]}" --features rows.csv
"$CIFRA" umap --features "$CIFRA_SOURCE/tests/golden/arrays.npz:F_f8" --neighbors 3 --quiet >/dev/null 2>err || bad "npz: $(cat err)"
check "the folder of an archive's array" test -s arrays-F_f8-umap/embedding.csv
"${umap[@]}" --features X.npy --components 4 --out four --quiet >/dev/null
same "components are columns" "$(head -1 four/embedding.csv)" "x,y,label,image,z,c4"
"$CIFRA" umap --features X.npy --components 1 --out line --quiet >/dev/null || bad "one component"
check "of one component y is 0" awk -F, 'NR > 1 && $2 != 0 { bad = 1 } END { exit bad }' line/embedding.csv
"${umap[@]}" --features X.npy --method pca --json --quiet >pca.json || bad "pca"
check "pca tells what is explained" grep -q '"explained": \[' pca.json
"${umap[@]}" --features X.npy --method pca --threads 3 --json --quiet >t.json
same "pca at 3 threads" "$(value t.json points_sha256)" "$(value pca.json points_sha256)"

"${umap[@]}" --features X.npy --search descent --json --quiet >t.json || bad "--search descent"
same "the search is told" "$(value t.json neighbors_method)" NN-descent
same "and else" "$(value one.json neighbors_method)" exact

# ---- densMAP, a subset ----
"${umap[@]}" --features X.npy --densmap --threads 1 --json --quiet >dens.json || bad "--densmap"
check "densMAP makes other points" test "$(value dens.json points_sha256)" != "$sha"
check "the densities are told" above "$(value dens.json density_correlation)" 0.3
same "without it they are not" "$(value one.json density_correlation)" null
"${umap[@]}" --features X.npy --densmap --threads 3 --json --quiet >t.json
same "densMAP at 3 threads" "$(value t.json points_sha256)" "$(value dens.json points_sha256)"
for option in "--dens-lambda 0.5" "--dens-frac 0.6" "--dens-var-shift 1"; do
    # shellcheck disable=SC2086
    "${umap[@]}" --features X.npy --densmap $option --json --quiet >t.json || bad "--densmap $option"
    check "$option makes other points" test "$(value t.json points_sha256)" != "$(value dens.json points_sha256)"
    # shellcheck disable=SC2086
    refuses 2 "goes with --densmap" "${umap[@]}" --features X.npy $option
done
refuses 2 "--save-model has no meaning with --densmap, whose embedding takes no new points" "${umap[@]}" --features X.npy --densmap --save-model never
refuses 2 "no other rows" "${umap[@]}" --features X.npy --densmap --subset 100
"${umap[@]}" --features X.npy --labels y.npy --subset 200 --threads 1 --json --quiet >part.json || bad "--subset"
same "a subset is told" "$(value part.json fitted_rows)" 200
same "all rows are there" "$(wc -l <X-umap/embedding.csv)" 701
check "the others find their groups" above "$(value part.json knn_accuracy)" 0.95
"${umap[@]}" --features X.npy --subset 200 --threads 3 --json --quiet >t.json
same "a subset at 3 threads" "$(value t.json points_sha256)" "$(value part.json points_sha256)"
refuses 2 "a subset of 700 rows of 700" "${umap[@]}" --features X.npy --subset 700

# ---- The page of a matrix ----
check "its texts have a row's fields" grep -q '"row 1, odd: a 1.005, b' rows/embedding.html
check "of numbers alone its number" grep -q '"row 10"' X-umap/embedding.html
check "a run's folder would keep its page" test ! -e rows/report.html
printf '<script>1</script>,2\n1,2\n3,4\n5,6\n2,9\n' >odd.csv
"${umap[@]}" --features odd.csv --neighbors 3 --out odd --quiet >/dev/null 2>err || bad "odd names: $(cat err)"
if browser_starts "the page of a matrix in a browser"; then
    sed 's#</body>#<script>setTimeout(() => document.querySelector(".scatter").dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" })), 100)</script></body>#' \
        rows/embedding.html >picked.html
    headless --dump-dom picked.html >picked.txt 2>picked.log || bad "the page: $(tail -3 picked.log)"
    check "the point in the middle is told" grep -q 'scatter-text"[^>]*>row [0-9]*, \(odd\|even\): a [0-9.]*, b [0-9 ]*, kind' picked.txt
    check "rows are counted" grep -q ">120 rows\.<" picked.txt
fi
check "a name ends no script" test "$(grep -c '<script>1' odd/embedding.html)" = 0

# ---- Supervised, and new points into a fitted embedding ----
"${umap[@]}" --features X.npy --labels y.npy --target --threads 1 --json --quiet >t.json || bad "--target"
supervised=$(value t.json points_sha256)
check "--target makes other points" test "$supervised" != "$sha"
"${umap[@]}" --features X.npy --labels y.npy --target --threads 3 --json --quiet >t.json
same "supervised at 3 threads" "$(value t.json points_sha256)" "$supervised"
"${umap[@]}" --features X.npy --save-model plane --quiet >/dev/null || bad "--save-model"
"$MAKE_POINTS" groups 90 20 few.npy few-y.npy
"${umap[@]}" --features few.npy --labels few-y.npy --model plane --threads 1 --json --quiet >t.json || bad "--model"
moved=$(value t.json points_sha256)
check "new points find their groups" above "$(value t.json knn_accuracy)" 0.99
"${umap[@]}" --features few.npy --model plane --threads 3 --json --quiet >t.json
same "new points at 3 threads" "$(value t.json points_sha256)" "$moved"

# ---- Rows far from 0, in float64 ----
"$MAKE_POINTS" times 300 8 times.npy times-y.npy
"${umap[@]}" --features times.npy --labels times-y.npy --threads 1 --json --quiet >times.json 2>times.err || bad "times: $(cat times.err)"
check "groups around 1.7e9 can be told" above "$(value times.json knn_accuracy)" 0.99
"${umap[@]}" --features times.npy --threads 3 --json --quiet >t.json
same "times at 3 threads" "$(value t.json points_sha256)" "$(value times.json points_sha256)"
"${umap[@]}" --features times.npy --save-model times-plane >/dev/null 2>times.err
check "nothing is lost, and no note says so" test "$(grep -c float32 times.err)" = 0
"$MAKE_POINTS" times 90 8 new-times.npy new-times-y.npy
"${umap[@]}" --features new-times.npy --labels new-times-y.npy --model times-plane --json --quiet >t.json || bad "new times"
check "new times find their groups in a kept embedding" above "$(value t.json knn_accuracy)" 0.99
"${umap[@]}" --features times.npy --labels times-y.npy --method pca --json --quiet >t.json || bad "pca of times"
check "pca tells them apart" above "$(value t.json knn_accuracy)" 0.95
"$MAKE_POINTS" coarse 300 8 coarse.npy
"${umap[@]}" --features coarse.npy >/dev/null 2>coarse.err || bad "coarse: $(cat coarse.err)"
check "a loss is told, with its extent" grep -q "note: coarse.npy: [0-9]* of 300 different rows are equal to another one in float32" coarse.err
"${umap[@]}" --features times.npy --metric cosine >/dev/null 2>cosine.err
check "for angles nothing is moved, and the loss is told" grep -q "note: times.npy: .* float32.*--metric euclidean" cosine.err

# ---- The weight of the labels ----
"$MAKE_POINTS" groups 300 6 W.npy w-y.npy
"${umap[@]}" --features W.npy --labels w-y.npy --json --quiet >plain.json
"${umap[@]}" --features W.npy --labels w-y.npy --target --target-weight 0 --json --quiet >t.json
same "--target-weight 0 is the rows alone, to the bit" "$(value t.json points_sha256)" "$(value plain.json points_sha256)"
"${umap[@]}" --features W.npy --labels w-y.npy --target --json --quiet >half.json
"${umap[@]}" --features W.npy --labels w-y.npy --target --target-weight 0.5 --json --quiet >t.json
same "0.5 is the default" "$(value t.json points_sha256)" "$(value half.json points_sha256)"

# ---- Where it goes is looked at first ----
echo text >file
for place in "--out file/u" "--save-model nowhere/m" "--save-model X-umap"; do
    # shellcheck disable=SC2086
    refuses 1 "cannot " "${umap[@]}" --features X.npy $place
    check "$place is told before the work" test "$(grep -c '^neighbors\|rows of' stderr)" = 0
done
check "a refused call makes no folder" test ! -e file-umap
"${umap[@]}" --features nowhere.npy --out never >/dev/null 2>&1
check "nor does one that fails for another reason" test ! -e never

# ---- Odd input ----
for kind in far equal pairs; do
    "$MAKE_POINTS" $kind 300 5 odd.npy
    "${umap[@]}" --features odd.npy --threads 1 --json --quiet >t1.json || bad "$kind points"
    "${umap[@]}" --features odd.npy --threads 3 --json --quiet >t3.json
    same "$kind points at 3 threads" "$(value t3.json points_sha256)" "$(value t1.json points_sha256)"
    check "$kind points: no NaN" test -z "$(grep -i 'nan\|inf' odd-umap/embedding.csv)"
done
for n in 1 2 3 10; do
    "$MAKE_POINTS" groups $n 5 odd.npy
    "$CIFRA" umap --features odd.npy --json >t.json 2>t.err || bad "$n points: $(cat t.err)"
    same "$n points" "$(wc -l <odd-umap/embedding.csv)" $((n + 1))
done
"$MAKE_POINTS" groups 300 1 odd.npy
check "one dimension" "${umap[@]}" --features odd.npy --quiet --out odd1 >/dev/null
"$MAKE_POINTS" nan 100 5 odd.npy
refuses 1 "row 50 (counted from 0) has NaN in column 0" "${umap[@]}" --features odd.npy
"$MAKE_POINTS" infinite 100 5 odd.npy
refuses 1 "row 50 (counted from 0) has infinity" "${umap[@]}" --features odd.npy
head -c 500 X.npy >cut.npy
refuses 1 "truncated" "${umap[@]}" --features cut.npy
refuses 1 "nowhere.npy" "${umap[@]}" --features nowhere.npy
refuses 1 "not a .npy file" "${umap[@]}" --features one.json
refuses 1 "90 labels, and there are 700 rows" "${umap[@]}" --features X.npy --labels few-y.npy
refuses 1 "14000 labels for 700 rows" "${umap[@]}" --features X.npy --labels X.npy

# ---- Wrong use ----
refuses 2 "nothing to embed" "${umap[@]}"
refuses 2 "one of them was expected" "${umap[@]}" somewhere --features X.npy
refuses 2 "goes with --features" "${umap[@]}" somewhere --labels y.npy
refuses 2 "goes with a run" "${umap[@]}" --features X.npy --layer dense1
refuses 2 "needs the labels" "${umap[@]}" --features X.npy --target
refuses 2 "goes with --target" "${umap[@]}" --features X.npy --target-weight 0.3
refuses 2 "no meaning with --model" "${umap[@]}" --features X.npy --model plane --neighbors 5
refuses 2 "no meaning with --method pca" "${umap[@]}" --features X.npy --method pca --min-dist 0.3
refuses 2 "--metric has no meaning with --model, whose embedding is fitted already" "${umap[@]}" --features X.npy --model plane --metric cosine
refuses 2 "--fit has no meaning with --features" "${umap[@]}" --features X.npy --fit crop
refuses 2 "min-dist" "${umap[@]}" --features X.npy --min-dist 3
refuses 2 "2 to 1024" "${umap[@]}" --features X.npy --neighbors 1
"$MAKE_POINTS" groups 50 7 other.npy
refuses 2 "rows of 20 values, and these have 7" "${umap[@]}" --features other.npy --model plane
refuses 1 "X.npy" "${umap[@]}" --features few.npy --model X.npy

# ---- Of a run ----
"$MAKE_SET" bars 400 150
"$MAKE_SET" others 100 80
"$CIFRA" train --data bars --model "conv 6 3x3 | bn | relu | maxpool 2 | dense 24 | relu | dense classes" --epochs 3 --batch 32 --lr 0.02 \
    --out run --quiet >/dev/null || bad "train"
check "train embeds the test images for its page" grep -q 'class="scattered"' run/report.html
rm run/embedding.csv run/embedding.npy run/figures/umap.*
"$CIFRA" report run >/dev/null
check "without an embedding the page has no scatter" test "$(grep -c 'class="scattered"' run/report.html)" = 0
"$CIFRA" umap run --threads 1 --json >run.json 2>/dev/null || bad "umap of a run"
same "images of the test part" "$(value run.json n)" 150
same "of the last hidden layer" "$(value run.json dim)" 24
check "with its labels" above "$(value run.json knn_accuracy)" 0.8
for file in embedding.csv embedding.npy figures/umap.svg figures/umap.csv; do
    check "run/$file is there" test -s "run/$file"
done
"$CIFRA" umap run --threads 3 --json --quiet >t.json
same "the run's points at 3 threads" "$(value t.json points_sha256)" "$(value run.json points_sha256)"
"$CIFRA" report run >/dev/null 2>&1
check "the page shows the scatter" test -z "$(grep '<section id="features".* hidden>' run/report.html)"
check "in the figures' colours" grep -q '"light": *\["#3f90da"' run/report.html
# What is embedded can be had, and embeds to the same points.
"${umap[@]}" run --save-features F.npy --out kept --quiet >/dev/null || bad "--save-features"
"${umap[@]}" --features F.npy --json --quiet >t.json
same "points of the features as a file" "$(value t.json points_sha256)" "$(value run.json points_sha256)"
refuses 2 "goes with a run" "$CIFRA" umap --features F.npy --save-features G.npy
"$CIFRA" umap run --layer conv1 --out conv --json --quiet >t.json
same "of another layer" "$(value t.json dim)" 864
"$CIFRA" umap run --data others --quiet >/dev/null || bad "other data"
check "other data have their own files" test -s run/embedding-others.csv -a -s run/figures/umap-others.svg
"$CIFRA" umap run --split all --quiet >/dev/null
same "all images" "$(wc -l <run/embedding-bars-all.csv)" 551
refuses 2 "did you mean dense1?" "$CIFRA" umap run --layer dense11
refuses 2 "is no run folder" "$CIFRA" umap nowhere
refuses 2 "--split test is the test part" "$CIFRA" umap run --data others --split test
"$CIFRA" umap --help >help.txt
check "--help has examples" grep -q "cifra umap --features X.npy" help.txt
finish
