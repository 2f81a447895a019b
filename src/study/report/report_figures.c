/* The figures of the folder in the page. */
#include "study/report/report_inside.h"

#include "base/memory.h"
#include "base/text_draft.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* "most-confused.svg" -> "Most confused" */
static void figure_title(const char *name, char text[64]) {
    snprintf(text, 64, "%s", name);
    text[strcspn(text, ".")] = '\0';
    for (char *p = text; *p; p++)
        if (*p == '-' || *p == '_') *p = ' ';
    text[0] = (char)toupper((unsigned char)text[0]);
}

static void leave_out(FILE *out, const ReportFigure *figure, const char *why) {
    html_write(out, "<p class=\"note\">figures/%s is not shown: %s.</p>\n", figure->name, why);
}

/* Wide figures take the page's width; others stand two by two. */
static bool is_wide(const char *svg) {
    const char *box = strstr(svg, "viewBox=\"");
    double width, height;
    return box && sscanf(box, "viewBox=\"%*f %*f %lf %lf", &width, &height) == 2 && width > 1.4 * height;
}

/* The SVG document as an element of the page. */
static cf_status make_element(const char *svg, size_t size, int number, char **element) {
    AUTO(text_draft_abandon) TextDraft draft = {0};
    FORWARD(text_draft(&draft));
    FORWARD(report_svg_inline(draft.stream, svg, size, number));
    return text_draft_finish(&draft, element, NULL);
}

cf_status report_figure(FILE *out, const ReportFigure *figure, const char *caption, size_t *bytes, int number) {
    AUTO_FREE unsigned char *svg = NULL;
    AUTO_FREE char *element = NULL;
    size_t size;
    char name[64];
    cf_status status = file_read(figure->path, *bytes, &svg, &size);
    if (status == CF_BAD_INPUT) { /* larger than the room that is left */
        leave_out(out, figure, "it would make this page too large");
        return CF_OK;
    }
    FORWARD(status);
    status = make_element((const char *)svg, size, number, &element);
    if (status == CF_NO_MEMORY) return status;
    *bytes -= size;
    if (status) {
        leave_out(out, figure, cf_error());
        return CF_OK;
    }
    figure_title(figure->name, name);
    fprintf(out, "<figure%s>", is_wide(element) ? " class=\"wide\"" : "");
    html_write(out, "<div class=\"plate\" role=\"img\" aria-label=\"%s\">", name);
    fputs(element, out);
    html_write(out, "</div><figcaption>%s</figcaption></figure>\n", caption ? caption : name);
    return CF_OK;
}

cf_status report_figures(FILE *out, const FigureSeries *series, const char *const *names, const char *const *captions) {
    size_t bytes = series->bytes;
    bool any = false;
    for (int i = 0; names[i]; i++) {
        AUTO_FREE char *name = NULL, *path = NULL;
        FORWARD(memory_print(&name, "%s%s.svg", names[i], series->suffix));
        FORWARD(file_join(series->folder, name, &path));
        if (!file_exists(path)) continue;
        FORWARD(report_figure(out, &(ReportFigure){name, path, 0}, captions[i], &bytes, series->number + i));
        any = true;
    }
    if (!any) html_note(out, "There are no figures in the folder.");
    return CF_OK;
}

/* What a figure shows, by how its name begins; a longer beginning stands before a shorter one. */
static const struct {
    const char *name, *caption;
} captions[] = {
    {"attention-heads", "Attention weights of each head and layer, averaged over the queries: how much each position is attended to. What a "
                        "head takes from there, its values, is not in them; deeper layers attend to positions that have already taken in "
                        "others."},
    {"attention-rollout", "Attention rollout (Abnar and Zuidema 2020): the share of each position in what the network averages at its end, "
                          "through the attention of all layers, heads averaged, and the residual connections; the same for every class. It "
                          "follows attention weights alone: where information can come from, not what spoke for a class, which is what "
                          "Grad-CAM asks of the last layers."},
    {"augmentation", "Augmentation: training images in the first column, and beside them what the network saw of them, epoch by epoch."},
    {"confused-pairs", "Most confused pairs of classes: true class, predicted class and number of images."},
    {"confusion", "Confusion matrix: rows are the true class, columns the predicted class."},
    {"curves", "Learning curves on the training and the validation part, epoch by epoch. The circle marks the epoch whose weights were kept."},
    {"distribution", "Images per class in each part of the data."},
    {"domains", "UMAP of the last hidden layer's features of source and target in one plane, before and after adapting to the target's "
                "images. Classes of the target are those predicted: none of its labels is used."},
    {"filters", "Filters of the first convolution, all on one scale."},
    {"grad-cam", "Grad-CAM (Selvaraju et al. 2017): where what the last convolution gives speaks for the predicted class."},
    {"misclassified", "Misclassified test images, the most confident first: true class, predicted class and its probability."},
    {"moved", "How many of the target's images without labels went from one predicted class to another."},
    {"pca", "Principal components of the last hidden layer's features: each point is an image, in the colour of its class."},
    {"precision-recall", "Precision-recall curves, each class against the rest; of many classes those with the smallest areas."},
    {"probabilities", "Predicted probabilities of three correctly classified images: of high, of median and of low confidence."},
    {"rates", "Learning rate and images per second, epoch by epoch."},
    {"reliability", "Reliability diagram: accuracy by confidence, with the number of images in each bin."},
    {"roc", "ROC curves, each class against the rest; of many classes those with the smallest areas."},
    {"samples", "Two images of each class in each part of the data."},
    {"shift-samples", "Images of another kind as they are, and moved towards the source in one factor."},
    {"shift", "Where the drop on images of another kind comes from (cifra shift): these images moved towards those that it was trained on "
              "in one factor at a time, and evaluated again. Gains with their 95 % interval on the same images; of the drop: gain / drop; "
              "all but it: with all the others moved, as factors overlap."},
    {"top-losses", "Test images with the largest losses: confidently wrong predictions first."},
    {"umap", "UMAP of features: each point is an image, placed by the values of the network's last hidden layer, in the colour of its class."},
    {"unsure", "Correctly classified test images of the lowest confidence, with the class that came second."},
};

/* NULL: the name says it. With the name of other data behind it: "confusion-svhn.svg". A new string. */
static cf_status caption_of(const char *name, char **caption) {
    *caption = NULL;
    for (size_t i = 0; i < COUNT_OF(captions); i++) {
        const size_t length = strlen(captions[i].name);
        if (strncmp(name, captions[i].name, length) != 0 || (name[length] != '.' && name[length] != '-')) continue;
        const int other = name[length] == '-' ? (int)strcspn(name + length + 1, ".") : 0;
        return memory_print(caption, "%s%s%.*s%s", captions[i].caption, other ? " (" : "", other, name + length + 1, other ? ")" : "");
    }
    return CF_OK;
}

static cf_status captioned_figure(FILE *out, const ReportInput *input, size_t i, size_t *bytes) {
    AUTO_FREE char *caption = NULL;
    FORWARD(caption_of(input->figures[i].name, &caption));
    return report_figure(out, &input->figures[i], caption, bytes, (int)i + 1);
}

cf_status opening_figure(FILE *out, const ReportInput *input, const char *name, size_t *bytes) {
    for (size_t i = 0; i < input->figure_count; i++)
        if (strcmp(input->figures[i].name, name) == 0) return captioned_figure(out, input, i, bytes);
    return CF_OK;
}

cf_status opening_umap(FILE *out, const ReportInput *input, size_t *bytes) {
    if (!report_has_features(input)) return opening_figure(out, input, "umap.svg", bytes);
    fputs("<div id=\"features\"><div class=\"still\">\n", out);
    FORWARD(opening_figure(out, input, "umap.svg", bytes));
    fputs("</div>\n<figure class=\"moving screen\">\n", out);
    FORWARD(section_scatter(out, input, NULL, NULL));
    fputs("<figcaption>UMAP of features: each point is an image, placed by the values of the network\xe2\x80\x99s last hidden layer. "
          "Point at one to see it; drag, scroll or use the arrow keys, plus and minus to move about.</figcaption></figure></div>\n",
          out);
    return CF_OK;
}

/* The page has one confusion matrix of the run's own test part, whose cells open their images. */
static bool in_opening(const char *name) {
    static const char *const shown[] = {"curves.svg", "confusion.svg", "umap.svg", "misclassified.svg"};
    bool found = strncmp(name, "confusion-normalized", strlen("confusion-normalized")) == 0;
    for (size_t i = 0; i < COUNT_OF(shown); i++) found |= strcmp(name, shown[i]) == 0;
    return found;
}

cf_status section_figures(FILE *out, const ReportInput *input, size_t *bytes) {
    if (!input->figure_count) html_note(out, "There are no figures in the folder.");
    for (size_t i = 0; i < input->figure_count; i++)
        if (!in_opening(input->figures[i].name)) FORWARD(captioned_figure(out, input, i, bytes));
    return CF_OK;
}
