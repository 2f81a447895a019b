# What the scripts on `cifra data fetch` share: a web server on 127.0.0.1, sets to fetch from it, and nothing else in reach.
# Read it first: . "$(dirname "$0")/fetching.sh"
command -v python3 >/dev/null || { echo "SKIPPED: fetching (no python3 to serve the files)"; exit 0; }
. "$(dirname "$0")/checks.sh"
# Whatever is not asked on this machine meets a closed door.
export http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 all_proxy=http://127.0.0.1:9 no_proxy=127.0.0.1
real=${CIFRA_DATA:-/nonexistent}
export CIFRA_DATA=$work/data XDG_CACHE_HOME=$work/nothing

mkdir root
"$CIFRA" data make hand -n 300 --test 60 --seed 5 --out root/lab >/dev/null
mkdir root/one root/blob
cp root/lab/train-images-idx3-ubyte.gz root/one
# Two megabytes that do not pack.
python3 -c 'import random, sys; sys.stdout.buffer.write(random.Random(7).randbytes(2000000))' >root/blob/blob.bin
touch log

certificate=()
if openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out certificate.pem -days 2 \
    -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 >/dev/null 2>&1; then
    cat key.pem >>certificate.pem
    certificate=(certificate.pem)
fi
python3 "$(dirname "$0")/fetch_server.py" root port log "${certificate[@]}" >server.txt 2>&1 &
server=$!
trap 'kill $server 2>/dev/null; rm -rf "$work"' EXIT
for ((i = 0; i < 200; i++)); do
    [ -s port ] && break
    sleep 0.05
done
[ -s port ] || { echo "the server did not start: $(cat server.txt)"; exit 1; }
url=http://127.0.0.1:$(head -1 port)

content() { gzip -cdf "$1"; } # unpacked or as it is
describe_file() {
    printf '      - {name: %s, size: %d, sha256: %s}\n' "$(basename "$1")" "$(content "$1" | wc -c)" \
        "$(content "$1" | sha256sum | cut -d' ' -f1)"
}
for set in lab one blob; do
    for file in root/$set/*; do describe_file "$file"; done >$set.files
done
# mirrors KIND...: mirrors.yaml with the three sets, asked for in these manners, one after the other.
mirrors() {
    local set kind list=
    for kind; do list="$list${list:+, }\"$url/$kind/{set}/\""; done
    {
        echo "only: true"
        echo "sets:"
        for set in lab one blob; do
            printf '  - name: %s\n    mirrors: [%s]\n    files:\n%s\n' "$set" "$list" "$(<$set.files)"
        done
    } >mirrors.yaml
}
fetch() { "$CIFRA" data fetch --mirrors mirrors.yaml --quiet "$@"; }
# clean SET: what stands under a final name in its folder is right.
clean() {
    local file name
    for file in "$CIFRA_DATA/$1"/*; do
        name=$(basename "$file")
        case $name in
        \* | *.part | *.verified) continue ;;
        esac
        [ -e "root/$1/$name" ] || name=$name.gz
        if ! cmp -s <(content "$file") <(content "root/$1/$name"); then
            bad "$file is not what it should be"
            return
        fi
    done
    ok
}
# there SET: all of it, and nothing under way.
there() {
    local file
    clean "$1"
    for file in root/"$1"/*; do
        [ -e "$CIFRA_DATA/$1/$(basename "$file")" ] || [ -e "$CIFRA_DATA/$1/$(basename "$file" .gz)" ] || bad "$1: no $(basename "$file")"
    done
    check "$1: nothing is left under way" test -z "$(find "$CIFRA_DATA/$1" -name '*.part')"
}
# Nothing of before is left: what a script waits for in err.txt must be of the process at hand.
fresh() { rm -rf "$CIFRA_DATA" && mkdir "$CIFRA_DATA" && : >log && : >err.txt; }
requests() { grep -c . log; }
size_of() { stat -c %s "$1" 2>/dev/null || echo 0; }
