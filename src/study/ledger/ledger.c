#include "study/ledger/ledger.h"

#include "base/memory.h"
#include "data/generate/generated_set.h"
#include "study/ledger/study_results.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const verdict_words[] = {"reproduced", "beaten", "short", "not comparable", "not run", "better",
                                     "noise",      "worse",  NULL};

/* ---- Finding ours ---- */

static void measure_one(const json_t *run, LedgerEntry *e) {
    run = result_at(run, e->claim->part);
    const json_t *value = result_at(run, e->claim->path),
                 *interval = result_at(json_object_get(run, "intervals"), e->claim->path);
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

/* ---- The sets of the study in the places of the report's ---- */

static bool has_the_reports_images(const ClaimSet *set, const json_t *data) {
    const json_t *part, *counts = json_object_get(data, "counts");
    const char *name;
    for (unsigned c = 0; c < set->images_count; c++) {
        double images = 0;
        json_object_foreach((json_t *)(uintptr_t)counts, name, part) images +=
            json_number_value(json_array_get(part, c));
        if (images != set->images[c]) return false;
    }
    return !set->images_count || json_array_size(json_object_get(data, "classes")) == set->images_count;
}

/* Of the study's set at a place; NULL: it has none there. */
static const char *set_name(const json_t *results, int place) {
    return json_string_value(json_array_get(json_object_get(results, "sets"), (size_t)place));
}

/* Why figures measured on the set are not to be compared with the report's. */
static void tell_other_data(const ClaimFile *file, const json_t *results, int place, char why[200]) {
    const ClaimSet *set = &file->sets[place];
    const json_t *data = json_object_get(json_object_get(results, "data"), set_name(results, place));
    if (generator_named(result_text(data, "data")))
        snprintf(why, 200, "generated images in the place of %.80s", set->name);
    else if (!has_the_reports_images(set, data))
        snprintf(why, 200, "its images per class are not those of %.80s", set->name);
    else if (file->split && strcmp(result_text(results, "split"), file->split) != 0)
        snprintf(why, 200, "the report splits its images by %.40s, the study by %.40s", file->split,
                 result_text(results, "split"));
}

static void describe_subject(const Ledger *ledger, const json_t *results, int from, int on, ClaimSubject *s) {
    const ClaimSet *a = &ledger->file->sets[from], *b = &ledger->file->sets[on];
    const char *found_a = set_name(results, from), *found_b = set_name(results, on);
    s->sets = 1u << from | 1u << on;
    if (from == on) {
        snprintf(s->key, sizeof s->key, "%.24s", a->key);
        snprintf(s->name, sizeof s->name, "%.100s", a->name);
        snprintf(s->found, sizeof s->found, "%.70s", found_a ? found_a : "");
        snprintf(s->data, sizeof s->data, "%.70s", s->found);
        return;
    }
    snprintf(s->key, sizeof s->key, "%.24s-on-%.24s", a->key, b->key);
    snprintf(s->name, sizeof s->name, "%.70s on %.70s", a->name, b->name);
    if (!found_a || !found_b) return;
    snprintf(s->found, sizeof s->found, "%.70s-on-%.70s", found_a, found_b);
    snprintf(s->data, sizeof s->data, "%.70s on %.70s", found_a, found_b);
}

static cf_status take_subjects(const json_t *results, Ledger *ledger) {
    const int sets = (int)ledger->file->sets_count;
    FORWARD(memory_new((size_t)(sets * sets), sizeof *ledger->subjects, &ledger->subjects));
    for (int from = 0; from < sets; from++) {
        if (set_name(results, from)) tell_other_data(ledger->file, results, from, ledger->other_data[from]);
        for (int on = 0; on < sets; on++)
            describe_subject(ledger, results, from, on, &ledger->subjects[ledger->subject_count++]);
    }
    return CF_OK;
}

/* The results under the keys of the report's sets; what is of others is left out. */
static json_t *in_the_reports_words(const json_t *results, const Ledger *ledger) {
    const char *group;
    const json_t *of;
    json_t *all = json_object();
    json_object_foreach((json_t *)(uintptr_t)results, group, of) {
        json_t *renamed = json_object();
        for (size_t i = 0; i < ledger->subject_count; i++) {
            json_t *value = json_object_get(of, ledger->subjects[i].found);
            if (value) json_object_set(renamed, ledger->subjects[i].key, value);
        }
        if (json_object_size(renamed)) json_object_set(all, group, renamed);
        json_decref(renamed);
    }
    return all;
}

const char *ledger_data(const LedgerEntry *entry) {
    return entry->runs && entry->claim->subject ? entry->claim->subject->data : "";
}

/* ---- Judging ---- */

/* The report rounds to four digits: what it says is anywhere in half a digit around. */
static Verdict judge(const LedgerEntry *e) {
    const double half = e->claim->sense == A_COUNT ? 0 : 0.00005 + 1e-12;
    const double low = e->has_interval ? e->low : e->measured, high = e->has_interval ? e->high : e->measured;
    if (e->claim->reported >= low - half && e->claim->reported <= high + half) return REPRODUCED;
    const bool more = low > e->claim->reported;
    return e->claim->sense != A_COUNT && more == (e->claim->sense == MORE_IS_BETTER) ? BEATEN : FELL_SHORT;
}

/* The report's own data, the same classes, and as many training images of each. */
static bool is_comparable(const json_t *results, const Ledger *ledger, const Claim *claim) {
    const char *place = strchr(claim->list, '.');
    for (unsigned i = 0; i < ledger->file->sets_count; i++)
        if (claim->subject->sets >> i & 1 && ledger->other_data[i][0]) return false;
    return !claim->condition ||
           strcmp(result_text(json_object_get(results, "conditions"), place ? place + 1 : ""), claim->condition) == 0;
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

static cf_status fill_entry(const json_t *results, const Ledger *ledger, LedgerEntry *e) {
    const json_t *runs = result_at(results, e->claim->list);
    const bool list = json_is_array(runs);
    e->verdict = NOT_RUN;
    if (e->claim->against) return fill_difference(results, runs, e);
    if (list && json_array_size(runs) > 1)
        FORWARD(measure_many(runs, e));
    else
        measure_one(list ? json_array_get(runs, 0) : runs, e);
    if (!e->runs) return CF_OK;
    if (strcmp(e->claim->path, "accuracy") == 0) {
        const json_t *run = result_at(list ? json_array_get(runs, 0) : runs, e->claim->part);
        e->majority = run_majority(run);
        e->chance = run_chance(run);
    }
    e->verdict = is_comparable(results, ledger, e->claim) ? judge(e) : NOT_COMPARABLE;
    return CF_OK;
}

static cf_status fill_entries(const json_t *results, Ledger *ledger) {
    FORWARD(
        claims_new(ledger->file, ledger->subjects, ledger->subject_count, results, &ledger->claims, &ledger->count));
    FORWARD(memory_new(ledger->count, sizeof *ledger->entries, &ledger->entries));
    for (size_t i = 0; i < ledger->count; i++) {
        LedgerEntry *e = &ledger->entries[i];
        e->claim = &ledger->claims[i];
        FORWARD(fill_entry(results, ledger, e));
        ledger->verdicts[e->verdict]++;
        ledger->suggestions += e->claim->against != NULL;
        ledger->untried += e->claim->against && e->verdict == NOT_RUN;
    }
    return CF_OK;
}

cf_status ledger_new(const char *claims, const json_t *results, Ledger *ledger) {
    AUTO(ledger_free) Ledger made = {0};
    FORWARD(claims_read(claims, &made.file));
    FORWARD(take_subjects(results, &made));
    json_auto_t *renamed = in_the_reports_words(results, &made);
    FORWARD(fill_entries(renamed, &made));
    *ledger = made;
    made = (Ledger){0};
    return CF_OK;
}

void ledger_free(Ledger *ledger) {
    claims_release(ledger->claims, ledger->count);
    claims_free(ledger->file);
    free(ledger->subjects);
    free(ledger->entries);
    *ledger = (Ledger){0};
}
