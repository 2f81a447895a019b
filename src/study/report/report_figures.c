/* The figures of the folder in the page. */
#include "study/report/report_inside.h"

#include "base/memory.h"
#include "base/text_draft.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* "most-confused.svg" -> "Most confused" */
static void title(const char *name, char text[64]) {
    snprintf(text, 64, "%s", name);
    text[strcspn(text, ".")] = '\0';
    for (char *p = text; *p; p++)
        if (*p == '-' || *p == '_') *p = ' ';
    text[0] = (char)toupper((unsigned char)text[0]);
}

static void left_out(FILE *out, const ReportFigure *figure, const char *why) {
    fputs("<p class=\"note\">figures/", out);
    html_text(out, figure->name);
    fputs(" is not shown: ", out);
    html_text(out, why);
    fputs(".</p>\n", out);
}

/* Wide figures take the page's width; others stand two by two. */
static bool is_wide(const char *svg) {
    const char *box = strstr(svg, "viewBox=\"");
    double width, height;
    return box && sscanf(box, "viewBox=\"%*f %*f %lf %lf", &width, &height) == 2 && width > 1.4 * height;
}

static cf_status one(FILE *out, const ReportFigure *figure, const char *caption, const char *svg, size_t size,
                     int number) {
    char *element = NULL, text[64];
    size_t length = 0;
    TextDraft draft;
    FORWARD(text_draft(&draft));
    cf_status status = report_svg_inline(draft.stream, svg, size, number);
    if (!status)
        status = text_draft_finish(&draft, &element, &length);
    else
        text_draft_abandon(&draft);
    if (!status) {
        title(figure->name, text);
        fprintf(out, "<figure%s><div class=\"plate\" role=\"img\" aria-label=\"",
                is_wide(element) ? " class=\"wide\"" : "");
        html_text(out, text);
        fputs("\">", out);
        fwrite(element, 1, length, out);
        fputs("</div><figcaption>", out);
        html_text(out, caption ? caption : text);
        fputs("</figcaption></figure>\n", out);
    }
    free(element);
    if (status == CF_NO_MEMORY) return status;
    if (status) left_out(out, figure, cf_error());
    return CF_OK;
}

cf_status report_figure(FILE *out, const ReportFigure *figure, const char *caption, size_t *bytes, int number) {
    unsigned char *svg;
    size_t size;
    cf_status status = file_read(figure->path, *bytes, &svg, &size);
    if (status == CF_BAD_INPUT) { /* larger than the room that is left */
        left_out(out, figure, "it would make this page too large");
        return CF_OK;
    }
    FORWARD(status);
    status = one(out, figure, caption, (const char *)svg, size, number);
    free(svg);
    FORWARD(status);
    *bytes -= size;
    return CF_OK;
}

/* Of figures that their name does not explain, by how it begins. */
static const char *caption_of(const char *name) {
    static const char *const captions[][2] = {
        {"grad-cam",
         "Grad-CAM (Selvaraju et al. 2017): where what the last convolution gives speaks for the predicted class."},
        {"domains", "The last hidden layer's features of source and target in one plane (UMAP), before and after adapting to the target's "
                    "images. Classes of the target are those predicted: none of its labels is used."},
        {"moved", "How many of the target's images without labels went from one predicted class to another."},
        {"attention-rollout",
         "Attention rollout (Abnar and Zuidema 2020): the share of each position in what the network "
         "averages at its end, through the attention of all layers, heads averaged, and the residual "
         "connections; the same for every class. It follows attention weights alone: where information can "
         "come from, not what spoke for a class, which is what Grad-CAM asks of the last layers."},
        {"attention-heads",
         "Attention weights of each head and layer, averaged over the queries: how much each position is "
         "attended to. What a head takes from there, its values, is not in them; deeper layers attend to "
         "positions that have already taken in others."},
        {"shift-samples", "Images of another kind as they are, and moved towards the source in one factor."},
        {"shift",
         "Where the drop on images of another kind comes from (cifra shift): these images moved towards those that it was trained on "
         "in one factor at a time, and evaluated again. Gains with their 95 % interval on the same images; of the drop: gain / drop; all "
         "but it: with all the others moved, as factors overlap."},
    };
    size_t i = 0;
    while (i < COUNT_OF(captions) && strncmp(name, captions[i][0], strlen(captions[i][0])) != 0) i++;
    return i < COUNT_OF(captions) ? captions[i][1] : NULL;
}

cf_status section_figures(FILE *out, const ReportInput *input, size_t bytes) {
    if (!input->figure_count) html_note(out, "There are no figures in the folder.");
    for (size_t i = 0; i < input->figure_count; i++)
        FORWARD(report_figure(out, &input->figures[i], caption_of(input->figures[i].name), &bytes, (int)i + 1));
    return CF_OK;
}
