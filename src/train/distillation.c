#include "train/distillation.h"

#include "base/memory.h"
#include "nn/transfer.h"

#include <stdlib.h>
#include <string.h>

struct Distillation {
    cf_model *teacher;
    Plan *plan;
    int classes;     /* of the student */
    int *class_of;   /* [classes] the teacher's place for each of them */
    float *logits;   /* [batch][classes] */
    Sample *samples; /* [batch] */
    char sha256[SHA256_HEX];
};

/* ---- Options ---- */

cf_status distillation_line_check(const char *line) {
    FAIL_IF(!*line, CF_BAD_USE, "none, a run folder or a model file expected, found nothing");
    return CF_OK;
}

cf_status distillation_sha256_check(const char *line) {
    const size_t length = strlen(line);
    FAIL_IF(strcmp(line, "none") != 0 && (length != SHA256_HEX - 1 || strspn(line, "0123456789abcdef") != length),
            CF_BAD_USE, "none, or a SHA-256 of 64 hexadecimal digits expected, found %.70s", line);
    return CF_OK;
}

static bool has_teacher(const cf_train_options *options) {
    return strcmp(options->teacher, "none") != 0;
}

const char *distillation_sha256(const Distillation *distillation) {
    return distillation ? distillation->sha256 : NULL;
}

cf_status distillation_find_sha256(cf_train_options *options) {
    AUTO_FREE char *path = NULL;
    if (!has_teacher(options) || strcmp(options->teacher_sha256, "none") != 0) return CF_OK;
    cf_status status = transfer_path(options->teacher, &path);
    if (!status) status = transfer_sha256(path, options->teacher_sha256);
    return status ? status_prefix(status, "teacher %s", options->teacher) : CF_OK;
}

/* ---- Making ---- */

static cf_status match_classes(const cf_model *student, Distillation *d) {
    const cf_model *teacher = d->teacher;
    FORWARD(memory_new((size_t)student->classes, sizeof *d->class_of, &d->class_of));
    for (int c = 0; c < student->classes; c++) {
        int k = 0;
        while (k < teacher->classes && strcmp(teacher->class_names[k], student->class_names[c]) != 0) k++;
        FAIL_IF(k == teacher->classes, CF_BAD_USE,
                "it does not know the class %s; a teacher knows all that are to be learnt", student->class_names[c]);
        d->class_of[c] = k;
    }
    return CF_OK;
}

static cf_status prepare(const cf_train_options *options, const cf_model *student, const Engine *engine, int threads,
                         Distillation *d) {
    const PlanOptions plan = {.engine = engine, .batch = options->batch, .threads = threads};
    AUTO_FREE char *path = NULL;
    FORWARD(transfer_path(options->teacher, &path));
    FORWARD(transfer_sha256(path, d->sha256));
    FAIL_IF(strcmp(options->teacher_sha256, "none") != 0 && strcmp(options->teacher_sha256, d->sha256) != 0,
            CF_BAD_INPUT,
            "%s holds other weights than those that are asked for: SHA-256 %.16s.. expected, found %.16s..", path,
            options->teacher_sha256, d->sha256);
    FORWARD(cf_model_load(path, &d->teacher));
    const Shape here = student->layers.input, there = d->teacher->layers.input;
    FAIL_IF(memcmp(&here, &there, sizeof here) != 0, CF_BAD_USE,
            "it takes images of %dx%dx%d, and the network to be trained %dx%dx%d; begin the model line with \"input "
            "%dx%dx%d |\"",
            there.C, there.H, there.W, here.C, here.H, here.W, there.C, there.H, there.W);
    FORWARD(match_classes(student, d));
    d->classes = student->classes;
    FORWARD(memory_new((size_t)options->batch * (size_t)d->classes, sizeof *d->logits, &d->logits));
    FORWARD(memory_new((size_t)options->batch, sizeof *d->samples, &d->samples));
    FORWARD(plan_new(&d->teacher->layers, &d->teacher->parameters, &plan, &d->plan));
    return plan_use_parameters(d->plan);
}

cf_status distillation_new(const cf_train_options *options, const cf_model *student, const Engine *engine, int threads,
                           Distillation **distillation) {
    AUTO(distillation_free_at) Distillation *made = NULL;
    *distillation = NULL;
    if (!has_teacher(options)) return CF_OK;
    FORWARD(memory_new(1, sizeof *made, &made));
    const cf_status status = prepare(options, student, engine, threads, made);
    if (status) return status_prefix(status, "teacher %s", options->teacher);
    *distillation = memory_take(&made);
    return CF_OK;
}

void distillation_free(Distillation *distillation) {
    if (!distillation) return;
    plan_free(distillation->plan);
    cf_model_free(distillation->teacher);
    free(distillation->class_of);
    free(distillation->logits);
    free(distillation->samples);
    free(distillation);
}

/* ---- A step ---- */

cf_status distillation_teach(Distillation *d, const Sample **samples, int n, int threads) {
    if (!d) return CF_OK;
    plan_use_threads(d->plan, threads);
    FORWARD(plan_infer_samples(d->plan, *samples, n));
    memcpy(d->samples, *samples, (size_t)n * sizeof **samples);
    const float *all = plan_logits(d->plan);
    for (int i = 0; i < n; i++, all += d->teacher->classes) {
        float *row = d->logits + (size_t)i * (size_t)d->classes;
        for (int c = 0; c < d->classes; c++) row[c] = all[d->class_of[c]];
        d->samples[i].teacher = row;
    }
    *samples = d->samples;
    return CF_OK;
}
