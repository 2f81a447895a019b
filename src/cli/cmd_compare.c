/* cifra runs compare: is it more than noise, and what was different. */
#include "cli/commands.h"

#include "base/json_text.h"
#include "base/text.h"
#include "base/text_draft.h"
#include "cli/terminal.h"
#include "study/group/compare.h"
#include "study/run/tune_run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_COMPARED = 26 }; /* each has a letter */

static const char *p_text(double p, char text[32]) {
    if (p < 0.0001)
        snprintf(text, 32, "p < 0.0001");
    else
        snprintf(text, 32, "p = %.*f", p < 0.01 ? 4 : p < 0.1 ? 3 : 2, p);
    return text;
}

/* What to call it, in words. */
static void print_verdict(const RunComparison *c, const char *a, const char *b, FILE *out) {
    if (!run_comparison_is_noise(c))
        fprintf(out, "%s is better than %s by %.2f points", c->difference > 0 ? b : a, c->difference > 0 ? a : b,
                100 * fabs(c->difference));
    else if (c->low <= 0 && c->high >= 0)
        fputs("this is noise: the interval of the difference contains 0", out);
    else
        fputs("this is noise: the test does not reach 5 %", out);
}

static void print_counts(const RunComparison *c, char letter, FILE *out) {
    char one[32], other[32], all[32], p[32];
    p_text(c->p, p);
    if (c->test == COMPARE_MCNEMAR)
        fprintf(out, "right by A alone %s, by %c alone %s, of %s images: %s (%s)\n",
                text_thousands((long long)c->only_a, one), letter, text_thousands((long long)c->only_b, other),
                text_thousands((long long)c->images, all), p, run_comparison_test(c));
    else
        fprintf(out, "t = %.2f with %.*f degrees of freedom: %s (%s%s)\n", c->t, c->test == COMPARE_WELCH ? 1 : 0,
                c->degrees, p, run_comparison_test(c),
                c->test == COMPARE_WELCH ? ", as the runs are of other seeds or folds" : " by seed or fold");
}

static void print_accuracy(char letter, const char *folder, double accuracy, size_t runs, FILE *out) {
    fprintf(out, "%-6c %8.2f %%  %s", letter, 100 * accuracy, folder);
    if (runs) fprintf(out, " (mean of %zu runs)", runs);
    fputc('\n', out);
}

static void print_pair(const RunComparison *c, const char *a, const char *b, char letter, FILE *out) {
    print_accuracy('A', a, c->a, c->a_count, out);
    print_accuracy(letter, b, c->b, c->b_count, out);
    fprintf(out, "%c - A  %+8.2f points, 95 %% interval %+.2f to %+.2f (%s)\n", letter, 100 * c->difference,
            100 * c->low, 100 * c->high, run_comparison_interval(c));
    print_counts(c, letter, out);
    print_verdict(c, "A", (const char[]){letter, '\0'}, out);
    fputs(".\n", out);
    if (c->test == COMPARE_MCNEMAR && !run_comparison_is_noise(c))
        fputs(
            "It is about these two networks: whether other seeds would do the same, groups tell (cifra train --seeds).\n",
            out);
    fputc('\n', out);
}

/* A text of a value, in `text` unless it is one already; "-": the configuration does not have the key. */
static const char *value_text(const json_t *value, char text[64]) {
    char *dumped;
    if (json_is_string(value)) return json_string_value(value);
    if (json_is_null(value)) return "-";
    dumped = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(6));
    snprintf(text, 64, "%s", dumped ? dumped : "?");
    free(dumped);
    return text;
}

/* In columns, or one below the other where one is long. */
static void print_values(const json_t *values, FILE *out) {
    enum { COLUMN = 14 };
    char text[64];
    json_t *value;
    size_t k;
    bool stacked = false;
    json_array_foreach(values, k, value) stacked = stacked || text_columns(value_text(value, text)) > COLUMN;
    json_array_foreach(values, k, value) {
        if (stacked)
            fprintf(out, "\n    %c  %s", (int)('A' + k), value_text(value, text));
        else
            fprintf(out, "  %c %-*s", (int)('A' + k), COLUMN, value_text(value, text));
    }
    fputc('\n', out);
}

static void print_differences(const json_t *list, FILE *out) {
    json_t *row;
    size_t i;
    if (!json_array_size(list)) {
        fputs("Their configurations are the same.\n", out);
        return;
    }
    fputs("What differs in their configurations:\n", out);
    json_array_foreach(list, i, row) {
        fprintf(out, "  %-18s", json_string_value(json_object_get(row, "key")));
        print_values(json_object_get(row, "values"), out);
    }
}

static json_t *pair_json(const RunComparison *c, const char *a, const char *b) {
    AUTO(text_draft_abandon) TextDraft draft = {0};
    AUTO_FREE char *verdict = NULL;
    if (text_draft(&draft)) return NULL;
    print_verdict(c, "A", "B", draft.stream);
    if (text_draft_finish(&draft, &verdict, NULL)) return NULL;
    json_t *json =
        json_pack("{s:o s:o s:I s:{s:f s:f} s:f s:[f f] s:s s:s s:f s:b s:s}", "a", json_text(a), "b", json_text(b),
                  "images", (json_int_t)c->images, "accuracy", "a", c->a, "b", c->b, "difference", c->difference,
                  "interval", c->low, c->high, "interval_method", run_comparison_interval(c), "test",
                  run_comparison_test(c), "p", c->p, "noise", run_comparison_is_noise(c), "verdict", verdict);
    if (c->test == COMPARE_MCNEMAR) {
        json_object_set_new(json, "only_a", json_integer((json_int_t)c->only_a));
        json_object_set_new(json, "only_b", json_integer((json_int_t)c->only_b));
    } else {
        json_object_set_new(json, "runs",
                            json_pack("{s:I s:I}", "a", (json_int_t)c->a_count, "b", (json_int_t)c->b_count));
        json_object_set_new(json, "t", json_number(c->t));
        json_object_set_new(json, "degrees", json_real(c->degrees));
    }
    return json;
}

/* Each of the others against the first. */
static cf_status compare_all(char *const *folders, size_t count, json_t *pairs, json_t *differences, FILE *out) {
    for (size_t i = 1; i < count; i++) {
        RunComparison c;
        FORWARD(runs_compare(folders[0], folders[i], &c));
        if (pairs)
            json_array_append_new(pairs, pair_json(&c, folders[0], folders[i]));
        else
            print_pair(&c, folders[0], folders[i], (char)('A' + i), out);
    }
    if (pairs) return CF_OK;
    if (count > 2)
        fprintf(out, "Each of the %zu comparisons has its own chance of 5 %% to look real where nothing is.\n\n",
                count - 1);
    print_differences(differences, out);
    return CF_OK;
}

static cf_status print_comparisons(char *const *folders, size_t count, bool as_json) {
    json_auto_t *differences = NULL, *pairs = as_json ? json_array() : NULL;
    AUTO(text_draft_abandon) TextDraft draft = {0};
    FORWARD(text_draft(&draft));
    FORWARD(runs_differences((const char *const *)folders, count, &differences));
    FORWARD(compare_all(folders, count, pairs, differences, draft.stream));
    if (as_json) return print_json(json_pack("{s:O s:O}", "comparisons", pairs, "differs", differences));
    return print_draft(&draft);
}

static cf_status run_compare(const Arguments *given, const void *parsed) {
    char *folders[MOST_COMPARED] = {NULL};
    const int count = given->positional_count;
    cf_status status = CF_OK;
    (void)parsed;
    for (int i = 0; i < count && !status; i++) status = tune_run_folder(given->positional[i], &folders[i]);
    if (!status) status = print_comparisons(folders, (size_t)count, given->json);
    for (int i = 0; i < count; i++) free(folders[i]);
    return status;
}

const Command command_runs_compare = {
    .name = "runs compare",
    .summary = "whether runs or groups differ by more than noise",
    .usage = "A B [C ..]",
    .description =
        "Compares two runs, or two groups of runs (cifra train --seeds), on the test images that both were tested on: the "
        "difference of their accuracies with its 95 % interval, a test, a verdict, and the keys of their configurations that "
        "differ. Of more than two, each is compared with the first.\n\n"
        "    two runs     McNemar's test, exact, over the images that only one of them gets right; the interval is\n"
        "                 Tango's (1998) score interval of a difference of paired proportions. What another seed\n"
        "                 would bring is in neither.\n"
        "    two groups   a t test over the accuracies of their runs: paired where both have the same seeds, or the\n"
        "                 same folds, else Welch's\n\n"
        "A difference is noise where its interval contains 0 or the test's p is 5 % or more. Runs that were tested on different "
        "images, by the checksum of their data or by their split, are refused.\n\n"
        "--json: comparisons [{a, b, images, accuracy {a, b}, difference (b less a), interval, interval_method, test, p, noise, "
        "verdict; only_a, only_b of runs; runs {a, b}, t, degrees of groups}], differs [{key, values}].\n\n"
        "Examples:\n\n"
        "    cifra runs compare runs/mnist-paper-s1 runs/mnist-paper-s2\n"
        "    cifra runs compare runs/plain runs/with-augmentation",
    .positional = {2, MOST_COMPARED},
    .run = run_compare,
};
