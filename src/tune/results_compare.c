#include "tune/results.h"

#include "base/json_text.h"
#include "base/memory.h"
#include "base/text.h"

#include <math.h>

/* The other's done trial with the same seed whose images can be set beside this one's, or NULL. */
static const Trial *partner(const Trial *trial, const Configuration *other) {
    for (size_t i = 0; i < other->count; i++) {
        const Trial *t = other->trials[i];
        if (t->state == TRIAL_DONE && t->seed == trial->seed && t->correct && t->correct_count == trial->correct_count)
            return t;
    }
    return NULL;
}

/* Adds to each image how many more of the best's trials got it right; the loss differences go behind each other. */
static void add_pairs(Comparison *c, int *more, double *differences) {
    for (size_t i = 0; i < c->best->count; i++) {
        const Trial *one = c->best->trials[i];
        if (one->state != TRIAL_DONE || !one->correct || one->correct_count != c->images) continue;
        const Trial *other = partner(one, c->other);
        if (!other) continue;
        for (size_t k = 0; k < c->images; k++) more[k] += one->correct[k] - other->correct[k];
        differences[c->seeds++] = c->objective == OBJECTIVE_ACCURACY
                                      ? one->validation_accuracy - other->validation_accuracy
                                      : other->validation_loss - one->validation_loss;
    }
}

cf_status results_compare(const TuneResults *results, Comparison *comparison) {
    Comparison c = {.images = results->images, .p = 1, .objective = results->objective};
    AUTO_FREE double *differences = NULL;
    AUTO_FREE int *more = NULL;
    *comparison = c;
    if (results->count < 2 || !results->configurations[1].done || !results->images) return CF_OK;
    c.best = &results->configurations[0], c.other = &results->configurations[1];
    FORWARD(memory_new(c.images, sizeof *more, &more));
    FORWARD(memory_new(c.best->count, sizeof *differences, &differences));
    add_pairs(&c, more, differences);
    for (size_t k = 0; k < c.images; k++) c.only_best += more[k] > 0, c.only_other += more[k] < 0;
    c.p = sign_test_p(c.only_best, c.only_other);
    c.ahead = mean_interval(differences, c.seeds);
    if (c.seeds) *comparison = c;
    return CF_OK;
}

bool comparison_is_noise(const Comparison *comparison) {
    return comparison->p >= NOISE_PERCENT / 100.0;
}

/* ---- Saying it ---- */

static const char *p_text(double p, char text[32]) {
    if (p < 0.0001)
        snprintf(text, 32, "p < 0.0001");
    else
        snprintf(text, 32, "p = %.*f", p < 0.01 ? 4 : p < 0.1 ? 3 : 2, p);
    return text;
}

static void print_images(const Comparison *c, FILE *out) {
    const int best = c->best->trials[0]->id, other = c->other->trials[0]->id;
    char one[32], two[32], all[32], p[32], test[64] = "McNemar, exact";
    if (c->seeds > 1) snprintf(test, sizeof test, "sign test over images, %zu seeds each", c->seeds);
    text_thousands((long long)c->only_best, one), text_thousands((long long)c->only_other, two);
    text_thousands((long long)c->images, all), p_text(c->p, p);
    fprintf(out, "Trial %d against trial %d: ", best, other);
    if (c->only_best + c->only_other == 0)
        fprintf(out, "no difference: each of the %s validation images is right with both or with neither.\n", all);
    else if (comparison_is_noise(c))
        fprintf(out, "the difference is noise: %s images against %s of %s (%s; %s).\n", one, two, all, p, test);
    else if (c->only_best > c->only_other)
        fprintf(out, "trial %d is better: it alone gets %s images right, the other alone %s, of %s (%s; %s).\n", best,
                one, two, all, p, test);
    else
        fprintf(out, "trial %d has the %s, but trial %d gets more images right: %s against %s of %s (%s; %s).\n", best,
                c->objective == OBJECTIVE_ACCURACY ? "higher mean accuracy" : "lower loss", other, two, one, all, p,
                test);
}

static void print_means(const Comparison *c, FILE *out) {
    const MeanInterval m = c->ahead;
    const bool ahead = m.mean >= 0, points = c->objective == OBJECTIVE_ACCURACY;
    const double unit = points ? 100 : 1;
    if (c->seeds < 2) return;
    fprintf(out, "Trial %d's mean %s over %zu seeds is %s by %.2g%s (95 %% interval %.2g to %.2g): %s.\n",
            c->best->trials[0]->id, points ? "accuracy" : "loss", c->seeds, ahead == points ? "higher" : "lower",
            unit * fabs(m.mean), points ? " points" : "", unit * (ahead ? m.low : -m.high),
            unit * (ahead ? m.high : -m.low),
            m.low > 0 || m.high < 0 ? "more than what seeds do" : "no more than what seeds do");
}

void comparison_print(const TuneResults *results, const Comparison *c, FILE *out) {
    if (!c->best) return;
    print_images(c, out);
    print_means(c, out);
    if (results->count > 2 && !comparison_is_noise(c))
        fprintf(out, "The first of %zu was chosen on these very images, which flatters it.\n", results->count);
}

cf_status comparison_json(const Comparison *c, json_t **json) {
    json_t *made =
        c->best ? json_pack("{s:i, s:i, s:I, s:I, s:I, s:I, s:f, s:b, s:{s:o, s:[o, o]}}", "best",
                            c->best->trials[0]->id, "other", c->other->trials[0]->id, "seeds", (json_int_t)c->seeds,
                            "images", (json_int_t)c->images, "only_best", (json_int_t)c->only_best, "only_other",
                            (json_int_t)c->only_other, "p", c->p, "noise", comparison_is_noise(c),
                            c->objective == OBJECTIVE_ACCURACY ? "accuracy_difference" : "loss_difference", "mean",
                            json_number(c->ahead.mean), "interval", json_number(c->ahead.low),
                            json_number(c->ahead.high))
                : json_null();
    FAIL_IF(!made, CF_NO_MEMORY, "out of memory while making JSON of a comparison");
    *json = made;
    return CF_OK;
}
