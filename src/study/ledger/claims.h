/* What a report states, figure by figure: what a study is held against.
 *
 * A file of claims is YAML, read by claims_file.c; recipes/claims/report.yaml has the form, and the report that cifra's own study is
 * held against. It speaks of sets by keys of its own ("mnist"), whose places the sets of a study take in turn. A claim is one figure of
 * it, and the place of ours among the study's results (ledger.h): a list of runs, and a path into each.
 */
#pragma once

#include "base/yaml.h"

#include <jansson.h>

enum { CLAIM_SETS = 8, CLAIM_STARS = 4 };

typedef enum ClaimSense {
    MORE_IS_BETTER,
    LESS_IS_BETTER,
    A_COUNT /* of images: neither better nor worse, only the same or not */
} ClaimSense;

/* ---- A file of claims ---- */

extern const EmbeddedFile claim_files[]; /* recipes/claims/, as the library carries it */

typedef struct ClaimSet {
    const char *key, *name; /* "mnist", "MNIST" */
    double *images;         /* of each class, all official parts together */
    unsigned images_count;
} ClaimSet;

/* A figure of the report; a comparison of ours for each match of `each`; or, with `unless`, a suggestion that may have been tried nowhere. */
typedef struct ClaimRow {
    const char *section, *id, *what, *runs, *part, *path, *condition, *remark, *each, *against, **unless;
    unsigned unless_count;
    double reported; /* 0 where it is not given */
    ClaimSense sense;
    bool detail;
} ClaimRow;

typedef struct ClaimFile {
    Yaml *yaml;        /* which owns all else */
    const char *split; /* NULL: any */
    ClaimSet *sets;
    ClaimRow *claims;
    unsigned sets_count, claims_count;
} ClaimFile;

/* "report", or the path of a file. CF_BAD_INPUT with the line. */
cf_status claims_read(const char *name_or_path, ClaimFile **file);
void claims_free(ClaimFile *file);
AUTO_HANDLE(ClaimFile, claims_free)

/* ---- The claims on one study ---- */

/* A set of the file, or the model of one on another. */
typedef struct ClaimSubject {
    char key[64];              /* in the file: "mnist", "svhn-on-mnist" */
    char found[160];           /* among the study's results: "hand", "street-on-hand"; "": the study has no such set */
    char name[160], data[160]; /* for people: "SVHN on MNIST", "street on hand" */
    unsigned sets;             /* a bit for each */
} ClaimSubject;

typedef struct Claim {
    char *id;          /* "test.mnist.macro.f1", "cross.svhn-on-mnist.4.recall" */
    char *what;        /* "MNIST, macro F1" */
    char *list, *path; /* the runs: "test.mnist"; in each of them "macro.f1" */
    const char *part;  /* of each: "" for the run itself, or "validation" */
    char *against; /* of a suggestion, which has no figure: ours is what `list` has more than these runs, seed by seed;
                                    NULL: none */
    const char *section;         /* of the report, with its number */
    const char *condition;       /* of the runs, to be comparable: results["conditions"] at their place; NULL: none */
    const char *remark;          /* where the report compares unlike things; NULL: none */
    const ClaimSubject *subject; /* whose data must be the report's own for a comparison; NULL: of what nothing tries */
    ClaimSense sense;
    double reported; /* shares as shares: 0.9894; of a suggestion 0 */
    bool headline;   /* one of the figures that a reader of the report remembers; the others are class by class */
} Claim;

/* In the order of the file; last its suggestions, those that the results have tried before the others. `results`: under the keys of the
 * file. All strings without const are the claim's own, all others the file's and the subjects'. */
cf_status claims_new(const ClaimFile *file, const ClaimSubject *subjects, size_t subject_count, const json_t *results,
                     Claim **claims, size_t *count);
void claims_release(Claim *claims, size_t count); /* fine on NULL */
