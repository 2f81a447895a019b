#!/usr/bin/env bash
# The library never prints, exits or aborts, and changes nothing that belongs to the whole process: no function that does is asked
# for by any object of libcifra.a, the floor bench included.
set -euo pipefail

# What ends the process; what prints, or needs the standard streams; what is the process's own.
forbidden='exit _exit _Exit quick_exit abort __assert_fail __assert_perror_fail err errx verr verrx error
printf __printf_chk vprintf __vprintf_chk puts putchar putchar_unlocked perror psignal psiginfo warn warnx vwarn vwarnx
stdin stdout stderr syslog vsyslog
setlocale uselocale signal sigaction sigprocmask raise kill alarm setitimer
chdir fchdir umask setenv putenv unsetenv clearenv setrlimit
system popen fork vfork execl execv execve execvp posix_spawn
rand srand random srandom drand48 strtok localtime gmtime asctime ctime'

# Exceptions, one a line: OBJECT FUNCTION  why. None is needed.
allowed=''

library=$CIFRA_BUILD/libcifra.a
[ -s "$library" ] || { echo "FAILED: $library is not there" >&2; exit 1; }
wanted=$(nm -A -u "$library" | sed 's/^[^:]*:\([^:]*\):.* \([^ ]*\)$/\1 \2/')
objects=$(cut -d' ' -f1 <<<"$wanted" | sort -u | wc -l)
[ "$objects" -gt 100 ] || { echo "FAILED: nm shows $objects objects of $library" >&2; exit 1; }

breaches=$(awk -v forbidden="$forbidden" -v allowed="$allowed" '
BEGIN {
    count = split(forbidden, names, /[ \n]+/)
    for (i = 1; i <= count; i++) bad[names[i]] = 1
    count = split(allowed, lines, "\n")
    for (i = 1; i <= count; i++) if (split(lines[i], word, " ") >= 2) fine[word[1] " " word[2]] = 1
}
$2 in bad && !(($1 " " $2) in fine) { print $1 " uses " $2 }' <<<"$wanted")
if [ -n "$breaches" ]; then
    echo "FAILED: the library must not do this:" >&2
    echo "$breaches" >&2
    exit 1
fi
echo "$objects objects, none ends the process, prints or changes what is the process's own"
