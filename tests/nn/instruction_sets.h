/* Running a test program again under the other instruction sets, each in a process of its own: an engine is chosen once.
 * The program's main calls run_as_child when it is given an argument. */
#pragma once

#include "testing.h"

#include "base/memory.h"
#include "nn/engine.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void other_instruction_sets(void **state) {
    (void)state;
    static const char *const sets[] = {"avx2", "baseline"};
    if (strcmp(cpu_engine()->kernels->name, "baseline") == 0) {
        print_message("SKIPPED: other instruction sets (the kernels here are the baseline's)\n");
        return;
    }
    for (size_t i = 0; i < COUNT_OF(sets); i++) {
        int status = -1;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            setenv("CIFRA_ISA", sets[i], 1);
            execl("/proc/self/exe", "child", sets[i], (char *)NULL);
            _exit(127);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

/* The exit status of a child: its failed tests, or 125 when another instruction set was chosen than it was to be. */
#define run_as_child(instruction_set, tests)                                                                           \
    (strcmp(cpu_engine()->kernels->name, (instruction_set)) == 0 ? cmocka_run_group_tests(tests, NULL, NULL) : 125)
