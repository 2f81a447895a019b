#!/usr/bin/env bash
# kill_train.sh CIFRA [COUNT [SEED]]: COUNT (1000) SIGKILLs over short trainings. Every one that comes to its end must have the
# weights, the history and the files of one that nothing disturbed.
CIFRA=$(realpath "${1:?the program}") count=${2:-1000} seed=${3:-1} MAKE_SET=none
[ -w /dev/shm ] && export TMPDIR=/dev/shm
cli=$(cd "$(dirname "$0")/../cli" && pwd)
. "$cli/checks.sh"
. "$cli/kills.sh"
train=("$CIFRA" train --data hand -n 300 --model "conv 4 3x3 | bn | relu | maxpool 4 | dropout 0.2 | dense 16 | relu | dense classes"
    --epochs 12 --patience 0 --batch 32 --optimizer adam --schedule one-cycle --figures none --quiet)
begin=$(now_ms)
"${train[@]}" --out whole >/dev/null || bad "the undisturbed training"
life=$((($(now_ms) - begin) / 2 + 50))
sha=$(sha_of whole) history=$(cut -d, -f1-6 whole/history.csv) names=$(list whole)
look() {
    same "weights after $kills kills" "$(sha_of killed)" "$sha"
    same "history after $kills kills" "$(cut -d, -f1-6 killed/history.csv)" "$history"
    same "files after $kills kills" "$(list killed)" "$names"
    [ "$failed" = 0 ]
}
die_often "$count" killed look "${train[@]}" --out killed --resume
echo "kill_train: $kills kills, $ends trainings came to their end, all as the undisturbed one: $([ "$failed" = 0 ] && echo yes || echo NO);" \
    "at most $most names in the folder, $(list whole | wc -l) in the undisturbed one"
finish >/dev/null
