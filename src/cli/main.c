#include "cli/commands.h"
#include "cli/program.h"

#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#define COMMAND_POINTER(name) &command_##name,
static const Command *const commands[] = {COMMANDS(COMMAND_POINTER) NULL};

static const HelpSection sections[] = {
    {"Environment",
     "CIFRA_DATA is the folder where data sets are looked for by name.\n\n"
     "CIFRA_ISA=avx2 (or baseline) keeps to an instruction set below what the processor has.\n\n"
     "TERM that is dumb, empty or unset: no line is renewed in place, and no escape sequence is written.\n\n"
     "CIFRA_TRACE=1 adds to an error the source lines that it passed."},
    {"Exit status", "0 done; 1 failed at run time; 2 wrong use."},
    {NULL, NULL},
};

static const Program program = {
    .name = "cifra",
    .summary = "train, tune, evaluate and explain small image classifiers on a CPU",
    .description =
        "Results go to stdout, everything else to stderr. With --json, stdout is one JSON document. In its texts a byte of a "
        "name that is not UTF-8 is \\xNN, two lower-case digits, and the backslash of a name that has such a thing itself "
        "\\x5c: whoever replaces every \\xNN by its byte has the name.",
    .commands = commands,
    .sections = sections,
};

/* A stream that was closed by who started the program: its number would go to the first file opened, and messages into that. What
 * is written to a closed stdout must fail, so its place is taken by what cannot be written to. */
static bool fill_closed_streams(void) {
    static const int modes[] = {O_RDONLY, O_RDONLY, O_WRONLY};
    for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++)
        if (fcntl(stream, F_GETFD) < 0 && open("/dev/null", modes[stream]) != stream) return false;
    return true;
}

int main(int argc, char **argv) {
    if (!fill_closed_streams()) return 1;
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is then an error of write, which is reported */
    signal(SIGPIPE, SIG_IGN); /* work goes on to its end when nobody reads what it says; program_run has the rest */
    return program_run(&program, argc, argv);
}
