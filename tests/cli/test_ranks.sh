#!/usr/bin/env bash
# Several ranks by mpirun: the bits of one process, faults that end in a message, and what is refused.
. "$(dirname "$0")/checks.sh"
. "$(dirname "$0")/ranks.sh"
: "${MAKE_POINTS:?the tool that writes points}"
ranks_or_skip

train=("$CIFRA" train --data hand -n 400 --model "conv 8 3x3 | bn | relu | maxpool 2 | dropout 0.2 | dense 48 | relu | dense classes"
    --patience 0 --batch 96 --optimizer adam --augment "shift 2 | mixup 0.2" --figures none --quiet)
check "one process" "${train[@]}" --epochs 2 --threads 1 --out one >/dev/null
sha=$(sha_of one) history=$(cut -d, -f1-6 one/history.csv)
check "two ranks" on_ranks 2 "${train[@]}" --epochs 2 --threads 1 --out two >two.out
same "weights of two ranks" "$(sha_of two)" "$sha"
same "history of two ranks" "$(cut -d, -f1-6 two/history.csv)" "$history"
same "files of two ranks" "$(cd two && find . | sort)" "$(cd one && find . | sort)"
# Three parts of 32 images: the fourth rank has nothing to do.
check "four ranks, of which one is idle" on_ranks 4 "${train[@]}" --epochs 2 --threads 1 --out four >four.out
same "weights of four ranks" "$(sha_of four)" "$sha"

# The set is there once for the ranks of a machine: the second one finds it nowhere else.
check "a set" "$CIFRA" data make hand -n 200 --out sets/mine >/dev/null
cat >first_sees.sh <<'END'
[ "$OMPI_COMM_WORLD_RANK" = 0 ] && export CIFRA_DATA=sets
exec "$@"
END
mine=("$CIFRA" train --data mine --model "dense 8 | relu | dense classes" --epochs 1 --batch 64 --figures none --quiet)
check "a set that one rank reads" on_ranks 2 bash first_sees.sh "${mine[@]}" --threads 1 --out mine >/dev/null
check "its training alone" env CIFRA_DATA=sets "${mine[@]}" --out mine1 >/dev/null
same "weights by a set that one rank reads" "$(sha_of mine)" "$(sha_of mine1)"
refuses 1 "rank 1, on " on_ranks 2 env OMPI_COMM_WORLD_LOCAL_SIZE=1 bash first_sees.sh "${mine[@]}" --threads 1 --out mine2

# What a rank sends against what no tree of sums can do without.
figure() { sed -n "s/^ *\"$1\": \([0-9.]*\),*$/\1/p" "$2"; }
bench=("$CIFRA" bench ranks --model "conv 8 3x3 | bn | relu | maxpool 2 | dense 96 | relu | dense classes" --threads 1 --batch 256 --steps 5 --json)
for ranks in 2 3; do
    check "a bench of $ranks ranks" on_ranks $ranks "${bench[@]}" >bench.json
    check "$(figure bytes bench.json) bytes of $ranks ranks, of $(figure least_bytes bench.json) at least" \
        awk -v b="$(figure bytes bench.json)" -v l="$(figure least_bytes bench.json)" 'BEGIN {exit !(l > 6e5 && b >= l && b <= 1.1 * l)}'
done

# Ranks that are bound to a processor each, as mpirun does with two unless it is told otherwise.
loud=("${train[@]:0:${#train[@]}-1}") # without --quiet
if [ "$(nproc)" -ge 2 ]; then
    BIND=hwthread on_ranks 2 "${bench[@]}" >bench.json
    same "processors of a bound rank" "$(figure processors bench.json)" 1
    check "one process is not bound" test "$(figure one_process_processors bench.json)" -ge 2
    BIND=hwthread on_ranks 2 "${loud[@]}" --epochs 1 --threads 2 --out bound >/dev/null 2>bound.err
    same "told of threads without a processor" "$(grep -c "has 2 threads for the 1 processor that it may use.*--bind-to none" bound.err)" 1
    BIND=hwthread on_ranks 2 env OMPI_COMM_WORLD_LOCAL_SIZE=1 "${loud[@]}" --epochs 1 --out idle >/dev/null 2>idle.err
    same "told of processors without work" "$(grep -c "binds this rank to 1 of the machine's .*--bind-to none" idle.err)" 1
    on_ranks 2 "${loud[@]}" --epochs 1 --threads 2 --out free >/dev/null 2>free.err
    same "nothing told where nothing is bound" "$(grep -c "bind-to" free.err)" 0
else
    echo "SKIPPED: ranks that are bound (there is one processor)"
fi

# The same trials, whoever trains them.
cat >space.yaml <<'YAML'
model: dense {width} | relu | dense classes
parameters:
  - {name: lr, log: [0.001, 1]}
  - {name: width, integer: [8, 32]}
YAML
tune=("$CIFRA" tune --data hand -n 400 --grid space.yaml --sampler tpe --trials 6 --startup 3 --epochs 3 --figures none --quiet)
check "a tune of one process" "${tune[@]}" --out tune1 >/dev/null
check "a tune of three ranks" on_ranks 3 "${tune[@]}" --out tune3 >/dev/null
columns() { cut -d, -f1-10,12- "$1/trials.csv"; } # all but seconds
same "trials of three ranks" "$(columns tune3)" "$(columns tune1)"
check "a tune of a set that one rank reads" on_ranks 2 bash first_sees.sh "$CIFRA" tune --data mine --grid space.yaml --sampler random \
    --trials 3 --epochs 1 --figures none --quiet --out tune2 >/dev/null

# The neighbours of many points are looked for by all ranks.
"$MAKE_POINTS" groups 5000 12 points.npy labels.npy
umap() { "$@" "$CIFRA" umap --features points.npy --epochs 5 --figures none --json 2>/dev/null | grep points_sha256; }
same "points of three ranks" "$(umap on_ranks 3)" "$(umap env)"

# A rank is killed in the midst; three go on with what two have left, and end as if nothing had been.
long=("${train[@]}" --epochs 60)
on_ranks 2 "${long[@]}" --threads 1 --out "$work/killed" >/dev/null 2>killed.err &
job=$!
for _ in $(seq 600); do
    [ -e killed/checkpoint.safetensors ] && break
    sleep 0.1
done
check "a rank to kill" kill_rank 1 "$work/killed"
wait $job
check "a lost rank is a failure" test $? != 0
check "a lost rank is told" grep -q "cifra: a rank, or its machine, was lost" killed.err
check "the checkpoint stays" test -e killed/checkpoint.safetensors

check "going on with three ranks" on_ranks 3 "${long[@]}" --threads 1 --out killed --resume >/dev/null
check "undisturbed" "${long[@]}" --threads 1 --out whole >/dev/null
same "weights after a kill, going on with another number of ranks" "$(sha_of killed)" "$(sha_of whole)"

# Of a tune a worker is killed in its first trial: the same command has that go on from where it was.
slow=("$CIFRA" tune --data hand -n 400 --grid space.yaml --sampler random --trials 5 --epochs 150 --patience 0 --figures none --quiet)
on_ranks 3 "${slow[@]}" --out "$work/lost" >/dev/null 2>lost.err &
job=$!
for _ in $(seq 600); do
    [ "$(find lost -name checkpoint.safetensors 2>/dev/null | wc -l)" -ge 2 ] && break
    sleep 0.1
done
check "a worker to kill" kill_rank 1 "$work/lost"
wait $job
check "a lost worker is a failure" test $? != 0
check "a lost worker is told" grep -q "cifra: a rank, or its machine, was lost" lost.err
check "trials are left" test ! -e lost/trials.csv
check "going on with two ranks" on_ranks 2 "${slow[@]}" --out "$work/lost" >/dev/null
check "an undisturbed tune" "${slow[@]}" --out lost1 >/dev/null
same "trials after a kill" "$(columns lost)" "$(columns lost1)"
# With it the others would wait for a lost one for ever.
RECOVERY=1 on_ranks 2 "${train[@]}" --epochs 1 --out recovery >/dev/null 2>recovery.err
check "refused to wait for ever" grep -q "cifra: .*start it without --enable-recovery" recovery.err
check "nothing was begun with --enable-recovery" test ! -e recovery

refuses 2 "works in one process; start it without mpirun" on_ranks 2 "$CIFRA" models
# CIFRA_ISA of the one rank is another than that of the other.
cat >other_isa.sh <<'END'
[ "$OMPI_COMM_WORLD_RANK" = 0 ] && export CIFRA_ISA=avx2 || export CIFRA_ISA=baseline
exec "$@"
END
refuses 2 'has "engine' on_ranks 2 bash other_isa.sh "${train[@]}" --epochs 2 --out isa
check "nothing was begun where ranks differ" test ! -e isa
finish
