#!/usr/bin/env bash
# Folders of pictures as people have them, from the command line: layouts, sizes, damages, and what is told of each file.
. "$(dirname "$0")/checks.sh"
"$MAKE_SET" bars 40 10
pictures=bars/pictures
counts() { # counts FILE: "train validation test" of all images
    sed -n 's/^  all  *\([0-9]*\)  *\([0-9]*\)  *\([0-9]*\)$/\1 \2 \3/p' "$1"
}
photos() { # photos DIR: three parts of nine pictures, three of each of the classes 0, 1 and 2
    local root=$1 k n
    for k in 0 1 2; do
        for n in 0 1 2; do
            for part in train val test; do
                mkdir -p "$root/$part/$k"
                cp "$pictures/$k/$n.png" "$root/$part/$k/$part-$n.png"
            done
        done
    done
}
photos set

# ---- Parts ----
"$CIFRA" data info set >info.txt 2>info.err
same "a validation part of its own" "$(counts info.txt)" "9 9 9"
check "its images are told" grep -q "official train 9, validation 9, test 9" info.txt
check "nothing else is said" test ! -s info.err
"$CIFRA" data info set --json >info.json
check "official_validation in the document" grep -q '"official_validation": 9' info.json
"$CIFRA" train --data set --model linear --epochs 2 --figures none --out run >train.txt 2>/dev/null
check "training takes the parts" grep -q "9 train, 9 validation, 9 test (official)" train.txt
refuses 2 "set has 9 validation images of its own" "$CIFRA" train --data set --validation 0.2 --model linear --out no
check "which leaves no run" test ! -e no
refuses 2 "set has 9 validation images of its own" "$CIFRA" tune --data set --validation 0.2 --out no
"$CIFRA" train --data set --split pooled --validation 0.4 --model linear --epochs 1 --figures none --out pooled >pooled.txt 2>/dev/null
check "a pooled split heeds the share" grep -q "10 train, 10 validation, 7 test (pooled)" pooled.txt
cp -r set no-test && rm -r no-test/test
"$CIFRA" data info no-test >info.txt 2>info.err
same "without a test part a fifth of the training images tests" "$(counts info.txt)" "6 9 3"
check "that is said" grep -q "no test part of its own: 9 images are training images, 9 validation" info.err

# ---- What else lies there ----
cp -r set messy
mkdir -p messy/train/0/more/deeper messy/test/hollow messy/extra/0
cp $pictures/0/0.png messy/train/0/more/deeper/x.png
cp $pictures/0/1.png messy/extra/0/
cp $pictures/0/2.png messy/train/stray.png
echo notes >messy/train/0/notes.txt
echo store >messy/train/.DS_Store
echo thumbs >messy/Thumbs.db
"$CIFRA" data info messy >info.txt 2>info.err
same "pictures in nested folders count" "$(counts info.txt)" "10 9 9"
for said in "extra lies beside the parts" "train/0/notes.txt" "train/.DS_Store" "train/stray.png" "Thumbs.db" "hollow"; do
    check "told: $said" grep -q "$said" info.err
done
head -c 200 $pictures/1/1.png >messy/train/1/cut.png
echo "<html>" >messy/test/2/page.jpg
refuses 1 "2 pictures of messy cannot be read" "$CIFRA" data info messy --files files.html
check "both are named" test "$(grep -c 'cut.png\|page.jpg' stderr)" = 2
check "the page of files is made all the same" grep -q "cut.png" files.html
check "it is complete" grep -q "</html>" files.html
"$CIFRA" data info messy --skip-broken --files files.csv >info.txt 2>info.err
same "without them" "$(counts info.txt)" "10 9 9"
same "every file has a line" "$(wc -l <files.csv)" 36
check "a broken one tells why" grep -q "^test/2/page.jpg,test,2,broken,.*is called a picture" files.csv
check "a file beside the parts is of none" grep -q "^Thumbs.db,,,other,,,,,,$" files.csv
check "a nested one is read" grep -q "^train/0/more/deeper/x.png,train,0,read,12,12,1,PNG,0,$" files.csv
refuses 2 "ends with .html or .csv" "$CIFRA" data info messy --files files.txt
refuses 1 "nowhere/files.csv" "$CIFRA" data info set --size 6 --files nowhere/files.csv
check "which is told before anything is read" test "$(grep -c 'are read at' stderr)" = 0
refuses 2 "--files is for folders of pictures" "$CIFRA" data info bars --files files.csv
"$CIFRA" train --data messy --skip-broken --model linear --epochs 1 --figures none --out skipped >/dev/null 2>&1
same "a run remembers that" "$(sed -n 's/^  "data": "\(.*\)",$/\1/p' skipped/config.json)" "messy:broken=skip"
check "and is evaluated again" "$CIFRA" eval skipped --figures none --quiet >/dev/null

# A link back to a folder on the way, and a slash behind the name.
cp -r set looped && ln -s .. looped/train/0/back
"$CIFRA" data info looped/ --files looped.csv >info.txt 2>/dev/null
same "a link that leads back is not followed" "$(counts info.txt)" "9 9 9"
check "names begin within the set" grep -q "^train/0/train-0.png,train,0,read" looped.csv

# ---- Sizes, on every command that reads a set ----
"$CIFRA" data info set --size 6x8 >info.txt 2>/dev/null
check "--size is width x height" grep -q "27 of 1x8x6" info.txt
"$CIFRA" data make set --size 6 --fit crop --out small >/dev/null 2>&1
"$CIFRA" data info small >info.txt
check "data make takes a size" grep -q "27 of 1x6x6" info.txt
same "its parts are kept" "$(counts info.txt)" "9 9 9"
"$CIFRA" data info bars --size 20 --fit pad >info.txt
check "and so do sets that are no folders" grep -q "50 of 1x20x20" info.txt
"$CIFRA" data info hand -n 200 --size 9 >info.txt
check "and generated ones" grep -q "of 1x9x9" info.txt
"$CIFRA" data show set --size 6 --per-class 2 --out show.png >/dev/null 2>&1
check "data show" test -s show.png
"$CIFRA" train --data set --size 6 --model mlp --epochs 1 --figures none --out sized >sized.txt 2>/dev/null
check "train" grep -q "1x6x6" sized.txt
"$CIFRA" eval sized --figures none >eval.txt 2>/dev/null
check "eval of it" grep -q "test: 9 images" eval.txt
"$CIFRA" umap sized --data set --size 6 --neighbors 3 --figures none --out umap >/dev/null 2>&1
check "umap" test -s umap/embedding.csv
refuses 2 "N or WIDTHxHEIGHT" "$CIFRA" data info set --size 6y8
refuses 2 "did you mean crop" "$CIFRA" data info set --fit corp
"$CIFRA" train --data set --model "input 1x6x6 | dense classes" --epochs 1 --figures none --out input >input.txt 2>input.err
check "pictures are read at the size of the model's input" grep -q "1x6x6, 3 classes" input.txt
check "and that is said" grep -q "read at 6 x 6 pixels (width x height), the model's input" input.err

# ---- Classes of few images ----
mkdir few && for k in 0 1 2 3 4; do mkdir few/$k && cp $pictures/$k/*.png few/$k; done
"$CIFRA" data info few >info.txt 2>/dev/null
check "each class is in each part" test "$(grep -cE '^  [0-4]  *1  *1  *1$' info.txt)" = 5
rm -r few/[1-4]
"$CIFRA" data info few >info.txt 2>info.err
check "one class can be looked at" grep -qE "^  0  *3  *0  *0$" info.txt
check "and why it is not split" grep -q "at least two are needed" info.err

# ---- Class names in files whose labels are numbers ----
mkdir digits && for k in 3 5 8; do cp -r $pictures/$k digits/; done
mkdir pets && cp -r $pictures/0 pets/cat && cp -r $pictures/1 pets/dog
for set in digits pets; do
    for format in idx mat; do
        "$CIFRA" data make $set --format $format --plain --out $set-$format >made.txt 2>made.err ||
            "$CIFRA" data make $set --format $format --out $set-$format >made.txt 2>made.err
        check "the list of classes is named" grep -q "$set-$format/classes.txt" made.txt
        "$CIFRA" data info $set --json >a.json 2>/dev/null
        "$CIFRA" data info $set-$format --json >b.json 2>/dev/null
        same "$set as $format has the same classes" "$(sed -n '/"classes"/,/]/p' b.json)" "$(sed -n '/"classes"/,/]/p' a.json)"
        same "and the same checksum" "$(grep sha256 b.json)" "$(grep sha256 a.json)"
    done
done
same "a 3 is a 3 in the file" "$(od -An -tu1 -j8 digits-idx/train-labels-idx1-ubyte | tr -s ' ')" " 3 3 3 5 5 5 8 8 8"
finish
