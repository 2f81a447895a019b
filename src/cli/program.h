/* The whole program: from argv to exit status; and its help pages and man page, printed from the tables of commands and options. */
#pragma once

#include "cli/options.h"

#include <stdio.h>

typedef struct HelpSection {
    const char *title; /* "Environment" */
    const char *text;  /* as Command.description */
} HelpSection;

/* The whole program, as main.c hands it to program_run. */
typedef struct Program {
    const char *name, *summary;     /* "cifra", "train small image classifiers on a CPU" */
    const char *description;        /* as Command.description; opens the overview and the man page */
    const Command *const *commands; /* in the order of the overview; ends with NULL */
    const HelpSection *sections;    /* after the commands; ends with a NULL title; NULL: none */
} Program;

/* Finds the command, parses, runs, reports. Returns the exit status: 0 done, 1 failed at run time, 2 wrong use. Reorders argv.
 * Messages go to stderr. */
int program_run(const Program *program, int argc, char **argv);

/* ---- help.c, help_man.c ---- */

enum { HELP_WIDTH = 100 };

void help_print_overview(const Program *program, FILE *out);
/* The commands whose names begin with the word `group`. */
void help_print_group(const Program *program, const char *group, FILE *out);
void help_print_command(const Program *program, const Command *command, FILE *out);
/* cifra(1) in roff, man(7) macros. */
void help_print_man(const Program *program, FILE *out);

/* "--epochs N", "--optimizer sgd|adam", "-n, --count N": the left column of a list of options, for help and man
 * page alike. */
void help_option_synopsis(const Option *option, char *text, size_t size);
/* Its default as both show it; NULL: none. */
const char *help_option_default(const Option *option);
