#include "cli/program.h"

#include "cli/commands.h"
#include "cli/rank_watch.h"
#include "cli/terminal.h"

#include "base/ranks.h"
#include "study/live/live_server.h"
#include "study/run/run_ranks.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* The first rank runs the command, the others do what it asks of them. */
static cf_status run_on_ranks(const Command *command, const Arguments *arguments, const void *options) {
    if (ranks_announced() < 2) return command->run(arguments, options);
    FAIL_IF(!command->ranks, CF_BAD_USE, "cifra %s works in one process; start it without mpirun", command->name);
    rank_watch_begin();
    FORWARD(ranks_meet());
    if (ranks_rank()) return ranks_serve(bench_serve);
    const cf_status status = command->run(arguments, options);
    if (!ranks_are_working()) FORWARD(ranks_dismiss());
    return status;
}

static cf_status run_command(const Program *program, const Command *command, int argc, char **argv) {
    AUTO_FREE void *options = NULL;
    Arguments arguments;
    FORWARD(memory_reserve(MEMORY_OF_LIBRARIES));
    FORWARD(memory_new(1, command->options_size, &options));
    FORWARD(options_parse(command, argc, argv, options, &arguments));
    terminal_set_quiet(arguments.quiet);
    if (!arguments.help) return run_on_ranks(command, &arguments, options);
    help_print_command(program, command, stdout);
    return CF_OK;
}

static bool is_one_of(const char *word, const char *a, const char *b, const char *c) {
    return strcmp(word, a) == 0 || strcmp(word, b) == 0 || strcmp(word, c) == 0;
}

/* cifra help [--man | COMMAND] */
static cf_status run_help(const Program *program, int argc, char **argv) {
    const Command *command;
    int words;
    if (argc == 0 || is_one_of(argv[0], "--help", "--help", "-h")) {
        help_print_overview(program, stdout);
    } else if (strcmp(argv[0], "--man") == 0) {
        FAIL_IF(argc > 1, CF_BAD_USE, "\"%s\" was not expected after --man", argv[1]);
        help_print_man(program, stdout);
    } else {
        FORWARD(command_find(program->commands, argc, argv, &command, &words));
        FAIL_IF(words < argc, CF_BAD_USE, "\"%s\" was not expected; usage: %s help [COMMAND]", argv[words],
                program->name);
        if (command)
            help_print_command(program, command, stdout);
        else
            help_print_group(program, argv[0], stdout);
    }
    return CF_OK;
}

static cf_status dispatch(const Program *program, int argc, char **argv) {
    const Command *command;
    int words;
    if (is_one_of(argv[0], "help", "--help", "-h")) return run_help(program, argc - 1, argv + 1);
    if (is_one_of(argv[0], "version", "--version", "-V")) {
        printf("%s %s\n%s\n%s\n", program->name, cf_version(), ranks_library(), live_server_library);
        return CF_OK;
    }
    FORWARD(command_find(program->commands, argc, argv, &command, &words));
    if (command) return run_command(program, command, argc - words, argv + words);
    const bool asked = argc > 1 && is_one_of(argv[1], "--help", "-h", "help");
    help_print_group(program, argv[0], asked ? stdout : stderr);
    FAIL_IF(!asked, CF_BAD_USE, "a command of %s %s was expected", program->name, argv[0]);
    return CF_OK;
}

/* Whether the reader of stdout has gone. */
static bool nobody_reads(void) {
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&out, 1, 0) == 1 && (out.revents & POLLERR);
}

/* Results that did not reach a full disk are no results. Where the reader of a pipe has seen enough (cifra .. | head), there is
 * nobody to tell: the end is that of other programs, by SIGPIPE. */
static cf_status finish_output(cf_status status) {
    errno = 0;
    const bool failed = fflush(stdout) != 0, failed_before = ferror(stdout);
    const int reason = errno;
    if (status || (!failed && !failed_before)) return status;
    if (nobody_reads()) {
        signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
    }
    return FAIL(CF_IO, "the output could not be written%s%s", failed && reason ? ": " : "",
                failed && reason ? strerror(reason) : "");
}

int program_run(const Program *program, int argc, char **argv) {
    rank_watch_silence();
    if (argc < 2) {
        help_print_overview(program, stderr);
        return 2;
    }
    cf_status status = finish_output(dispatch(program, argc - 1, argv + 1));
    const int exit_status = !status ? 0 : status == CF_BAD_USE ? 2 : 1;
    if (status) fprintf(stderr, "%s: %s\n", program->name, cf_error());
    rank_watch_end();
    ranks_end(exit_status);
    return exit_status;
}
