/* What was found of a shift, as JSON and as text. */
#include "eval/shift.h"

#include "base/json_text.h"
#include "base/text.h"

#include <math.h>
#include <string.h>

/* ---- JSON ---- */

static json_t *row_json(const Shift *shift, const ShiftRow *row) {
    static const char *const kinds[] = {"moved", "labels", "all", "dial", "all dials"};
    if (*row->cannot)
        return json_pack("{s:s s:s s:s s:s}", "factor", row->name, "kind", kinds[row->kind], "about", row->about,
                         "cannot", row->cannot);
    return json_pack("{s:s s:s s:s s:f s:f s:[f f] s:o s:o}", "factor", row->name, "kind", kinds[row->kind], "about",
                     row->about, "accuracy", row->accuracy, "gain", row->gain, "interval", row->low, row->high,
                     "explains", json_number(shift_explains(shift, row)), "without", json_number(row->without));
}

static json_t *look_json(const SourceLook *look) {
    return json_pack("{s:f s:f s:[f f] s:[f f] s:f s:[f f]}", "light", look->light, "roughness", look->roughness,
                     "grey", look->low, look->high, "middle", look->row, look->column, "spread", look->spread,
                     "columns", look->left, look->right);
}

static json_t *shares_json(const Shift *shift) {
    json_t *list = json_array();
    for (int c = 0; c < shift->model->classes; c++)
        json_array_append_new(list, json_pack("{s:o s:f s:f s:f s:f}", "class", json_text(shift->model->class_names[c]),
                                              "source", shift->source_shares[c], "target", shift->label_shares[c],
                                              "predicted", shift->predicted_shares[c], "estimated",
                                              shift->estimated_shares[c]));
    return list;
}

cf_status shift_json(const Shift *shift, json_t **json) {
    const cf_metrics *plain = &shift->plain.metrics.summary;
    json_t *rows = json_array();
    for (int i = 0; i < shift->row_count; i++) json_array_append_new(rows, row_json(shift, &shift->rows[i]));
    *json = json_pack("{s:I s:f s:[f f] s:{s:o s:I s:o} s:o s:o s:o s:{s:f s:f s:f s:b} s:{s:i s:f s:f s:[f f]}}", "n",
                      (json_int_t)plain->count, "accuracy", plain->accuracy, "accuracy_interval", plain->accuracy_low,
                      plain->accuracy_high, "source", "accuracy", json_number(shift->source_accuracy), "n",
                      (json_int_t)shift->source_count, "look", look_json(&shift->source), "look",
                      look_json(&shift->target), "factors", rows, "shares", shares_json(shift), "collapse",
                      "effective_predicted", shift->collapse.predicted, "effective_labels", shift->collapse.labels,
                      "distance", shift->collapse.distance, "collapsed", shift->collapse.collapsed, "corrected",
                      "rounds", shift->rounds, "accuracy", shift->corrected.accuracy, "gain", shift->corrected.gain,
                      "interval", shift->corrected.low, shift->corrected.high);
    return *json ? CF_OK : FAIL(CF_NO_MEMORY, "no memory for the document of a shift");
}

/* ---- Text ---- */

static void print_rows(const Shift *shift, FILE *out) {
    for (const ShiftRow *row = shift->rows; row < shift->rows + shift->row_count; row++) {
        const double explains = shift_explains(shift, row);
        if (row->kind == SHIFT_DIAL && row[-1].kind != SHIFT_DIAL)
            fputs("\n  the generator's dials, each turned to the source's range, or to 0\n", out);
        fprintf(out, "  %-16s ", row->name);
        if (*row->cannot) {
            fprintf(out, "       -  cannot be measured: %s\n", row->cannot);
            continue;
        }
        fprintf(out, "%6.2f %%  %+7.2f  %+7.2f to %+6.2f", 100 * row->accuracy, 100 * row->gain, 100 * row->low,
                100 * row->high);
        if (isfinite(explains)) fprintf(out, "  %5.0f %%", 100 * explains);
        if (isfinite(row->without)) fprintf(out, "  %9.2f %%", 100 * row->without);
        fputc('\n', out);
    }
}

static void print_looks(const Shift *shift, FILE *out) {
    const SourceLook *s = &shift->source, *t = &shift->target;
    fprintf(out,
            "\nWhat the images look like (medians):          source   target\n"
            "  subject lighter than its ground            %6.0f %% %6.0f %%\n"
            "  deviation of the ground                    %8.3f %8.3f\n"
            "  darkest, lightest grey                %6.2f %6.2f  %6.2f %6.2f\n"
            "  middle of the subject, down, right    %6.1f %6.1f  %6.1f %6.1f\n"
            "  its spread, pixels                         %8.1f %8.1f\n"
            "  columns with subject (90 %% of images) %6.0f %6.0f  %6.0f %6.0f\n",
            100 * s->light, 100 * t->light, s->roughness, t->roughness, s->low, s->high, t->low, t->high, s->row,
            s->column, t->row, t->column, s->spread, t->spread, s->left, s->right, t->left, t->right);
}

static void print_shares(const Shift *shift, FILE *out) {
    const Collapse *collapse = &shift->collapse;
    int most = 0, rare = 0;
    for (int c = 1; c < shift->model->classes; c++) {
        const double *more = shift->predicted_shares, *true_shares = shift->label_shares;
        if (more[c] - true_shares[c] > more[most] - true_shares[most]) most = c;
        if (more[c] - true_shares[c] < more[rare] - true_shares[rare]) rare = c;
    }
    fprintf(
        out,
        "\nPredictions: %s. They are worth %.1f classes, the labels %.1f (exp of the entropy; below half: collapsed).\n",
        collapse->collapsed ? "collapsed onto few classes" : "not collapsed", collapse->predicted, collapse->labels);
    fprintf(out, "Too often %s: %.1f %% of the predictions, %.1f %% of the labels; too rarely %s: %.1f %%, %.1f %%.\n",
            shift->model->class_names[most], 100 * shift->predicted_shares[most], 100 * shift->label_shares[most],
            shift->model->class_names[rare], 100 * shift->predicted_shares[rare], 100 * shift->label_shares[rare]);
    fputs("\nShares of the classes, %             source   target  predicted  estimated without labels\n", out);
    for (int c = 0; c < shift->model->classes && c < MANY_CLASSES; c++)
        fprintf(out, "  %-32.32s %7.1f  %7.1f  %9.1f  %9.1f\n", shift->model->class_names[c],
                100 * shift->source_shares[c], 100 * shift->label_shares[c], 100 * shift->predicted_shares[c],
                100 * shift->estimated_shares[c]);
    fprintf(out,
            "Corrected by the estimate (Saerens et al. 2002, %d rounds): %.2f %%, %+.2f points (%+.2f to %+.2f). It is "
            "right where only the\n"
            "shares differ, not what images of a class look like.\n",
            shift->rounds, 100 * shift->corrected.accuracy, 100 * shift->corrected.gain, 100 * shift->corrected.low,
            100 * shift->corrected.high);
}

void shift_print(const Shift *shift, FILE *out) {
    const cf_metrics *plain = &shift->plain.metrics.summary;
    fprintf(out, "accuracy %.2f %% (95 %% interval %.2f %% to %.2f %%, Wilson)", 100 * plain->accuracy,
            100 * plain->accuracy_low, 100 * plain->accuracy_high);
    if (isfinite(shift->source_accuracy))
        fprintf(out, "; %.2f %% on the source's own: a drop of %.2f points", 100 * shift->source_accuracy,
                100 * (shift->source_accuracy - plain->accuracy));
    fputs("\n\n  factor moved     accuracy     gain  95 % interval     of the drop  all but it\n", out);
    print_rows(shift, out);
    fputs(
        "\nGains are on the same images, intervals Tango's (1998). \"all but it\": the accuracy with all the others moved; where one "
        "alone\n"
        "gains nothing, it may still be what the others need. Gains need not add up. What no factor explains is in the shapes of\n"
        "the subjects, or in what these moves do not reach.\n",
        out);
    print_looks(shift, out);
    print_shares(shift, out);
}
