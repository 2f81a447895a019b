/* What figures are made of besides drawing: formats, the history, choices that one can work out by hand. */
#include "data/picture/picture.h"
#include "study/figures/figures.h"
#include "study/run/run_files.h"
#include "testing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void test_formats(void **state) {
    (void)state;
    unsigned formats = 99;
    assert_ok(figure_formats_from_text("svg", 0, 0, &formats));
    assert_int_equal(formats, FIGURE_SVG);
    assert_ok(figure_formats_from_text("pdf,png,svg,png", 0, 0, &formats));
    assert_int_equal(formats, FIGURE_SVG | FIGURE_PNG | FIGURE_PDF);
    assert_ok(figure_formats_from_text("png", 2, 600, &formats));
    assert_int_equal(formats, FIGURE_PNG | FIGURE_LOOK * (2 + THEMES * 600));
    assert_ok(figure_formats_from_text("none", 2, 600, &formats));
    assert_int_equal(formats, 0);
    formats = 99;
    assert_fails(figure_formats_from_text("svg,pgn", 0, 0, &formats), CF_BAD_USE, "did you mean png?");
    assert_fails(figure_formats_from_text("jpeg", 0, 0, &formats), CF_BAD_USE, "svg, png and pdf between commas, or none");
    assert_fails(figure_formats_from_text("", 0, 0, &formats), CF_BAD_USE, "expected");
    assert_fails(figure_formats_from_text("svg,", 0, 0, &formats), CF_BAD_USE, "expected");
    assert_fails(figure_formats_from_text("none,svg", 0, 0, &formats), CF_BAD_USE, "none stands alone");
    assert_int_equal(formats, 99);
}

#define HEAD                                                                                                           \
    "epoch,learning_rate,train_loss,train_accuracy,validation_loss,validation_accuracy,seconds,images_per_second\n"

static const char *history(const char *text) {
    const char *path = path_in(scratch_folder(), "history.csv");
    write_bytes(path, text, strlen(text));
    return path;
}

static void test_history(void **state) {
    (void)state;
    const EpochRow rows[3] = {{1, 0.1, 2.5, 0.5, 1.25, 0.625, 3.5, 1000},
                              {2, 0.05, 1.1234567, 0.75, 0.5, 0.8125, 3.25, 1100},
                              {3, 0.025, 1, 0.875, 0.5, 0.75, 3, 1200}};
    EpochRow *back;
    int count;
    const char *path = path_in(scratch_folder(), "history.csv");
    assert_ok(history_write(path, rows, 3));
    assert_ok(history_read(path, &back, &count));
    assert_int_equal(count, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(back[i].epoch, rows[i].epoch);
        assert_true(back[i].rate == rows[i].rate && back[i].train_loss == rows[i].train_loss);
        assert_true(back[i].train_accuracy == rows[i].train_accuracy);
        assert_true(back[i].validation_loss == rows[i].validation_loss);
        assert_true(back[i].validation_accuracy == rows[i].validation_accuracy);
        assert_true(back[i].seconds == rows[i].seconds && back[i].images_per_second == rows[i].images_per_second);
    }
    assert_int_equal(history_best(back, count, CF_STOP_ON_LOSS), 1); /* the first of equals */
    free(back);
    assert_ok(history_read(history(HEAD), &back, &count));
    assert_int_equal(count, 0);
    assert_int_equal(history_best(back, count, CF_STOP_ON_LOSS), -1);
    free(back);
}

static void test_broken_history(void **state) {
    (void)state;
    EpochRow *rows;
    int count;
    assert_fails(history_read(history(""), &rows, &count), CF_BAD_INPUT, "line 1");
    assert_fails(history_read(history("epoch,loss\n1,2\n"), &rows, &count), CF_BAD_INPUT, "line 1");
    assert_fails(history_read(history(HEAD "1,2,3,4,5,6,7,8\n2,2,3,4,5,6,7\n"), &rows, &count), CF_BAD_INPUT, "line 3");
    assert_fails(history_read(history(HEAD "1,2,3,4,5,6,7,8,9\n"), &rows, &count), CF_BAD_INPUT, "line 2");
    assert_fails(history_read(history(HEAD "1,x,3,4,5,6,7,8\n"), &rows, &count), CF_BAD_INPUT, "line 2");
    assert_fails(history_read(history(HEAD "0,1,3,4,5,6,7,8\n"), &rows, &count), CF_BAD_INPUT, "no epoch");
    assert_fails(history_read(path_in(scratch_folder(), "absent.csv"), &rows, &count), CF_IO, "absent.csv");
}

/* ---- Figures of an evaluation made up by hand ---- */

enum { IMAGES = 6, CLASSES = 3 };

typedef struct Made {
    cf_set *set;
    Evaluation evaluation;
    FigureList list;
    FigureBook book;
} Made;

static const char *const class_names[CLASSES] = {"a,b", "<c>&\"d\"", "e"};

static void make(const float probabilities[IMAGES][CLASSES], const uint16_t labels[IMAGES], Made *made) {
    *made = (Made){.book = {scratch_folder(), "-x", "made, test", FIGURE_SVG, NULL}};
    made->book.list = &made->list;
    assert_ok(set_new("made", "made", IMAGES, 1, 4, 4, CLASSES, &made->set));
    assert_ok(set_name_classes(made->set, class_names));
    Evaluation *e = &made->evaluation;
    e->count = IMAGES;
    e->images = calloc(IMAGES, sizeof *e->images);
    e->labels = calloc(IMAGES, sizeof *e->labels);
    e->probabilities = calloc(IMAGES * CLASSES, sizeof(float));
    assert_true(e->images && e->labels && e->probabilities);
    for (uint32_t i = 0; i < IMAGES; i++) e->images[i] = IMAGES - 1 - i;
    memcpy(e->labels, labels, IMAGES * sizeof *labels);
    memcpy(e->probabilities, probabilities, IMAGES * CLASSES * sizeof(float));
    assert_ok(metrics_new(e->probabilities, e->labels, IMAGES, CLASSES, class_names, &e->metrics));
}

static void end(Made *made) {
    evaluation_free(&made->evaluation);
    figure_list_free(&made->list);
    cf_set_free(made->set);
}

static void expect_file(const char *name, const char *text) {
    unsigned char *bytes;
    size_t size;
    assert_ok(file_read(path_in(scratch_folder(), name), 1 << 24, &bytes, &size));
    assert_string_equal((char *)bytes, text);
    free(bytes);
}

/* The third class has no example, one image is right, and mistakes come with the most confident first. */
static void test_evaluation(void **state) {
    (void)state;
    static const float p[IMAGES][CLASSES] = {{0.75f, 0.125f, 0.125f}, {0.25f, 0.5f, 0.25f},    {0, 0.0625f, 0.9375f},
                                             {0.5f, 0.25f, 0.25f},    {0.125f, 0.125f, 0.75f}, {0.625f, 0.25f, 0.125f}};
    static const uint16_t labels[IMAGES] = {0, 0, 1, 1, 1, 1};
    Made made;
    make(p, labels, &made);
    assert_ok(figure_confusion(&made.book, &made.evaluation.metrics));
    expect_file("confusion-x.csv",
                "true,\"a,b\",\"<c>&\"\"d\"\"\",e\n\"a,b\",1,1,0\n\"<c>&\"\"d\"\"\",2,0,2\ne,0,0,0\n");
    expect_file("confusion-normalized-x.csv", "true,\"a,b\",\"<c>&\"\"d\"\"\",e\n\"a,b\",0.500000,0.500000,0.000000\n"
                                              "\"<c>&\"\"d\"\"\",0.500000,0.000000,0.500000\ne,,,\n");
    assert_ok(figure_misclassified(&made.book, made.set, &made.evaluation));
    expect_file("misclassified-x.csv", "image,true,predicted,confidence,probability_of_true\n"
                                       "3,\"<c>&\"\"d\"\"\",e,0.9375,0.0625\n"
                                       "1,\"<c>&\"\"d\"\"\",e,0.75,0.125\n"
                                       "0,\"<c>&\"\"d\"\"\",\"a,b\",0.625,0.25\n"
                                       "4,\"a,b\",\"<c>&\"\"d\"\"\",0.5,0.25\n"
                                       "2,\"<c>&\"\"d\"\"\",\"a,b\",0.5,0.25\n");
    assert_ok(figure_probabilities(&made.book, made.set, &made.evaluation));
    expect_file("probabilities-x.csv", "panel,image,true,class,probability\n1,5,\"a,b\",\"a,b\",0.75\n"
                                       "1,5,\"a,b\",\"<c>&\"\"d\"\"\",0.125\n1,5,\"a,b\",e,0.125\n");
    assert_int_equal(made.list.count, 4);
    for (size_t i = 0; i < made.list.count; i++) assert_true(file_exists(made.list.paths[i]));
    assert_non_null(strstr(made.list.paths[0], "/confusion-x.svg"));
    end(&made);
}

/* Of six right ones of three classes: the surest, the one in the middle, the least sure, each of another class. */
static void test_chosen_examples(void **state) {
    (void)state;
    static const float p[IMAGES][CLASSES] = {{0.9f, 0.05f, 0.05f}, {0.8f, 0.1f, 0.1f}, {0.7f, 0.2f, 0.1f},
                                             {0.6f, 0.2f, 0.2f},   {0.2f, 0.5f, 0.3f}, {0.3f, 0.3f, 0.4f}};
    static const uint16_t labels[IMAGES] = {0, 0, 0, 0, 1, 2};
    unsigned char *bytes;
    size_t size;
    Made made;
    make(p, labels, &made);
    assert_ok(figure_probabilities(&made.book, made.set, &made.evaluation));
    assert_ok(file_read(path_in(scratch_folder(), "probabilities-x.csv"), 1 << 20, &bytes, &size));
    assert_non_null(strstr((char *)bytes, "\n1,5,"));
    assert_non_null(strstr((char *)bytes, "\n2,1,"));
    assert_non_null(strstr((char *)bytes, "\n3,0,"));
    free(bytes);
    /* No mistake: an empty list, no figure. */
    figure_list_free(&made.list);
    assert_ok(figure_misclassified(&made.book, made.set, &made.evaluation));
    expect_file("misclassified-x.csv", "image,true,predicted,confidence,probability_of_true\n");
    assert_int_equal(made.list.count, 0);
    end(&made);
}

/* Where images are files, tables and captions name them; a caption has room for the end. */
static void test_files(void **state) {
    (void)state;
    static const float p[IMAGES][CLASSES] = {
        {0.75f, 0.125f, 0.125f}, {0.25f, 0.5f, 0.25f}, {1, 0, 0}, {1, 0, 0}, {1, 0, 0}, {1, 0, 0}};
    static const uint16_t labels[IMAGES] = {0, 0, 0, 0, 0, 0};
    char *files[IMAGES] = {"a", "b", "c", "d", "cats/a, rather long \xc3\xa4nd 0017.png", "e"};
    unsigned char *svg;
    size_t size;
    Made made;
    make(p, labels, &made);
    made.evaluation.files = files;
    assert_ok(figure_misclassified(&made.book, made.set, &made.evaluation));
    expect_file("misclassified-x.csv",
                "image,file,true,predicted,confidence,probability_of_true\n"
                "4,\"cats/a, rather long \xc3\xa4nd 0017.png\",\"a,b\",\"<c>&\"\"d\"\"\",0.5,0.25\n");
    assert_ok(file_read(made.list.paths[0], 1 << 20, &svg, &size));
    assert_ok(predictions_write(path_in(scratch_folder(), "predictions.csv"), &made.evaluation));
    free(svg);
    assert_ok(file_read(path_in(scratch_folder(), "predictions.csv"), 1 << 20, &svg, &size));
    assert_non_null(strstr((char *)svg, "image,file,label,predicted,correct,confidence,\"p_a,b\","));
    assert_non_null(strstr((char *)svg, "\n3,d,\"a,b\",\"a,b\",1,1,1,0,0\n"));
    free(svg);
    assert_ok(figure_top_losses(&made.book, made.set, &made.evaluation));
    assert_ok(file_read(path_in(scratch_folder(), "top-losses-x.csv"), 1 << 20, &svg, &size));
    assert_non_null(strstr((char *)svg, "image,file,true,predicted,confidence,loss\n4,\"cats/"));
    free(svg);
    made.evaluation.files = NULL;
    end(&made);
}

/* ---- Names ---- */

static void expect_suffix(Run *run, const char *data, const char *part, const char *expected) {
    char *suffix;
    assert_ok(figures_suffix(run, data, part, true, &suffix));
    assert_string_equal(suffix, expected);
    free(suffix);
}

static cf_set *set_in(const char *place, unsigned char pixel) {
    cf_set *set;
    assert_ok(file_make_folder(place));
    assert_ok(set_new(place, place, 2, 1, 2, 2, CLASSES, &set));
    assert_ok(set_name_classes(set, class_names));
    set->pixels[0] = pixel;
    assert_ok(set_seal(set));
    return set;
}

static void test_suffixes(void **state) {
    (void)state;
    const char *folder = scratch_folder();
    char first[600], second[600];
    snprintf(first, sizeof first, "%s", path_in(folder, "first/set"));
    snprintf(second, sizeof second, "%s", path_in(folder, "second/set"));
    cf_set *a = set_in(first, 1), *b = set_in(second, 2), *changed = set_in(second, 3),
           *copy = set_in(path_in(folder, "copy"), 1);
    Run run = {.folder = (char *)(uintptr_t)folder, .set = a};
    expect_suffix(&run, "set", "test", "");
    expect_suffix(&run, "street:blur=2:4", "all", "-street_blur_2_4-all");
    run.other = true;
    expect_suffix(&run, "first/set/", "all", "-set");
    run.set = b;
    expect_suffix(&run, "second/set", "all", "-set-2");
    expect_suffix(&run, path_in(second, "."), "all", "-set-2");
    run.set = changed; /* what lies there now */
    expect_suffix(&run, "second/set", "all", "-set-2");
    run.set = a;
    expect_suffix(&run, "set", "all", "-set");
    run.set = copy;
    expect_suffix(&run, "copy//", "all", "-copy");
    expect_suffix(&run, "elsewhere/set", "all", "-set"); /* the same images */
    char long_name[300];
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    char *suffix;
    assert_ok(figures_suffix(&run, long_name, "all", false, &suffix));
    assert_int_equal(strlen(suffix), 100);
    free(suffix);
    cf_set_free(a), cf_set_free(b), cf_set_free(changed), cf_set_free(copy);
}

static void test_titles(void **state) {
    (void)state;
    static const char *const titles[][2] = {
        {"svhn", "svhn"},
        {"/data/svhn", "svhn"},
        {"/data/svhn//", "svhn"},
        {"./a b/", "a b"},
        {"street:blur=2:4", "street:blur=2:4"},
        {"hand:frequencies=5/1/1/1/1/1/1/1/1/1", "hand:frequencies=5/1/1/1/1/1/1/1/1/1"}};
    char *title, name[64];
    for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++) {
        assert_ok(data_title(titles[i][0], &title));
        assert_string_equal(title, titles[i][1]);
        free(title);
    }
    assert_ok(data_short_name("a/set/..", name));
    assert_string_equal(name, "__"); /* not there: only a folder that is there has a name of its own */
    assert_ok(data_short_name("/", name));
    assert_string_equal(name, "data");
}

/* ---- Rankings, calibration, areas ---- */

static const float six[IMAGES][CLASSES] = {{0.75f, 0.125f, 0.125f}, {0.25f, 0.5f, 0.25f},    {0, 0.0625f, 0.9375f},
                                           {0.5f, 0.25f, 0.25f},    {0.125f, 0.125f, 0.75f}, {0.625f, 0.25f, 0.125f}};
static const uint16_t six_labels[IMAGES] = {0, 0, 1, 1, 1, 1};

/* Whether the file has these lines, one after the other, and `count` in all. */
static void expect_lines(const char *name, const char *lines, int count) {
    unsigned char *bytes;
    size_t size;
    assert_ok(file_read(path_in(scratch_folder(), name), 1 << 24, &bytes, &size));
    if (!strstr((char *)bytes, lines)) print_error("%s has no\n%s\nin\n%s\n", name, lines, (char *)bytes);
    assert_non_null(strstr((char *)bytes, lines));
    for (size_t i = 0; i < size; i++) count -= bytes[i] == '\n';
    assert_int_equal(count, 0);
    free(bytes);
}

/* Losses are -log 1/16, 1/8, 1/4 three times (the surest of these first), 3/4. */
static void test_rankings(void **state) {
    (void)state;
    Made made;
    make(six, six_labels, &made);
    assert_ok(figure_top_losses(&made.book, made.set, &made.evaluation));
    expect_file("top-losses-x.csv", "image,true,predicted,confidence,loss\n"
                                    "3,\"<c>&\"\"d\"\"\",e,0.9375,2.77259\n"
                                    "1,\"<c>&\"\"d\"\"\",e,0.75,2.07944\n"
                                    "0,\"<c>&\"\"d\"\"\",\"a,b\",0.625,1.38629\n"
                                    "4,\"a,b\",\"<c>&\"\"d\"\"\",0.5,1.38629\n"
                                    "2,\"<c>&\"\"d\"\"\",\"a,b\",0.5,1.38629\n"
                                    "5,\"a,b\",\"a,b\",0.75,0.287682\n");
    assert_ok(figure_unsure(&made.book, made.set, &made.evaluation));
    expect_file("unsure-x.csv", "image,predicted,second,confidence,probability_of_second\n"
                                "5,\"a,b\",\"<c>&\"\"d\"\"\",0.75,0.125\n");
    assert_int_equal(made.list.count, 2);
    end(&made);
}

static void test_analysis(void **state) {
    (void)state;
    Made made;
    Analysis analysis;
    make(six, six_labels, &made);
    made.evaluation.temperature.missing = "by hand";
    assert_ok(analysis_new(&made.evaluation, &analysis));
    assert_ok(figure_confused_pairs(&made.book, &analysis));
    expect_file("confused-pairs-x.csv", "true,predicted,images,share_of_true\n"
                                        "\"<c>&\"\"d\"\"\",\"a,b\",2,0.500000\n"
                                        "\"<c>&\"\"d\"\"\",e,2,0.500000\n"
                                        "\"a,b\",\"<c>&\"\"d\"\"\",1,0.500000\n");
    assert_ok(figure_reliability(&made.book, &analysis));
    expect_lines("reliability-x.csv", "\nno,0.466667,0.533333,2,0.5,0\nno,0.533333,0.600000,0,,\n", 16);
    expect_lines("reliability-x.csv", "\nno,0.733333,0.800000,2,0.75,0.5\n", 16);
    /* The third class has no example, so no area. A pair of equal probabilities counts half: 2.5 of 8. */
    assert_ok(figure_roc(&made.book, &analysis));
    expect_lines("roc-x.csv",
                 "class,area,threshold,false_positive_rate,recall\n\"a,b\",0.75,inf,0,0\n\"a,b\",0.75,0.75,0,0.5\n"
                 "\"a,b\",0.75,0.625,0.25,0.5\n\"a,b\",0.75,0.5,0.5,0.5\n\"a,b\",0.75,0.25,0.5,1\n"
                 "\"a,b\",0.75,0.125,0.75,1\n\"a,b\",0.75,0,1,1\n\"<c>&\"\"d\"\"\",0.3125,inf,0,0\n",
                 13);
    assert_ok(figure_precision_recall(&made.book, &analysis));
    expect_lines("precision-recall-x.csv",
                 "class,area,threshold,recall,precision\n\"a,b\",0.75,inf,0,1\n\"a,b\",0.75,0.75,0.5,1\n"
                 "\"a,b\",0.75,0.625,0.5,0.5\n\"a,b\",0.75,0.5,0.5,0.333333333\n\"a,b\",0.75,0.25,1,0.5\n"
                 "\"a,b\",0.75,0.125,1,0.4\n\"a,b\",0.75,0,1,0.333333333\n",
                 13);
    assert_int_equal(made.list.count, 4);
    analysis_free(&analysis);
    /* Temperature 1/2 squares: 0.75 becomes 0.5625 / 0.59375, and three images come into the last bin but none. */
    made.evaluation.temperature.value = 0.5;
    assert_ok(analysis_new(&made.evaluation, &analysis));
    assert_ok(figure_reliability(&made.book, &analysis));
    expect_lines("reliability-x.csv", "\nyes,0.933333,1.000000,3,0.96343", 31);
    expect_lines("reliability-x.csv", "\nyes,0.800000,0.866667,1,0.83333", 31);
    analysis_free(&analysis);
    end(&made);
}

static void test_rates(void **state) {
    (void)state;
    Made made;
    make(six, six_labels, &made);
    assert_ok(figure_rates(&made.book, history(HEAD "1,0.5,3,4,5,6,7,1000\n2,0.25,3,4,5,6,7,1500.5\n")));
    expect_file("rates-x.csv", "epoch,learning_rate,images_per_second\n1,0.5,1000\n2,0.25,1500.5\n");
    assert_int_equal(made.list.count, 1);
    assert_ok(figure_rates(&made.book, history(HEAD)));
    assert_int_equal(made.list.count, 1);
    end(&made);
}

/* ---- What a network of one convolution by hand shows ---- */

static void expect_pixel(const char *name, int x, int y, int red, int green, int blue) {
    const int wanted[3] = {red, green, blue};
    Picture picture;
    assert_ok(picture_read(path_in(scratch_folder(), name), NULL, &picture));
    for (int c = 0; c < 3; c++) {
        const int at = picture.channels == 3 ? c : 0;
        const int found = picture.pixels[(y * picture.width + x) * picture.channels + at];
        if (abs(found - wanted[c]) > 1) print_error("%s at %d,%d: %d, not %d\n", name, x, y, found, wanted[c]);
        assert_true(abs(found - wanted[c]) <= 1);
    }
    free(picture.pixels);
}

static void test_network(void **state) {
    (void)state;
    Made made;
    cf_model *model;
    make(six, six_labels, &made);
    made.book.formats = FIGURE_PNG | FIGURE_LOOK * THEMES * 144;
    /* A[place] = 2x, -x. The classes' channel weights are 1 and 1, -1 and 1, 1 and 0: maps x, 0, 2x. */
    static const float filters[] = {2, -1}, channel_weights[CLASSES][2] = {{1, 1}, {-1, 1}, {1, 0}};
    assert_ok(model_new("conv 2 1x1 nobias | dense 3 nobias", (Shape){1, 4, 4}, class_names, CLASSES, 1, &model));
    memcpy(parameters_find(&model->parameters, 0, "weight"), filters, sizeof filters);
    float *dense = parameters_find(&model->parameters, 1, "weight");
    for (int c = 0; c < CLASSES; c++)
        for (int i = 0; i < 32; i++) dense[32 * c + i] = channel_weights[c][i % 2];
    memset(made.set->pixels, 51, IMAGES * 16);
    for (int i = 0; i < IMAGES; i++) made.set->pixels[16 * i] = 255;

    assert_ok(figure_filters(&made.book, model));
    expect_file("filters-x.csv", "filter,channel,row,column,weight\n1,1,1,1,2\n2,1,1,1,-1\n");
    expect_pixel("filters-x.png", 60, 60, 255, 255, 255);
    expect_pixel("filters-x.png", 60 + 2 * 45, 60, 64, 64, 64);

    assert_ok(figure_grad_cam(&made.book, model, made.set, &made.evaluation));
    expect_lines("grad-cam-x.csv",
                 "image,true,predicted,row,column,value\n3,\"<c>&\"\"d\"\"\",e,1,1,2\n3,\"<c>&\"\"d\"\"\",e,1,2,0.4\n",
                 1 + 16 * IMAGES);
    expect_lines("grad-cam-x.csv", "\n0,\"<c>&\"\"d\"\"\",\"a,b\",1,1,1\n0,\"<c>&\"\"d\"\"\",\"a,b\",1,2,0.2\n",
                 1 + 16 * IMAGES);
    /* The overlay's first pixel is the largest value on white; the next 0.2 of it on 0.2. */
    expect_pixel("grad-cam-x.png", 176, 118, 253, 251, 193);
    expect_pixel("grad-cam-x.png", 204, 118, 80, 31, 78);
    expect_lines("grad-cam-x.csv", "\n4,\"a,b\",\"<c>&\"\"d\"\"\",1,1,0\n", 1 + 16 * IMAGES);
    assert_int_equal(made.list.count, 2);
    cf_model_free(model);
    assert_ok(model_new("dense 3", (Shape){1, 4, 4}, class_names, CLASSES, 1, &model));
    assert_ok(figure_filters(&made.book, model));
    assert_ok(figure_grad_cam(&made.book, model, made.set, &made.evaluation));
    assert_int_equal(made.list.count, 2);
    cf_model_free(model);
    end(&made);
}

/* Two layers of two heads, all queries alike: the first head gives the white pixel 3 of 18 shares and each of the other 15 one, the
 * second all pixels a sixteenth. */
static void test_attention(void **state) {
    (void)state;
    enum { LAYERS = 2, HEADS = 2, PLACES = 16 };
    Made made;
    cf_model *model;
    make(six, six_labels, &made);
    made.book.formats = FIGURE_PNG | FIGURE_LOOK * THEMES * 144;
    assert_ok(model_new("conv 2 1x1 nobias | res( attention 2 ) | res( attention 2 ) | globalavgpool | dense 3",
                        (Shape){1, 4, 4}, class_names, CLASSES, 1, &model));
    memset(made.set->pixels, 0, IMAGES * PLACES);
    for (int i = 0; i < IMAGES; i++) made.set->pixels[PLACES * i] = 255;
    static const float filters[] = {1, 0};
    memcpy(parameters_find(&model->parameters, 0, "weight"), filters, sizeof filters);
    for (int i = 0; i < model->layers.count; i++) {
        if (model->layers.layers[i].type != &attention_type) continue;
        float *weight = parameters_find(&model->parameters, i, "in_proj_weight");
        memset(weight, 0, 12 * sizeof *weight);
        memset(parameters_find(&model->parameters, i, "out_proj.weight"), 0, 4 * sizeof *weight);
        parameters_find(&model->parameters, i, "in_proj_bias")[0] = 1; /* q of head 1 */
        weight[2 * 2] = logf(3);                                       /* k of head 1 */
    }
    /* Heads: 3/18 and 1/18; 1/16. A = 11/96 and 17/288 in every row, so R = A/2 + A/4 + I/4, and its mean row 3/4 A + 1/64. */
    assert_ok(figure_attention_rollout(&made.book, model, made.set, &made.evaluation));
    expect_lines("attention-rollout-x.csv",
                 "image,true,predicted,row,column,value\n3,\"<c>&\"\"d\"\"\",e,1,1,0.101562\n3,\"<c>&\"\"d\"\"\",e,1,2,"
                 "0.0598958\n",
                 1 + PLACES * IMAGES);
    expect_pixel("attention-rollout-x.png", 176, 118, 253, 251, 193);
    assert_ok(figure_attention_heads(&made.book, model, made.set, &made.evaluation));
    expect_lines("attention-heads-x.csv",
                 "image,true,predicted,layer,head,row,column,value\n3,\"<c>&\"\"d\"\"\",e,attention1,1,1,1,0.166667\n"
                 "3,\"<c>&\"\"d\"\"\",e,attention1,1,1,2,0.0555556\n",
                 1 + PLACES * 4 * LAYERS * HEADS);
    expect_lines("attention-heads-x.csv", "e,attention2,2,4,4,0.0625\n", 1 + PLACES * 4 * LAYERS * HEADS);
    assert_int_equal(made.list.count, 2);
    cf_model_free(model);
    /* Eight columns (two heads of four images) of large pictures: these are drawn smaller. */
    Picture picture;
    cf_set_free(made.set);
    assert_ok(set_new("made", "made", IMAGES, 1, 84, 112, CLASSES, &made.set));
    assert_ok(set_name_classes(made.set, class_names));
    assert_ok(model_new("patch 14 2 | attention 2 | dense 3", (Shape){1, 84, 112}, class_names, CLASSES, 1, &model));
    assert_ok(figure_attention_heads(&made.book, model, made.set, &made.evaluation));
    expect_lines("attention-heads-x.csv", "e,attention1,2,6,8,", 1 + 6 * 8 * 4 * HEADS);
    assert_ok(picture_read(path_in(scratch_folder(), "attention-heads-x.png"), NULL, &picture));
    assert_in_range(picture.width, 8 * 64, 8 * 64 + 500); /* with labels and gaps; at full size 8 * 112 and these */
    free(picture.pixels);
    cf_model_free(model);
    assert_ok(model_new("dense 3", (Shape){1, 4, 4}, class_names, CLASSES, 1, &model));
    assert_ok(figure_attention_rollout(&made.book, model, made.set, &made.evaluation));
    assert_ok(figure_attention_heads(&made.book, model, made.set, &made.evaluation));
    assert_int_equal(made.list.count, 3);
    cf_model_free(model);
    end(&made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats),         cmocka_unit_test(test_history),
        cmocka_unit_test(test_broken_history),  cmocka_unit_test(test_evaluation),
        cmocka_unit_test(test_chosen_examples), cmocka_unit_test(test_rankings),
        cmocka_unit_test(test_analysis),        cmocka_unit_test(test_rates),
        cmocka_unit_test(test_network),         cmocka_unit_test(test_attention),
        cmocka_unit_test(test_files),           cmocka_unit_test(test_suffixes),
        cmocka_unit_test(test_titles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
