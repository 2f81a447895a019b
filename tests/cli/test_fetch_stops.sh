#!/usr/bin/env bash
# cifra data fetch stopped: by a line that stands still, Ctrl-C, SIGKILL, a full disk; and several at once. It goes on, and ends
# right.
. "$(dirname "$0")/fetching.sh"
part=$CIFRA_DATA/blob/blob.bin.part
fetching=("$CIFRA" data fetch --mirrors mirrors.yaml --quiet) # not the function: a signal is for the program itself

grown_beyond() { # grown_beyond BYTES: waits until the part is larger
    for ((n = 0; n < 1500; n++)); do
        [ "$(size_of "$part")" -gt "$1" ] && return
        sleep 0.01
    done
    bad "the part did not grow beyond $1 bytes"
}
said() { # said TEXT: waits until it stands in err.txt
    for ((n = 0; n < 1500; n++)); do
        grep -qF "$1" err.txt && return
        sleep 0.01
    done
    bad "err.txt never had \"$1\""
}

# ---- A line that stands still, or nearly ----
fresh
mirrors 404
cp mirrors.yaml still.yaml
still=()
for kind in stall drip hang; do
    "$CIFRA" data fetch --mirrors still.yaml blob --mirror "$url/$kind/{set}" --data-dir $kind --stall 3 --tries 1 >/dev/null 2>$kind.txt &
    still+=($!)
done
mirrors hang good
check "one that stands still, then a good one" fetch blob --stall 3 >/dev/null
there blob
for process in "${still[@]}"; do
    wait "$process"
    same "given up" $? 1
done
for kind in stall drip hang; do
    check "$kind: says so" grep -q "too slow. Less than 1000 bytes/sec transferred the last 3 seconds, from $url/$kind/blob" $kind.txt
    check "$kind: nothing has the name" test ! -e $kind/blob/blob.bin
done
same "what came is kept" "$(size_of stall/blob/blob.bin.part)" 2000
mirrors good
fetch blob --data-dir stall >/dev/null
check "and gone on with" cmp -s root/blob/blob.bin stall/blob/blob.bin
same "where it was" "$(tail -1 log)" "good blob.bin bytes=2000- 206"

# ---- Ctrl-C ----
for signal in INT TERM; do
    fresh
    mirrors gated
    "${fetching[@]}" blob >out.txt 2>err.txt &
    process=$!
    grown_beyond 100000
    kill -$signal $process
    wait $process
    same "$signal: exit" $? 1
    check "$signal: says how to go on" grep -q "stopped; what has come is kept. The same command goes on" err.txt
    check "$signal: the part is kept" test "$(size_of "$part")" -gt 100000
    check "$signal: nothing has the name" test ! -e "${part%.part}"
    mirrors good
    fetch blob >/dev/null
    there blob
    same "$signal: it goes on" "$(tail -1 log | cut -d' ' -f4)" 206
done

# ---- SIGKILL, twenty times within one file ----
fresh
mirrors steps
before=0
for ((kills = 0; kills < 20; kills++)); do
    "${fetching[@]}" blob >/dev/null 2>&1 &
    process=$!
    grown_beyond "$before"
    kill -9 $process
    wait $process 2>/dev/null
    now=$(size_of "$part")
    [ "$now" -gt "$before" ] || bad "kill $kills: the part went from $before to $now bytes"
    check "kill $kills: nothing has the name" test ! -e "${part%.part}"
    before=$now
done
mirrors good
fetch blob >/dev/null
there blob
same "each goes on where the last one was killed" "$(grep -c ' 206$' log)" 20

# ---- SIGKILL at any moment of four files ----
fresh
for ((kills = 0; kills < 20; kills++)); do
    "${fetching[@]}" lab >/dev/null 2>&1 &
    process=$!
    sleep "0.0$((10 + 3 * kills))"
    kill -9 $process 2>/dev/null
    wait $process 2>/dev/null
    clean lab
    [ $((kills % 5)) = 4 ] && rm -rf "$CIFRA_DATA/lab"
done
fetch lab >/dev/null
there lab
same "nothing but the files and their records" "$(find "$CIFRA_DATA/lab" -type f ! -name '*.verified' | wc -l)" 4
same "a record each" "$(find "$CIFRA_DATA/lab" -name '*.verified' | wc -l)" 4

# ---- A disk that is full, which then gets larger ----
fresh
mkdir disk
on_disk=disk/blob/blob.bin
if mount -t tmpfs -o size=1m tmpfs disk 2>/dev/null; then
    mirrors nolength # nobody can tell before the first byte that it will not do
    refuses 1 "cannot write $on_disk.part: No space left on device" fetch blob --data-dir disk
    kept=$(size_of $on_disk.part)
    check "what fitted is kept" test "$kept" -gt 900000
    check "it is the file's beginning" cmp -s -n "$kept" root/blob/blob.bin $on_disk.part
    check "it is told" grep -qF "the $kept bytes there are kept" stderr
    check "and what to do" grep -qF "make room and the same command goes on" stderr
    check "a full disk: nothing has the name" test ! -e $on_disk
    mirrors good # one that tells its size: no byte is asked for in vain
    refuses 1 "$((2000000 - kept)) more bytes are to come, the disk has room for" fetch blob --data-dir disk
    check "nothing is lost of it" cmp -s -n "$kept" root/blob/blob.bin $on_disk.part
    same "nothing is added" "$(size_of $on_disk.part)" "$kept"
    mount -o remount,size=2002944 disk # the file's pages and no more: the record of its verification finds no room
    check "room was made" fetch blob --data-dir disk >/dev/null
    same "it goes on where it was" "$(tail -1 log)" "good blob.bin bytes=$kept- 206"
    check "and ends right" cmp -s root/blob/blob.bin $on_disk
    same "with nothing beside it" "$(ls disk/blob)" blob.bin
    check "there is nothing to do" fetch blob --data-dir disk >/dev/null
    same "and nothing is asked for" "$(requests)" 3
    umount disk
    mount -t tmpfs -o size=1m tmpfs disk
    refuses 1 "2000000 more bytes are to come, the disk has room for" fetch blob --data-dir disk
    same "where nothing came, nothing is left" "$(find disk -mindepth 1 | wc -l)" 0
    umount disk
else
    echo "SKIPPED: fetching onto a full disk (this user may not mount one)"
fi

# ---- Several at once ----
fresh
mirrors gated
"${fetching[@]}" blob >first.txt &
first=$!
grown_beyond 0
"$CIFRA" data fetch --mirrors mirrors.yaml blob >second.txt 2>err.txt &
second=$!
said "another process is fetching $CIFRA_DATA/blob/blob.bin; waiting"
touch gate
wait $first
same "the first ends well" $? 0
wait $second
same "so does the second" $? 0
rm gate
there blob
same "only one has asked" "$(requests)" 1
check "it has fetched" grep -q "2,000,000 bytes from" first.txt
check "the other has found it there" grep -q "there already, verified" second.txt
fresh
"${fetching[@]}" blob >/dev/null 2>&1 &
first=$!
grown_beyond 100000
mirrors good
"$CIFRA" data fetch --mirrors mirrors.yaml blob >second.txt 2>err.txt &
second=$!
said "another process is fetching"
kill -9 $first
wait $first 2>/dev/null
wait $second
same "the first is killed: the second goes on" $? 0
there blob
same "where it was" "$(tail -1 log | cut -d' ' -f4)" 206
fresh
mirrors good
processes=()
for n in 1 2 3 4 5 6; do
    "${fetching[@]}" lab one >several-$n.txt &
    processes+=($!)
done
for process in "${processes[@]}"; do check "six at once" wait "$process"; done
there lab
there one
same "five files, five requests" "$(requests)" 5
fresh
mirrors gated
"${fetching[@]}" blob >/dev/null 2>&1 &
first=$!
grown_beyond 0
"$CIFRA" data fetch --mirrors mirrors.yaml blob >/dev/null 2>err.txt &
second=$!
said "another process is fetching"
kill -INT $second
wait $second
same "Ctrl-C while waiting" $? 1
kill -INT $first
wait $first 2>/dev/null

# ---- A terminal ----
if terminal "progress on a terminal"; then
    fresh
    mirrors slow
    script -qec "'$CIFRA' data fetch --mirrors mirrors.yaml blob" terminal.txt >/dev/null </dev/null
    check "progress on a terminal" grep -q 'blob/blob.bin  *[0-9]* %  [0-9.]* of 2.00 MB  [0-9.]* MB/s' terminal.txt
    there blob
    rm "$CIFRA_DATA/blob/blob.bin"
    "$CIFRA" data fetch --mirrors mirrors.yaml blob >/dev/null 2>err.txt
    check "none where there is none" test ! -s err.txt
fi
finish
