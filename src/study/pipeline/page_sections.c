/* The pages of what is compared seed by seed. */
#include "study/ledger/study_results.h"
#include "study/pipeline/page.h"
#include "study/report/report_inside.h"
#include "train/train_options.h"

#include <string.h>

/* ---- What they share ---- */

/* In points, and what to think of it. */
static cf_status difference_cells(FILE *out, const json_t *runs, const json_t *against) {
    MeanDifference d;
    FORWARD(runs_difference(runs, against, "accuracy", &d));
    table_estimate(out, d.difference, d.low, d.high, true);
    table_word(out, verdict_words[difference_verdict(&d)]);
    return CF_OK;
}

/* The rest of a row: accuracies before and after, or without and with, and their difference. */
static cf_status before_after_cells(FILE *out, const json_t *before, const json_t *after) {
    FORWARD(page_accuracy(out, before));
    FORWARD(page_accuracy(out, after));
    FORWARD(difference_cells(out, after, before));
    table_row_end(out);
    return CF_OK;
}

/* Trainings with the options of the set's own, but for those of the section. */
static cf_status training_line(FILE *out, const StudySet *set, const RecipeSection *section) {
    cf_train_options options = set->chosen.train;
    char text[TRAIN_OPTIONS_TEXT];
    if (recipe_lay(section->train, &options)) return CF_OK;
    options.patience = 0;
    options.stop_on = CF_STOP_ON_LAST;
    train_options_text(&options, false, text);
    html_write(out, "<p class=\"aside\">%s.</p>\n", text);
    return CF_OK;
}

/* How many networks the sections begin with. */
static const char *sources(const Recipe *recipe) {
    return recipe->seeds > 1 ? "few of the seeds" : "all seeds";
}

/* ---- From the other set ---- */

cf_status page_about_transfer(FILE *out, const StudyPage *page) {
    const Recipe *recipe = page->study->recipe;
    fprintf(
        out,
        "<p>The network that was trained on one set is trained further on images of another, and beside it the same network from "
        "drawn weights, on the same images: %d seeds, each with other training and test images; what a small size has is in the "
        "larger ones. Nothing is chosen by validation images, of which there would be none to spare: the number of epochs is "
        "fixed (of few images so many as give %d steps), and the last epoch is taken. Differences are paired by seed; noise is "
        "what 0 lies in the interval of. The pretrained network is one for %s, so intervals do not tell what another one would "
        "bring.</p>\n",
        recipe->transfer.seeds, recipe->transfer.steps, sources(recipe));
    return CF_OK;
}

static cf_status transfer_table(FILE *out, json_t *sizes) {
    const char *size;
    json_t *ways;
    table_open(out, (TableStyle){0}, "Test accuracy by training images per class; mean over the seeds (95 % interval)",
               "|>Images|>Epochs|>From scratch|>Fine-tuned|>Difference, points|>");
    json_object_foreach(sizes, size, ways) {
        const json_t *drawn = json_object_get(ways, "new");
        html_write(out, HTML_ROW("%s") CELL_WHOLE CELL_WHOLE, size, runs_mean(drawn, "images"),
                   runs_mean(drawn, "epochs_run"));
        FORWARD(before_after_cells(out, drawn, json_object_get(ways, "from")));
    }
    table_end(out);
    return CF_OK;
}

static cf_status embeddings_before_after(FILE *out, const StudyPage *page, const StudyPlace *place) {
    static const char *const rows[][2] = {{"before", "before"}, {"fine-tuned", "after"}};
    const Recipe *recipe = page->study->recipe;
    const json_t *features = study_result(page->study, "transfer_features", place->key);
    char caption[500], number[24];
    if (!features) return CF_OK;
    recipe_size_text(recipe->sizes[recipe->size_count - 1], number);
    snprintf(
        caption, sizeof caption,
        "UMAP of the test images of %s: what the network of %s makes of them, and the same network fine-tuned (images per class: "
        "%s; first seed). Each has an embedding of its own",
        place->set->name, place->from->name, number);
    table_open(out, (TableStyle){0}, "How far classes are apart in the two embeddings", "|>k-NN accuracy|>Silhouette");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const json_t *quality = json_object_get(features, rows[i][1]);
        html_write(out, HTML_ROW("%s") CELL_PERCENT CELL_4 HTML_ROW_END, rows[i][0],
                   100 * result_number(quality, "knn_accuracy"), result_number(quality, "silhouette"));
    }
    table_end(out);
    return page_figure(out, page->figures, ALONE, caption, "transfer-umap-%s/umap", place->key);
}

cf_status page_transfer(FILE *out, const StudyPage *page, const StudyPlace *place) {
    FORWARD(transfer_table(out, study_result(page->study, "transfer", place->key)));
    FORWARD(page_figure(
        out, page->figures, ALONE,
        "Accuracy by training images per class. Bars are 95 % intervals over the seeds; the epochs were fixed "
        "beforehand, and the last one is taken",
        "figures/transfer-%s", place->key));
    FORWARD(embeddings_before_after(out, page, place));
    return training_line(out, place->set, &page->study->recipe->transfer);
}

/* ---- Adapted, without labels ---- */

cf_status page_about_adaptation(FILE *out, const StudyPage *page) {
    const Recipe *recipe = page->study->recipe;
    fprintf(
        out,
        "<p>The network that was trained on one set learns further from its own images with their labels and from another "
        "set\xe2\x80\x99s training images without theirs (%d seeds). The labels of that set are for the score alone: nothing is "
        "chosen by them, and the last epoch is taken. Differences are to the same networks before, on the same test images, "
        "paired by seed; noise is what 0 lies in the interval of. The network at the beginning is one for %s.</p>\n",
        recipe->adaptation.seeds, sources(recipe));
    return CF_OK;
}

cf_status page_adaptation(FILE *out, const StudyPage *page, const StudyPlace *place) {
    json_t *methods = study_result(page->study, "adapt", place->key), *runs;
    const char *method;
    table_open(out, (TableStyle){0}, "Test accuracy there, before and after; mean over the seeds (95 % interval)",
               "|>Seeds|>Test images|>Accuracy before|>Adapted|>Difference, points|>");
    json_object_foreach(methods, method, runs) {
        if (strcmp(method, "none") == 0) continue;
        html_write(out, HTML_ROW("%s") CELL_WHOLE CELL_WHOLE, method, (double)json_array_size(runs),
                   runs_mean(runs, "n"));
        FORWARD(before_after_cells(out, json_object_get(methods, "none"), runs));
    }
    table_end(out);
    return training_line(out, place->from, &page->study->recipe->adaptation);
}

/* ---- Networks side by side ---- */

cf_status page_about_attention(FILE *out, const StudyPage *page) {
    const Recipe *recipe = page->study->recipe;
    fprintf(
        out,
        "<p>Networks trained on the same images with the same options and the same %d seeds, to the last epoch. With few epochs "
        "this tells how fast a network learns, not where it ends. Differences are paired by seed; noise is what 0 lies in the "
        "interval of.</p>\n<dl class=\"pairs\">\n",
        recipe->attention.seeds);
    for (int m = 0; m < recipe->model_count; m++)
        html_write(out, HTML_PAIR("%s", "<code>%s</code>"), recipe->names[m], recipe->models[m]);
    fputs("</dl>\n", out);
    return CF_OK;
}

static cf_status attention_table(FILE *out, json_t *models) {
    const json_t *first = NULL;
    const char *name;
    json_t *runs;
    table_open(out, (TableStyle){0}, "Mean over the seeds (95 % interval); differences to the first network",
               "|>Parameters|>MFLOP|>Seconds of steps|>Accuracy|>Difference, points|>");
    json_object_foreach(models, name, runs) {
        html_write(out, HTML_ROW("%s") CELL_WHOLE CELL_2 CELL_2, name, runs_mean(runs, "parameters"),
                   runs_mean(runs, "mflop"), runs_mean(runs, "seconds"));
        FORWARD(page_accuracy(out, runs));
        if (first)
            FORWARD(difference_cells(out, runs, first));
        else
            fputs(CELL_EMPTY CELL_EMPTY, out);
        if (!first) first = runs;
        table_row_end(out);
    }
    table_end(out);
    return CF_OK;
}

cf_status page_attention(FILE *out, const StudyPage *page, const StudyPlace *place) {
    FORWARD(attention_table(out, study_result(page->study, "attention", place->key)));
    FORWARD(page_figure(out, page->figures, ALONE, "Accuracy of each network, with 95 % intervals over the seeds",
                        "figures/attention-%s", place->key));
    return training_line(out, place->set, &page->study->recipe->attention);
}
