#include "study/ledger/study_results.h"

#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

json_t *result_at(const json_t *root, const char *path) {
    json_t *json = (json_t *)(uintptr_t)root;
    char key[160];
    while (json && *path) {
        const size_t length = strcspn(path, ".");
        long long place;
        if (length >= sizeof key) return NULL;
        memcpy(key, path, length);
        key[length] = '\0';
        if (json_is_array(json))
            json = text_to_integer(key, 0, INT32_MAX, &place) ? json_array_get(json, (size_t)place) : NULL;
        else
            json = json_object_get(json, key);
        path += length + (path[length] == '.');
    }
    return json;
}

double result_number(const json_t *json, const char *path) {
    return json_number_value(result_at(json, path));
}

const char *result_text(const json_t *json, const char *path) {
    const char *text = json_string_value(result_at(json, path));
    return text ? text : "?";
}

long long result_whole(const json_t *json, const char *path) {
    const double number = result_number(json, path);
    return fabs(number) < 9e15 ? (long long)number : 0;
}

static cf_status check_member(const char *key, const json_t *value) {
    if (strcmp(key, "per_class") == 0)
        FAIL_IF(json_array_size(value) > MAX_CLASSES, CF_BAD_INPUT, "per_class: at most %d classes expected, found %zu",
                MAX_CLASSES, json_array_size(value));
    if (strcmp(key, "suffix") == 0)
        FAIL_IF(!json_is_string(value) || strchr(json_string_value(value), '/'), CF_BAD_INPUT,
                "suffix: the end of a file's name expected");
    return CF_OK;
}

cf_status result_check(const json_t *result) {
    const char *key;
    const json_t *value;
    for (size_t i = 0; i < json_array_size(result); i++) FORWARD(result_check(json_array_get(result, i)));
    json_object_foreach((json_t *)(uintptr_t)result, key, value) {
        FORWARD(check_member(key, value));
        FORWARD(result_check(value));
    }
    return CF_OK;
}

double runs_mean(const json_t *runs, const char *path) {
    const size_t count = json_array_size(runs);
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += result_number(json_array_get(runs, i), path);
    return count ? sum / (double)count : NAN;
}

cf_status runs_interval(const json_t *runs, const char *path, MeanInterval *interval) {
    const size_t count = json_array_size(runs);
    AUTO_FREE double *values = NULL;
    size_t found = 0;
    FORWARD(memory_new(count, sizeof *values, &values));
    for (size_t i = 0; i < count; i++) {
        const json_t *value = result_at(json_array_get(runs, i), path);
        if (json_is_number(value)) values[found++] = json_number_value(value);
    }
    *interval = mean_interval(values, found);
    if (found < 2) return CF_OK;
    const size_t length = strlen(path);
    interval->low = fmax(interval->low, 0);
    if (length < 4 || strcmp(path + length - 4, "loss") != 0) interval->high = fmin(interval->high, 1);
    return CF_OK;
}

cf_status runs_difference(const json_t *runs, const json_t *against, const char *path, MeanDifference *difference) {
    const size_t a = json_array_size(runs), b = json_array_size(against), count = a < b ? a : b;
    AUTO_FREE double *values = NULL;
    *difference = (MeanDifference){NAN, NAN, NAN, NAN, NAN, NAN};
    if (count < 2) return CF_OK;
    FORWARD(memory_new(2 * count, sizeof *values, &values));
    for (size_t i = 0; i < count; i++) {
        values[i] = result_number(json_array_get(runs, i), path);
        values[count + i] = result_number(json_array_get(against, i), path);
    }
    *difference = paired_t_test(values, values + count, count);
    return CF_OK;
}

double runs_mean_recall(const json_t *runs, size_t class) {
    char path[48];
    snprintf(path, sizeof path, "per_class.%zu.recall", class);
    return runs_mean(runs, path);
}

double run_majority(const json_t *run) {
    const json_t *classes = json_object_get(run, "per_class");
    double most = 0, all = 0;
    for (size_t i = 0; i < json_array_size(classes); i++) {
        const double support = result_number(json_array_get(classes, i), "support");
        all += support;
        most = fmax(most, support);
    }
    return all > 0 ? most / all : 0;
}

double run_chance(const json_t *run) {
    const size_t classes = json_array_size(json_object_get(run, "per_class"));
    return classes ? 1 / (double)classes : 0;
}

bool run_has_collapsed(const json_t *run) {
    const double share = result_number(run, "most_predicted.share");
    return share >= 0.5 && share >= 2 * result_number(run, "most_predicted.true_share");
}
