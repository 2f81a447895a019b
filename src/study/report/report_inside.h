/* What the files of the report share.
 *
 * report_run.c fills the page's template (report_page.c); report_input.c reads the run folder; report_images.c chooses the images that the
 * page carries; report_sections.c and report_results.c write its HTML, report_data.c what its scripts read; report_figures.c takes in
 * figures by report_svg.c; report_group.c, report_tune.c, report_files.c and report_points.c write pages of their own; report_html.c knows
 * HTML, its tables, and JSON in it. The page itself is src/study/report/: page.html, page.css, *.js.
 */
#pragma once

#include "base/name_table.h"
#include "data/csv_table.h"
#include "eval/analysis.h"
#include "nn/model.h"
#include "study/report/report.h"
#include "study/run/run_data.h"
#include "tune/results.h"

#include <jansson.h>
#include <stdio.h>

/* ---- Writing (report_html.c) ---- */

/* Text in HTML, in attributes too: & < > " ' become references. */
void html_text(FILE *out, const char *text);
/* Markup whose strings (%s) are texts: html_write(out, "<em>%s</em>", name). Of printf it knows what text_print does. */
void html_write(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* JSON inside a <script>: no "<" is left in it, so that no text can end the element. */
cf_status html_json(FILE *out, const json_t *json);
/* The <script> with it; `name`: its attribute, id="data". */
cf_status html_json_script(FILE *out, const char *name, const json_t *json);
/* A number among the facts at the top, with what it is above and a remark below; and the format of one, of three literals. */
void html_fact(FILE *out, const char *name, const char *text, const char *remark);
#define HTML_FACT(name, text, remark) "<div><dt>" name "</dt><dd>" text "<small>" remark "</small></dd></div>\n"
/* One of the pairs of a <dl>. */
#define HTML_PAIR(name, text) "<div><dt>" name "</dt><dd>" text "</dd></div>\n"
/* A head above numbers, of a table whose heads are not known beforehand. */
#define HTML_NUMBERS_HEAD(name) "<th scope=\"col\" class=\"n\">" name "</th>"
/* A remark on the page itself. */
void html_note(FILE *out, const char *text);
/* A JSON value as people write it. */
void html_value(FILE *out, const json_t *json);
/* The plain values of an object, but one, as rows of a <dl>; and this <dl> below a heading. */
void html_rows(FILE *out, const json_t *object, const char *skipped);
void html_pairs(FILE *out, const char *title, const json_t *object, const char *skipped);
/* Bytes for scripts, as base64 in a <script> that nothing runs; `name`: its attribute, id="pixels". */
void html_array(FILE *out, const char *name, const void *bytes, size_t size);

/* ---- Tables ---- */

typedef struct TableStyle {
    bool sortable, tall;         /* by a click on a head; scrolls in a window of its own */
    const char *class, *id;      /* of the <table>, or NULL */
    const char *on_screen;       /* said behind the caption where it can be clicked; HTML, or NULL */
} TableStyle;

/* Head, rows and end in this order: table_begin, heads, table_body, rows, (table_foot, rows,) table_end. `caption` NULL: none. */
void table_begin(FILE *out, TableStyle style, const char *caption);
void table_head(FILE *out, const char *name, bool number);
/* Heads that are known beforehand, those of numbers behind a '>': "Class|>Precision|>Recall". */
void table_columns(FILE *out, const char *heads);
void table_body(FILE *out);
/* table_begin, table_columns and table_body. */
void table_open(FILE *out, TableStyle style, const char *caption, const char *heads);
void table_foot(FILE *out);
void table_end(FILE *out);
/* Opens a row with its name, or NULL; table_row_end closes it. The best one is marked. */
void table_row(FILE *out, const char *name, bool best);
void table_row_end(FILE *out);
/* What the rows below belong to, over all columns. */
void table_rows_of(FILE *out, const char *name, int columns);
/* Cells. A text; a word that is its own class, such as a verdict; empty ones; a number as text. */
void table_text(FILE *out, const char *text);
void table_word(FILE *out, const char *word);
void table_empty(FILE *out, int count);
void table_figure(FILE *out, const char *text);
/* A text that was cut; the pointer shows the whole of it. */
void table_cut(FILE *out, const char *text, const char *whole);
/* printf, sorted by `value`; nothing where that is not finite. */
void table_number(FILE *out, double value, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* A share in percent; with its interval, low NaN: none; or a difference of two in points with its sign. */
void table_percent(FILE *out, double share);
void table_estimate(FILE *out, double mean, double low, double high, bool difference);
/* A loss; both ends of an interval of shares, in percent, which may go beyond 0 to 100 and is cut there, sorted by the lower one. */
void table_loss(FILE *out, double loss);
void table_interval(FILE *out, double low, double high);

/* ---- A page (report_page.c) ---- */

/* Writes what stands for {{name}}, of `length` letters; page_unknown_place for a name that it does not know. */
typedef cf_status (*PagePlace)(FILE *out, const char *name, size_t length, const void *context);
/* The page's template, a file of src/study/report; names of such files stand for the files themselves, {{version}} for that of this
 * program, others for what `place` writes. */
cf_status page_write(FILE *out, const char *template, PagePlace place, const void *context);
/* The same into a file, with a notice where it is larger than REPORT_LARGEST. */
cf_status page_file(const char *path, const char *template, PagePlace place, const void *context);
/* The same as the report.html of a folder. */
cf_status page_report(const char *folder, const char *template, PagePlace place, const void *context);
bool page_place_is(const char *name, size_t length, const char *word);
cf_status page_unknown_place(const char *template, const char *name, size_t length);
/* What a page of a folder is called: the folder's own name, also where it was given as "."; a new string. */
cf_status page_folder_name(const char *folder, char **name);

/* ---- What the folder holds (report_input.c) ---- */

typedef struct ReportFigure {
    char *name; /* "confusion.svg" */
    char *path;
    size_t bytes;
} ReportFigure;

typedef struct ReportInput {
    char *folder;
    char *name;                               /* of the run: the folder's own, also where it was given as "." */
    json_t *config, *metrics;                 /* metrics NULL: the run is not finished */
    json_t *exports;                          /* NULL: nothing was exported */
    const json_t *test;                       /* of metrics; NULL: none */
    CsvTable history, predictions, embedding; /* columns 0: no such file */
    cf_model *model;                          /* NULL: no such file */
    const cf_set *set;                        /* NULL: no images, and no_images tells why */
    SetShelf shelf;                           /* of its own */
    char *no_images;
    ReportFigure *figures;
    size_t figure_count;
    int classes;      /* of the test's confusion matrix; 0: none */
    Metrics counts;   /* of the test: each class's support and F1, and the confusion matrix's cells */
    bool no_cells;    /* these were too many for metrics.json */
    NameTable places; /* of the classes, by name */
    int worst_count, worst[WORST_CLASSES]; /* of many classes those that tables of classes show */
    size_t label_column;                   /* of predictions: 1, or 2 where the images' files stand before it */
} ReportInput;

/* The file of the image in a row of the predictions, tamed and shortened to the buffer; NULL: it has none. */
const char *report_file(const ReportInput *input, size_t row, char text[256]);
cf_status report_input_read(const char *folder, const cf_set *set, const char *data_dir, ReportInput *input);
void report_input_free(ReportInput *input);
/* How many rows a table of classes has, and the class of a row: all, or the worst of many. */
int report_rows(const ReportInput *input);
int report_row_class(const ReportInput *input, int row);
/* The class of a name, or -1. */
int report_class_named(const ReportInput *input, const char *name);
/* The name of a class of the test; lives as long as the input. */
const char *report_class(const ReportInput *input, int class);

/* ---- Images (report_images.c) ---- */

typedef struct ReportImage {
    uint32_t image, row; /* in the set; in predictions.csv */
    int label, predicted;
    float confidence;
} ReportImage;

typedef struct ReportImages {
    ReportImage *list; /* by label, prediction; most confident first */
    size_t count;
    size_t wrong, wrong_shown, right, right_shown;
} ReportImages;

/* As many as fit into `bytes` of pixels and probabilities: wrong ones, the most confident of every cell first; of right
 * ones at most RIGHT_EACH per class, evenly from sure to hesitant. */
enum { RIGHT_EACH = 60 };
cf_status report_images_choose(const ReportInput *input, size_t bytes, ReportImages *images);
void report_images_free(ReportImages *images);

/* ---- Figures (report_svg.c) ---- */

/* Writes an SVG document as an element of the page; ids and references to them get the prefix "f`number`-", as Cairo's
 * are the same in every file. CF_BAD_INPUT for what is no SVG, or would run or load something. */
cf_status report_svg_inline(FILE *out, const char *svg, size_t size, int number);

/* ---- Features (report_features.c) ---- */

bool report_has_features(const ReportInput *input);
cf_status report_features_check(const ReportInput *input);
/* What they take in the page, before base64. */
size_t report_features_bytes(const ReportInput *input);
/* Adds to the scatter's document, for features.js: "texts" [points] in place of class and number, "noun" in place of "images". */
typedef cf_status (*ScatterAdds)(json_t *features, const void *context);
/* The scatter with its data; nothing where there are no features. `adds` NULL: nothing to add. */
cf_status section_scatter(FILE *out, const ReportInput *input, ScatterAdds adds, const void *context);

/* ---- The page (report_sections.c, report_results.c, report_data.c) ---- */

/* A number of an object, 0 where there is none. */
double json_number_at(const json_t *object, const char *key);
/* A count. What is none, as 1e300 is in a damaged document, is 0: the conversion would not be defined. */
long long json_whole(const json_t *object, const char *key);
/* A cell of it, or of nothing where it was not measured. */
void table_count(FILE *out, bool known, long long count);

void section_facts(FILE *out, const ReportInput *input);
cf_status section_run(FILE *out, const ReportInput *input);
void section_scores(FILE *out, const ReportInput *input);
void section_sureness(FILE *out, const ReportInput *input);
cf_status section_confusion(FILE *out, const ReportInput *input, const ReportImages *images);
void section_history(FILE *out, const ReportInput *input);
/* Of the opening: a figure of the folder, if it is there; the scatter of features with, on paper and without a script, its figure. */
cf_status opening_figure(FILE *out, const ReportInput *input, const char *name, size_t *bytes);
cf_status opening_umap(FILE *out, const ReportInput *input, size_t *bytes);
/* What the figures of the opening mean. */
void section_sentences(FILE *out, const ReportInput *input);
/* Those that the opening does not have. Inlines at most `bytes`; what does not fit, or is no figure, is named instead. */
cf_status section_figures(FILE *out, const ReportInput *input, size_t *bytes);
/* One of them, with `caption`, or NULL: what its name says. One that cannot be read, or is no figure, is named instead. */
cf_status report_figure(FILE *out, const ReportFigure *figure, const char *caption, size_t *bytes, int number);

/* Figures FOLDER/NAME SUFFIX.svg, at most `bytes` of them; their ids count from `number`. */
typedef struct FigureSeries {
    const char *folder, *suffix;
    size_t bytes;
    int number;
} FigureSeries;
/* Those of the names (which end with NULL) that are there, or a note that none is. */
cf_status report_figures(FILE *out, const FigureSeries *series, const char *const *names, const char *const *captions);

/* What a tune has found, for a <section> of another page, headings from <h3> on; one figure for each of figures_tune_names. */
cf_status section_tune(FILE *out, const TuneResults *results, const FigureSeries *figures);

/* A network whose weights take more is not put into the page. */
enum { WEIGHTS_LARGEST = 4 << 20, FIGURES_LARGEST = 3 << 20, IMAGES_LARGEST = 6 << 20 };
bool report_has_network(const ReportInput *input);
/* A network as network.js runs it, less its weights, which are report_weights' array; and how drawing.js takes a picture from a file: fitted
 * as the text `data` of its set says (NULL: squashed), at the size that the set was read at (0: the network's input). A new reference. */
json_t *report_network_json(const cf_model *model, const char *data, int height, int width);
/* All weights as model.safetensors has them, one tensor behind the other; release with free(). */
cf_status report_weights(const cf_model *model, float **values, size_t *count);
cf_status data_scripts(FILE *out, const ReportInput *input, const ReportImages *images);
