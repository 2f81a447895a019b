#include "study/ledger/ledger.h"

#include "base/memory.h"
#include "study/ledger/study_results.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const verdict_words[] = {"reproduced", "beaten", "short", "not comparable", "not run", "better",
                                     "noise",      "worse",  NULL};

/* ---- Finding ours ---- */

/* A claim's path below `group` of a run: "intervals" + "macro.f1". */
static const json_t *below(const json_t *run, const char *group, const char *path) {
    return result_at(json_object_get(run, group), path);
}

static void baselines(const json_t *run, LedgerEntry *e) {
    e->majority = run_majority(run);
    e->chance = run_chance(run);
}

static void measure_one(const json_t *run, LedgerEntry *e) {
    run = result_at(run, e->claim->part);
    const json_t *value = result_at(run, e->claim->path), *interval = below(run, "intervals", e->claim->path);
    if (!json_is_number(value)) return;
    e->runs = 1;
    e->measured = json_number_value(value);
    if (json_array_size(interval) != 2) return;
    e->has_interval = true;
    e->low = json_number_value(json_array_get(interval, 0));
    e->high = json_number_value(json_array_get(interval, 1));
}

static cf_status measure_many(const json_t *runs, LedgerEntry *e) {
    MeanInterval mean;
    char path[64];
    snprintf(path, sizeof path, "%s%s%s", e->claim->part, *e->claim->part ? "." : "", e->claim->path);
    FORWARD(runs_interval(runs, path, &mean));
    if (mean.count < 2) return CF_OK;
    e->runs = (int)mean.count;
    e->measured = mean.mean;
    e->has_interval = true;
    e->low = mean.low, e->high = mean.high;
    return CF_OK;
}

/* "street", or "street on mnist" where a model of one set is measured on another. */
static void name_data(const json_t *results, const Claim *claim, char text[96]) {
    const json_t *data = json_object_get(results, "data");
    const char *mnist = json_string_value(result_at(data, "mnist.name")),
               *svhn = json_string_value(result_at(data, "svhn.name"));
    if (!mnist) mnist = "-";
    if (!svhn) svhn = "-";
    if (claim->roles == ROLE_MNIST || claim->roles == ROLE_SVHN)
        snprintf(text, 96, "%.90s", claim->roles == ROLE_MNIST ? mnist : svhn);
    else if (claim->against[0])
        snprintf(text, 96, "%.44s from %.44s", strstr(claim->list, "mnist") ? mnist : svhn,
                 strstr(claim->list, "mnist") ? svhn : mnist);
    else if (strstr(claim->list, "svhn-on-mnist"))
        snprintf(text, 96, "%.44s on %.44s", svhn, mnist);
    else
        snprintf(text, 96, "%.44s on %.44s", mnist, svhn);
}

/* ---- Judging ---- */

static bool on_the_reports_data(const json_t *results, unsigned roles) {
    const json_t *data = json_object_get(results, "data");
    if (roles & ROLE_MNIST && !json_is_null(result_at(data, "mnist.other_data"))) return false;
    return !(roles & ROLE_SVHN) || json_is_null(result_at(data, "svhn.other_data"));
}

/* The report rounds to four digits: what it says is anywhere in half a digit around. */
static Verdict judge(const LedgerEntry *e) {
    const double half = e->claim->sense == A_COUNT ? 0 : 0.00005 + 1e-12;
    const double low = e->has_interval ? e->low : e->measured, high = e->has_interval ? e->high : e->measured;
    if (e->claim->reported >= low - half && e->claim->reported <= high + half) return REPRODUCED;
    const bool more = low > e->claim->reported;
    return e->claim->sense != A_COUNT && more == (e->claim->sense == MORE_IS_BETTER) ? BEATEN : FELL_SHORT;
}

/* The same classes, and as many training images of each. */
static bool under_the_reports_conditions(const json_t *results, const Claim *claim) {
    const char *condition = json_string_value(json_object_get(json_object_get(results, "conditions"), claim->list));
    return !claim->condition || (condition && strcmp(condition, claim->condition) == 0);
}

static bool is_comparable(const json_t *results, const Claim *claim) {
    return on_the_reports_data(results, claim->roles) && under_the_reports_conditions(results, claim);
}

Verdict difference_verdict(const MeanDifference *difference) {
    return difference->low > 0 ? BETTER : difference->high < 0 ? WORSE : NOISE;
}

/* What a suggestion brings. */
static cf_status fill_difference(const json_t *results, const json_t *runs, LedgerEntry *e) {
    MeanDifference d;
    FORWARD(runs_difference(runs, result_at(results, e->claim->against), e->claim->path, &d));
    if (isnan(d.low)) return CF_OK;
    e->runs = (int)d.degrees + 1;
    e->measured = d.difference;
    e->has_interval = true;
    e->low = d.low, e->high = d.high;
    e->verdict = difference_verdict(&d);
    return CF_OK;
}

static cf_status fill(const json_t *results, LedgerEntry *e) {
    const json_t *runs = result_at(results, e->claim->list);
    const bool list = json_is_array(runs);
    name_data(results, e->claim, e->data);
    e->verdict = NOT_RUN;
    if (e->claim->against[0]) return fill_difference(results, runs, e);
    if (list && json_array_size(runs) > 1)
        FORWARD(measure_many(runs, e));
    else
        measure_one(list ? json_array_get(runs, 0) : runs, e);
    if (!e->runs) return CF_OK;
    if (strcmp(e->claim->path, "accuracy") == 0)
        baselines(result_at(list ? json_array_get(runs, 0) : runs, e->claim->part), e);
    e->verdict = is_comparable(results, e->claim) ? judge(e) : NOT_COMPARABLE;
    return CF_OK;
}

cf_status ledger_new(const json_t *results, Ledger *ledger) {
    Ledger made = {0};
    cf_status status;
    FORWARD_TO(failed, claims_new(results, &made.claims, &made.count));
    FORWARD_TO(failed, memory_new(made.count, sizeof *made.entries, &made.entries));
    for (size_t i = 0; i < made.count; i++) {
        made.entries[i].claim = &made.claims[i];
        FORWARD_TO(failed, fill(results, &made.entries[i]));
        made.verdicts[made.entries[i].verdict]++;
        made.suggestions += made.claims[i].against[0] != '\0';
        made.untried += made.claims[i].against[0] && made.entries[i].verdict == NOT_RUN;
    }
    *ledger = made;
    return CF_OK;
failed:
    ledger_free(&made);
    return status;
}

void ledger_free(Ledger *ledger) {
    free(ledger->claims);
    free(ledger->entries);
    *ledger = (Ledger){0};
}
