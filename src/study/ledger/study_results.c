#include "study/ledger/study_results.h"

#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const json_t *result_at(const json_t *json, const char *path) {
    char key[64];
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

double runs_mean(const json_t *runs, const char *path) {
    const size_t count = json_array_size(runs);
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += result_number(json_array_get(runs, i), path);
    return count ? sum / (double)count : NAN;
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
