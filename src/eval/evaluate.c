#include "eval/evaluate.h"

#include "base/memory.h"
#include "base/numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void overlap_tell(const Overlap *o, size_t count) {
    char others[96] = "";
    if (!o->asked || o->quiet) return;
    if (o->checked && o->trained && o->validated)
        snprintf(others, sizeof others, ", and its best epoch was chosen by %zu others", o->validated);
    if (!o->checked)
        notice("whether the model was trained on some of these images could not be checked: %s", o->unchecked);
    else if (o->trained)
        notice("the model was trained on %zu of these %zu images%s: it will do worse on new ones", o->trained, count,
               others);
    else if (o->validated)
        notice("the model's best epoch was chosen by %zu of these %zu images: it may do worse on new ones",
               o->validated, count);
}

/* Keeps the images whose class the model knows, by name. */
static cf_status choose_images(const cf_model *model, const cf_subset *subset, Evaluation *e) {
    AUTO_FREE int *class_of = NULL;
    FORWARD(memory_new(subset->count, sizeof *e->images, &e->images));
    FORWARD(memory_new(subset->count, sizeof *e->labels, &e->labels));
    FORWARD(classes_match(subset->set, (const char *const *)model->class_names, model->classes, &class_of));
    for (size_t i = 0; i < subset->count; i++) {
        int label = class_of[subset->set->labels[subset->images[i]]];
        if (label < 0) {
            e->left_out++;
            continue;
        }
        e->images[e->count] = subset->images[i];
        e->labels[e->count++] = (uint16_t)label;
    }
    FAIL_IF(!e->count, CF_BAD_USE, "none of the %zu images of %s has a class that the model knows (%s, %s ..)",
            subset->count, subset->set->name, model->class_names[0], model->class_names[model->classes - 1]);
    if (e->left_out)
        notice("%zu of %zu images are left out: the model does not know their classes", e->left_out, subset->count);
    return CF_OK;
}

/* Every image has a label here, so that a loss of all tells of each: weights are finite, but sums of them were too large. */
static cf_status check_loss(const cf_model *model, const cf_subset *subset, const Evaluation *e, double loss) {
    size_t i = 0;
    if (isfinite(loss)) return CF_OK;
    while (i + 1 < e->count && isfinite(e->probabilities[i * (size_t)model->classes])) i++;
    return FAIL(
        CF_DIVERGED,
        "the loss over %zu images of %s is %g: the outputs of the network overflow (first seen at image %u); its weights "
        "are too large, so train it again with a lower learning rate",
        e->count, subset->set->name, loss, (unsigned)subset->images[i]);
}

cf_status evaluate(const cf_model *model, const cf_subset *subset, const ClassifyOptions *options,
                   Evaluation *evaluation) {
    AUTO(evaluation_free)
    Evaluation e = {
        .files = subset->set->files, .views = options->views, .temperature = {0, "no validation part was evaluated"}};
    StepResult result;
    const size_t classes = (size_t)model->classes;
    FORWARD(choose_images(model, subset, &e));
    FAIL_IF(
        e.count > MOST_PROBABILITIES / classes, CF_BAD_USE,
        "%zu images with %zu classes have more than the %zu probabilities that an evaluation can hold; evaluate fewer images, "
        "such as --data SET:test=%zu",
        e.count, classes, MOST_PROBABILITIES, MOST_PROBABILITIES / classes);
    FORWARD(memory_new(e.count * classes, sizeof(float), &e.probabilities));
    cf_subset kept = *subset;
    kept.images = e.images;
    kept.count = e.count;
    FORWARD(classify(model, &kept, options, e.probabilities, &result));
    FORWARD(check_loss(model, &kept, &e, result.loss));
    FORWARD(metrics_new(e.probabilities, e.labels, e.count, model->classes, (const char *const *)model->class_names,
                        &e.metrics));
    /* The network's loss is exact where a probability has become 0. */
    e.metrics.summary.loss = result.loss / (double)e.count;
    *evaluation = e;
    e = (Evaluation){0};
    return CF_OK;
}

void evaluation_free(Evaluation *evaluation) {
    free(evaluation->images);
    free(evaluation->labels);
    free(evaluation->probabilities);
    metrics_free(&evaluation->metrics);
    *evaluation = (Evaluation){0};
}

Predictions evaluation_predictions(const Evaluation *e) {
    return (Predictions){e->probabilities, e->labels, e->count, e->metrics.classes};
}

cf_status cf_evaluate(const cf_model *model, const cf_subset *subset, int threads, cf_metrics *metrics) {
    return cf_evaluate_views(model, subset, NULL, threads, metrics);
}

cf_status cf_evaluate_views(const cf_model *model, const cf_subset *subset, const char *line, int threads,
                            cf_metrics *metrics) {
    AUTO(evaluation_free) Evaluation evaluation = {0};
    AUTO(augmentation_free_at) Augmentation *views = NULL;
    if (line) FORWARD(augmentation_new(line, &views));
    const ClassifyOptions options = {.engine = cpu_engine(), .threads = threads, .views = views};
    FORWARD(evaluate(model, subset, &options, &evaluation));
    *metrics = evaluation.metrics.summary;
    return CF_OK;
}

void evaluation_write_image(FILE *out, const Evaluation *e, size_t at) {
    fprintf(out, "%u,", (unsigned)e->images[at]);
    if (!e->files) return;
    csv_text(out, e->files[e->images[at]]);
    fputc(',', out);
}

static cf_status write_head(FILE *out, const Evaluation *e) {
    fprintf(out, "image,%slabel,predicted,correct,confidence", e->files ? "file," : "");
    for (int c = 0; c < e->metrics.classes && e->metrics.classes <= WIDE_CLASSES; c++) {
        AUTO_FREE char *name = NULL;
        FORWARD(memory_print(&name, "p_%s", e->metrics.class_names[c]));
        fputc(',', out);
        csv_text(out, name);
    }
    if (e->metrics.classes > WIDE_CLASSES) {
        fputs(",p_label", out);
        for (int k = 1; k <= LIKELIEST; k++) fprintf(out, ",class_%d,p_%d", k, k);
    }
    fputc('\n', out);
    return CF_OK;
}

/* The likeliest first, equal ones in the order of the classes. */
static void write_likeliest(FILE *out, const Evaluation *e, const float *p) {
    int likeliest[LIKELIEST], count = 0;
    for (int c = 0; c < e->metrics.classes; c++) {
        int at = count;
        while (at > 0 && p[likeliest[at - 1]] < p[c]) at--;
        if (at == LIKELIEST) continue;
        if (count < LIKELIEST) count++;
        for (int i = count - 1; i > at; i--) likeliest[i] = likeliest[i - 1];
        likeliest[at] = c;
    }
    for (int i = 0; i < count; i++) {
        fputc(',', out);
        csv_text(out, e->metrics.class_names[likeliest[i]]);
        fprintf(out, ",%.6g", (double)p[likeliest[i]]);
    }
}

cf_status predictions_write(const char *path, const Evaluation *e) {
    AUTO(file_abandon) FileDraft draft = {0};
    const int classes = e->metrics.classes;
    FORWARD(file_draft(path, &draft));
    FORWARD(write_head(draft.stream, e));
    for (size_t i = 0; i < e->count; i++) {
        const float *p = e->probabilities + i * (size_t)classes;
        int best = first_largest(p, classes);
        evaluation_write_image(draft.stream, e, i);
        csv_text(draft.stream, e->metrics.class_names[e->labels[i]]);
        fputc(',', draft.stream);
        csv_text(draft.stream, e->metrics.class_names[best]);
        fprintf(draft.stream, ",%d,%.6g", best == e->labels[i], (double)p[best]);
        for (int c = 0; c < classes && classes <= WIDE_CLASSES; c++) fprintf(draft.stream, ",%.6g", (double)p[c]);
        if (classes > WIDE_CLASSES) {
            fprintf(draft.stream, ",%.6g", (double)p[e->labels[i]]);
            write_likeliest(draft.stream, e, p);
        }
        fputc('\n', draft.stream);
    }
    return file_commit(&draft);
}
