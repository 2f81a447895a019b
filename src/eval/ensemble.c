#include "eval/ensemble.h"

#include "base/memory.h"
#include "base/name_table.h"
#include "base/numbers.h"

#include <stdlib.h>
#include <string.h>

/* places[c]: where the first model has the class c of this one. */
static cf_status match_classes(const cf_model *first, const cf_model *model, size_t number, int *places) {
    NameTable table;
    int missing = -1;
    FAIL_IF(model->classes != first->classes, CF_BAD_USE,
            "model %zu knows %d classes and the first one %d; an ensemble is of models that know the same ones", number,
            model->classes, first->classes);
    FORWARD(name_table_new((size_t)first->classes, &table));
    for (int c = 0; c < first->classes; c++) name_table_put(&table, first->class_names[c], c);
    for (int c = 0; c < model->classes; c++) {
        places[c] = name_table_find(&table, model->class_names[c], strlen(model->class_names[c]));
        if (places[c] < 0) missing = c;
    }
    name_table_free(&table);
    FAIL_IF(missing >= 0, CF_BAD_USE,
            "model %zu knows a class \"%s\" that the first one does not; an ensemble is of models that know the same "
            "classes",
            number, model->class_names[missing]);
    return CF_OK;
}

/* Work on an ensemble: what adds up. */
typedef struct Sums {
    double *sums; /* [images][classes] */
    int *places;  /* [classes] of the model at hand */
} Sums;

static void sums_free(Sums *s) {
    free(s->sums);
    free(s->places);
}

static cf_status add_member(const Evaluation *e, Sums *s, EnsembleMember *member) {
    const size_t classes = (size_t)e->metrics.classes;
    if (!s->sums) FORWARD(memory_new(e->count * classes, sizeof *s->sums, &s->sums));
    FORWARD(memory_new(e->count, 1, &member->right));
    member->accuracy = e->metrics.summary.accuracy;
    member->loss = e->metrics.summary.loss;
    for (size_t i = 0; i < e->count; i++) {
        const float *p = e->probabilities + i * classes;
        member->right[i] = first_largest(p, (int)classes) == e->labels[i];
        for (size_t c = 0; c < classes; c++) s->sums[i * classes + (size_t)s->places[c]] += (double)p[c];
    }
    return CF_OK;
}

cf_status ensemble_evaluate(const EnsembleModel *models, size_t count, const cf_subset *subset, int threads,
                            Ensemble *ensemble) {
    AUTO(ensemble_free) Ensemble made = {.count = count};
    AUTO(sums_free) Sums sums = {0};
    FAIL_IF(count < 1, CF_BAD_USE, "an ensemble of no model: one at least is needed");
    FORWARD(memory_new(count, sizeof *made.members, &made.members));
    FORWARD(memory_new((size_t)models[0].model->classes, sizeof *sums.places, &sums.places));
    for (size_t m = 0; m < count; m++) {
        const ClassifyOptions options = {.engine = models[m].engine, .threads = threads, .views = models[m].views};
        AUTO(evaluation_free) Evaluation evaluation = {0};
        FORWARD(match_classes(models[0].model, models[m].model, m + 1, sums.places));
        FORWARD(evaluate(models[m].model, subset, &options, &evaluation));
        FORWARD(add_member(&evaluation, &sums, &made.members[m]));
        if (m) continue;
        made.evaluation = evaluation;
        evaluation = (Evaluation){0};
    }
    /* The first model's evaluation becomes that of the ensemble, with its class names. Of one model nothing changes, to the bit, and its
     * loss stays the exact one. */
    Evaluation *e = &made.evaluation;
    for (size_t i = 0; count > 1 && i < e->count * (size_t)e->metrics.classes; i++)
        e->probabilities[i] = (float)(sums.sums[i] / (double)count);
    if (count > 1) {
        Metrics metrics;
        FORWARD(
            metrics_new(e->probabilities, e->labels, e->count, e->metrics.classes, e->metrics.class_names, &metrics));
        metrics_free(&e->metrics);
        e->metrics = metrics;
    }
    *ensemble = made;
    made = (Ensemble){0};
    return CF_OK;
}

void ensemble_free(Ensemble *ensemble) {
    for (size_t m = 0; ensemble->members && m < ensemble->count; m++) free(ensemble->members[m].right);
    free(ensemble->members);
    evaluation_free(&ensemble->evaluation);
    *ensemble = (Ensemble){0};
}

size_t ensemble_best(const Ensemble *ensemble) {
    size_t best = 0;
    for (size_t m = 1; m < ensemble->count; m++) {
        const EnsembleMember *one = &ensemble->members[m], *other = &ensemble->members[best];
        if (one->accuracy > other->accuracy || (one->accuracy == other->accuracy && one->loss < other->loss)) best = m;
    }
    return best;
}

void ensemble_discordant(const Ensemble *ensemble, size_t member, size_t *only_ensemble, size_t *only_member) {
    const Evaluation *e = &ensemble->evaluation;
    *only_ensemble = *only_member = 0;
    for (size_t i = 0; i < e->count; i++) {
        const float *p = e->probabilities + i * (size_t)e->metrics.classes;
        const bool one = first_largest(p, e->metrics.classes) == e->labels[i],
                   other = ensemble->members[member].right[i];
        *only_ensemble += one && !other;
        *only_member += other && !one;
    }
}

cf_status cf_evaluate_ensemble(const cf_model *const *models, size_t count, const cf_subset *subset, int threads,
                               cf_metrics *metrics) {
    AUTO(ensemble_free) Ensemble ensemble = {0};
    AUTO_FREE EnsembleModel *all = NULL;
    FORWARD(memory_new(count, sizeof *all, &all));
    for (size_t m = 0; m < count; m++) all[m] = (EnsembleModel){.model = models[m], .engine = cpu_engine()};
    FORWARD(ensemble_evaluate(all, count, subset, threads, &ensemble));
    *metrics = ensemble.evaluation.metrics.summary;
    return CF_OK;
}
