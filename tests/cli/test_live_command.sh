#!/usr/bin/env bash
# cifra train --live: its address, what it is told of a run and of a group, how it ends, and what it refuses. Who gets the page, and
# that its numbers are the training's, is in tests/study/test_live.c; the page in a browser in test_live_browser.sh.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/checks.sh"
if "$CIFRA" --version | grep -q "without libmicrohttpd"; then
    refuses 2 "libmicrohttpd-dev" "$CIFRA" train --data hand -n 300 --epochs 1 --live --out none
    check "and nothing was made" test ! -e none
    echo "SKIPPED: --live (cifra was built without libmicrohttpd: apt-get install libmicrohttpd-dev, and build it again)"
    finish
    exit
fi
client() { python3 "$here/live_client.py" "$@"; }
url() { # url FILE: the address, once it is there
    for _ in $(seq 600); do
        grep -q '^live  *http' "$1" 2>/dev/null && break
        sleep 0.05
    done
    sed -n 's/^live  *//p' "$1"
}
train=("$CIFRA" train --data hand:n=300,test=60 --model "conv 4 3x3 | relu | maxpool 4 | dense classes" --batch 32 --patience 0
    --figures none)

# ---- A run ----
"${train[@]}" --epochs 150 --out watched --live --json >watched.json 2>watched.err &
pid=$!
address=$(url watched.err)
check "an address on loopback with a token" grep -qE '^http://127\.0\.0\.1:[0-9]+/\?token=[0-9a-f]{32}$' <<<"$address"
port=$(sed 's/.*:\([0-9]*\).*/\1/' <<<"$address")
same "the page is there" "$(client code "$address")" 200
same "without the token it is not" "$(client code "${address%\?*}")" 403
# While it holds its port, another cannot have it: told before anything is made.
refuses 1 "cannot listen on port $port of 127.0.0.1: Address already in use" "${train[@]}" --epochs 1 --out second --live --port "$port"
check "nothing was made" test ! -e second
mkdir got
client follow "$address" got >followed || bad "nobody follows"
wait $pid || bad "the training: $(cat watched.err)"
check "the history grew: $(grep '^rows' followed)" test "$(sed -n 's/^rows//p' followed | wc -w)" -ge 5
same "the end is told" "$(sed -n 's/^end //p' followed)" "{\"report\": \"$work/watched/report.html\"}"
check "and the report is given" cmp -s got/report.html watched/report.html
same "nobody listens afterwards" "$(client code "$address")" none
check "stdout is one JSON document" python3 -c 'import json, sys; json.load(open("watched.json"))'
# All weights, as floats: what the layers' table says.
same "weights" "$(stat -c %s got/weights)" $((4 * (4 * 9 + 4 + 4 * 7 * 7 * 10 + 10)))
"${train[@]}" --epochs 150 --out alone >/dev/null 2>&1
same "the weights of a training without a page" "$(sha_of watched)" "$(sha_of alone)"
check "and its configuration" cmp -s watched/config.json alone/config.json

# ---- Ctrl-C ----
"${train[@]}" --epochs 100000 --out stopped --live --quiet >out.txt 2>stopped.err &
pid=$!
address=$(url stopped.err)
same "--quiet keeps the address" "$(wc -l <stopped.err)" 1
rm got/weights
client follow "$address" got >followed &
follower=$!
for _ in $(seq 600); do [ -s got/weights ] && break; sleep 0.05; done
kill -INT $pid
wait $pid
same "stopped" $? 1
wait $follower || bad "the page does not learn of Ctrl-C"
check "the page is told how to go on: $(grep '^end' followed)" grep -q 'cifra train --resume --out stopped' followed
same "nobody listens afterwards" "$(client code "$address")" none

# ---- A group ----
"${train[@]}" --epochs 60 --seeds 2 --out group --live >out.txt 2>group.err &
pid=$!
address=$(url group.err)
client follow "$address" got >followed || bad "nobody follows the group"
wait $pid || bad "the group: $(tail -3 group.err)"
same "one address for all runs" "$(grep -c '^live ' group.err)" 1
same "the runs are told" "$(sed -n 's/^places //p' followed)" "seed 1, 1 of 2 | seed 2, 2 of 2"
check "the group's report is given" cmp -s got/report.html group/report.html

# ---- Wrong use ----
refuses 2 "--port goes with --live" "${train[@]}" --epochs 1 --port 8080 --out none
refuses 2 "65535" "${train[@]}" --epochs 1 --live --port 65536 --out none
refuses 2 "nowhere" "$CIFRA" train --data nowhere --live --out none
check "nothing was made" test ! -e none
finish
