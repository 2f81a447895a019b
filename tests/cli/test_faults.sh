#!/usr/bin/env bash
# What goes wrong around the program: full disks, folders that cannot be written, a folder used twice, damaged files, clocks that
# jump, too little memory, streams that are closed, a locale with decimal commas. Each is told with exit 1 and without a crash, and
# what was there is kept. Kills are in test_train.sh, test_tune.sh and test_study.sh, and by the thousand in tests/long.
[ -w /dev/shm ] && export TMPDIR=/dev/shm
. "$(dirname "$0")/checks.sh"
export XDG_CACHE_HOME=$work/nothing
train=("$CIFRA" train --data hand -n 500 --model "conv 4 3x3 | relu | maxpool 4 | dense 16 | relu | dense classes" --patience 0
    --figures none --quiet)
limit() { # limit OPTION VALUE COMMAND...: under a limit of the shell's
    bash -c 'ulimit "$0" "$1" && shift && exec "$@"' "$@"
}
cat >space.yaml <<'YAML'
model: dense {width} | relu | dense classes
parameters:
  - {name: width, values: [8, 16]}
YAML
cat >study.yaml <<'YAML'
data: ["hand:n=300,test=60"]
model: dense 16 | relu | dense classes
grid: none
train: {epochs: 1}
features: null
imbalance: null
YAML
tune=("$CIFRA" tune --data hand -n 300 --grid space.yaml --epochs 1 --figures none)
study=("$CIFRA" study study.yaml --figures none)
"${train[@]}" --epochs 4 --out run >/dev/null || bad "the run that is undisturbed"
sha=$(sha_of run)
contents() { (cd "$1" && find . -type f -exec sha256sum {} + | sort); }
was=$(contents run)

# A disk that is full, as a limit on files' size: nothing is said to be done, and drafts do not stay.
refuses 1 "cannot write" limit -f 1 "${train[@]}" --epochs 1 --out full
refuses 1 "" limit -f 1 "${tune[@]}" --out full-tune --quiet
refuses 1 "cannot write" limit -f 1 "${study[@]}" --out full-study --quiet
refuses 1 "cannot write" limit -f 1 "$CIFRA" eval run --figures svg --quiet
refuses 1 "cannot write" limit -f 1 "$CIFRA" report run --figures none --quiet
refuses 1 "cannot write" limit -f 1 "$CIFRA" umap run --quiet --out full-umap
refuses 1 "cannot write" limit -f 1 "$CIFRA" data make hand -n 100 --out full-data
same "drafts left on a full disk" "$(find . -name '*.part' | wc -l)" 0
rm -rf run/figures
same "the run that others failed on" "$(contents run)" "$was"
refuses 1 "No space left" bash -c '"$@" >/dev/full' _ "$CIFRA" data info hand:n=100
refuses 1 "No space left" bash -c '"$@" --json >/dev/full' _ "$CIFRA" data info hand:n=100
# What was cut off goes on when there is room again.
"${train[@]}" --epochs 4 --out full --resume >/dev/null || bad "the training goes on"
same "weights after a full disk" "$(sha_of full)" "$sha"
"${tune[@]}" --out full-tune --quiet >/dev/null || bad "the tune goes on"
"${study[@]}" --out full-study --quiet >/dev/null || bad "the study goes on"

# A small disk of its own, and one that cannot be written to.
mkdir disk
if mount -t tmpfs -o size=64k tmpfs disk 2>/dev/null; then
    for command in train tune study; do
        declare -n words=$command
        refuses 1 "" "${words[@]}" --out "disk/$command"
        rm -rf disk/*
    done
    refuses 1 "No space left" "$CIFRA" data make hand -n 1000 --out disk/data
    refuses 1 "No space left" "$CIFRA" umap run --figures png --out disk/umap --quiet
    umount disk
    mount -t tmpfs -o size=8m tmpfs disk && cp -r run disk/run && mount -o remount,ro disk
    check "eval of a run that cannot be written to" "$CIFRA" eval disk/run --figures none --quiet >/dev/null
    for command in "eval disk/run" "report disk/run" "umap disk/run" "train --resume --out disk/run" \
        "data make hand -n 10 --out disk/data" "tune --data hand -n 300 --grid space.yaml --out disk/tune" \
        "study study.yaml --out disk/study"; do
        # shellcheck disable=SC2086 # words
        refuses 1 "Read-only file system" "$CIFRA" $command --quiet
    done
    umount disk
else
    echo "SKIPPED: disks that are full or read-only (this user may not mount one)"
fi

# A folder that two processes want: the second says who has it, and touches nothing.
"${train[@]}" --epochs 3000 --out shared >/dev/null 2>&1 &
first=$!
for _ in $(seq 400); do
    [ -s shared/history.csv ] && break
    sleep 0.05
done
refuses 1 "shared is in use by another process (process $first on" "$CIFRA" train --resume --out shared --quiet
refuses 1 "is in use by another process" "${train[@]}" --epochs 2 --out shared
check "who only reads a run under way may" "$CIFRA" eval shared --figures none --quiet >/dev/null
kill -9 $first
wait $first 2>/dev/null
check "a killed process leaves its lock" test -e shared/lock
rm -rf shared
mkdir shared && : >shared/lock # such a file alone keeps nobody out
"${train[@]}" --epochs 4 --out shared >/dev/null || bad "the lock of a dead process"
same "weights behind a dead process" "$(sha_of shared)" "$sha"
check "the lock goes with its process" test ! -e shared/lock

# Damage: the checkpoint before the last is used; with both damaged, the message says what to do.
spoil() { printf 'X' | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }
"${train[@]}" --epochs 3 --out damaged >/dev/null
for at in 3 200 5000; do
    rm -rf again && cp -r damaged again
    spoil again/checkpoint.safetensors $at
    "$CIFRA" train --resume --out again --epochs 4 --figures none >/dev/null 2>damage.err || bad "resume: $(cat damage.err)"
    check "damage at byte $at is told" grep -q "the one before it is used" damage.err
    same "weights with damage at byte $at" "$(sha_of again)" "$sha"
done
: >damaged/checkpoint.safetensors
: >damaged/checkpoint.previous.safetensors
refuses 1 "To begin anew, remove both" "$CIFRA" train --resume --out damaged --epochs 4 --quiet
rm damaged/checkpoint*
"$CIFRA" train --resume --out damaged --epochs 4 --figures none --quiet >/dev/null || bad "a run that begins anew"
same "weights of a run that began anew" "$(sha_of damaged)" "$sha"
spoil damaged/model.safetensors 3000
refuses 1 "model.safetensors is damaged" "$CIFRA" eval damaged --quiet

# Another instruction set: a run says so and goes on, a tune refuses.
if [ "$(uname -m)" = x86_64 ] && grep -q avx2 /proc/cpuinfo; then
    CIFRA_ISA=baseline "$CIFRA" train --resume --out again --epochs 5 --figures none >/dev/null 2>isa.err
    check "another instruction set is told" grep -q "not the same to the bit" isa.err
    CIFRA_ISA=baseline refuses 2 "baseline" "${tune[@]}" --out full-tune
fi

# Clocks that jump by years, back and forth.
cat >jump.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
#include <sys/time.h>
static long jump(void) { static int n; return (n++ % 3 - 1) * 400000000L; }
time_t time(time_t *out) { time_t t = 1700000000 + jump(); if (out) *out = t; return t; }
int gettimeofday(struct timeval *restrict v, void *restrict z) { (void)z; v->tv_sec = time(0); v->tv_usec = 0; return 0; }
int clock_gettime(clockid_t id, struct timespec *t) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(id, t);
    if (id == CLOCK_REALTIME) t->tv_sec += jump();
    return result;
}
C
if [ -n "${CIFRA_SANITIZE-}" ]; then
    echo "SKIPPED: clocks that jump, limits on address space (a sanitizer comes first in the process and maps terabytes)"
elif "${CC:-cc}" -shared -fPIC -o jump.so jump.c -ldl 2>jump.err; then
    LD_PRELOAD=$work/jump.so "${train[@]}" --epochs 4 --out jumped >/dev/null || bad "training while the clock jumps"
    same "weights while the clock jumps" "$(sha_of jumped)" "$sha"
    check "no negative or endless time" awk -F, 'NR > 1 && !($7 >= 0 && $7 < 1000) { bad = 1 } END { exit bad }' jumped/history.csv
    LD_PRELOAD=$work/jump.so "${tune[@]}" --out jumped-tune --quiet >/dev/null || bad "a tune while the clock jumps"
else
    echo "SKIPPED: clocks that jump (no compiler: $(head -1 jump.err))"
fi

# A file system without locks: told once, and the work goes on; so it does after a kill.
cat >nolocks.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
int flock(int descriptor, int operation) { (void)descriptor; (void)operation; errno = ENOLCK; return -1; }
#define WITHOUT_LOCKS(name) int name(int descriptor, int command, ...) { \
    va_list values; va_start(values, command); void *value = va_arg(values, void *); va_end(values); \
    if (command == F_GETLK || command == F_SETLK || command == F_SETLKW) { errno = ENOLCK; return -1; } \
    return ((int (*)(int, int, ...))dlsym(RTLD_NEXT, #name))(descriptor, command, value); }
WITHOUT_LOCKS(fcntl)
WITHOUT_LOCKS(fcntl64)
C
without_locks() { LD_PRELOAD=$work/nolocks.so "$@"; }
results_of() { cut -d, -f1-9,11- "$1/trials.csv"; } # without seconds
if [ -z "${CIFRA_SANITIZE-}" ] && "${CC:-cc}" -shared -fPIC -o nolocks.so nolocks.c -ldl 2>nolocks.err; then
    without_locks "${train[@]}" --epochs 4 --out lockless >/dev/null || bad "training without locks"
    same "weights without locks" "$(sha_of lockless)" "$sha"
    without_locks "${tune[@]}" --jobs 2 --threads 2 --out lockless-tune >/dev/null 2>lockless.err || bad "a tune without locks: $(cat lockless.err)"
    same "a tune tells it once" "$(grep -c 'this file system has no locks' lockless.err)" 1
    "${tune[@]}" --jobs 2 --threads 2 --out locked-tune --quiet >/dev/null || bad "the tune with locks"
    same "trials without locks" "$(results_of lockless-tune)" "$(results_of locked-tune)"
    for at in 0.05 0.1 0.2; do
        without_locks timeout -s KILL $at "${tune[@]}" --jobs 2 --threads 2 --out killed-tune --quiet >/dev/null 2>&1
    done
    without_locks "${tune[@]}" --jobs 2 --threads 2 --out killed-tune --quiet >/dev/null || bad "a tune without locks after kills"
    same "trials after kills without locks" "$(results_of killed-tune)" "$(results_of locked-tune)"
    without_locks "$CIFRA" report lockless-tune --quiet >/dev/null || bad "the page of a tune without locks"
else
    echo "SKIPPED: a file system without locks (a sanitizer comes first in the process, or no compiler: $(head -1 nolocks.err 2>/dev/null))"
fi

# Streams that are closed: no file takes their place, and output that is lost is no success.
"${train[@]}" --epochs 4 --out silent <&- 2>&- >/dev/null || bad "training without stdin and stderr"
same "weights without stdin and stderr" "$(sha_of silent)" "$sha"
same "files without stdin and stderr" "$(contents silent | grep -c 'config\|checkpoint\|model')" 4
refuses 1 "Bad file descriptor" bash -c '"$@" >&-' _ "$CIFRA" data info hand:n=100
"${train[@]}" --epochs 4 --out unread | true
same "a training whose reader has gone" "$(sha_of unread)" "$sha"
("$CIFRA" data info hand:n=100 --json; echo $? >code) 2>unread.err | true
same "its end is SIGPIPE's, or it was in time" "$(sed 's/^0$/141/' code)" 141
same "and says nothing" "$(wc -c <unread.err)" 0

# Too little memory at any level: a message and exit 1, or done. (What the loader itself cannot map is exit 127.)
enough=0
memory() { # memory NAME FIRST STEP LAST COMMAND...: megabytes
    local name=$1 mb=$2 step=$3 last=$4 code
    shift 4
    for (( ; mb <= last; mb += step)); do
        rm -rf little
        limit -v $((mb * 1024)) "$@" >/dev/null 2>little.err
        code=$?
        case $code in
        0) enough=$((enough + 1)) ;;
        1) check "$name with $mb MB says why: $(cat little.err)" grep -qi "memory\|could not\|cannot" little.err ;;
        127) check "$name with $mb MB is loaded" grep -q "shared librar" little.err ;;
        *) bad "$name with $mb MB: exit $code: $(tail -2 little.err)" ;;
        esac
    done
}
if [ -z "${CIFRA_SANITIZE-}" ]; then
    memory train 72 24 216 "${train[@]}" --epochs 1 --threads 8 --out little
    memory tune 80 48 272 "${tune[@]}" --quiet --threads 4 --out little
    memory study 80 48 272 "${study[@]}" --quiet --out little
    memory umap 72 48 264 "$CIFRA" umap run --quiet --figures svg --out little
    memory data 72 24 192 "$CIFRA" data info hand:n=2000
    check "some of them had enough" test "$enough" -gt 3
fi

# Decimal commas.
mkdir locale
if command -v localedef >/dev/null && localedef -i de_DE -f UTF-8 locale/de_DE.UTF-8 2>/dev/null; then
    LOCPATH=$work/locale LC_ALL=de_DE.UTF-8 "${train[@]/#none/svg}" --epochs 4 --out comma >/dev/null || bad "training in German"
    same "weights in German" "$(sha_of comma)" "$sha"
    same "history in German" "$(cut -d, -f1-6 comma/history.csv)" "$(cut -d, -f1-6 run/history.csv)"
    check "no decimal comma in JSON" test -z "$(grep -hE '[0-9],[0-9]' comma/*.json)"
    check "no decimal comma in SVG" test -z "$(grep -lE 'width="[0-9]+,[0-9]' comma/figures/*.svg)"
else
    echo "SKIPPED: a locale with decimal commas (localedef cannot make it)"
fi
finish
