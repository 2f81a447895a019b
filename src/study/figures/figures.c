#include "study/figures/figures.h"

#include "base/memory.h"
#include "study/run/embedding.h"

#include <stdlib.h>
#include <string.h>

#define DRAW(name, call) FORWARD(book_unless_undrawable(book, (name), (call)))

/* What the network saw of the first training images. */
static cf_status draw_augmentation(const FigureBook *book, const Run *run) {
    enum { MOST_VARIANTS = 9 };
    const cf_subset *train = cf_split_part(run->split, CF_TRAIN);
    const Shape input = run->model->layers.input;
    const int chw[3] = {input.C, input.H, input.W};
    const int rows = train->count < FIGURE_AUGMENTATION_ROWS ? (int)train->count : FIGURE_AUGMENTATION_ROWS;
    const int epochs = run->config.train.epochs, variants = epochs < MOST_VARIANTS ? epochs : MOST_VARIANTS;
    const VariantOptions options = {train->images, rows, variants, chw, run->config.train.seed};
    return figure_augmentation(book, run->set, run->config.train.augment, &options);
}

static cf_status draw_run(const FigureBook *book, const Run *run) {
    DRAW("distribution", figure_distribution(book, run->split));
    DRAW("samples", figure_samples(book, run->split));
    if (strcmp(run->config.train.augment, "none") != 0) DRAW("augmentation", draw_augmentation(book, run));
    DRAW("filters", figure_filters(book, run->model));
    if (run->target) DRAW("domains", figure_target(book, run));
    if (file_exists(run->history_path)) {
        DRAW("curves", figure_curves(book, run->history_path, run->config.train.stop_on, run->config.target != NULL));
        DRAW("rates", figure_rates(book, run->history_path));
        return CF_OK;
    }
    notice("%s is not there, so there is no figure of the training", run->history_path);
    return CF_OK;
}

static cf_status draw_analysis(const FigureBook *book, const Analysis *analysis) {
    DRAW("confused-pairs", figure_confused_pairs(book, analysis));
    DRAW("reliability", figure_reliability(book, analysis));
    DRAW("roc", figure_roc(book, analysis));
    DRAW("precision-recall", figure_precision_recall(book, analysis));
    return CF_OK;
}

static cf_status draw_evaluation(const FigureBook *book, const Run *run, const Evaluation *evaluation) {
    DRAW("confusion", figure_confusion(book, &evaluation->metrics));
    DRAW("misclassified", figure_misclassified(book, run->set, evaluation));
    DRAW("top-losses", figure_top_losses(book, run->set, evaluation));
    DRAW("unsure", figure_unsure(book, run->set, evaluation));
    DRAW("probabilities", figure_probabilities(book, run->set, evaluation));
    if (!run->model) return CF_OK;
    DRAW("grad-cam", figure_grad_cam(book, run->model, run->set, evaluation));
    DRAW("attention-rollout", figure_attention_rollout(book, run->model, run->set, evaluation));
    DRAW("attention-heads", figure_attention_heads(book, run->model, run->set, evaluation));
    return CF_OK;
}

/* Features that no embedding can be made of cost this figure alone. */
static cf_status draw_umap(const FigureBook *book, const Run *run) {
    const cf_status status = embedding_of_run(run, book->formats, book->list);
    const bool hopeless = status == CF_NO_MEMORY || status == CF_IO || status == CF_INTERRUPTED;
    return status && !hopeless ? book_leave_out(book, "umap", cf_error()) : status;
}

typedef struct Drawn {
    const Run *run;
    const Evaluation *evaluation;
    bool umap;
} Drawn;

static cf_status draw_all(const FigureBook *book, const void *content) {
    const Drawn *drawn = content;
    const Run *run = drawn->run;
    AUTO(analysis_free) Analysis analysis = {0};
    const bool own_test = !*book->suffix && run->model;
    if (own_test) FORWARD(draw_run(book, run));
    if (own_test && drawn->umap) FORWARD(draw_umap(book, run));
    FORWARD(draw_evaluation(book, run, drawn->evaluation));
    FORWARD(analysis_new(drawn->evaluation, &analysis));
    return draw_analysis(book, &analysis);
}

cf_status figures_make(const Run *run, const Evaluation *evaluation, const char *data, const char *part,
                       const FigureOptions *options, FigureList *list) {
    return figures_of_run(run, NULL, data, part, run->views, options->formats, list, draw_all,
                          &(Drawn){run, evaluation, options->umap});
}
