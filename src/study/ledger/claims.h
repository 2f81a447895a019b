/* What the study's report states, figure by figure, as data: what cifra's own study is held against.
 *
 * The report trained the two-convolution network on MNIST and SVHN ("Deep Learning with MNIST and SVHN Datasets", March 2025).
 * A claim is one number of it, with its place in the report, and the place of ours among a study's results (results.h): a
 * list of runs, and a path into each.
 */
#ifndef STUDY_LEDGER_CLAIMS_H
#define STUDY_LEDGER_CLAIMS_H

#include "base/status.h"

#include <jansson.h>

/* The report's two data sets, whose places a study may fill with others. */
enum { ROLE_MNIST = 1, ROLE_SVHN = 2 };

typedef enum ClaimSense {
    MORE_IS_BETTER,
    LESS_IS_BETTER,
    A_COUNT /* of images: neither better nor worse, only the same or not */
} ClaimSense;

typedef struct Claim {
    char id[112];        /* "test.mnist.macro.f1", "cross.svhn-on-mnist.4.recall" */
    const char *section; /* of the report, with its number */
    char what[64];       /* "MNIST, macro F1" */
    unsigned roles;      /* ROLE_..: whose data must be the report's own for a comparison */
    ClaimSense sense;
    double reported;       /* shares as shares: 0.9894; of a suggestion 0 */
    bool headline;         /* one of the figures that a reader of the report remembers; the others are class by class */
    char list[88];         /* the runs: "test.mnist" */
    const char *part;      /* of each: "" for the run itself, or "validation" */
    char path[40];         /* in that: "macro.f1" */
    const char *condition; /* of the runs, to be comparable: results["conditions"][list]; NULL: none */
    const char *remark;    /* where the report compares unlike things; NULL: none */
    char against
        [40]; /* of a suggestion of the report, which has no figure: ours is what `list` has more than these runs, seed by
                              seed; "": none */
} Claim;

/* In the order of the report; last its suggestions, those that the results of a study (ledger.h) have tried before the others. Release with free(). */
cf_status claims_new(const json_t *results, Claim **claims, size_t *count);

#endif
