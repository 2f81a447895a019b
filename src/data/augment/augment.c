#include "data/augment/augment.h"

#include "base/memory.h"
#include "base/text.h"
#include "data/augment/operation.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_STEPS = 32, MOST_VIEWS = 1024, LONGEST_WORD = 48, LONGEST_LINE = 4096 };

/* One place of the line. */
typedef struct Step {
    const Operation *operation;
    OperationValues values;
    double share; /* of the images that it is done to */
} Step;

struct Augmentation {
    char line[LONGEST_LINE];
    int count;
    Step steps[MOST_STEPS];
};

const AugmentName augmentation_names[] = {
    {"none", "", "images as they are"},
    {"mnist", "rotate 12 | scale 0.9:1.1 | shear 10 | shift 2", "digits: one small affine map"},
    {"svhn", "rotate 5 | scale 0.85:1.15 | shear 8 | shift 2 | cutout 8 p 0.5", "digits in photographs"},
    {"cifar", "crop 4 reflect | flip | cutout 8", "small photographs of things (He et al. 2016; DeVries, Taylor 2017)"},
    {"street",
     "neighbours 0.4:0.75 p 0.9 | stroke -0.3:1.3 | rotate 8 | scale 0.9:1.4 | aspect 0.6:1.1 | shear 12 | shift 2 | ink 0.1:1 | "
     "background 0.3 | blur 1.5 | noise 0.03",
     "light digits on black, or dark ones on white, as they would stand in a street: for photographs that nobody has"},
    {"photo", "scale 0.8:1.25 | rotate 5 | shift 4 | flip | randaugment 2 9", "larger photographs"},
    {0}};

/* ---- The line ---- */

typedef struct Parser {
    const char *line;
    int at; /* the next character */
    char word[LONGEST_WORD];
    int column; /* of the word; 1-based */
    Augmentation *augmentation;
} Parser;

/* The message shows the line with a mark under the column. */
__attribute__((format(printf, 3, 4))) static cf_status parser_fail(const Parser *parser, int column, const char *format,
                                                                   ...) {
    char what[320], marked[TEXT_MARKED];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    text_marked(parser->line, column, marked);
    return FAIL(CF_BAD_USE, "augmentation, column %d: %s%s", column, what, marked);
}

/* The next word of this operation: *parser->word is '\0' where there is none. */
static cf_status next_word(Parser *parser) {
    parser->at += (int)strspn(parser->line + parser->at, " \t");
    const size_t length = strcspn(parser->line + parser->at, " \t|");
    parser->column = parser->at + 1;
    if (length >= LONGEST_WORD) return parser_fail(parser, parser->column, "a word this long is not known");
    memcpy(parser->word, parser->line + parser->at, length);
    parser->word[length] = '\0';
    parser->at += (int)length;
    return CF_OK;
}

static const char *found(const Parser *parser) {
    return *parser->word ? parser->word : "the end of the operation";
}

static const char *word_hint(const char *word) {
    enum { MOST_WORDS = 96 };
    const char *words[MOST_WORDS];
    int count = 0;
    const Operation *operation;
    for (int i = 0; (operation = operation_number(i)) && count < MOST_WORDS - 1; i++) words[count++] = operation->word;
    for (const AugmentName *n = augmentation_names; n->name && count < MOST_WORDS - 1; n++) words[count++] = n->name;
    words[count] = NULL;
    return text_hint(word, words);
}

/* ---- One operation ---- */

static bool is_number(const char *word) {
    return *word && strchr("0123456789.+-", *word);
}

/* Whether the word is of this form and within its bounds. */
static bool read_argument(const OperationArgument *argument, const char *word, double *low, double *high) {
    bool two;
    if (!text_to_range(word, low, high, &two) || (two && !argument->is_range)) return false;
    if (!two) operation_number_alone(argument, *low, low, high);
    if (argument->is_whole && (*low != floor(*low) || *high != floor(*high))) return false;
    return argument->low <= *low && *low <= *high && *high <= argument->high;
}

static cf_status fail_argument(const Parser *parser, const OperationArgument *argument) {
    const char *kind = argument->is_range ? "a range LOW:HIGH" : argument->is_whole ? "a whole number" : "a number";
    char alone[40] = "";
    if (argument->is_range && argument->alone == FROM_ZERO)
        snprintf(alone, sizeof alone, ", or V for %g:V", fmax(argument->low, 0));
    else if (argument->is_range)
        snprintf(alone, sizeof alone, ", or V for %s", argument->alone == AROUND_ZERO ? "-V:V" : "1-V:1+V");
    return parser_fail(parser, parser->column, "%s (%s from %g to %g%s) expected, found %s", argument->what, kind,
                       argument->low, argument->high, alone, found(parser));
}

/* From the word in front on; then that behind the last argument is the parser's. */
static cf_status read_arguments(Parser *parser, Step *step) {
    for (int i = 0; i < OPERATION_ARGUMENTS && step->operation->arguments[i].what; i++) {
        const OperationArgument *argument = &step->operation->arguments[i];
        double *low = &step->values.low[i], *high = &step->values.high[i];
        if (!is_number(parser->word) && !isnan(argument->usual)) {
            operation_number_alone(argument, argument->usual, low, high);
            continue;
        }
        if (!read_argument(argument, parser->word, low, high)) return fail_argument(parser, argument);
        FORWARD(next_word(parser));
    }
    return CF_OK;
}

/* A setting, "p X", and nothing more. */
static cf_status read_rest(Parser *parser, Step *step) {
    const char *words[OPERATION_SETTINGS + 3]; /* that may stand here: with "p X", "|" and the end */
    char expected[100];
    bool set = false;
    int count = 0;
    for (int i = 0; i < OPERATION_SETTINGS && step->operation->settings[i]; i++) {
        words[count++] = step->operation->settings[i];
        if (strcmp(parser->word, words[i]) != 0) continue;
        step->values.setting = i;
        set = true;
    }
    if (set) {
        FORWARD(next_word(parser));
        count = 0;
    }
    words[count++] = "p X";
    step->share = 1;
    if (strcmp(parser->word, "p") == 0) {
        FORWARD(next_word(parser));
        if (!text_to_number(parser->word, &step->share) || step->share < 0 || step->share > 1)
            return parser_fail(parser, parser->column,
                               "a share of the images (a number from 0 to 1) expected, found %s", found(parser));
        FORWARD(next_word(parser));
        count = 0;
    }
    if (!*parser->word) return CF_OK;
    words[count++] = "|", words[count] = NULL;
    text_list(words, expected, sizeof expected);
    return parser_fail(parser, parser->column, "%s expected, found %s%s", expected, parser->word,
                       text_hint(parser->word, words));
}

static cf_status append_line(Parser *parser, int column, const char *text, int length) {
    char *line = parser->augmentation->line;
    const size_t used = strlen(line);
    if (used + (size_t)length + sizeof " | " > LONGEST_LINE)
        return parser_fail(parser, column, "a line of at most %d characters expected, with names written out",
                           LONGEST_LINE - 1);
    snprintf(line + used, LONGEST_LINE - used, "%s%.*s", used ? " | " : "", length, text);
    return CF_OK;
}

static cf_status parse(Parser *parser);

/* Whether an operation may stand behind those that there are. */
static cf_status check_place(const Parser *parser, int column, const char *word, const Operation *operation) {
    const Augmentation *augmentation = parser->augmentation;
    const bool mixes = operation && operation->mix, first = operation && operation->beside;
    if (first && augmentation->count)
        return parser_fail(parser, column,
                           "%s expected as the first operation, as the others are done to what it makes", word);
    if (augmentation->count == MOST_STEPS)
        return parser_fail(parser, column, "at most %d operations expected, found %s", MOST_STEPS, word);
    if (mixes || !augmentation_mixes(augmentation)) return CF_OK;
    return parser_fail(parser, column, "mixup or cutmix expected behind %s, which mixes what is done, found %s",
                       augmentation->steps[augmentation->count - 1].operation->word, word);
}

/* A name's line in the place of the name. */
static cf_status read_name(Parser *parser, const AugmentName *name) {
    Parser inner = {.line = name->line, .augmentation = parser->augmentation};
    const int column = parser->column;
    FORWARD(next_word(parser));
    if (*parser->word)
        return parser_fail(parser, parser->column, "| or the end expected behind %s, found %s", name->name,
                           parser->word);
    if (!*name->line) return CF_OK;
    FORWARD(check_place(parser, column, name->name, NULL));
    return parse(&inner);
}

static cf_status read_step(Parser *parser) {
    Augmentation *augmentation = parser->augmentation;
    const int column = parser->column, start = parser->at - (int)strlen(parser->word);
    Step step = {.operation = operation_find(parser->word)};
    for (const AugmentName *name = augmentation_names; name->name; name++)
        if (strcmp(name->name, parser->word) == 0) return read_name(parser, name);
    if (!step.operation)
        return parser_fail(parser, column, "an operation expected, found %s%s",
                           *parser->word ? parser->word : "nothing", *parser->word ? word_hint(parser->word) : "");
    FORWARD(check_place(parser, column, step.operation->word, step.operation));
    FORWARD(next_word(parser));
    FORWARD(read_arguments(parser, &step));
    FORWARD(read_rest(parser, &step));
    augmentation->steps[augmentation->count++] = step;
    int length = parser->at - start;
    while (length && strchr(" \t", parser->line[start + length - 1])) length--;
    return append_line(parser, column, parser->line + start, length);
}

static cf_status parse(Parser *parser) {
    for (;;) {
        FORWARD(next_word(parser));
        FORWARD(read_step(parser));
        if (parser->line[parser->at] != '|') return CF_OK;
        parser->at++;
    }
}

cf_status augmentation_new(const char *line, Augmentation **augmentation) {
    AUTO(augmentation_free_at) Augmentation *made = NULL;
    *augmentation = NULL;
    FORWARD(memory_new(1, sizeof *made, &made));
    Parser parser = {.line = line, .augmentation = made};
    if (line[strspn(line, " \t")]) FORWARD(parse(&parser));
    *augmentation = memory_take(&made);
    return CF_OK;
}

void augmentation_free(Augmentation *augmentation) {
    free(augmentation);
}

cf_status augmentation_check(const char *line) {
    AUTO(augmentation_free_at) Augmentation *augmentation = NULL;
    return augmentation_new(line, &augmentation);
}

bool augmentation_is_empty(const Augmentation *augmentation) {
    return augmentation->count == 0;
}

const char *augmentation_line(const Augmentation *augmentation) {
    return augmentation->line;
}

/* ---- What it does ---- */

/* A stream for each copy of an image in an epoch; each place of the line has 2^40 words of it. */
static RngStream stream_of(const AugmentKey *key) {
    return rng_stream(key->seed, RNG_AUGMENT, (uint64_t)key->epoch << 32 | key->image, key->copy);
}

static Drawing drawing_at(const AugmentKey *key, RngStream stream, int place, int height, int width) {
    return (Drawing){stream, (uint64_t)place << 40, key, height, width};
}

double drawing_first_epoch(const Drawing *drawing) {
    AugmentKey first = *drawing->key;
    first.epoch = 0;
    Drawing then = drawing_at(&first, stream_of(&first), (int)(drawing->next >> 40), drawing->height, drawing->width);
    drawing_uniform(&then); /* of the share */
    return drawing_uniform(&then);
}

/* Always the first number: what the operation draws does not depend on there being a share. */
static bool takes(const Step *step, Drawing *drawing) {
    return drawing_uniform(drawing) < step->share;
}

size_t augmentation_scratch(const Augmentation *augmentation, const int chw[3]) {
    return augmentation->count ? picture_scratch(chw[0], chw[1], chw[2]) : 0;
}

void augmentation_apply(const Augmentation *augmentation, const AugmentKey *key, const int chw[3], float *scratch,
                        float *x) {
    Picture picture = {chw[0], chw[1], chw[2], x, scratch};
    const RngStream stream = stream_of(key);
    Pending pending = pending_new(&picture);
    for (int i = 0; i < augmentation->count; i++) {
        const Step *step = &augmentation->steps[i];
        Drawing drawing = drawing_at(key, stream, i, chw[1], chw[2]);
        if (takes(step, &drawing)) pending_operation(&pending, step->operation, &step->values, &drawing);
    }
    pending_finish(&pending);
}

bool augmentation_mixes(const Augmentation *augmentation) {
    return augmentation->count && augmentation->steps[augmentation->count - 1].operation->mix;
}

AugmentMix augmentation_mix(const Augmentation *augmentation, const AugmentKey *key, const int chw[3]) {
    const RngStream stream = stream_of(key);
    for (int i = 0; i < augmentation->count; i++) {
        const Step *step = &augmentation->steps[i];
        Drawing drawing = drawing_at(key, stream, i, chw[1], chw[2]);
        if (step->operation->mix && takes(step, &drawing)) return step->operation->mix(&step->values, &drawing);
    }
    return (AugmentMix){.share = 1};
}

bool augmentation_has_neighbours(const Augmentation *augmentation) {
    return augmentation->count && augmentation->steps[0].operation->beside;
}

AugmentBeside augmentation_beside(const Augmentation *augmentation, const AugmentKey *key, const int chw[3]) {
    const Step *step = &augmentation->steps[0];
    Drawing drawing = drawing_at(key, stream_of(key), 0, chw[1], chw[2]);
    if (!augmentation_has_neighbours(augmentation) || !takes(step, &drawing)) return (AugmentBeside){{0}};
    return step->operation->beside(&step->values, &drawing);
}

void augmentation_lay_beside(int by, const int chw[3], float *scratch, const float *other, float *x) {
    const int C = chw[0], H = chw[1], W = chw[2];
    for (int c = 0; c < C; c++) {
        const float own = picture_ground(&(Picture){C, H, W, x, scratch}, c);
        const float ground = picture_ground(&(Picture){C, H, W, (float *)other, scratch}, c); /* only read */
        for (int row = 0; row < H; row++)
            for (int to = by > 0 ? by : 0; to < W && to - by < W; to++) {
                const float d = other[(row * W + to - by) * C + c] - ground;
                float *value = x + (row * W + to) * C + c;
                if (fabsf(d) > fabsf(*value - own)) *value = fminf(fmaxf(own + d, 0), 1);
            }
    }
}

/* ---- Views ---- */

static int views_of(const Step *step) {
    return step->operation->views && step->share >= 1 ? step->operation->views(&step->values) : 0;
}

int augmentation_views(const Augmentation *augmentation, const char **word) {
    const char *unwanted;
    int views = 1;
    if (!word) word = &unwanted;
    for (int i = 0; i < augmentation->count; i++) {
        const Step *step = &augmentation->steps[i];
        views *= views_of(step);
        *word = step->operation->views && step->share < 1 ? "p" : step->operation->word;
        if (views < 1 || views > MOST_VIEWS) return 0;
    }
    *word = NULL;
    return views;
}

/* The first operation's views change fastest; 0 is the middle of all. Returns the weight; the maps wait in `pending`. */
static double lay_view(const Augmentation *augmentation, int view, Pending *pending) {
    double weight = 1;
    for (int i = 0; i < augmentation->count; i++) {
        const Step *step = &augmentation->steps[i];
        const int count = views_of(step);
        weight *= pending_view(pending, step->operation, &step->values, view % count);
        view /= count;
    }
    return weight;
}

double augmentation_view_weight(const Augmentation *augmentation, int view) {
    float x = 0, scratch[9];
    Pending pending = pending_new(&(Picture){1, 1, 1, &x, scratch});
    return lay_view(augmentation, view, &pending);
}

void augmentation_view(const Augmentation *augmentation, int view, const int chw[3], float *scratch, float *x) {
    Pending pending = pending_new(&(Picture){chw[0], chw[1], chw[2], x, scratch});
    lay_view(augmentation, view, &pending);
    pending_finish(&pending);
}
