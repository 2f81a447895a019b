#!/usr/bin/env bash
# cifra data fetch against a web server that misbehaves: what comes under a final name is right, whatever it sends.
. "$(dirname "$0")/fetching.sh"
images=train-images-idx3-ubyte.gz

# ---- A good server ----
mirrors good
fresh
fetch lab >out.txt
same "exit" $? 0
there lab
same "a line for each file and one for the set" "$(wc -l <out.txt)" 5
check "with where it is from" grep -q "^lab/$images: [0-9,]* bytes from $url/good/lab/$images, verified" out.txt
check "and where it is" grep -qx "lab is in $CIFRA_DATA/lab" out.txt
same "one request for each" "$(requests)" 4
same "it is found by its name" "$("$CIFRA" data info lab | grep sha256)" "$("$CIFRA" data info root/lab | grep sha256)"
fetch lab >out.txt
same "the second time all is there" "$(grep -c "there already, verified" out.txt)" 4
same "and nobody is asked" "$(requests)" 4
fetch lab one blob --json >out.json
check "JSON has the sets" python3 -c '
import json
sets = json.load(open("out.json"))["sets"]
assert [s["name"] for s in sets] == ["lab", "one", "blob"]
assert [f["state"] for f in sets[0]["files"]] == ["there"] * 4
file = sets[2]["files"][0]
assert file["state"] == "fetched" and file["bytes"] == file["content_bytes"] == 2000000 and len(file["sha256"]) == 64
assert file["url"].endswith("/good/blob/blob.bin") and file["path"].endswith("/blob/blob.bin") and file["faults"] == []'
there blob
fetch lab --data-dir elsewhere >/dev/null
check "--data-dir is the folder" cmp -s root/lab/$images elsewhere/lab/$images
(unset CIFRA_DATA; fetch one >/dev/null)
check "without any, the cache is" test -s nothing/cifra/one/$images

# ---- What was there ----
touch "$CIFRA_DATA/lab/$images"
before=$(requests)
same "another date: it is read again" "$(fetch lab | grep -c "there already")" 4
same "and not fetched" "$(requests)" "$before"
cp -p "$CIFRA_DATA/blob/blob.bin" kept
touch -r "$CIFRA_DATA/blob/blob.bin" date
printf 'X' | dd of="$CIFRA_DATA/blob/blob.bin" bs=1 seek=1000 conv=notrunc status=none
touch -r date "$CIFRA_DATA/blob/blob.bin"
fetch blob >out.txt
check "the record is believed" grep -q "there already" out.txt
"$CIFRA" data fetch --mirrors mirrors.yaml --verify blob >out.txt 2>err.txt
check "--verify does not" grep -q "note: $CIFRA_DATA/blob/blob.bin is damaged: its content has SHA-256" err.txt
check "it is fetched anew" grep -q "^blob/blob.bin: 2,000,000 bytes from" out.txt
there blob
printf 'X' >>"$CIFRA_DATA/blob/blob.bin"
mirrors 404
refuses 1 "404 Not Found" fetch blob
same "a damaged one stays until the new one is verified" "$(size_of "$CIFRA_DATA/blob/blob.bin")" 2000001
mirrors good
fetch blob >/dev/null
there blob
# IDX files without .gz are read before those with: a damaged one must not stay there.
gzip -cd root/one/$images | head -c 5000 >"$CIFRA_DATA/one/${images%.gz}"
rm -f "$CIFRA_DATA/one/$images"*
"$CIFRA" data fetch --mirrors mirrors.yaml one >/dev/null 2>err.txt
check "a damaged one without .gz is told" grep -q "one/${images%.gz} is damaged" err.txt
check "and gone when the right one is there" test ! -e "$CIFRA_DATA/one/${images%.gz}"
there one
gzip -cd root/one/$images | head -c 5000 >"$CIFRA_DATA/one/${images%.gz}"
"$CIFRA" data fetch --mirrors mirrors.yaml one >/dev/null 2>err.txt
check "also beside a right one" grep -q "${images%.gz}, which is damaged, is removed" err.txt
there one
fresh
mkdir "$CIFRA_DATA/one"
gzip -cd root/one/$images >"$CIFRA_DATA/one/${images%.gz}"
fetch one >out.txt
check "a right one without .gz is enough" grep -q "^one/${images%.gz}: there already" out.txt
same "nobody was asked" "$(requests)" 0

# ---- Servers that do not have it: told, and the next one is asked ----
misbehaves() { # misbehaves KIND SET PART-OF-MESSAGE
    fresh
    mirrors "$1"
    refuses 1 "$3" fetch "$2"
    check "$1: says from where" grep -qF "from $url/$1/$2/" stderr
    check "$1: and what to do" grep -qF "by hand: bring these files into $CIFRA_DATA/$2" stderr
    clean "$2"
    check "$1: nothing has the name" test ! -e "$CIFRA_DATA/$2/$(ls "root/$2")"
    mirrors "$1" good
    check "$1, then a good one" fetch "$2" >/dev/null 2>&1
    there "$2"
}
misbehaves 403 one "403 Forbidden"
misbehaves 404 one "404 Not Found"
misbehaves 503 blob "503 Service Unavailable"
misbehaves wrong blob "not the file: its content has SHA-256"
misbehaves wrong one "not the file: its gzip data are damaged"
misbehaves other one "not the file: its content has SHA-256"
misbehaves page one "not the file: it is a web page"
misbehaves page blob "the file has 270 bytes there; 2000000 were expected"
misbehaves empty one "not the file: it ends after 0 bytes"
misbehaves nocontent one "204"
misbehaves truncated blob "with 1000000 bytes"
misbehaves short one "not the file: it is truncated"
misbehaves short blob "not the file: it ends after 1000000 bytes"
misbehaves nothing one "Empty reply"
misbehaves loop one "redirects"
misbehaves tofile one "Protocol \"file\" "
misbehaves bomb one "more than the"
misbehaves bomb blob "more than the 2000000 bytes that the file can have were sent"
misbehaves claims one "the file has 1000000000000000 bytes there"
misbehaves gzbomb one "unpacks to more than the 235216 bytes"
misbehaves unasked one "a part of the file was sent when all of it was asked for"

fresh
mirrors 503 page wrong good
check "four mirrors, the last is good" fetch blob >/dev/null
same "in their order" "$(cut -d' ' -f1 log | tr '\n' ' ')" "503 page wrong good "
there blob

# ---- Other ways to send it ----
for kind in redirect nolength norange repacked; do
    fresh
    mirrors $kind
    check "$kind" fetch one >/dev/null
    there one
done
fresh
mirrors unpacked
fetch lab >out.txt
check "sent unpacked" grep -q "^lab/${images%.gz}: 235,216 bytes" out.txt
check "it is kept without .gz" test ! -e "$CIFRA_DATA/lab/$images"
there lab
same "and found by its name" "$("$CIFRA" data info lab | grep sha256)" "$("$CIFRA" data info root/lab | grep sha256)"
fetch lab >out.txt
check "and there already" grep -q "^lab/${images%.gz}: there already" out.txt

# ---- Going on ----
begun() { # begun SET NAME BYTES: so many right ones are there
    fresh
    mkdir -p "$CIFRA_DATA/$1"
    head -c "$3" "root/$1/$2" >"$CIFRA_DATA/$1/$2.part"
}
began() { cut -d' ' -f3,4 log | tr '\n' ' '; }
begun blob blob.bin 1234567
mirrors good
fetch blob >/dev/null
there blob
same "it goes on where it was" "$(began)" "bytes=1234567- 206 "
begun blob blob.bin 1234567
mirrors norange
fetch blob >/dev/null
there blob
same "a server without ranges sends all" "$(began)" "bytes=1234567- 200 "
begun blob blob.bin 2000000
mirrors good
fetch blob >/dev/null
there blob
same "all was there: nobody is asked" "$(requests)" 0
begun one $images "$(size_of root/one/$images)"
fetch one >/dev/null
there one
same "all was there, of a size not known" "$(cut -d' ' -f4 log)" 416
begun blob blob.bin 2000000
printf 'more' >>"$CIFRA_DATA/blob/blob.bin.part"
fetch blob >/dev/null
there blob
same "more than all was there: from the beginning" "$(began)" "- 200 "
for bytes in 1000 1999999; do
    begun blob blob.bin 0
    head -c $bytes /dev/zero >"$CIFRA_DATA/blob/blob.bin.part"
    fetch blob >/dev/null
    there blob
    same "others were there: once more from the beginning" "$(began)" "bytes=$bytes- 206 - 200 "
done
begun one $images 1000
head -c 1000 /dev/zero >"$CIFRA_DATA/one/$images.part"
mirrors good
fetch one >/dev/null
there one
same "also where it is packed" "$(began)" "bytes=1000- 206 - 200 "
begun blob blob.bin 1000
mirrors elsewhere
fetch blob >/dev/null
there blob
same "another part than asked for: from the beginning" "$(began)" "bytes=1000- 206 - 200 "
begun blob blob.bin 1500000
mirrors page
refuses 1 "a web page was sent" fetch blob
same "a web page does not cost what was there" "$(size_of "$CIFRA_DATA/blob/blob.bin.part")" 1500000
mirrors 503 404
refuses 1 "503" fetch blob
same "nor does a refusal" "$(size_of "$CIFRA_DATA/blob/blob.bin.part")" 1500000
begun blob blob.bin 500000
mirrors wrong
refuses 1 "not the file: its content has SHA-256" fetch blob
same "a wrong end does, and the whole is tried" "$(began)" "bytes=500000- 206 - 200 "
check "then nothing is left" test ! -e "$CIFRA_DATA/blob"
refuses 1 "not the file: its content has SHA-256" fetch blob --data-dir nowhere/deep
check "nor a folder that was made for nothing" test ! -e nowhere
goes_on() { # goes_on REQUESTS KIND...
    local requests=$1
    shift
    fresh
    mirrors "$@"
    check "$*" fetch blob >/dev/null
    there blob
    same "$*: what was asked for" "$(began)" "$requests"
}
goes_on "- 200 bytes=1500000- 206 bytes=1750000- 206 " drops
# The tag of another file than the one begun: the server sends all of its own.
goes_on "- 200 bytes=1000001- 200 " changes
# The next mirror goes on with what the last one gave.
goes_on "- 200 bytes=1000000- 200 bytes=1000000- 200 bytes=1000000- 206 " truncated good
# Nothing but the content tells that the halves are of two files.
goes_on "- 200 bytes=1000001- 206 - 200 " splices
begun blob blob.bin 1000
cp root/blob/blob.bin "$CIFRA_DATA/blob"
fetch blob >/dev/null
there blob

# ---- A full disk, a folder that cannot be ----
fresh
mirrors good
refuses 1 "cannot write $CIFRA_DATA/blob/blob.bin.part: File too large" \
    bash -c 'ulimit -f 500; exec "$@"' _ "$CIFRA" data fetch --mirrors mirrors.yaml blob
check "the bytes there are kept" test "$(size_of "$CIFRA_DATA/blob/blob.bin.part")" -ge 500000
fetch blob >/dev/null
there blob
touch file
refuses 1 "cannot make the folder file" fetch blob --data-dir file
mkdir -p "$CIFRA_DATA/one/$images"
refuses 1 "$images is a folder" fetch one
rmdir "$CIFRA_DATA/one/$images"
ln -s "$work/outside" "$CIFRA_DATA/one/$images.part"
refuses 1 "$images.part: Too many levels of symbolic links" fetch one
check "a link does not lead outside" test ! -e outside

# ---- Mirrors, proxies ----
fresh
mirrors 404
check "--mirror is asked first" fetch one --mirror "$url/good/{set}/" >/dev/null
same "it alone" "$(requests)" 1
fresh
mirrors good
check "when it has nothing, the others are" fetch one --mirror "$url/404/{set}" >/dev/null
same "in this order" "$(cut -d' ' -f1 log | tr '\n' ' ')" "404 good "
fresh
check "a proxy is used" env http_proxy="$url" "$CIFRA" data fetch --mirrors mirrors.yaml --mirror "http://somewhere.test/good/{set}" one >/dev/null
same "it was asked" "$(cut -d' ' -f1 log)" "proxied-good"
there one
if [ ${#certificate[@]} -gt 0 ]; then
    fresh
    mirrors 404
    refuses 1 "certificate" fetch one --mirror "https://127.0.0.1:$(tail -1 port)/good/one"
    same "what nobody vouches for is asked nothing" "$(cut -d' ' -f1 log)" 404
else
    echo "SKIPPED: a certificate that nobody vouches for (no openssl)"
fi
refuses 2 "begins with http:// or https://; found \"ftp://" fetch one --mirror ftp://127.0.0.1/
refuses 2 "begins with http:// or https://" fetch one --mirror file:///etc
refuses 1 "connect to server, from https://ossci-datasets" "$CIFRA" data fetch mnist
for text in "could not be fetched: mnist, svhn" "connect to server, from http://ufldl.stanford.edu/housenumbers/train_32x32.mat" \
    "MD5 e26dedcc434d2e4c54c9b2d4a06d8373 (no SHA-256 is known)" "train_32x32.mat: 182,040,794 bytes" \
    "SHA-256 ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db of the unpacked content" \
    "    https://storage.googleapis.com/cvdf-datasets/mnist/train-images-idx3-ubyte.gz" \
    "mnist by hand: bring these files into $CIFRA_DATA/mnist"; do
    refuses 1 "$text" "$CIFRA" data fetch mnist svhn
done
check "no empty folder is left" test ! -e "$CIFRA_DATA/mnist"
mirrors 404
refuses 1 "from http://127.0.0.1:9/one" fetch one --mirror http://name:secret@127.0.0.1:9/one/ --data-dir secrets
check "a password is not told" test -z "$(grep secret stderr | grep -v secrets)"
refuses 2 "mnist, fashion-mnist, svhn, svhn-extra; did you mean mnist?" "$CIFRA" data fetch mnits
refuses 2 "hand is generated" "$CIFRA" data fetch hand
refuses 2 "the argument is missing; usage: cifra data fetch SET" "$CIFRA" data fetch
"$CIFRA" data fetch mnist fashion-mnist svhn svhn-extra --by-hand >hand.txt
same "--by-hand names all files" "$(grep -c '^  [a-z0-9_-]*[.a-z]*: [0-9,]* bytes' hand.txt)" 11
"$CIFRA" data fetch svhn --by-hand --json >hand.json
check "as JSON too" grep -q '"http://ufldl.stanford.edu/housenumbers/test_32x32.mat"' hand.json
check "--by-hand makes nothing" test ! -e "$CIFRA_DATA/svhn"
fetch one blob --json --data-dir failed >failed.json 2>/dev/null
same "--json exits 1 too" $? 1
check "and tells the faults" grep -q '"404 Not Found, from' failed.json

# ---- libcurl is loaded when it is needed, and only then ----
mkdir broken
echo "no library" >broken/libcurl.so.4
mirrors good
LD_LIBRARY_PATH=broken refuses 1 "libcurl.so.4 cannot be loaded" fetch one --data-dir without
check "nothing else needs it" env LD_LIBRARY_PATH=broken "$CIFRA" data list >/dev/null

# ---- The real set, against the table ----
if [ -d "$real/mnist" ]; then
    fresh
    cp -r "$real/mnist" root/mnist
    check "mnist" "$CIFRA" data fetch mnist --mirror "$url/good/{set}" --quiet >/dev/null
    for file in "$real"/mnist/*.gz; do check "$file" cmp -s "$file" "$CIFRA_DATA/mnist/$(basename "$file")"; done
        "$CIFRA" data info mnist >out.txt
    check "it is found by its name" grep -q "official train 60000, test 10000" out.txt
    refuses 1 "not the file: its content has SHA-256" "$CIFRA" data fetch fashion-mnist --mirror "$url/good/mnist"
else
    echo "SKIPPED: fetching mnist (no mnist in \$CIFRA_DATA)"
fi
finish
