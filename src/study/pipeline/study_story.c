/* A study told in sentences. */
#include "study/pipeline/study_inside.h"

#include "base/limits.h"
#include "base/memory.h"
#include "study/imbalance/lab.h"
#include "study/ledger/study_results.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

/* ---- Lines ---- */

typedef struct Story {
    const json_t *results;
    json_t *lines;
} Story;

__attribute__((format(printf, 2, 3))) static void add_sentence(Story *story, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    json_array_append_new(story->lines, json_vsprintf(format, arguments));
    va_end(arguments);
}

/* Sentences have lists of any length. */
typedef struct Words {
    char text[500];
    size_t used;
} Words;

/* Leaves out what has no room any more. */
__attribute__((format(printf, 2, 3))) static void add_words(Words *words, const char *format, ...) {
    const size_t room = sizeof words->text - words->used;
    va_list arguments;
    va_start(arguments, format);
    const int more = vsnprintf(words->text + words->used, room, format, arguments);
    va_end(arguments);
    if (more > 0 && (size_t)more < room)
        words->used += (size_t)more;
    else
        words->text[words->used] = '\0';
}

static json_t *story_result(const Story *story, const char *group, const char *key) {
    return json_object_get(json_object_get(story->results, group), key);
}

/* A set, or a set and the model of another one, as the results call them. */
typedef struct Subject {
    const char *key, *name, *from; /* from NULL: a set; else the other one's name */
} Subject;

static cf_status tell_search(Story *story, const Subject *of) {
    const json_t *search = story_result(story, "search", of->key);
    json_t *value;
    const char *name;
    Words point = {.used = 0};
    if (!search) return CF_OK;
    json_object_foreach(json_object_get(search, "point"), name, value) {
        char number_text[32] = "";
        if (json_is_number(value)) snprintf(number_text, sizeof number_text, "%g", json_number_value(value));
        add_words(&point, "%s%s %s", point.used ? ", " : "", name,
                  json_is_string(value) ? json_string_value(value) : number_text);
    }
    add_sentence(story,
                 "The best of %lld configurations on %s is %s: %.2f %% of the validation images right, loss %.4f.",
                 result_whole(search, "trials"), of->name, point.text, 100 * result_number(search, "accuracy"),
                 result_number(search, "loss"));
    return CF_OK;
}

void study_seeds_text(size_t seeds, long long splits, char text[80]) {
    if (splits < 2)
        snprintf(text, 80, "%zu seeds", seeds);
    else if ((size_t)splits == seeds)
        snprintf(text, 80, "%zu seeds, each with a split of its own", seeds);
    else
        snprintf(text, 80, "%zu seeds over %lld splits", seeds, splits);
}

static cf_status tell_test(Story *story, const Subject *of) {
    const json_t *runs = story_result(story, "test", of->key), *first = json_array_get(runs, 0);
    const size_t count = json_array_size(runs);
    char over[80];
    MeanInterval mean;
    if (!count) return CF_OK;
    study_seeds_text(count, result_whole(story->results, "splits"), over);
    FORWARD(runs_interval(runs, "accuracy", &mean));
    if (count > 1)
        add_sentence(story,
                     "Of the test images of %s, never trained on, %.2f %% are right in the mean (95 %% interval %.2f "
                     "to %.2f, %s); macro F1 %.4f.",
                     of->name, 100 * mean.mean, 100 * mean.low, 100 * mean.high, over, runs_mean(runs, "macro.f1"));
    else
        add_sentence(story,
                     "Of %lld test images of %s, never trained on, %.2f %% are right (95 %% interval %.2f to %.2f); "
                     "macro F1 %.4f.",
                     result_whole(first, "n"), of->name, 100 * result_number(first, "accuracy"),
                     100 * result_number(first, "accuracy_interval.0"),
                     100 * result_number(first, "accuracy_interval.1"), runs_mean(runs, "macro.f1"));
    return CF_OK;
}

static cf_status tell_cross(Story *story, const Subject *of) {
    const json_t *runs = story_result(story, "cross", of->key), *first = json_array_get(runs, 0);
    const json_t *most = json_object_get(first, "most_predicted");
    char collapse[80 + LONGEST_NAME] = "";
    if (!first) return CF_OK;
    if (run_has_collapsed(first))
        snprintf(collapse, sizeof collapse, " It has collapsed: %.0f %% of its predictions are %s.",
                 100 * result_number(most, "share"), result_text(most, "class"));
    add_sentence(
        story,
        "The model of %s gets %.2f %% of %s right, where guessing gets %.0f %% and the commonest class %.1f %%.%s",
        of->from, 100 * runs_mean(runs, "accuracy"), of->name, 100 * run_chance(first), 100 * run_majority(first),
        collapse);
    return CF_OK;
}

static cf_status tell_imbalance(Story *story, const Subject *of) {
    json_t *cases = story_result(story, "imbalance", of->key), *runs;
    const char *name;
    Words accuracies = {.used = 0};
    const char *weakest = "?";
    if (!cases) return CF_OK;
    json_object_foreach(cases, name, runs)
        add_words(&accuracies, "%s%.2f", accuracies.used ? ", " : "", 100 * runs_mean(runs, "accuracy"));
    const json_t *first = json_object_get(cases, "1");
    const json_t *classes = json_object_get(json_array_get(first, 0), "per_class");
    double lowest = 2;
    for (size_t c = 0; c < json_array_size(classes); c++) {
        if (runs_mean_recall(first, c) >= lowest) continue;
        lowest = runs_mean_recall(first, c);
        weakest = result_text(json_array_get(classes, c), "class");
    }
    add_sentence(story,
                 "With few images of one class, %s gets %s %% right from the hardest case to all images; in the "
                 "hardest, %.2f %% of class %s are found.",
                 of->name, accuracies.text, 100 * lowest, weakest);
    return CF_OK;
}

/* Of the hardest case. */
static cf_status tell_remedies(Story *story, const Subject *of) {
    const json_t *cases = story_result(story, "remedies", of->key);
    AUTO(remedy_rows_free) RemedyRows rows = {0};
    if (!json_object_get(cases, "1")) return CF_OK;
    FORWARD(remedy_rows_new(json_object_get(cases, "1"), &rows));
    const RemedyRow *best = &rows.rows[rows.best];
    if (!rows.best)
        add_sentence(story,
                     "In the hardest case no remedy of %d does better on the validation images of %s than nothing.",
                     rows.count - 1, of->name);
    else
        add_sentence(story,
                     "Against few images of one class of %s the best of %d remedies, by the validation images, is %s: "
                     "%+.2f points of the mean recall (%+.2f to %+.2f, %zu seeds).",
                     of->name, rows.count - 1, best->name, 100 * best->gain.difference, 100 * best->gain.low,
                     100 * best->gain.high, rows.seeds);
    return CF_OK;
}

/* Of the fewest images. */
static cf_status tell_transfer(Story *story, const Subject *of) {
    json_t *sizes = story_result(story, "transfer", of->key);
    const char *size = json_object_iter_key(json_object_iter(sizes));
    const json_t *ways = json_object_get(sizes, size ? size : ""), *drawn = json_object_get(ways, "new"),
                 *tuned = json_object_get(ways, "from");
    MeanDifference d;
    if (!ways || runs_difference(tuned, drawn, "accuracy", &d)) return CF_OK;
    add_sentence(story,
                 "Trained on %s first, a network gets %.2f %% of %s right after %s image%s%s, and %.2f %% without it: "
                 "%+.2f points (%+.2f to %+.2f, %zu seeds).",
                 of->from, 100 * runs_mean(tuned, "accuracy"), of->name, size, strcmp(size, "1") == 0 ? "" : "s",
                 strcmp(size, "all") == 0 ? "" : " per class", 100 * runs_mean(drawn, "accuracy"), 100 * d.difference,
                 100 * d.low, 100 * d.high, json_array_size(tuned));
    return CF_OK;
}

/* Each method against the networks before. */
static cf_status tell_adaptation(Story *story, const Subject *of) {
    json_t *methods = story_result(story, "adapt", of->key), *runs;
    const json_t *before = json_object_get(methods, "none");
    const char *method;
    Words gains = {.used = 0};
    json_object_foreach(methods, method, runs) {
        MeanDifference d;
        if (strcmp(method, "none") == 0) continue;
        FORWARD(runs_difference(runs, before, "accuracy", &d));
        add_words(&gains, "%s%.2f %% by %s (%+.2f points, %+.2f to %+.2f)", gains.used ? ", " : "",
                  100 * runs_mean(runs, "accuracy"), method, 100 * d.difference, 100 * d.low, 100 * d.high);
    }
    if (gains.used)
        add_sentence(story,
                     "Adapted to images of %s without their labels, the model of %s gets %s of them right, and %.2f %% "
                     "as it was before (%zu seeds).",
                     of->name, of->from, gains.text, 100 * runs_mean(before, "accuracy"), json_array_size(before));
    return CF_OK;
}

/* All against the first. */
static cf_status tell_attention(Story *story, const Subject *of) {
    json_t *models = story_result(story, "attention", of->key), *runs;
    const json_t *first = NULL;
    const char *name;
    Words networks = {.used = 0};
    json_object_foreach(models, name, runs) {
        MeanDifference d;
        if (!first) {
            first = runs;
            add_words(&networks, "%s gets %.2f %% right", name, 100 * runs_mean(runs, "accuracy"));
        } else {
            FORWARD(runs_difference(runs, first, "accuracy", &d));
            add_words(&networks, ", %s %+.2f points (%+.2f to %+.2f)", name, 100 * d.difference, 100 * d.low,
                      100 * d.high);
        }
    }
    if (first)
        add_sentence(story, "On %s, with %zu seeds and the same training, %s.", of->name, json_array_size(first),
                     networks.text);
    return CF_OK;
}

static cf_status tell_features(Story *story, const Subject *of) {
    const json_t *features = story_result(story, "features", of->key);
    if (!features) return CF_OK;
    add_sentence(story,
                 "UMAP of the features of %s keeps neighbourhoods with a trustworthiness of %.3f; in the plane, %.1f "
                 "%% of the images have their class from their neighbours.",
                 of->name, result_number(features, "trustworthiness"), 100 * result_number(features, "knn_accuracy"));
    return CF_OK;
}

static void tell_ledger(Story *story, const Ledger *ledger) {
    const size_t *v = ledger->verdicts;
    add_sentence(story,
                 "Of the report's %zu figures, %zu are reproduced, %zu beaten, %zu short; %zu were measured on other "
                 "data, %zu not at all.",
                 ledger->count - ledger->suggestions, v[REPRODUCED], v[BEATEN], v[FELL_SHORT], v[NOT_COMPARABLE],
                 v[NOT_RUN] - ledger->untried);
}

/* What is told of each set, or of each model on another set. */
static cf_status tell_each(Story *story, cf_status (*tell_of)(Story *story, const Subject *of), bool pairs) {
    const json_t *sets = json_object_get(story->results, "sets");
    for (size_t on = 0; on < json_array_size(sets); on++)
        for (size_t from = 0; from < json_array_size(sets); from++) {
            const char *name = result_text(json_array_get(sets, on), "");
            char pair[160];
            Subject of = {name, name, NULL};
            if (pairs == (from == on)) continue; /* a set is told of where it meets itself */
            if (pairs) {
                of.from = result_text(json_array_get(sets, from), "");
                snprintf(pair, sizeof pair, "%s-on-%s", of.from, name);
                of.key = pair;
            }
            FORWARD(tell_of(story, &of));
        }
    return CF_OK;
}

cf_status study_story(const json_t *results, const Ledger *ledger, json_t **story) {
    static const struct {
        cf_status (*tell)(Story *story, const Subject *of);
        bool pairs;
    } parts[] = {{tell_search, false},  {tell_test, false},      {tell_features, false},
                 {tell_cross, true},    {tell_imbalance, false}, {tell_remedies, false},
                 {tell_transfer, true}, {tell_adaptation, true}, {tell_attention, false}};
    json_auto_t *lines = json_array();
    Story s = {results, lines};
    for (size_t i = 0; i < COUNT_OF(parts); i++) FORWARD(tell_each(&s, parts[i].tell, parts[i].pairs));
    if (ledger->file) tell_ledger(&s, ledger);
    FAIL_IF(!lines, CF_NO_MEMORY, "out of memory for the story of the study");
    *story = memory_take(&lines);
    return CF_OK;
}
