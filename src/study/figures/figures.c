#include "study/figures/figures.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static cf_status draw_run(const FigureBook *book, const Run *run) {
    FORWARD(figure_distribution(book, run->split));
    FORWARD(figure_samples(book, run->split));
    FORWARD(figure_filters(book, run->model));
    if (file_exists(run->history_path)) {
        FORWARD(figure_curves(book, run->history_path));
        return figure_rates(book, run->history_path);
    }
    notice("%s is not there, so there is no figure of the training", run->history_path);
    return CF_OK;
}

static cf_status draw_analysis(const FigureBook *book, const Evaluation *evaluation) {
    Analysis analysis;
    cf_status status;
    FORWARD(analysis_new(evaluation, &analysis));
    FORWARD_TO(done, figure_confused_pairs(book, &analysis));
    FORWARD_TO(done, figure_reliability(book, &analysis));
    FORWARD_TO(done, figure_roc(book, &analysis));
    FORWARD_TO(done, figure_precision_recall(book, &analysis));
done:
    analysis_free(&analysis);
    return status;
}

static cf_status draw_all(const FigureBook *book, const Run *run, const Evaluation *evaluation, bool own_test) {
    FORWARD(file_make_folder(book->folder));
    if (own_test) FORWARD(draw_run(book, run));
    FORWARD(figure_confusion(book, &evaluation->metrics));
    FORWARD(figure_misclassified(book, run->set, evaluation));
    FORWARD(figure_top_losses(book, run->set, evaluation));
    FORWARD(figure_unsure(book, run->set, evaluation));
    FORWARD(figure_probabilities(book, run->set, evaluation));
    FORWARD(figure_grad_cam(book, run->model, run->set, evaluation));
    return draw_analysis(book, evaluation);
}

cf_status figures_make(const Run *run, const Evaluation *evaluation, const char *data, const char *part,
                       const FigureOptions *options, FigureList *list) {
    char *folder = NULL, *suffix = NULL, *subject = NULL;
    cf_status status;
    if (options->formats == 0) return CF_OK;
    FORWARD_TO(done, file_join(run->folder, "figures", &folder));
    FORWARD_TO(done, figures_suffix(run, data, part, true, &suffix));
    FORWARD_TO(done, figures_subject(data, part, &subject));
    const FigureBook book = {folder, suffix, subject, options->formats, options->theme ? options->theme : &theme_light,
                             list};
    FORWARD_TO(done, draw_all(&book, run, evaluation, !*suffix));
done:
    free(folder);
    free(suffix);
    free(subject);
    return status;
}
