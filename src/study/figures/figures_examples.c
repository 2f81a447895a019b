/* Images that are worth a look, each with what the network makes of it. */
#include "study/figures/figures_examples.h"

#include "base/memory.h"
#include "base/numbers.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* ---- Choosing examples ---- */

static int surest_first(const void *a, const void *b) {
    const Example *x = a, *y = b;
    if (x->confidence != y->confidence) return x->confidence < y->confidence ? 1 : -1;
    return (x->at > y->at) - (x->at < y->at);
}

cf_status list_examples(const Evaluation *e, bool right, Example **examples, size_t *count) {
    Example *list;
    size_t found = 0;
    FORWARD(memory_new(e->count, sizeof *list, &list));
    for (size_t i = 0; i < e->count; i++) {
        const float *p = e->probabilities + i * (size_t)e->metrics.classes;
        const int predicted = first_largest(p, e->metrics.classes);
        if ((predicted == e->labels[i]) == right) list[found++] = (Example){i, e->labels[i], predicted, p[predicted]};
    }
    qsort(list, found, sizeof *list, surest_first);
    *examples = list;
    *count = found;
    return CF_OK;
}

CanvasImage image_of(const cf_set *set, const Evaluation *e, const Example *example) {
    return (CanvasImage){set->pixels + e->images[example->at] * set_image_size(set), set->channels, set->height,
                         set->width};
}

void percent_text(double share, char text[16]) {
    if (share < 1 && share >= 0.9995)
        snprintf(text, 16, ">99.9 %%");
    else
        snprintf(text, 16, share >= 0.995 ? "%.1f %%" : "%.0f %%", 100 * share);
}

/* ---- Mistakes ---- */

enum { COLUMNS = 8, ROWS = 3, PLACES = COLUMNS * ROWS };

static cf_status write_misclassified(const FigureBook *book, const Evaluation *e, const Example *examples,
                                     size_t count) {
    const Metrics *m = &e->metrics;
    FileDraft csv;
    FORWARD(book_csv(book, "misclassified", &csv));
    fprintf(csv.stream, "image,%strue,predicted,confidence,probability_of_true\n", e->files ? "file," : "");
    for (size_t i = 0; i < count; i++) {
        const Example *x = &examples[i];
        evaluation_write_image(csv.stream, e, x->at);
        csv_text(csv.stream, m->class_names[x->truth]);
        fputc(',', csv.stream);
        csv_text(csv.stream, m->class_names[x->predicted]);
        fprintf(csv.stream, ",%.6g,%.6g\n", (double)x->confidence,
                (double)e->probabilities[x->at * (size_t)m->classes + (size_t)x->truth]);
    }
    return file_commit(&csv);
}

cf_status caption_of(const Metrics *m, const Example *x, char **caption) {
    char percent[16];
    const char *truth = m->class_names[x->truth], *predicted = m->class_names[x->predicted];
    percent_text((double)x->confidence, percent);
    return memory_print(caption, "%s%s\xe2\x86\x92 %s\n%s", truth, strlen(truth) + strlen(predicted) > 6 ? "\n" : " ",
                        predicted, percent);
}

/* What fits below an image of a file's name: the end of its stem, where numbers are. Drawn as it can be: see text_replace_controls. */
static cf_status short_file(const char *file, char **text) {
    enum { COLUMNS_OF_TEXT = 7 };
    char *name;
    FORWARD(memory_copy_string(file_base_name(file), &name));
    text_replace_controls(name);
    char *ending = strrchr(name, '.');
    if (ending && ending > name) *ending = '\0';
    const char *from = name;
    while (text_columns(from) > COLUMNS_OF_TEXT) {
        from++;
        while (((unsigned char)*from & 0xc0) == 0x80) from++; /* within a code point of UTF-8 */
    }
    cf_status status = memory_print(text, "%s%s", from > name ? "\xe2\x80\xa6" : "", from);
    free(name);
    return status;
}

/* The caption with the name of the image's file below it, where it has one. */
static cf_status add_file(const Evaluation *e, size_t at, char **caption) {
    char *file, *longer;
    if (!e->files) return CF_OK;
    FORWARD(short_file(e->files[e->images[at]], &file));
    cf_status status = memory_print(&longer, "%s\n%s", *caption, file);
    free(file);
    FORWARD(status);
    free(*caption);
    *caption = longer;
    return CF_OK;
}

/* Up to PLACES examples with their captions. */
static cf_status draw_examples(const FigureBook *book, const char *name, const char *note, const cf_set *set,
                               const Evaluation *e, const Example *examples, int shown, char **captions) {
    CanvasImage images[PLACES] = {0};
    for (int i = 0; i < shown; i++) {
        images[i] = image_of(set, e, &examples[i]);
        FORWARD(add_file(e, examples[i].at, &captions[i]));
    }
    /* Always as wide, so that the note has its room. */
    const GridGroup group = {
        .columns = COLUMNS, .images = images, .blank = true, .captions = (const char *const *)captions};
    const ImageGrid grid = {
        .note = note, .rows = (shown + COLUMNS - 1) / COLUMNS, .side = 54, .group_count = 1, .groups = &group};
    return book_grid(book, name, &grid);
}

static void free_captions(char *captions[PLACES]) {
    for (int i = 0; i < PLACES; i++) free(captions[i]);
}

static cf_status draw_misclassified(const FigureBook *book, const cf_set *set, const Evaluation *e,
                                    const Example *examples, size_t count) {
    char *captions[PLACES] = {0};
    char note[160];
    cf_status status = CF_OK;
    const int shown = count < PLACES ? (int)count : PLACES;
    for (int i = 0; i < shown && !status; i++) status = caption_of(&e->metrics, &examples[i], &captions[i]);
    if (shown < (int)count)
        snprintf(note, sizeof note, "%s: the %d most confident of %zu mistakes among %zu images", book->subject, shown,
                 count, e->count);
    else
        snprintf(note, sizeof note, "%s: all %zu mistakes among %zu images", book->subject, count, e->count);
    if (!status) status = draw_examples(book, "misclassified", note, set, e, examples, shown, captions);
    free_captions(captions);
    return status;
}

cf_status figure_misclassified(const FigureBook *book, const cf_set *set, const Evaluation *e) {
    Example *examples;
    size_t count;
    FORWARD(list_examples(e, false, &examples, &count));
    cf_status status = write_misclassified(book, e, examples, count);
    if (count == 0) notice("%s: every image is classified right, so there is no figure of mistakes", book->subject);
    if (!status && count) status = draw_misclassified(book, set, e, examples, count);
    free(examples);
    return status;
}

/* ---- Rankings ---- */

/* The class behind the predicted one. */
static int second_class(const Metrics *m, const float *p, int first) {
    int best = first == 0 ? 1 : 0;
    for (int c = 0; c < m->classes; c++)
        if (c != first && p[c] > p[best]) best = c;
    return best;
}

static const float *probabilities_of(const Evaluation *e, size_t at) {
    return e->probabilities + at * (size_t)e->metrics.classes;
}

static cf_status write_ranked(const FigureBook *book, const char *name, const Evaluation *e, Ranking ranking,
                              const RankedExample *ranked, int count) {
    const Metrics *m = &e->metrics;
    FileDraft csv;
    FORWARD(book_csv(book, name, &csv));
    fprintf(csv.stream, "image,%s%s\n", e->files ? "file," : "",
            ranking == RANK_TOP_LOSSES ? "true,predicted,confidence,loss"
                                       : "predicted,second,confidence,probability_of_second");
    for (int i = 0; i < count; i++) {
        const RankedExample *x = &ranked[i];
        const float *p = probabilities_of(e, x->example);
        const int second = second_class(m, p, x->predicted);
        const bool losses = ranking == RANK_TOP_LOSSES;
        evaluation_write_image(csv.stream, e, x->example);
        csv_text(csv.stream, m->class_names[losses ? x->label : x->predicted]);
        fputc(',', csv.stream);
        csv_text(csv.stream, m->class_names[losses ? x->predicted : second]);
        fprintf(csv.stream, ",%.6g,%.6g\n", x->confidence, losses ? x->loss : (double)p[second]);
    }
    return file_commit(&csv);
}

/* "4 → 9" and "loss 7.31", or "4, not 9" and "51 : 48 %". */
static cf_status ranked_caption(const Evaluation *e, Ranking ranking, const RankedExample *x, char **caption) {
    const Metrics *m = &e->metrics;
    const float *p = probabilities_of(e, x->example);
    const int second = second_class(m, p, x->predicted);
    const char *first = m->class_names[ranking == RANK_TOP_LOSSES ? x->label : x->predicted],
               *other = m->class_names[ranking == RANK_TOP_LOSSES ? x->predicted : second];
    const char *between = strlen(first) + strlen(other) > 6 ? "\n" : " ";
    if (ranking == RANK_TOP_LOSSES && x->label == x->predicted)
        return memory_print(caption, "%s\nloss %.2f", first, x->loss);
    if (ranking == RANK_TOP_LOSSES)
        return memory_print(caption, "%s%s\xe2\x86\x92 %s\nloss %.2f", first, between, other, x->loss);
    return memory_print(caption, "%s,%snot %s\n%.0f : %.0f %%", first, between, other, 100 * x->confidence,
                        100 * (double)p[second]);
}

static cf_status draw_ranked(const FigureBook *book, const char *name, const char *note, const cf_set *set,
                             const Evaluation *e, Ranking ranking, const RankedExample *ranked, int count) {
    Example examples[PLACES];
    char *captions[PLACES] = {0};
    cf_status status = CF_OK;
    for (int i = 0; i < count && !status; i++) {
        const RankedExample *x = &ranked[i];
        examples[i] = (Example){x->example, x->label, x->predicted, (float)x->confidence};
        status = ranked_caption(e, ranking, x, &captions[i]);
    }
    if (!status) status = draw_examples(book, name, note, set, e, examples, count, captions);
    free_captions(captions);
    return status;
}

static cf_status figure_ranked(const FigureBook *book, const char *name, const char *about, const cf_set *set,
                               const Evaluation *e, Ranking ranking) {
    const Predictions predictions = evaluation_predictions(e);
    RankedExample *ranked;
    size_t count;
    char note[200];
    FORWARD(rank_examples(&predictions, ranking, PLACES, &ranked, &count));
    snprintf(note, sizeof note, "%s: the %zu %s of %zu images", book->subject, count, about, e->count);
    cf_status status = write_ranked(book, name, e, ranking, ranked, (int)count);
    if (!status && count) status = draw_ranked(book, name, note, set, e, ranking, ranked, (int)count);
    free(ranked);
    return status;
}

cf_status figure_top_losses(const FigureBook *book, const cf_set *set, const Evaluation *e) {
    return figure_ranked(book, "top-losses", "largest losses", set, e, RANK_TOP_LOSSES);
}

cf_status figure_unsure(const FigureBook *book, const cf_set *set, const Evaluation *e) {
    return figure_ranked(book, "unsure", "least confident right ones", set, e, RANK_UNSURE_RIGHT);
}
