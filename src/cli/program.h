/* From argv to exit status: finds the command, parses, runs, reports. */
#pragma once

#include "cli/help.h"

/* Returns the exit status: 0 done, 1 failed at run time, 2 wrong use. Reorders argv. Messages go to stderr.
 */
int program_run(const Program *program, int argc, char **argv);
