/* The claims ledger: each figure of a report beside ours, with an interval and a verdict.
 *
 * Ours comes from the study's results, a JSON object; SET is a set's name, ON one set's model and another set, "hand-on-street":
 *     "sets"        [SET], in the order of the recipe; "split": "pooled"; "splits": how many the seeds take
 *     "data"        {SET: {"name", "data", "counts" ..}}
 *     "search"      {SET: {"config", "point", "trials", "accuracy", "loss"}}
 *     "test"        {SET: [runs]}; each run has its "validation" too
 *     "features"    {SET: .., ON: ..}
 *     "cross"       {ON: [runs]}
 *     "imbalance"   {SET: {"1": [runs], "2": .., "3": ..}}
 *     "remedies"    {SET: {"1": {"nothing": [lab_result], ..}}}: all against nothing; "best_remedy": {SET: {"1": {"balanced": true}}}
 *     "transfer"    {ON: {"10": {"new": [runs], "from": [runs]}, ..}}: seed by seed the same images; "transfer_features": {ON: ..}
 *     "adapt"       {ON: {"adabn": [runs], .., "none": [runs]}}: against "none", the networks before
 *     "attention"   {SET: {"paper": [runs], ..}}: all against the first
 *     "conditions"  {SET: {"1": "1,2 1:50,2:1000"}}: classes and limits of the cases of imbalance
 * A run is the document of evaluation_json with "intervals", that of evaluation_intervals_json. What is missing has not been run.
 */
#pragma once

#include "base/statistics.h"
#include "study/ledger/claims.h"

#include <jansson.h>
#include <stdio.h>

typedef enum Verdict {
    REPRODUCED,     /* what the report says, to its four digits, lies in our interval */
    BEATEN,         /* our whole interval is on the better side */
    FELL_SHORT,     /* on the worse side */
    NOT_COMPARABLE, /* measured, but on other data or under other conditions */
    NOT_RUN,
    BETTER, /* of what the report suggests without a figure: our whole interval of what it brings is above 0 */
    NOISE,  /* 0 is in it */
    WORSE,  /* below */
    VERDICTS
} Verdict;

/* "reproduced", "beaten", "short", "not comparable", "not run", "better", "noise", "worse"; ends with NULL. */
extern const char *const verdict_words[];
/* BETTER, NOISE or WORSE. */
Verdict difference_verdict(const MeanDifference *difference);

typedef struct LedgerEntry {
    const Claim *claim;
    Verdict verdict;
    int runs;          /* 0: not run */
    double measured;   /* of one run, or the mean of several */
    bool has_interval; /* a count has none */
    double low, high;  /* 95 %: of one run over its test images, of several Student's t over seeds */
    double chance,
        majority; /* of an accuracy: guessing, and always saying the commonest class of its images; 0: no accuracy */
} LedgerEntry;

typedef struct Ledger {
    ClaimFile *file; /* NULL: there is no ledger */
    ClaimSubject *subjects;
    size_t subject_count;
    char other_data[CLAIM_SETS][200]; /* of each set of the study, why it is not the report's own; "": it is */
    Claim *claims;
    LedgerEntry *entries; /* [count] */
    size_t count;
    size_t suggestions;        /* the last of these */
    size_t untried;            /* of these, for which there was nothing to compare: NOT_RUN, too */
    size_t verdicts[VERDICTS]; /* how often each was given */
} Ledger;

/* `claims` as in claims_read. */
cf_status ledger_new(const char *claims, const json_t *results, Ledger *ledger);
/* Fine on a zeroed one. */
void ledger_free(Ledger *ledger);
/* What an entry was measured on: "street on mnist"; "" where it was not. */
const char *ledger_data(const LedgerEntry *entry);

/* The headline figures as a table, and how the others fared. */
void ledger_print(const Ledger *ledger, FILE *out);
/* Every claim: id, section, what, data, reported, measured, low, high, runs, chance, majority, verdict, remark. */
cf_status ledger_write_csv(const Ledger *ledger, const char *path);
/* [{"id", "section", "what", "data", "reported", "measured", "interval", "runs", "verdict", ..}]; a new reference. */
cf_status ledger_json(const Ledger *ledger, json_t **json);
/* An entry's numbers as the claim's own figure is written: "0.9881", "7000", or "+0.0103" of what a suggestion brings; "" where there is
 * none. */
typedef struct LedgerTexts {
    char reported[24], measured[24], interval[56]; /* "0.9877 to 0.9911" */
} LedgerTexts;
LedgerTexts ledger_texts(const LedgerEntry *entry);
