#include "study/pipeline/study_story.h"

#include "base/limits.h"
#include "base/memory.h"
#include "study/imbalance/lab.h"
#include "study/ledger/study_results.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- Lines ---- */

typedef struct Story {
    const json_t *results;
    json_t *lines;
} Story;

__attribute__((format(printf, 2, 3))) static void tell(Story *story, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    json_array_append_new(story->lines, json_vsprintf(format, arguments));
    va_end(arguments);
}

static const json_t *result(const Story *story, const char *group, const char *key) {
    return json_object_get(json_object_get(story->results, group), key);
}

static const char *set_name(const Story *story, const char *key) {
    return result_text(result(story, "data", key), "name");
}

static void tell_search(Story *story, const char *key) {
    const json_t *search = result(story, "search", key), *value;
    const char *name;
    char point[200] = "";
    size_t used = 0;
    if (!search) return;
    json_object_foreach((json_t *)(uintptr_t)json_object_get(search, "point"), name, value) {
        char number_text[32] = "";
        if (json_is_number(value)) snprintf(number_text, sizeof number_text, "%g", json_number_value(value));
        const int more = snprintf(point + used, sizeof point - used, "%s%s %s", used ? ", " : "", name,
                                  json_is_string(value) ? json_string_value(value) : number_text);
        if (more > 0 && used + (size_t)more < sizeof point) used += (size_t)more;
    }
    tell(story, "The best of %lld configurations on %s is %s: %.2f %% of the validation images right, loss %.4f.",
         result_whole(search, "trials"), set_name(story, key), point, 100 * result_number(search, "accuracy"),
         result_number(search, "loss"));
}

static void tell_test(Story *story, const char *key) {
    const json_t *runs = result(story, "test", key), *first = json_array_get(runs, 0);
    const json_t *interval = json_object_get(first, "accuracy_interval");
    const size_t count = json_array_size(runs);
    if (!count) return;
    if (count > 1)
        tell(story, "On %s's test images, never trained on, %.2f %% are right in the mean of %zu seeds; macro F1 %.4f.",
             set_name(story, key), 100 * runs_mean(runs, "accuracy"), count, runs_mean(runs, "macro.f1"));
    else
        tell(story,
             "Of %lld test images of %s, never trained on, %.2f %% are right (95 %% interval %.2f to %.2f); macro F1 "
             "%.4f.",
             result_whole(first, "n"), set_name(story, key), 100 * result_number(first, "accuracy"),
             100 * json_number_value(json_array_get(interval, 0)), 100 * json_number_value(json_array_get(interval, 1)),
             runs_mean(runs, "macro.f1"));
}

static void tell_cross(Story *story, const char *from, const char *on) {
    char way[40];
    snprintf(way, sizeof way, "%s-on-%s", from, on);
    const json_t *runs = result(story, "cross", way), *first = json_array_get(runs, 0);
    const json_t *most = json_object_get(first, "most_predicted");
    char collapse[80 + LONGEST_NAME] = "";
    if (!first) return;
    if (run_has_collapsed(first))
        snprintf(collapse, sizeof collapse, " It has collapsed: %.0f %% of its predictions are %s.",
                 100 * result_number(most, "share"), result_text(most, "class"));
    tell(story,
         "The model of %s gets %.2f %% of %s right, where guessing gets %.0f %% and the commonest class %.1f %%.%s",
         set_name(story, from), 100 * runs_mean(runs, "accuracy"), set_name(story, on), 100 * run_chance(first),
         100 * run_majority(first), collapse);
}

static void tell_imbalance(Story *story, const char *key) {
    const json_t *cases = result(story, "imbalance", key), *runs;
    const char *name;
    char text[256] = "";
    const char *weakest = "?";
    size_t used = 0;
    if (!cases) return;
    json_object_foreach((json_t *)(uintptr_t)cases, name, runs) {
        const int more =
            snprintf(text + used, sizeof text - used, "%s%.2f", used ? ", " : "", 100 * runs_mean(runs, "accuracy"));
        if (more > 0 && used + (size_t)more < sizeof text) used += (size_t)more;
    }
    const json_t *first = json_object_get(cases, "1");
    const json_t *classes = json_object_get(json_array_get(first, 0), "per_class");
    double lowest = 2;
    for (size_t c = 0; c < json_array_size(classes); c++) {
        if (runs_mean_recall(first, c) >= lowest) continue;
        lowest = runs_mean_recall(first, c);
        weakest = result_text(json_array_get(classes, c), "class");
    }
    tell(story,
         "With few images of one class, %s gets %s %% right from the hardest case to all images; in the hardest, "
         "%.2f %% of class %s are found.",
         set_name(story, key), text, 100 * lowest, weakest);
}

/* Of the hardest case. */
static cf_status tell_remedies(Story *story, const char *key) {
    const json_t *cases = result(story, "remedies", key);
    RemedyRows rows;
    if (!json_object_get(cases, "1")) return CF_OK;
    FORWARD(remedy_rows_new(json_object_get(cases, "1"), &rows));
    const RemedyRow *best = &rows.rows[rows.best];
    if (!rows.best)
        tell(story, "In the hardest case no remedy of %d does better on %s's validation images than nothing.",
             rows.count - 1, set_name(story, key));
    else
        tell(story,
             "Against few images of one class of %s the best of %d remedies, by the validation images, is %s: %+.2f "
             "points of the mean "
             "recall (%+.2f to %+.2f, %zu seeds).",
             set_name(story, key), rows.count - 1, best->name, 100 * best->gain.difference, 100 * best->gain.low,
             100 * best->gain.high, rows.seeds);
    remedy_rows_free(&rows);
    return CF_OK;
}

/* Of the fewest images. */
static void tell_transfer(Story *story, const char *key, const char *from) {
    json_t *sizes = (json_t *)(uintptr_t)result(story, "transfer", key);
    const char *size = json_object_iter_key(json_object_iter(sizes));
    const json_t *ways = json_object_get(sizes, size ? size : ""), *drawn = json_object_get(ways, "new"),
                 *tuned = json_object_get(ways, "from");
    MeanDifference d;
    if (!ways || runs_difference(tuned, drawn, "accuracy", &d)) return;
    tell(story,
         "Trained on %s first, a network gets %.2f %% of %s right after %s image%s%s, and %.2f %% without it: "
         "%+.2f points (%+.2f to %+.2f, %zu seeds).",
         set_name(story, from), 100 * runs_mean(tuned, "accuracy"), set_name(story, key), size,
         strcmp(size, "1") == 0 ? "" : "s", strcmp(size, "all") == 0 ? "" : " per class",
         100 * runs_mean(drawn, "accuracy"), 100 * d.difference, 100 * d.low, 100 * d.high, json_array_size(tuned));
}

/* All against the first. */
static void tell_attention(Story *story, const char *key) {
    json_t *models = (json_t *)(uintptr_t)result(story, "attention", key), *runs;
    const json_t *first = NULL;
    const char *name;
    char text[400] = "";
    size_t used = 0;
    json_object_foreach(models, name, runs) {
        MeanDifference d;
        int more = 0;
        if (!first) {
            first = runs;
            more = snprintf(text, sizeof text, "%s gets %.2f %% right", name, 100 * runs_mean(runs, "accuracy"));
        } else if (!runs_difference(runs, first, "accuracy", &d))
            more = snprintf(text + used, sizeof text - used, ", %s %+.2f points (%+.2f to %+.2f)", name,
                            100 * d.difference, 100 * d.low, 100 * d.high);
        if (more > 0 && used + (size_t)more < sizeof text) used += (size_t)more;
    }
    if (first)
        tell(story, "On %s, with %zu seeds and the same training, %s.", set_name(story, key), json_array_size(first),
             text);
}

static void tell_features(Story *story, const char *key) {
    const json_t *features = result(story, "features", key), *vote = json_object_get(features, "knn_accuracy");
    if (!features) return;
    tell(story,
         "UMAP of %s's features keeps neighbourhoods with a trustworthiness of %.3f; in the plane, %.1f %% of the "
         "images "
         "have their class from their neighbours.",
         set_name(story, key), result_number(features, "trustworthiness"), 100 * json_number_value(vote));
}

static void tell_ledger(Story *story, const Ledger *ledger) {
    const size_t *v = ledger->verdicts;
    tell(story,
         "Of the report's %zu figures, %zu are reproduced, %zu beaten, %zu short; %zu were measured on other data, %zu "
         "not at all.",
         ledger->count - ledger->suggestions, v[REPRODUCED], v[BEATEN], v[FELL_SHORT], v[NOT_COMPARABLE],
         v[NOT_RUN] - ledger->untried);
}

cf_status study_story(const json_t *results, const Ledger *ledger, json_t **story) {
    static const char *const keys[] = {"mnist", "svhn"};
    Story s = {results, json_array()};
    for (size_t i = 0; i < COUNT_OF(keys); i++) tell_search(&s, keys[i]);
    for (size_t i = 0; i < COUNT_OF(keys); i++) tell_test(&s, keys[i]);
    for (size_t i = 0; i < COUNT_OF(keys); i++) tell_features(&s, keys[i]);
    tell_cross(&s, "svhn", "mnist");
    tell_cross(&s, "mnist", "svhn");
    for (size_t i = 0; i < COUNT_OF(keys); i++) tell_imbalance(&s, keys[i]);
    cf_status status = CF_OK;
    for (size_t i = 0; i < COUNT_OF(keys) && !status; i++) status = tell_remedies(&s, keys[i]);
    if (status) {
        json_decref(s.lines);
        return status;
    }
    for (size_t i = 0; i < COUNT_OF(keys); i++) tell_transfer(&s, keys[i], keys[1 - i]);
    for (size_t i = 0; i < COUNT_OF(keys); i++) tell_attention(&s, keys[i]);
    tell_ledger(&s, ledger);
    FAIL_IF(!s.lines, CF_NO_MEMORY, "out of memory for the story of the study");
    *story = s.lines;
    return CF_OK;
}
