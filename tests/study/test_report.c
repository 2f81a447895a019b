/* report.html from run folders that are whole, lack pieces, are damaged, or have names that would break a page. */
#include "base/memory.h"
#include "study/report/report_inside.h"
#include "study/run/run.h"

#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CLASSES = 3, SIDE = 6, IMAGES = 120 };

/* Each would end what it stands in, if it were not escaped. */
static const char *const names[CLASSES] = {"</script><script>alert(1)</script>", "a \"b\" & 'c'", "x, y<b>"};

/* ---- A run, made once ---- */

static char folder[512];
static cf_set *set;

/* Class c is a bright column 2c; the noise makes mistakes. */
static cf_set *stripes(int channels) {
    cf_set *made;
    assert_ok(set_new("stripes", "stripes", IMAGES, channels, SIDE, SIDE, CLASSES, &made));
    assert_ok(set_name_classes(made, names));
    uint32_t state = 5;
    for (size_t i = 0; i < IMAGES; i++) {
        made->labels[i] = (unsigned char)(i % CLASSES);
        for (size_t p = 0; p < set_image_size(made); p++) {
            state = state * 1664525u + 1013904223u;
            size_t column = p / (size_t)channels % SIDE;
            made->pixels[i * set_image_size(made) + p] =
                (unsigned char)((state >> 24) / 2 + (column / 2 == i % CLASSES ? 90 : 0));
        }
    }
    assert_ok(set_seal(made));
    return made;
}

/* The folder of a run on `data`, as cifra train leaves it, but for the set that a name would load. */
static void make_run(const char *where, cf_set *data) {
    Run run = {.set = data, .threads = 1, .engine = cpu_engine()};
    assert_ok(run_config_new(&run.config));
    assert_ok(run_config_text(&run.config.data, "nowhere/<stripes>"));
    assert_ok(run_config_text(&run.config.model, "conv 4 3x3 | bn | relu | maxpool 2 | dense classes"));
    run.config.split.mode = CF_SPLIT_POOLED;
    run.config.train.epochs = 2;
    run.config.train.batch = 16;
    assert_ok(cf_split_new(data, &run.config.split, &run.split));
    assert_ok(cf_model_new(run.config.model, run.split, 1, &run.model));
    assert_ok(run_start(&run, where, false));
    assert_ok(run_train(&run, false, NULL, NULL));
    assert_ok(run_evaluate_test(&run));
    char *paths[] = {run.folder,       run.config_path,  run.model_path,       run.checkpoint_path,
                     run.history_path, run.metrics_path, run.predictions_path, run.failure_path};
    for (size_t i = 0; i < COUNT_OF(paths); i++) free(paths[i]);
    lock_release(&run.lock);
    evaluation_free(&run.test);
    lock_release(&run.lock);
    free(run.fitted.rows);
    cf_model_free(run.model);
    cf_split_free(run.split);
    run_config_free(&run.config);
}

static int set_up(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "%s", path_in(scratch_folder(), "r<u>n & \"1\""));
    set = stripes(1);
    make_run(folder, set);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    cf_set_free(set);
    return 0;
}

/* ---- Looking at pages ---- */

static char *text_of(const char *path) {
    unsigned char *bytes;
    size_t size;
    assert_ok(file_read(path, REPORT_LARGEST, &bytes, &size));
    assert_int_equal(strlen((char *)bytes), size);
    return (char *)bytes;
}

static char *page_of(const cf_set *data) {
    assert_ok(report_write(folder, data, NULL));
    return text_of(path_in(folder, "report.html"));
}

static size_t count(const char *text, const char *part) {
    size_t found = 0;
    for (; (text = strstr(text, part)); text += strlen(part)) found++;
    return found;
}

static void assert_has(const char *page, const char *part) {
    if (!strstr(page, part)) fail_msg("\"%s\" is not in the page", part);
}
static void assert_lacks(const char *page, const char *part) {
    if (strstr(page, part)) fail_msg("\"%s\" is in the page", part);
}

/* The text between `begin` and the next `end`. */
static char *between(const char *page, const char *begin, const char *end) {
    const char *from = strstr(page, begin);
    if (!from) fail_msg("\"%s\" is not in the page", begin);
    from += strlen(begin);
    const char *to = strstr(from, end);
    assert_non_null(to);
    return strndup(from, (size_t)(to - from));
}

/* ---- Escaping ---- */

static void escapes(void **state) {
    (void)state;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    html_text(out, "a<b>&\"'c");
    fclose(out);
    assert_string_equal(text, "a&lt;b&gt;&amp;&quot;&#39;c");
    free(text);

    out = open_memstream(&text, &size);
    html_write(out, "<b>%s</b> %d %%" HTML_PAIR("n", "%.1f"), "<i>&", 3, 0.5);
    table_columns(out, "a|>b<");
    fclose(out);
    assert_string_equal(text, "<b>&lt;i&gt;&amp;</b> 3 %<div><dt>n</dt><dd>0.5</dd></div>\n"
                              "<th scope=\"col\">a</th><th scope=\"col\" class=\"n\">b&lt;</th>");
    free(text);

    json_t *json = json_pack("{s:s}", "</script>", "<!-- </SCRIPT");
    out = open_memstream(&text, &size);
    assert_ok(html_json(out, json));
    fclose(out);
    assert_null(strchr(text, '<'));
    json_t *back = json_loads(text, 0, NULL);
    assert_true(json_equal(json, back));
    json_decref(json);
    json_decref(back);
    free(text);

    /* RFC 4648, section 10. */
    static const char *const pairs[][2] = {{"", ""},        {"f", "Zg=="},        {"fo", "Zm8="},
                                           {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}};
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        out = open_memstream(&text, &size);
        text_base64(out, pairs[i][0], strlen(pairs[i][0]));
        fclose(out);
        assert_string_equal(text, pairs[i][1]);
        free(text);
    }
}

static void names_cannot_break_the_page(void **state) {
    (void)state;
    char *page = page_of(set);
    assert_lacks(page, "alert(1)</script>");
    assert_lacks(page, "<script>alert");
    assert_lacks(page, "<b>");
    assert_lacks(page, "<stripes>");
    assert_has(page, "r&lt;u&gt;n &amp; &quot;1&quot;");
    assert_has(page, "nowhere/&lt;stripes&gt;");
    assert_has(page, "&lt;/script&gt;&lt;script&gt;alert(1)");
    /* As many elements end as begin; the JSON document comes back with the names. */
    assert_int_equal(count(page, "<script"), count(page, "</script>"));
    char *data = between(page, "<script type=\"application/json\" id=\"data\">", "</script>");
    json_t *json = json_loads(data, 0, NULL);
    assert_non_null(json);
    for (size_t c = 0; c < CLASSES; c++)
        assert_string_equal(json_string_value(json_array_get(json_object_get(json, "classes"), c)), names[c]);
    json_decref(json);
    free(data);
    free(page);
}

/* ---- Structure ---- */

static void holds_everything(void **state) {
    (void)state;
    char *page = page_of(set);
    static const char *const parts[] = {"<!DOCTYPE html>",
                                        "<html lang=\"en\">",
                                        "id=\"confusion\"",
                                        "id=\"draw\"",
                                        "id=\"scores\"",
                                        "id=\"sureness\"",
                                        "id=\"figures\"",
                                        "id=\"history\"",
                                        "id=\"run\"",
                                        "id=\"weights\"",
                                        "id=\"pixels\"",
                                        "id=\"probabilities\"",
                                        "prefers-color-scheme: dark",
                                        "@media print",
                                        "maxpool1",
                                        "Wilson"};
    for (size_t i = 0; i < COUNT_OF(parts); i++) assert_has(page, parts[i]);
    assert_lacks(page, "{{");
    assert_lacks(page, "http:");
    assert_lacks(page, "https:");
    /* 24 test images of 36 bytes each, three probabilities of four bytes each, in base64. */
    char *pixels = between(page, "id=\"pixels\">", "<"), *values = between(page, "id=\"probabilities\">", "<");
    assert_int_equal(strlen(pixels), 24 * SIDE * SIDE / 3 * 4);
    assert_int_equal(strlen(values), 24 * CLASSES * sizeof(float) / 3 * 4);
    char *weights = between(page, "id=\"weights\">", "<");
    const size_t floats = 4 * 9 + 4 * 4 + 3 * 4 * 9 + 3;
    assert_int_equal(strlen(weights), (floats * sizeof(float) + 2) / 3 * 4);
    free(pixels);
    free(values);
    free(weights);
    free(page);
}

/* Replaces "calibration", "confused" or the like of the test in metrics.json; NULL takes it out. */
static char *page_with(const char *key, json_t *value) {
    const char *path = path_in(folder, "metrics.json");
    char *kept = text_of(path);
    json_t *metrics = json_loads(kept, 0, NULL), *test = json_object_get(metrics, "test");
    assert_non_null(json_object_get(test, key));
    if (value)
        assert_int_equal(json_object_set_new(test, key, value), 0);
    else
        json_object_del(test, key);
    assert_int_equal(json_dump_file(metrics, path, 0), 0);
    char *page = page_of(set);
    write_bytes(path_in(folder, "metrics.json"), kept, strlen(kept));
    json_decref(metrics);
    free(kept);
    char *section = between(page, "<section id=\"sureness\"", "</section>");
    free(page);
    return section;
}

static void tells_how_sure(void **state) {
    (void)state;
    char *section =
        page_with("calibration", json_pack("{s:f s:[{} {}] s:f s:f s:f s:f}", "ece", 0.0125, "bins", "brier", 0.25,
                                           "temperature", 1.5, "ece_scaled", 0.0075, "loss_scaled", 0.375));
    static const char *const parts[] = {"<dd>0.0125<small>", "over 2 bins",       "<dd>0.2500<small>",
                                        "<dd>1.5000<small>", "<dd>0.0075<small>", "the loss becomes 0.3750"};
    for (size_t i = 0; i < COUNT_OF(parts); i++) assert_has(section, parts[i]);
    free(section);
    section = page_with("calibration", json_pack("{s:f s:[] s:f s:n s:s}", "ece", 0.5, "bins", "brier", 0.5,
                                                 "temperature", "temperature_missing", "a <b> reason"));
    assert_has(section, "<dd>none<small>a &lt;b&gt; reason");
    assert_lacks(section, "scaled");
    free(section);
    section = page_with("roc_auc", json_pack("{s:[f n f] s:f}", "per_class", 0.875, 0.9375, "macro", 0.90625));
    assert_has(section, "<dd>0.9062<small>");
    assert_has(section, "data-sort=\"0.875\">0.8750<");
    assert_has(section, "data-sort=\"-1\">none<");
    free(section);
    section = page_with("average_precision", json_pack("{s:[f f f] s:f}", "per_class", .5, .25, .75, "macro", 0.625));
    assert_has(section, "<dd>0.6250<small>");
    assert_has(section, "data-sort=\"0.25\">0.2500<");
    free(section);
    /* Class names are those that would end what they stand in. */
    section = page_with("confused", json_pack("[{s:s s:s s:i s:f} {s:s s:s}]", "true", names[2], "predicted", names[0],
                                              "count", 7, "share", 0.35, "true", "nobody", "predicted", names[0]));
    assert_int_equal(count(section, "<button"), 1);
    assert_has(section, "data-label=\"2\" data-predicted=\"0\">x, y&lt;b&gt; predicted as &lt;/script&gt;");
    assert_has(section, "<td class=\"n\" data-sort=\"7\">7</td>");
    assert_has(section, "35.0 %");
    free(section);
    section = page_with("confused", json_array());
    assert_has(section, "No class was mistaken for another");
    free(section);
    section = page_with("calibration", NULL);
    assert_has(section, "an earlier version wrote it");
    free(section);
}

static void the_same_run_gives_the_same_page(void **state) {
    (void)state;
    char *one = page_of(set), *two = page_of(set);
    assert_string_equal(one, two);
    free(one);
    free(two);
}

/* ---- Which images ---- */

static ReportInput input_of(void) {
    ReportInput input;
    assert_ok(report_input_read(folder, set, NULL, &input));
    return input;
}

static void chooses_images(void **state) {
    (void)state;
    ReportInput input = input_of();
    ReportImages all, few, none;
    assert_ok(report_images_choose(&input, 1 << 20, &all));
    assert_int_equal(all.count, 24);
    assert_int_equal(all.wrong + all.right, 24);
    assert_int_equal(all.wrong_shown + all.right_shown, 24);
    for (size_t i = 1; i < all.count; i++) {
        const ReportImage *a = &all.list[i - 1], *b = &all.list[i];
        bool same = a->label == b->label && a->predicted == b->predicted;
        assert_true(a->label < b->label || (a->label == b->label && a->predicted <= b->predicted));
        assert_true(!same || a->confidence >= b->confidence);
    }
    const size_t each = SIDE * SIDE + CLASSES * sizeof(float);
    assert_ok(report_images_choose(&input, 12 * each, &few));
    assert_in_range(few.count, CLASSES, 12);
    assert_int_equal(few.right_shown, CLASSES);
    assert_int_equal(few.wrong_shown + few.right_shown, few.count);
    assert_int_equal(few.wrong, all.wrong);
    assert_ok(report_images_choose(&input, 0, &none));
    assert_int_equal(none.count, 0);
    free(all.list);
    free(few.list);
    free(none.list);
    report_input_free(&input);
}

/* ---- Figures ---- */

static cf_status inlined(const char *svg, char **text) {
    size_t size;
    FILE *out = open_memstream(text, &size);
    cf_status status = report_svg_inline(out, svg, strlen(svg), 7);
    fclose(out);
    return status;
}

static void prefixes_ids(void **state) {
    (void)state;
    char *text;
    assert_ok(
        inlined("<?xml version=\"1.0\"?>\n<svg a=\"1\"><g id=\"g-0\"/><use xlink:href=\"#g-0\"/><use href='#g-0'/>"
                "<path clip-path=\"url(#c)\"/><text>id=\"x\" url(#y)</text></svg>\n",
                &text));
    assert_string_equal(text, "<svg a=\"1\"><g id=\"f7-g-0\"/><use xlink:href=\"#f7-g-0\"/><use href='#f7-g-0'/>"
                              "<path clip-path=\"url(#f7-c)\"/><text>id=\"x\" url(#y)</text></svg>\n");
    free(text);
    static const char *const bad[] = {
        "<svg><script>1</script></svg>", "<svg onload=\"x\"></svg>", "<svg><g a='1'ONCLICK=\"x\"/></svg>",
        "<svg><image href=\"http://x/y.png\"/></svg>", "<svg><use href=\"javascript:x\"/></svg>",
        "<svg><image xlink:href = \"file:///x\"/></svg>", "<svg><rect fill=\"url(http://x)\"/></svg>",
        "<svg><foreignObject/></svg>", "<svg><style>*{}</style></svg>", "<svg><!-- x --></svg>",
        /* What HTML reads otherwise than it looks. */
        "<svg><g a\"><script>alert(1)</script><g b\"/></svg>", "<svg><g a\" onload=alert(1) b\"/></svg>",
        "<svg><g a==\" onload=alert(1) \"/></svg>", "<svg><g =\" onload=alert(1) \"/></svg>",
        "<svg><g=\" onload=alert(1) \"/></svg>", "<svg><g a= b=\" onload=alert(1) \"/></svg>",
        "<svg><g/onload=\"alert(1)\"/></svg>", "<svg><rect style=\"fill:&#117;rl(http://x)\"/></svg>",
        "<svg><rect style=\"fill:u\\72l(http://x)\"/></svg>", "<svg><img src=\"http://x\"/></svg>",
        "<svg></svg><svg onload=\"x\"/>", "<svg></svg></div>", "<svg><g>", "<svg a=\"", "<html></html>"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        if (inlined(bad[i], &text) != CF_BAD_INPUT) fail_msg("taken: %s", bad[i]);
        assert_string_equal(text, "");
        free(text);
    }
}

static void takes_figures_in(void **state) {
    (void)state;
    char figures[600];
    static const char good[] = "<svg><g id=\"a\"/><use href=\"#a\"/></svg>", bad[] = "<svg onload=\"alert(2)\"></svg>";
    snprintf(figures, sizeof figures, "%s", path_in(folder, "figures"));
    assert_int_equal(mkdir(figures, 0777), 0);
    static const char wide[] = "<svg viewBox=\"0 0 300 100\"><g id=\"a\"/></svg>";
    write_bytes(path_in(figures, "alpha.svg"), wide, strlen(wide));
    write_bytes(path_in(figures, "confusion-matrix.svg"), good, strlen(good));
    write_bytes(path_in(figures, "evil<i>.svg"), bad, strlen(bad));
    write_bytes(path_in(figures, "notes.txt"), bad, strlen(bad));
    write_bytes(path_in(figures, "attention-rollout-x.svg"), good, strlen(good));
    write_bytes(path_in(figures, "grad-cam-x.svg"), good, strlen(good));
    char *page = page_of(set);
    assert_has(page, "<figcaption>Alpha</figcaption>");
    assert_int_equal(count(page, "<figure class=\"wide\">"), 1);
    assert_true(strstr(page, "<figcaption>Confusion matrix</figcaption>") < strstr(page, "<figcaption>Alpha"));
    assert_int_equal(count(page, "id=\"f1-a\""), 1);
    /* Some names have more to say; Grad-CAM and rollout follow each other. */
    assert_has(page, "aria-label=\"Attention rollout x\"");
    assert_has(page, "<figcaption>Attention rollout (Abnar and Zuidema 2020): the share of each position");
    assert_true(strstr(page, "<figcaption>Grad-CAM (Selvaraju") < strstr(page, "<figcaption>Attention rollout"));
    assert_true(strstr(page, "<figcaption>Attention rollout") < strstr(page, "<figcaption>Alpha"));
    assert_int_equal(count(page, "id=\"f5-a\"") + count(page, "id=\"f4-a\""), 1);
    assert_has(page, "evil&lt;i&gt;.svg is not shown: it would run or load something");
    assert_lacks(page, "alert(2)");
    assert_lacks(page, "notes.txt");
    free(page);
    for (size_t i = 0; i < 6; i++)
        unlink(path_in(figures, (const char *[]){"alpha.svg", "confusion-matrix.svg", "evil<i>.svg", "notes.txt",
                                                 "attention-rollout-x.svg", "grad-cam-x.svg"}[i]));
    rmdir(figures);
}

/* ---- What is missing, and what is damaged ---- */

/* Puts a file aside while a page is made. */
static char *page_without(const char *name) {
    char aside[600];
    snprintf(aside, sizeof aside, "%s.aside", path_in(folder, name));
    assert_int_equal(rename(path_in(folder, name), aside), 0);
    char *page = page_of(set);
    assert_int_equal(rename(aside, path_in(folder, name)), 0);
    assert_int_equal(count(page, "<script"), count(page, "</script>"));
    return page;
}

static void says_what_is_missing(void **state) {
    (void)state;
    static const char *const cases[][2] = {{"metrics.json", "This run is not finished"},
                                           {"history.csv", "There is no history.csv"},
                                           {"predictions.csv", "There is no predictions.csv"},
                                           {"model.safetensors", "There is no model.safetensors"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char *page = page_without(cases[i][0]);
        assert_has(page, cases[i][1]);
        free(page);
    }
    char *page = page_of(NULL); /* no set of this name */
    assert_has(page, "The data could not be loaded");
    assert_lacks(page, "id=\"pixels\"");
    free(page);
    cf_set *other = stripes(1);
    other->pixels[0] ^= 1;
    assert_ok(set_seal(other));
    page = page_of(other);
    assert_has(page, "their checksums differ");
    assert_lacks(page, "id=\"pixels\"");
    free(page);
    cf_set_free(other);
}

static void damaged(const char *name, const char *text, const char *part) {
    char *kept = text_of(path_in(folder, name));
    write_bytes(path_in(folder, name), text, strlen(text));
    assert_fails(report_write(folder, set, NULL), CF_BAD_INPUT, part);
    write_bytes(path_in(folder, name), kept, strlen(kept));
    free(kept);
}

/* The cells of 257 classes, which have no matrix. */
static void damaged_cells(const char *cells, const char *part) {
    char text[257 * 3 + 200] = "{\"test\": {\"per_class\": [{}";
    for (int c = 1; c < 257; c++) strcat(text, ",{}");
    snprintf(text + strlen(text), 150, "], \"confusion\": null, \"confusion_cells\": %s}}", cells);
    damaged("metrics.json", text, part);
}

static void refuses_damage(void **state) {
    (void)state;
    char *before = page_of(set);
    damaged("metrics.json", "{", "metrics.json, line 1");
    damaged("metrics.json", "[]", "an object expected");
    damaged("metrics.json", "{\"test\": {\"per_class\": [{}], \"confusion\": [[1, 2]]}}",
            "row 0 of test.confusion has 2");
    damaged("metrics.json", "{\"test\": {}}", "a row per class");
    damaged_cells("[[0, 0]]", "test.confusion_cells, number 0: a true class, a predicted one and a count");
    damaged_cells("[[0, 257, 1]]", "test.confusion_cells, number 0");
    damaged_cells("[[-1, 2, 1]]", "test.confusion_cells, number 0");
    damaged_cells("[[3, 2, 1], [3, 2, 1]]",
                  "number 1: a true class, a predicted one and a count were expected, behind");
    damaged_cells("[[3, 2, 1], [2, 9, 1]]", "test.confusion_cells, number 1");
    damaged_cells("[[0, 256, 1]]", "predictions.csv: 26 columns expected (5 and those of the likeliest classes)");
    damaged_cells("null", "predictions.csv: 26 columns");
    damaged("predictions.csv", "", "is empty");
    damaged("predictions.csv", "image,label\n1\n", "line 2: 2 fields expected");
    damaged("predictions.csv", "image,\"label\n", "a quote is opened");
    damaged("predictions.csv", "image,label,predicted,correct,confidence,a\n", "8 columns expected");
    damaged("predictions.csv", "image,label,predicted,correct,sureness,a,b,c\n", "should be \"confidence\"");
    damaged("predictions.csv", "image,label,predicted,correct,confidence,a,b,c\n120,q,q,1,1,0,0,1\n",
            "line 2: an image");
    damaged("history.csv", "a,b\n1,2,3\n", "line 2: 2 fields expected");
    char *after = text_of(path_in(folder, "report.html"));
    assert_string_equal(before, after); /* a failure leaves the old page */
    free(before);
    free(after);
    assert_fails(report_write(path_in(folder, "nothing"), NULL, NULL), CF_BAD_USE, "there is nothing of that name");
    assert_fails(report_write(scratch_folder(), NULL, NULL), CF_BAD_USE, "no config.json");
    assert_fails(report_write(path_in(folder, "history.csv"), NULL, NULL), CF_BAD_USE, "but a file");
}

/* ---- CSV ---- */

static void reads_csv(void **state) {
    (void)state;
    static const char text[] = "a,\"b \"\"c\"\"\"\r\n1,\"x,\ny\"\n\"\",3";
    CsvTable table;
    const char *path = path_in(scratch_folder(), "some.csv");
    write_bytes(path, text, strlen(text));
    assert_ok(csv_table_read(path, ',', &table));
    assert_int_equal(table.columns, 2);
    assert_int_equal(table.rows, 2);
    assert_string_equal(csv_table_cell(&table, -1, 1), "b \"c\"");
    assert_string_equal(csv_table_cell(&table, 0, 1), "x,\ny");
    assert_string_equal(csv_table_cell(&table, 1, 0), "");
    assert_string_equal(csv_table_cell(&table, 1, 1), "3");
    assert_int_equal(csv_table_column(&table, "b \"c\""), 1);
    assert_int_equal(csv_table_column(&table, "c"), -1);
    csv_table_free(&table);
}

/* ---- Size ---- */

/* Many large images, most of them taken for another class: the page stays small and tells how many it shows. */
static void stays_small(void **state) {
    (void)state;
    enum { MANY = 4000, LARGE = 64 };
    ReportInput input = input_of();
    cf_set *large;
    ReportImages images;
    char *csv = NULL;
    size_t size;
    assert_ok(set_new("large", "large", MANY, 3, LARGE, LARGE, CLASSES, &large));
    FILE *out = open_memstream(&csv, &size);
    fputs("image,label,predicted,correct,confidence,a,b,c\n", out);
    for (int i = 0; i < MANY; i++) fprintf(out, "%d,0,%d,%d,0.5,0.5,0.2,0.3\n", i, i % 5 ? 1 : 0, i % 5 == 0);
    fclose(out);
    json_t *class = json_array_get(json_object_get(input.test, "per_class"), 0);
    json_object_set_new(class, "class", json_string("0"));
    json_object_set_new(json_array_get(json_object_get(input.test, "per_class"), 1), "class", json_string("1"));
    csv_table_free(&input.predictions);
    const char *path = path_in(scratch_folder(), "many.csv");
    write_bytes(path, csv, size);
    assert_ok(csv_table_read(path, ',', &input.predictions));
    input.set = large;
    name_table_free(&input.places); /* of the names that were there */
    assert_ok(name_table_new(2, &input.places));
    name_table_put(&input.places, "0", 0);
    name_table_put(&input.places, "1", 1);
    assert_ok(report_images_choose(&input, IMAGES_LARGEST, &images));
    assert_true(images.count * (3 * LARGE * LARGE + CLASSES * sizeof(float)) <= IMAGES_LARGEST);
    assert_int_equal(images.wrong, MANY / 5 * 4);
    assert_int_equal(images.right, MANY / 5);
    assert_in_range(images.wrong_shown, 300, 385);
    assert_in_range(images.right_shown, 15, RIGHT_EACH);
    free(images.list);
    free(csv);
    cf_set_free(large);
    report_input_free(&input);
}

/* A column of files behind the images' numbers, as of a set whose images are files: the page names them, and finds the others. */
static void names_files(void **state) {
    (void)state;
    const char *path = path_in(folder, "predictions.csv");
    char *kept = text_of(path), *without = page_of(set), *csv = NULL, *line, *rest = kept;
    size_t size;
    int number = 0;
    FILE *out = open_memstream(&csv, &size);
    while ((line = strsep(&rest, "\n")) && *line) {
        const size_t comma = strcspn(line, ",");
        if (number++)
            fprintf(out, "%.*s,\"<b>/%.*s, 1.png\"%s\n", (int)comma, line, (int)comma, line, line + comma);
        else
            fprintf(out, "image,file%s\n", line + comma);
        if (rest) rest[-1] = '\n';
    }
    fclose(out);
    write_bytes(path, csv, size);
    char *page = page_of(set);
    char *data = between(page, "<script type=\"application/json\" id=\"data\">", "</script>");
    json_t *json = json_loads(data, 0, NULL), *images = json_object_get(json, "images");
    assert_int_equal(json_array_size(json_object_get(images, "file")), 24);
    for (size_t i = 0; i < 24; i++) {
        char file[64];
        snprintf(file, sizeof file, "<b>/%lld, 1.png",
                 json_integer_value(json_array_get(json_object_get(images, "index"), i)));
        assert_string_equal(json_string_value(json_array_get(json_object_get(images, "file"), i)), file);
    }
    assert_lacks(page, "<b>");
    /* Labels and probabilities are read from where they stand now. */
    char *before = between(without, "id=\"probabilities\">", "<"), *after = between(page, "id=\"probabilities\">", "<");
    assert_string_equal(before, after);
    damaged("predictions.csv", "image,file,label\n", "9 columns expected (6 and a probability per class), found 3");
    damaged("predictions.csv", "image,label,file,correct,confidence,a,b,c\n",
            "column 3 should be \"predicted\", and is \"file\"");
    write_bytes(path, kept, strlen(kept));
    free(kept), free(without), free(csv), free(page), free(data), free(before), free(after);
    json_decref(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes),
        cmocka_unit_test(names_cannot_break_the_page),
        cmocka_unit_test(holds_everything),
        cmocka_unit_test(the_same_run_gives_the_same_page),
        cmocka_unit_test(tells_how_sure),
        cmocka_unit_test(chooses_images),
        cmocka_unit_test(prefixes_ids),
        cmocka_unit_test(takes_figures_in),
        cmocka_unit_test(says_what_is_missing),
        cmocka_unit_test(refuses_damage),
        cmocka_unit_test(names_files),
        cmocka_unit_test(reads_csv),
        cmocka_unit_test(stays_small),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
