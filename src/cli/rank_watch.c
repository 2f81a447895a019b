#include "cli/rank_watch.h"

#include "base/ranks.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static int watcher = -1; /* the end of a pipe to the child that speaks where rank 0 cannot */

void rank_watch_silence(void) {
    if (ranks_announced() < 2 || !ranks_announced_rank()) return;
    const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nowhere < 0) return;
    dup2(nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
}

void rank_watch_terminated(void) {
    ranks_note_termination();
    if (watcher >= 0 && write(watcher, "t", 1) != 1) watcher = -1; /* it has gone */
}

static void on_termination(int signal_number) {
    (void)signal_number;
    rank_watch_terminated();
}

/* When a rank is lost, Open MPI ends the others from within, without a word of theirs, and rank 0 may be the one that was killed. So a
 * child, which nobody ends, speaks where rank 0 is gone, or was asked to end and does not come to it, and has not said that it has. */
void rank_watch_begin(void) {
    int ends[2];
    char end;
    if (ranks_announced_rank()) {
        signal(SIGINT, SIG_IGN); /* rank 0 decides */
        signal(SIGTERM, on_termination);
        return;
    }
    if (pipe2(ends, O_CLOEXEC)) return;
    const pid_t child = fork();
    close(ends[child ? 0 : 1]);
    watcher = ends[1];
    if (child) return;
    setsid();
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    close(STDOUT_FILENO);
    ssize_t got = read(ends[0], &end, 1);
    struct pollfd more = {.fd = ends[0], .events = POLLIN};
    while (got == 1 && end == 't')
        got = poll(&more, 1, (int)(1e3 * ranks_patience()) + 200) > 0 ? read(ends[0], &end, 1) : 0;
    if (got == 0) dprintf(STDERR_FILENO, "cifra: %s\n", ranks_lost);
    _exit(0);
}

void rank_watch_end(void) {
    if (watcher >= 0 && write(watcher, "e", 1) == 1) close(watcher);
    watcher = -1;
}
