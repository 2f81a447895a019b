#!/usr/bin/env bash
# ranks.sh CIFRA [KILLS [SEED]]: the same bits on any number of ranks and threads, over TCP: weights of three networks in both precisions,
# after KILLS (20) SIGKILLs of ranks drawn at random, each gone on with by a number of ranks drawn at random, a tune's table, and
# UMAP's points.
CIFRA=$(realpath "${1:?the program}") total=${2:-20} seed=${3:-1} MAKE_SET=none
cli=$(cd "$(dirname "$0")/../cli" && pwd)
. "$cli/checks.sh"
. "$cli/ranks.sh"
MAKE_POINTS=${MAKE_POINTS:-$(dirname "$CIFRA")/tests/make_points}
ranks_or_skip
RANDOM=$seed

# ---- Weights ----
for model in paper resnet8 vit-tiny; do
    for precision in f32 bf16; do
        train=("$CIFRA" train --data hand -n 500 --model $model --precision $precision --batch 256 --epochs 1 --augment "shift 2"
            --figures none --json)
        rm -rf alone
        "${train[@]}" --threads 2 --out alone >/dev/null 2>err || bad "$model $precision: one process"
        if [ $precision = bf16 ] && grep -q "no instructions for bf16" err; then
            echo "SKIPPED: ranks: $model bf16 ($(head -1 err))"
            continue
        fi
        for ranks in 2 3 4 8; do
            for threads in 1 2; do
                rm -rf spread
                on_ranks $ranks "${train[@]}" --threads $threads --out spread >/dev/null 2>err || bad "$(cat err)"
                same "$model $precision, $ranks ranks of $threads threads" "$(sha_of spread)" "$(sha_of alone)"
            done
        done
        echo "ranks: $model $precision: $failed failed so far, after $SECONDS s"
    done
done

# ---- Kills ----
# Long enough that most are killed before their end, which no kill keeps away: the last start is left alone.
train=("$CIFRA" train --data hand -n 500 --model paper --epochs 40 --patience 0 --batch 96 --optimizer adam --schedule one-cycle --figures none
    --quiet --threads 1)
rm -rf alone killed
"${train[@]}" --out alone >/dev/null || bad "the undisturbed training"
kills=0 ends=0
while [ $kills -lt "$total" ]; do
    ranks=$((2 + RANDOM % 3))
    on_ranks $ranks "${train[@]}" --out "$work/killed" --resume >/dev/null 2>err &
    job=$!
    sleep "$((1 + RANDOM % 3)).$((RANDOM % 10))"
    kill_rank $((RANDOM % ranks)) "$work/killed" && kills=$((kills + 1))
    wait $job && {
        ends=$((ends + 1))
        same "weights after $kills kills" "$(sha_of killed)" "$(sha_of alone)"
        rm -rf killed
    }
done
on_ranks 3 "${train[@]}" --out killed --resume >/dev/null 2>err || bad "after $kills kills: $(cat err)"
same "weights after $kills kills" "$(sha_of killed)" "$(sha_of alone)"
same "history after $kills kills" "$(cut -d, -f1-6 killed/history.csv)" "$(cut -d, -f1-6 alone/history.csv)"
echo "ranks: $kills kills, $((ends + 1)) trainings came to their end, $failed failed so far, after $SECONDS s"

# ---- A tune, UMAP ----
cat >space.yaml <<'YAML'
model: dense {width} | relu | dense classes
parameters:
  - {name: lr, log: [0.001, 1]}
  - {name: width, integer: [8, 32]}
YAML
tune=("$CIFRA" tune --data hand -n 400 --grid space.yaml --sampler tpe --pruner asha --trials 12 --startup 4 --epochs 6 --figures none --quiet)
"${tune[@]}" --out tune1 >/dev/null || bad "a tune of one process"
for ranks in 2 3 5; do
    on_ranks $ranks "${tune[@]}" --out tune$ranks >/dev/null 2>err || bad "$(cat err)"
    same "a tune's table, $ranks ranks" "$(cut -d, -f1-10,12- tune$ranks/trials.csv)" "$(cut -d, -f1-10,12- tune1/trials.csv)"
done
"$MAKE_POINTS" groups 9000 30 points.npy labels.npy
umap() { "$@" "$CIFRA" umap --features points.npy --epochs 20 --figures none --json 2>/dev/null | grep points_sha256; }
points=$(umap env)
for ranks in 2 4; do same "UMAP's points, $ranks ranks" "$(umap on_ranks $ranks)" "$points"; done
finish
