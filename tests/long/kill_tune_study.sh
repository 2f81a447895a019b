#!/usr/bin/env bash
# kill_tune_study.sh CIFRA [COUNT [SEED]]: COUNT (100) SIGKILLs, half of them over tunes, half over studies. What comes to its end
# must have the trials, the results and the files of what nothing disturbed.
CIFRA=$(realpath "${1:?the program}") count=${2:-100} seed=${3:-1} MAKE_SET=none
[ -w /dev/shm ] && export TMPDIR=/dev/shm
cli=$(cd "$(dirname "$0")/../cli" && pwd)
. "$cli/checks.sh"
. "$cli/kills.sh"
. "$cli/tiny_study.sh"
# Everything but seconds and the folder's name.
trials() { "$CIFRA" "${tune[@]}" --out "$1" --json --quiet | grep -v '"seconds"\|"tune"\|"report"\|/figures/'; }
results() { grep -v '"seconds"' "$1/study.json"; }

tune=(tune --data hand -n 600 --grid grid.yaml --epochs 6 --patience 0 --pruner asha --seeds 2 --leading 1)
begin=$(now_ms)
"$CIFRA" "${tune[@]}" --out whole --quiet >/dev/null || bad "the undisturbed tune"
life=$((($(now_ms) - begin) / 2 + 50))
wanted=$(trials whole) names=$(list whole)
look_at_tune() {
    same "trials after $kills kills" "$(trials killed)" "$wanted"
    same "files after $kills kills" "$(list killed)" "$names"
    [ "$failed" = 0 ]
}
die_often $((count / 2)) killed look_at_tune "$CIFRA" "${tune[@]}" --out killed --quiet
said="$kills kills over tunes ($ends came to their end, at most $most names, $(list whole | wc -l) undisturbed)"

begin=$(now_ms)
"$CIFRA" study tiny.yaml --out whole-study --quiet >/dev/null || bad "the undisturbed study"
life=$((($(now_ms) - begin) / 3 + 50))
wanted=$(results whole-study) names=$(list whole-study) claims=$(cut -d, -f1-12 whole-study/claims.csv)
look_at_study() {
    same "results after $kills kills" "$(results killed-study)" "$wanted"
    same "claims after $kills kills" "$(cut -d, -f1-12 killed-study/claims.csv)" "$claims"
    same "files after $kills kills" "$(list killed-study)" "$names"
    [ "$failed" = 0 ]
}
die_often $((count - count / 2)) killed-study look_at_study "$CIFRA" study tiny.yaml --out killed-study --quiet
echo "kill_tune_study: $said, $kills over studies ($ends, at most $most names, $(list whole-study | wc -l) undisturbed);" \
    "all as the undisturbed one: $([ "$failed" = 0 ] && echo yes || echo NO)"
finish >/dev/null
