#!/usr/bin/env bash
# cifra study as a whole, on a recipe of seconds: everything is there, kept, the same after kills, and done anew only as far as
# a change reaches; one set of pictures; what is refused; its page in a browser.
# With $REPORT_SCREENSHOTS set to a folder, screenshots of the page are left there for people to look at.
[ -w /dev/shm ] && export TMPDIR=/dev/shm # many small synced writes, which are not what is tested
here=$(cd "$(dirname "$0")" && pwd)
. "$here/checks.sh"
export CIFRA_DATA=$work/nothing XDG_CACHE_HOME=$work/nothing
mkdir nothing
. "$here/tiny_study.sh"
claims() { cut -d, -f1-12 "$1/claims.csv"; }

"$CIFRA" study tiny.yaml --out whole --json >whole.json 2>whole.err || bad "study: $(cat whole.err)"
for key in report seconds claims story; do check "study --json has $key" grep -q "^  \"$key\":" whole.json; done
for key in id section data reported measured interval verdict; do
    check "a claim has $key" grep -q "^      \"$key\":" whole.json
done
same "claims, and the report's eight suggestions" "$(grep -c '"verdict":' whole.json)" 184
same "lines of claims.csv" "$(wc -l <whole/claims.csv)" 185
for file in report.html study.json claims.csv figures/cross-hand-on-street.svg figures/imbalance-street.csv \
    tune-hand/tune.db train-street-s1/report.html train-hand-s1/figures/umap.svg train-hand-s1/embedding.csv \
    imbalance-hand-case1-s1/figures/umap.svg; do
    check "$file is left" test -s "whole/$file"
done
check "other data are not compared" grep -q 'test.mnist.accuracy,.*,not comparable,' whole/claims.csv
check "the third case was not run" grep -q 'imbalance.mnist.3.accuracy,.*,not run,' whole/claims.csv
check "a time is told beforehand" grep -q 'The trainings will take about .*images/s' whole.err
same "stages told" "$(grep -c '^\[' whole.err)" 16
check "the page has every section" test "$(grep -c '<section id=' whole/report.html)" = 13
check "the page has the figures" test "$(grep -c '<svg ' whole/report.html)" -gt 30
check "the page loads nothing" test "$(grep -c 'src="http\|href="http' whole/report.html)" = 0

# Again: nothing is done, and the same is told.
"$CIFRA" study tiny.yaml --out whole --json >again.json 2>again.err
same "stages kept" "$(grep -c '(kept)$' again.err)" 16
same "the same document" "$(cat again.json)" "$(cat whole.json)"

refuses 2 "whole is a study: give cifra study its recipe" "$CIFRA" report whole

# Other threads, no figures: the same ledger.
"$CIFRA" study tiny.yaml --out three --threads 3 --figures none --quiet >/dev/null || bad "study with 3 threads"
same "claims at 3 threads" "$(claims three)" "$(claims whole)"

# Killed at ten random moments.
kills=0
for _ in 1 2 3 4 5 6 7 8 9 10; do
    "$CIFRA" study tiny.yaml --out killed --quiet >/dev/null 2>&1 &
    sleep "0.$((RANDOM % 6))$((RANDOM % 10))"
    kill -9 $! 2>/dev/null && kills=$((kills + 1))
    wait $! 2>/dev/null
done
echo "killed $kills times while it ran"
"$CIFRA" study tiny.yaml --out killed --quiet >/dev/null || bad "study after kills"
same "claims after kills" "$(claims killed)" "$(claims whole)"
same "files after kills" "$(cd killed && find . | sort)" "$(cd whole && find . | sort)"
same "results after kills" "$(grep -v '"seconds"' killed/study.json)" "$(grep -v '"seconds"' whole/study.json)"

# A change does anew what depends on it, and no more: first the embeddings, then one search and all after it.
sed 's/neighbors: 8/neighbors: 12/' tiny.yaml >changed.yaml
"$CIFRA" study changed.yaml --out whole >/dev/null 2>changed.err || bad "study of a changed recipe"
same "stages kept when UMAP changes" "$(grep -c '(kept)$' changed.err)" 8
check "the search is kept" grep -q 'hand: search.*(kept)$' changed.err
sed 's/street:n=500/street:n=510/' changed.yaml >changed2.yaml
"$CIFRA" study changed2.yaml --out whole >/dev/null 2>changed2.err || bad "study of other data"
check "the other set's search is kept" grep -q 'hand: search.*(kept)$' changed2.err
check "what depends on the data is done anew" test "$(grep -c '^\[.*street.*s$' changed2.err)" = 10
{ cat changed2.yaml; echo 'final: {schedule: one-cycle}'; } >changed3.yaml
"$CIFRA" study changed3.yaml --out whole >/dev/null 2>changed3.err || bad "study with other final trainings"
same "both searches are kept" "$(grep -c 'search.*(kept)$' changed3.err)" 2
same "nothing but data and searches is kept" "$(grep -c '(kept)$' changed3.err)" 4
check "the trainings have what the recipe's final says" grep -q one-cycle whole/imbalance-hand-case1-s1/config.json
check "the page tells the schedule" grep -q 'schedule=one-cycle' whole/report.html

# What is compared seed by seed: kept, the same at other thread counts and after kills, its data those of the results.
results_of() { sed -n '/^  "results"/,/^  "story"/p' "$1/study.json" | grep -v '"seconds"'; }
"$CIFRA" study sections.yaml --out sections >sections.txt 2>sections.err || bad "study with sections: $(tail -3 sections.err)"
same "stages of sections" "$(grep -c '^\[' sections.err)" 40
same "and as many were announced" "$(sed -n 's|^\[40/\(.*\)\].*|\1|p' sections.err)" 40
same "suggestions in the ledger" "$(grep -c '^transfer\.\|^attention\.' sections/claims.csv)" 6
check "the ledger tells them apart" grep -q 'differences that it suggests' sections.txt
same "adaptations in the ledger" "$(grep -c '^adapt\.' sections/claims.csv)" 4
same "an adaptation's accuracy is the run's on the target" \
    "$(python3 -c 'import json; print(json.load(open("sections/study.json"))["results"]["adapt"]["hand-on-street"]["self-train"][1]["accuracy"])')" \
    "$(python3 -c 'import json; print(json.load(open("sections/adapt-hand-on-street-self-train-s2/metrics.json"))["target"]["accuracy"])')"
same "before is the network of the training" \
    "$(python3 -c 'import json; print(json.load(open("sections/study.json"))["results"]["adapt"]["hand-on-street"]["none"][0]["n"])')" 80
check "the page has the sections" test "$(grep -c 'labelledby="h-transfer" >\|labelledby="h-adaptation" >\|labelledby="h-attention" >' sections/report.html)" = 3
check "a page without them hides them" test "$(grep -c 'labelledby="h-transfer" hidden\|labelledby="h-adaptation" hidden\|labelledby="h-attention" hidden' whole/report.html)" = 3
check "a table of the adapted networks" test "$(grep -c '<th scope="row">self-train</th><td class="n">2</td>' sections/report.html)" = 2
same "and a sentence" "$(grep -c "^Adapted to .*without their labels, the model of .* gets .* by mean-teacher (.* by self-train (.* as it was before (2 seeds)" sections.txt)" 2
if command -v python3 >/dev/null; then
    python3 "$here/check_sections.py" sections >wrong.txt 2>&1
    status=$?
    same "figures have the results: $(cat wrong.txt)" $status 0
else
    echo "SKIPPED: the data of the sections' figures (no python3)"
fi
"$CIFRA" study sections.yaml --out sections >/dev/null 2>kept.err || bad "sections again"
same "sections kept" "$(grep -c '(kept)$' kept.err)" 40
for threads in 1 3 8; do
    "$CIFRA" study sections.yaml --out "sections-$threads" --threads $threads --quiet >/dev/null || bad "sections with $threads threads"
    same "results of sections at $threads threads" "$(results_of "sections-$threads")" "$(results_of sections)"
    same "points at $threads threads" "$(cat "sections-$threads"/transfer-umap-*/umap.csv | cksum)" "$(cat sections/transfer-umap-*/umap.csv | cksum)"
done
for _ in 1 2 3 4 5 6 7 8; do
    "$CIFRA" study sections.yaml --out sections-killed --quiet >/dev/null 2>&1 &
    sleep "0.$((RANDOM % 8))$((RANDOM % 10))"
    kill -9 $! 2>/dev/null
    wait $! 2>/dev/null
done
"$CIFRA" study sections.yaml --out sections-killed --quiet >/dev/null || bad "sections after kills"
same "results of sections after kills" "$(results_of sections-killed)" "$(results_of sections)"
same "files of sections after kills" "$(cd sections-killed && find . | sort)" "$(cd sections && find . | sort)"
same "weights after kills" "$(cat sections-killed/*/model.safetensors | cksum)" "$(cat sections/*/model.safetensors | cksum)"
same "sources after kills" "$(grep -h '"converted"\|"taken"' sections-killed/transfer-*/config.json | cksum)" "$(grep -h '"converted"\|"taken"' sections/transfer-*/config.json | cksum)"
sed 's/steps: 3/steps: 4/' sections.yaml >steps.yaml
"$CIFRA" study steps.yaml --out sections >/dev/null 2>steps.err || bad "sections with more steps"
same "more steps change the small size alone" "$(grep -c '(kept)$' steps.err)" 32
sed 's/^train: {epochs: 2/train: {epochs: 3/; s/se 2/se 4/' steps.yaml >longer.yaml
"$CIFRA" study longer.yaml --out sections >/dev/null 2>longer.err || bad "sections from other networks"
same "kept where the pretrained networks change: data, what begins with nothing, the network of before" "$(grep -c '(kept)$' longer.err)" 14
sed 's/^data: .*/data: [hand:n=300]/' sections.yaml >one.yaml
"$CIFRA" study one.yaml --out one --figures none >/dev/null 2>one.err || bad "sections of one set"
same "one set has nothing to be taken from" "$(grep -c '^\[' one.err)" 7
sed 's/se 2/se 2 | nonsense/' sections.yaml >bad.yaml
refuses 2 'attention: gated' "$CIFRA" study bad.yaml --out bad
check "and leaves nothing" test ! -e bad

# Remedies for few images of one class: kept, the same with another number of threads, a line of the ledger each.
cat >remedies.yaml <<'YAML'
data: ["hand:n=300,test=100"]
model: conv 4 5x5 | bn | relu | maxpool 4 | dense 8 | relu | dense classes
claims: report
train: {epochs: 2, lr: 0.01, optimizer: adam, batch: 32}
imbalance: {classes: [1, 2], cases: ["1:5,2:15", all], remedies: [balanced, moved, augment+head], seeds: 2, steps: 6, train: {lr: 0.02}}
YAML
"$CIFRA" study remedies.yaml --out remedies >remedies.txt 2>remedies.err || bad "study of remedies: $(tail -3 remedies.err)"
same "stages announced" "$(sed -n 's|^\[ *10/\(.*\)\].*|\1|p' remedies.err | head -1)" 10
same "lines of remedies in the ledger, and the best" "$(grep -c '^remedies\.mnist\.1\.' remedies/claims.csv)" 4
same "what is not tried" "$(grep -c '^untried\..*,not run,' remedies/claims.csv)" 7
check "the page has their table" grep -q 'What remedies bring, 1:5,2:15: 2 seeds' remedies/report.html
check "and their figure" test -s remedies/figures/remedies-hand-case1.svg
check "the story tells of them" grep -q 'In the hardest case no remedy\|the best of 3 remedies' remedies.txt
"$CIFRA" study remedies.yaml --out remedies >/dev/null 2>kept.err || bad "remedies again"
same "remedies kept" "$(grep -c '(kept)$' kept.err)" 10
"$CIFRA" study remedies.yaml --out remedies-1 --threads 1 --quiet >/dev/null || bad "remedies with one thread"
same "results of remedies with one thread" "$(results_of remedies-1)" "$(results_of remedies)"
check "augment does what it usually does" grep -q '"augment": "mnist"' remedies/remedies-hand-case1-augment-s1/config.json
sed 's/steps: 6/steps: 6, augment_with: shift 1/' remedies.yaml >shifted.yaml
"$CIFRA" study shifted.yaml --out remedies --quiet >/dev/null || bad "remedies with another augmentation"
check "or what the recipe says" grep -q '"augment": "shift 1"' remedies/remedies-hand-case1-augment-s1/config.json
# A model of the recipe's own stands in the place of the grid's, with its places; one without them is refused.
cat >line.yaml <<'YAML'
data: ["hand:n=200,test=60"]
model: conv 2 5x5 | {activation} | maxpool 4 | dense classes
grid: paper
train: {epochs: 1, batch: 32}
YAML
"$CIFRA" study line.yaml --out line --figures none --quiet >/dev/null || bad "study of a line in the grid"
check "the grid searched over the recipe's line" grep -qE '"model": "conv 2 5x5 . (relu|leakyrelu) . maxpool 4 . dense classes"' line/train-hand-s1/config.json
sed 's/{activation}/relu/' line.yaml >bad.yaml
refuses 1 'bad.yaml:3: model: conv 2 5x5 | relu | maxpool 4 | dense classes with the grid paper: parameter activation' "$CIFRA" study bad.yaml --out bad

sed 's/augment+head/augmnt/' remedies.yaml >bad.yaml
refuses 2 'did you mean augment?' "$CIFRA" study bad.yaml --out bad

# Several seeds: Student's intervals.
"$CIFRA" study tiny.yaml --out seeds --seeds 2 --figures none --quiet >seeds.txt || bad "study with seeds"
check "two trainings" test -s seeds/train-hand-s2/metrics.json
same "runs in the ledger" "$(grep '^test.mnist.accuracy,' seeds/claims.csv | cut -d, -f10)" 2

# One's own pictures, no search, no second set.
"$MAKE_SET" own 10 10 2>/dev/null
for picture in own/pictures/*/*.png; do # 3 of a class are too few for three parts
    for copy in a b c; do cp "$picture" "${picture%.png}$copy.png"; done
done
cat >own.yaml <<'YAML'
data: [own/pictures]
model: conv 4 3x3 | relu | dense classes
grid: none
train: {epochs: 2}
features: {}
YAML
"$CIFRA" study own.yaml --out own-study >own.txt 2>own.err || bad "study of pictures: $(tail -3 own.err)"
same "stages of pictures" "$(grep -c '^\[' own.err)" 3
check "a page of pictures" test -s own-study/report.html

# Without claims there is no ledger, and no word of one: not in the terminal, the documents, the page as it is shown; not with --json.
check "no ledger in the terminal" test "$(grep -ci 'report\b.*ours\|not comparable\|reproduced' own.txt)" = 0
check "no file of claims" test ! -e own-study/claims.csv
same "no claims in study.json" "$(grep -c '"claims": null\|"claims": \[' own-study/study.json)" 1
check "nor with --json" test "$("$CIFRA" study own.yaml --out own-study --json --quiet | grep -c '"claims"')" = 0
same "no word of a report in the page" "$(sed 's/report\.html//g; s/<script>.*//' own-study/report.html | grep -ci 'the report\|not comparable\|not compared')" 0
check "its page hides the ledger" grep -q 'labelledby="h-ledger" hidden' own-study/report.html
{ cat own.yaml; echo 'claims: report'; } >held.yaml
"$CIFRA" study held.yaml --out own-study --quiet >/dev/null || bad "pictures held against the report"
check "with claims there is one" grep -q 'test.mnist.accuracy,.*,not comparable,' own-study/claims.csv
check "why is told" grep -q 'its images per class are not those of MNIST' own-study/report.html
"$CIFRA" study own.yaml --out own-study --quiet >/dev/null || bad "and no longer"
check "and without them again none" test ! -e own-study/claims.csv

# Several sets, each with the models of the others; a split of its own for each seed; claims of one's own.
cat >mine.yaml <<'YAML'
sets: [{key: digits, name: Digits}, {key: houses, name: Houses}]
claims:
  - {section: 1 Mine, what: Houses on digits, runs: cross.houses-on-digits, path: accuracy, reported: 0.0001}
YAML
cat >three.yaml <<'YAML'
data: ["hand:n=300,test=60", "street:n=300,test=60", "hand:slant=0.6,n=300,test=60"]
claims: mine.yaml
model: conv 4 5x5 | relu | maxpool 4 | dense classes
train: {epochs: 1, batch: 32}
splits: 2
cross: true
transfer: {sizes: [1], seeds: 2, steps: 2}
YAML
"$CIFRA" study three.yaml --out three-sets --figures none >three.txt 2>three.err || bad "study of three sets: $(tail -3 three.err)"
same "stages of three sets" "$(sed -n 's|^\[.*/\(.*\)\].*|\1|p' three.err | sort -u) $(grep -c '^\[' three.err)" "45 45"
for pair in street-on-hand hand-on-street hand-shifted-on-street hand-on-hand-shifted; do
    check "$pair" test -s "three-sets/transfer-$pair-1-from-s2/metrics.json"
    check "$pair in the results" grep -q "^      \"$pair\": " three-sets/study.json
    check "$pair in the page" grep -q "<h3 class=\"set\">The model of ${pair%%-on-*} on ${pair#*-on-}</h3>" three-sets/report.html
done
check "the claim is of its two sets" grep -q 'cross.houses-on-digits.accuracy,1 Mine,.*,street on hand,' three-sets/claims.csv
same "no other claim" "$(wc -l <three-sets/claims.csv)" 2
split_seed() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["split"]["seed"])' "$1/config.json"; }
same "splits of the seeds" "$(split_seed three-sets/train-street-s1) $(split_seed three-sets/train-street-s2)" "1 2"
check "the page tells the splits" grep -q '<th scope="row">seed 2, split 2</th>' three-sets/report.html
check "and what intervals are over" grep -q '2 seeds, each with a split of its own' three-sets/report.html
same "the sentences, too" "$(grep -c 'are right in the mean (95 % interval .*, 2 seeds, each with a split of its own)' three.txt)" 3
sed 's/^splits: 2/splits: 2\nseeds: 3/; /^transfer/d; /^cross/d; s/^data.*/data: ["hand:n=300,test=60"]/' three.yaml >turns.yaml
"$CIFRA" study turns.yaml --out turns --figures none >turns.txt 2>&1 || bad "seeds that take splits in turn"
same "splits in turn" "$(for s in 1 2 3; do split_seed turns/train-hand-s$s; done | tr '\n' ' ')" "1 2 1 "
check "which is told" grep -q '3 seeds over 2 splits' turns/report.html

# A number of images, whatever sets there are: generated ones, and those of files.
cat >sized.yaml <<'YAML'
data: [hand, street]
images: 300
model: conv 4 5x5 | relu | maxpool 4 | dense classes
claims: report
train: {epochs: 1, batch: 32}
cross: true
YAML
"$MAKE_SET" bars 900 300
"$MAKE_SET" few 200 40
"$CIFRA" study sized.yaml --data generated --out generated --figures none >/dev/null 2>generated.err || bad "study of generated sets"
check "generated sets have the number of images" grep -q 'hand: data: 300 and 50 images' generated.err
"$CIFRA" study sized.yaml --data bars,street:n=250 --out sized --figures none --json >sized.json 2>sized.err || bad "study of 300 images: $(tail -3 sized.err)"
check "a set of files has the number, in proportion" grep -q 'bars: data: 300 and 100 images' sized.err
check "a set's own number goes before the recipe's" grep -q 'street: data: 250 and 89 images' sized.err
check "trainings are of these" grep -q '"data": "bars:n=300"' sized/train-bars-s1/config.json
check "a part of a set is not compared" grep -q 'test.mnist.accuracy,.*,not comparable,' sized/claims.csv
"$CIFRA" eval sized/train-bars-s1 --figures none >eval.txt 2>eval.err || bad "eval of a run of a part"
check "its own images are known" grep -q 'test: 80 images' eval.txt
same "and are the same" "$(grep -c 'other data' eval.err)" 0
sed 's/images: 300/images: 400/' sized.yaml >more.yaml
"$CIFRA" study more.yaml --data bars,street:n=250 --out sized --figures none >/dev/null 2>more.err || bad "study of 400 images"
check "another number is done anew" grep -q 'bars: data: 400 and 133 images  [0-9.]* s' more.err
same "and nothing of the other set but what crosses" "$(grep -c '(kept)$' more.err)" 2
"$CIFRA" study sized.yaml --data few --out few-study --figures none >/dev/null 2>few.err || bad "study of a set that has fewer"
check "a set with fewer is taken whole, with a word" grep -q 'few:n=300 has 200 training images, fewer than the 300' few.err

# What is refused, with the line.
printf 'data: [hand]\nseedz: 3\n' >bad.yaml
refuses 1 'bad.yaml:2: unknown key seedz; did you mean seeds?' "$CIFRA" study bad.yaml --out bad
printf 'data: [hand]\ntrain:\n  optimizer: adm\n' >bad.yaml
refuses 1 'bad.yaml:3: train.optimizer: sgd, adam, adamw or muon expected, found adm; did you mean adam?' "$CIFRA" study bad.yaml --out bad
printf 'data: [hand]\nimages: 0\n' >bad.yaml
refuses 1 'bad.yaml:2: images: 1 to 4294967295' "$CIFRA" study bad.yaml --out bad
printf 'data: [hand]\nsplit: halves\n' >bad.yaml
refuses 2 'bad.yaml:2: split halves' "$CIFRA" study bad.yaml --out bad
printf 'data: [a, b, c, d, e, f, g, h, i]\n' >bad.yaml
refuses 1 'bad.yaml:1' "$CIFRA" study bad.yaml --out bad
printf 'data: [hand]\nimbalance: {classes: [1], cases: [all]}\n' >bad.yaml
refuses 1 'bad.yaml:2: two classes or more expected' "$CIFRA" study bad.yaml --out bad
printf 'model: paper\n' >bad.yaml
refuses 2 'no data; name one set or more' "$CIFRA" study bad.yaml --out bad
refuses 2 'one to 8 sets between commas' "$CIFRA" study tiny.yaml --data a,b,c,d,e,f,g,h,i --out bad
printf 'data: ["hand:n=300,test=60"]\nsplits: 3\nseeds: 2\n' >bad.yaml
refuses 2 '1 to 2 splits expected' "$CIFRA" study bad.yaml --out bad
printf 'data: ["hand:n=300,test=60"]\nclaims: nowhere.yaml\n' >bad.yaml
refuses 1 'nowhere.yaml' "$CIFRA" study bad.yaml --out bad
printf 'sets: [{key: a, name: A}]\nclaims:\n  - {what: A, runs: test.b, path: loss, reported: 1}\n' >claims.yaml
printf 'data: ["hand:n=300,test=60"]\nclaims: claims.yaml\n' >bad.yaml
refuses 1 'claims.yaml:3: runs: ' "$CIFRA" study bad.yaml --out bad
cp -r own/pictures odd
for class in odd/*; do mv "$class" "$class-odd"; done
printf 'data: ["hand:n=300,test=60", odd]\nmodel: dense classes\ncross: true\n' >bad.yaml
refuses 2 'no class of odd has the name of one of hand' "$CIFRA" study bad.yaml --out bad
sed -i 's/^cross.*/adaptation: {methods: [self-train]}/' bad.yaml
refuses 2 'adaptation: no class of odd has the name of one of hand' "$CIFRA" study bad.yaml --out bad
printf 'data: ["hand:n=300,test=60"]\nmodel: dense classes\nfeatures: {}\n' >bad.yaml
refuses 2 'features: the model "dense classes" has no layer in front of a last dense one' "$CIFRA" study bad.yaml --out bad
refuses 2 'one of the two is enough' "$CIFRA" study tiny.yaml --profile quick --out bad
refuses 1 'nowhere.yaml' "$CIFRA" study nowhere.yaml --out bad
check "a refused study leaves nothing" test ! -e bad

# ---- The page in a browser: one section at a time, by its links and by the address ----
. "$here/browser.sh"
if ! browser_starts "the page of a study in a browser"; then
    finish
    exit
fi
cat >touch.html <<'HTML'
<script>addEventListener("load", async () => {
    const lines = [], later = () => new Promise(done => setTimeout(done, 250));
    const shown = () => [...document.querySelectorAll("main > section")].filter(s => s.offsetParent).map(s => s.querySelector("h2").id.slice(2)).join(" ");
    const marked = () => [...document.querySelectorAll("nav a[aria-current]")].map(a => a.hash).join(" ");
    await later();
    lines.push("first " + shown() + " " + marked());
    for (const link of document.querySelectorAll("nav li:not([hidden]) a")) {
        link.click();
        await later();
        lines.push("page " + (shown() === link.hash.slice(1) && marked() === link.hash && scrollY === 0));
        lines.push("narrow " + (document.documentElement.scrollWidth <= innerWidth));
    }
    document.querySelector(".skip").click();
    await later();
    lines.push("stays " + shown());
    location.hash = "#data";
    await later();
    document.querySelector(".turn [rel=next]").click();
    await later();
    lines.push("next " + shown());
    document.querySelector(".turn [rel=prev]").click();
    await later();
    lines.push("previous " + shown());
    location.hash = "#features";
    await later();
    const [it] = features, canvas = it.root.querySelector(".scatter"), at = canvas.getBoundingClientRect(), [x, y] = it.place(0);
    canvas.dispatchEvent(new PointerEvent("pointermove", { clientX: at.left + x, clientY: at.top + y, pointerId: 1 }));
    lines.push("scatters " + features.length + " " + !it.root.querySelector(".scatter-image").hidden + " " +
        (it.root.querySelector(".scatter-text").textContent === `${it.set.labels[it.set.label[0]]}, image ${it.set.index[0]}`));
    location.hash = "#opening";
    await later();
    lines.push("pictures " + document.querySelectorAll("section.current .pictures > figure").length + " " +
        (document.querySelector(".facts dd").textContent.includes("%")));
    lines.push("figures " + (document.querySelectorAll("figure svg").length > 30));
    document.body.append(Object.assign(document.createElement("pre"), { id: "touched", textContent: lines.join("\n") + "\nend" }));
});</script>
HTML
cat whole/report.html touch.html >whole/touched.html
BROWSER_BUDGET=15000
headless --window-size=1000,900 --dump-dom "file://$work/whole/touched.html" >touched.html 2>touched.log
sed -n '/<pre id="touched">/,/^end/p' touched.html | sed 's/<[^>]*>//g' >touched.txt
check "no console message: $(grep CONSOLE touched.log | head -3)" test -z "$(grep CONSOLE touched.log)"
same "the page that opens" "$(grep '^first' touched.txt)" "first opening #opening"
same "links show their pages" "$(grep -c '^page true' touched.txt)" 10
same "nothing is wider than the page" "$(grep -c '^narrow true' touched.txt)" 10
same "to the content of the page that is shown" "$(grep '^stays' touched.txt)" "stays settings"
same "the next page" "$(grep '^next' touched.txt)" "next search"
same "and back" "$(grep '^previous' touched.txt)" "previous data"
same "the scatter of each set, with the image under the pointer" "$(grep '^scatters' touched.txt)" "scatters 2 true true"
same "four pictures of each set open the page, below its figures" "$(grep '^pictures' touched.txt)" "pictures 8 true"
same "figures in the page" "$(grep '^figures' touched.txt)" "figures true"
pictures=${REPORT_SCREENSHOTS:-$work}
for scheme in dark light; do # Chromium's 0 and 1
    headless --window-size=1100,2600 --screenshot="$pictures/study-$scheme.png" \
        --blink-settings="preferredColorScheme=$([ "$scheme" = dark ]; echo $?)" "file://$work/whole/report.html#cross" \
        >/dev/null 2>&1
    check "screenshot study-$scheme" test -s "$pictures/study-$scheme.png"
done
finish
