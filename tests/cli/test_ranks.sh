#!/usr/bin/env bash
# Several ranks by mpirun: the bits of one process, faults that end in a message, and what is refused.
. "$(dirname "$0")/checks.sh"
. "$(dirname "$0")/ranks.sh"
ranks_or_skip

train=("$CIFRA" train --data hand -n 400 --model "conv 8 3x3 | bn | relu | maxpool 2 | dropout 0.2 | dense 48 | relu | dense classes"
    --epochs 2 --patience 0 --batch 96 --optimizer adam --augment "shift 2 | mixup 0.2" --figures none --quiet)
check "one process" "${train[@]}" --threads 1 --out one
sha=$(sha_of one) history=$(cut -d, -f1-6 one/history.csv)
check "two ranks" on_ranks 2 "${train[@]}" --threads 1 --out two
same "weights of two ranks" "$(sha_of two)" "$sha"
same "history of two ranks" "$(cut -d, -f1-6 two/history.csv)" "$history"
same "files of two ranks" "$(cd two && find . | sort)" "$(cd one && find . | sort)"
# Three parts of 32 images: the fourth rank has nothing to do.
check "four ranks, of which one is idle" on_ranks 4 "${train[@]}" --threads 1 --out four
same "weights of four ranks" "$(sha_of four)" "$sha"

# A rank is killed in the midst; what is left goes on in one process, and ends as if nothing had been.
long=("${train[@]}" --epochs 400)
on_ranks 2 "${long[@]}" --threads 1 --out killed >/dev/null 2>killed.err &
job=$!
for _ in $(seq 600); do
    [ -e killed/checkpoint.safetensors ] && break
    sleep 0.1
done
victim=$(pgrep -f -- "--out killed" | while read -r p; do
    grep -qz OMPI_COMM_WORLD_RANK=1 "/proc/$p/environ" 2>/dev/null && echo "$p"
done)
check "a rank to kill" test -n "$victim"
[ -n "$victim" ] && kill -9 "$victim"
wait $job
check "a lost rank is a failure" test $? != 0
check "a lost rank is told" grep -q "cifra: a rank, or its machine, was lost" killed.err
check "the checkpoint stays" test -e killed/checkpoint.safetensors

refuses 2 "works in one process; start it without mpirun" on_ranks 2 "$CIFRA" models
refuses 1 "has \"engine" on_ranks 2 bash -c 'exec env ${OMPI_COMM_WORLD_RANK:+CIFRA_ISA=$([ $OMPI_COMM_WORLD_RANK = 0 ] && echo avx2 || echo baseline)} "$@"' \
    bash "${train[@]}" --out isa
check "nothing was begun where ranks differ" test ! -e isa
finish
