#include "testing.h"

#include "base/memory.h"
#include "cli/program.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- A program to try things on ----------------------------------------------------------------------- */

typedef enum Flavour { FLAVOUR_SGD, FLAVOUR_ADAM, FLAVOUR_ADAMW } Flavour;

typedef struct TrainOptions {
    int epochs, threads, warmup, beta; /* neighbours: a value written too wide shows */
    int64_t seed;
    double rate;
    const char *out;
    Flavour flavour;
    bool resume;
    int guard;
} TrainOptions;

static const char *const flavours[] = {"sgd", "adam", "adamw", NULL};

static const Option train_table[] = {
    {.name = "epochs",
     .argument = "N",
     .kind = OPTION_INTEGER,
     .lowest = 1,
     .highest = 1000,
     .default_text = "10",
     .help = "passes over the training images, at most",
     OPTION_MEMBER(TrainOptions, epochs)},
    {.name = "threads",
     .argument = "T",
     .kind = OPTION_INTEGER,
     .help = "any number",
     .letter = 't',
     OPTION_MEMBER(TrainOptions, threads)},
    {.name = "seed",
     .argument = "S",
     .kind = OPTION_INTEGER,
     .lowest = 0,
     .highest = INFINITY,
     .default_text = "1",
     .help = "start of every random choice; the same seed gives the same bits, whatever the number of "
             "threads and however "
             "often the run was stopped and resumed",
     OPTION_MEMBER(TrainOptions, seed)},
    {.name = "lr",
     .argument = "X",
     .kind = OPTION_NUMBER,
     .lowest = 0,
     .highest = 10,
     .default_text = "0.005",
     .help = "learning rate",
     OPTION_MEMBER(TrainOptions, rate)},
    {.name = "out",
     .argument = "FOLDER-OF-A-RUN-OR-STUDY",
     .kind = OPTION_TEXT,
     .help = "folder of the run",
     .letter = 'o',
     OPTION_MEMBER(TrainOptions, out)},
    {.name = "optimizer",
     .kind = OPTION_CHOICE,
     .choices = flavours,
     .usual = "sgd",
     .help = "the rule of a step",
     OPTION_MEMBER(TrainOptions, flavour)},
    {.name = "warmup",
     .argument = "N",
     .kind = OPTION_INTEGER,
     .help = "adam, adamw: steps",
     .unset = -1,
     .with = {"--optimizer adam", "--optimizer adamw"},
     OPTION_MEMBER(TrainOptions, warmup)},
    {.name = "beta",
     .argument = "N",
     .kind = OPTION_INTEGER,
     .help = "with --warmup",
     .usual = "3",
     .default_text = "three",
     .with = {"--warmup"},
     OPTION_MEMBER(TrainOptions, beta)},
    {.name = "resume",
     .letter = 'r',
     .help = "go on where the run in --out was stopped",
     .without = {"--out none, which keeps nothing", "--optimizer adam"},
     OPTION_MEMBER(TrainOptions, resume)},
};

static TrainOptions seen_options;
static int runs;

static void train_defaults(void *options) {
    *(TrainOptions *)options = (TrainOptions){.epochs = 10, .threads = 5, .seed = 1, .rate = 0.005, .guard = 99};
}

static cf_status train_run(const Arguments *arguments, const void *options) {
    seen_options = *(const TrainOptions *)options;
    runs++;
    FAIL_IF(options_given(arguments, "out") && strcmp(seen_options.out, "fail") == 0, CF_IO, "the disk is gone");
    FAIL_IF(arguments->positional_count > 0 && strcmp(arguments->positional[0], "bad") == 0, CF_BAD_USE, "bad is bad");
    return CF_OK;
}

static cf_status nothing_run(const Arguments *arguments, const void *options) {
    (void)arguments, (void)options;
    runs++;
    return CF_OK;
}

static const Command train = {
    .name = "train",
    .summary = "train a network",
    .usage = "SET [IMAGE] [options]",
    .description = "Trains a network on the training part of SET, and keeps the epoch with the lowest "
                   "validation loss. Reads\n"
                   "'x' and \\n as they are.\n"
                   "\n"
                   ".dots and - signs may begin a line.\n"
                   "\n"
                   "    cifra train mnist --epochs 3\n"
                   "    .hidden 'quoted'\n",
    COMMAND_OPTIONS(train_table, TrainOptions),
    .positional = {1, 2},
    .set_defaults = train_defaults,
    .run = train_run,
};
static const Command data_list = {
    .name = "data list", .summary = "list the sets", .usage = "", .description = "Lists.\n", .run = nothing_run};
static const Command data_info = {.name = "data info",
                                  .summary = "describe a set",
                                  .usage = "SET",
                                  .description = "Describes.\n",
                                  .positional = {1, 1},
                                  .run = nothing_run};
static const Command *const commands[] = {&train, &data_list, &data_info, NULL};
static const HelpSection sections[] = {{"Environment", "CIFRA_DATA: where data sets are.\n"}, {NULL, NULL}};
static const Program program = {"cifra", "train classifiers - quickly", "One program; \"no\" Python.\n", commands,
                                sections};

/* ---- Parsing ------------------------------------------------------------------------------------------ */

enum { MOST_WORDS = 16 };

/* Splits `line` at spaces; the words live until the next call. */
static int split(const char *line, char **argv) {
    static char copy[512];
    int argc = 0;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok(copy, " "); word && argc < MOST_WORDS; word = strtok(NULL, " ")) argv[argc++] = word;
    return argc;
}

static char *words_of[MOST_WORDS];

static cf_status parse(const char *line, TrainOptions *options, Arguments *arguments) {
    *options = (TrainOptions){0};
    int argc = split(line, words_of);
    return options_parse(&train, argc, words_of, options, arguments);
}

static void test_defaults_stay(void **state) {
    (void)state;
    TrainOptions options;
    Arguments arguments;
    assert_ok(parse("mnist", &options, &arguments));
    assert_int_equal(options.epochs, 10);
    assert_true(options.rate == 0.005);
    assert_null(options.out);
    assert_false(options.resume || arguments.json || arguments.quiet || arguments.help);
    assert_false(options_given(&arguments, "epochs"));
    assert_int_equal(arguments.positional_count, 1);
    assert_string_equal(arguments.positional[0], "mnist");
}

static void test_every_kind_in_both_spellings(void **state) {
    (void)state;
    TrainOptions options;
    Arguments arguments;
    const char *const lines[] = {
        "mnist --epochs 3 --seed 9007199254740993 --lr 1e-2 --out a=b --optimizer adamw --resume --json "
        "x.png",
        "--epochs=3 --seed=9007199254740993 mnist --lr=0.01 --out=a=b --json --optimizer=adamw x.png "
        "--resume",
    };
    for (int i = 0; i < 2; i++) {
        assert_ok(parse(lines[i], &options, &arguments));
        assert_int_equal(options.epochs, 3);
        assert_int_equal(options.threads, 5);
        assert_true(options.seed == 9007199254740993);
        assert_true(options.rate == 0.01);
        assert_string_equal(options.out, "a=b");
        assert_int_equal(options.flavour, FLAVOUR_ADAMW);
        assert_true(options.resume && arguments.json);
        assert_false(arguments.quiet);
        assert_int_equal(options.guard, 99);
        assert_true(options_given(&arguments, "epochs") && options_given(&arguments, "resume"));
        assert_int_equal(arguments.positional_count, 2);
        assert_string_equal(arguments.positional[0], "mnist");
        assert_string_equal(arguments.positional[1], "x.png");
    }
}

static void test_letters(void **state) {
    (void)state;
    TrainOptions options;
    Arguments arguments;
    const char *const lines[] = {"m -t 7 -r -o a=b", "-t=7 m -o=a=b -r", "-t7 m --out a=b --resume",
                                 "-o a=b -r m -t 7"};
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        assert_ok(parse(lines[i], &options, &arguments));
        assert_int_equal(options.threads, 7);
        assert_true(options.resume);
        assert_string_equal(options.out, "a=b");
        assert_true(options_given(&arguments, "threads") && options_given(&arguments, "out"));
        assert_int_equal(options.epochs, 10);
        assert_int_equal(arguments.positional_count, 1);
    }
    assert_ok(parse("m -t -7", &options, &arguments));
    assert_int_equal(options.threads, -7);
}

static void test_two_dashes_end_the_options(void **state) {
    (void)state;
    TrainOptions options;
    Arguments arguments;
    assert_ok(parse("--epochs 3 -- --resume -", &options, &arguments));
    assert_false(options.resume);
    assert_string_equal(arguments.positional[0], "--resume");
    assert_string_equal(arguments.positional[1], "-");
    assert_ok(parse("- --out=--odd", &options, &arguments));
    assert_string_equal(arguments.positional[0], "-");
    assert_string_equal(options.out, "--odd");
    assert_ok(parse("-- --help", &options, &arguments));
    assert_false(arguments.help);
}

static void test_mistakes_are_named(void **state) {
    (void)state;
    const char *const cases[][2] = {
        {"m --epohcs 3", "--epohcs: no such option of cifra train; did you mean --epochs? see cifra train --help"},
        {"m --epohcs=3", "--epohcs: no such option of cifra train; did you mean --epochs?"},
        {"m --jsn", "did you mean --json?"},
        {"m --zzzzzz", "--zzzzzz: no such option of cifra train; see cifra train --help"},
        {"m -epochs 3", "-epochs: no such option of cifra train; did you mean --epochs?"},
        {"m --epoch", "did you mean --epochs?"},
        {"m --=3", "--: no such option"},
        {"m --epochs", "--epochs needs a value"},
        {"m --out --resume", "-o (--out) needs a value"},
        {"m -t", "-t (--threads) needs a value"},
        {"m -t 1 --threads 2", "-t (--threads) is given twice"},
        {"m -t=", "-t (--threads) takes a whole number; found \"\""},
        {"m -t x", "-t (--threads) takes a whole number; found \"x\""},
        {"m -r=1", "-r (--resume) takes no value; found \"1\""},
        {"m -threads 3", "-threads: no such option of cifra train; did you mean --threads?"},
        {"m -r3", "-r3: no such option"},
        {"m -x", "-x: no such option"},
        {"m --epochs 3 --epochs 4", "--epochs is given twice"},
        {"m --resume --resume", "-r (--resume) is given twice"},
        {"m --json --json", "--json is given twice"},
        {"m --resume=1", "-r (--resume) takes no value; found \"1\""},
        {"m --epochs 0", "--epochs takes a whole number from 1 to 1000; found \"0\""},
        {"m --epochs 1001", "found \"1001\""},
        {"m --threads 4294967297", "-t (--threads) takes a whole number; found \"4294967297\""},
        {"m --epochs 2.5", "found \"2.5\""},
        {"m --epochs=", "found \"\""},
        {"m --seed -1", "--seed takes a whole number of at least 0; found \"-1\""},
        {"m --lr 11", "--lr takes a number from 0 to 10; found \"11\""},
        {"m --lr -0.1", "found \"-0.1\""},
        {"m --lr nan", "found \"nan\""},
        {"m --optimizer adma", "--optimizer takes sgd, adam or adamw; found \"adma\"; did you mean adam?"},
        {"m --optimizer zzzz", "--optimizer takes sgd, adam or adamw; found \"zzzz\""},
        {"--epochs 3", "the argument is missing; usage: cifra train SET"},
        {"one two three", "\"three\" was not expected; usage: cifra train SET"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        TrainOptions options;
        Arguments arguments;
        assert_fails(parse(cases[i][0], &options, &arguments), CF_BAD_USE, cases[i][1]);
        assert_int_equal(options.guard, 99);
    }
}

static void test_rows_say_the_defaults(void **state) {
    (void)state;
    static const Option rows[] = {{.training = cf_train_defaults, .offset = 0}};
    const Command command = {.name = "trains", .usage = "", COMMAND_OPTIONS(rows, cf_train_options)};
    const cf_train_options usual = cf_train_defaults();
    cf_train_options training;
    TrainOptions options;
    Arguments arguments;
    assert_ok(parse("mnist", &options, &arguments));
    assert_int_equal(options.flavour, FLAVOUR_SGD);
    assert_int_equal(options.warmup, -1);
    assert_int_equal(options.beta, 3);
    assert_false(options_given(&arguments, "beta") || options_given(&arguments, "optimizer"));
    assert_ok(options_parse(&command, 0, words_of, &training, &arguments));
    assert_memory_equal(&training, &usual, sizeof usual);
}

/* Rows of a struct, and of one value, where a command has them; what its own row says besides is the first one's, and what they go with
 * all of theirs. */
static void test_shared_rows(void **state) {
    (void)state;
    typedef struct Pair {
        int64_t first;
        double second;
    } Pair;
    typedef struct Whole {
        int before;
        Pair pair;
        int64_t alone;
    } Whole;
    static const Option one = {"count", "N", OPTION_INTEGER, 0, 9, .help = "of one value", .usual = "4"};
    static const Option two[] = {{.rows = &one, OPTION_MEMBER(Pair, first)},
                                 {"rate", "X", OPTION_NUMBER, 0, 1, .help = "a rate", .usual = "0.5", OPTION_MEMBER(Pair, second)}};
    static const Option rows[] = {{ROWS(two), .help = "the pair's", .with = {"--alone"}, OPTION_MEMBER(Whole, pair)},
                                  {"alone", .rows = &one, .default_text = "four", OPTION_MEMBER(Whole, alone)}};
    const Command command = {.name = "shares", .usage = "", COMMAND_OPTIONS(rows, Whole)};
    Whole whole = {0};
    Arguments arguments;
    size_t count;
    const Option *options = command_options(&command, &count);
    assert_int_equal(count, 3 + COMMON_OPTIONS);
    assert_string_equal(options[0].help, "the pair's");
    assert_string_equal(options[1].help, "a rate");
    assert_string_equal(options[2].help, "of one value");
    assert_string_equal(help_option_default(&options[0]), "4");
    assert_string_equal(help_option_default(&options[2]), "four");
    int argc = split("--rate 0.25 --alone 7 --quiet", words_of);
    assert_ok(options_parse(&command, argc, words_of, &whole, &arguments));
    assert_int_equal(whole.before, 0);
    assert_int_equal(whole.pair.first, 4);
    assert_true(whole.pair.second == 0.25);
    assert_int_equal(whole.alone, 7);
    assert_true(arguments.quiet && options_given(&arguments, "alone") && !options_given(&arguments, "count"));
    argc = split("--rate 0.25", words_of);
    assert_fails(options_parse(&command, argc, words_of, &whole, &arguments), CF_BAD_USE, "--rate goes with --alone");
    argc = split("--count 10", words_of);
    assert_fails(options_parse(&command, argc, words_of, &whole, &arguments), CF_BAD_USE, "--count takes a whole number from 0 to 9");
}

static void test_what_goes_with_what(void **state) {
    (void)state;
    TrainOptions options;
    Arguments arguments;
    assert_ok(parse("m --warmup 0 --optimizer adam", &options, &arguments));
    assert_int_equal(options.warmup, 0);
    assert_ok(parse("m --beta 4 --optimizer adamw --warmup 5", &options, &arguments));
    assert_int_equal(options.beta, 4);
    const char *const cases[][2] = {
        {"m --warmup 1", "--warmup goes with --optimizer adam or --optimizer adamw"},
        {"m --warmup 1 --optimizer sgd", "--warmup goes with --optimizer adam"},
        {"m --beta 3", "--beta goes with --warmup"},
        {"m --beta 3 --optimizer adam", "--beta goes with --warmup"},
        {"m --resume --out none", "-r (--resume) has no meaning with --out none, which keeps nothing"},
        {"m --optimizer adam -r", "-r (--resume) has no meaning with --optimizer adam"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_fails(parse(cases[i][0], &options, &arguments), CF_BAD_USE, cases[i][1]);
}

static void test_what_must_be_given(void **state) {
    (void)state;
    static const Option row = {"out", "DIR", OPTION_TEXT, .help = "a folder", .needed = "the folder to write", .size = sizeof(char *)};
    const Command command = {.name = "writes", .usage = "", .options = &row, .option_count = 1, .options_size = sizeof(char *)};
    const char *out = NULL;
    Arguments arguments;
    int argc = split("--quiet", words_of);
    assert_fails(options_parse(&command, argc, words_of, &out, &arguments), CF_BAD_USE, "--out DIR is needed: the folder to write");
    argc = split("--out here", words_of);
    assert_ok(options_parse(&command, argc, words_of, &out, &arguments));
    assert_string_equal(out, "here");
}

static void test_help_needs_nothing_else(void **state) {
    (void)state;
    TrainOptions options;
    Arguments arguments;
    assert_ok(parse("--help", &options, &arguments));
    assert_true(arguments.help);
    assert_ok(parse("--nonsense -h", &options, &arguments));
    assert_true(arguments.help);
}

static void test_table_that_does_not_fit_is_refused(void **state) {
    (void)state;
    static const Option wrong[] = {{.name = "n", .kind = OPTION_NUMBER, OPTION_MEMBER(TrainOptions, epochs)}};
    const Command command = {.name = "wrong", .usage = "", .options = wrong, .option_count = 1};
    TrainOptions options;
    Arguments arguments;
    int argc = split("--n 3", words_of);
    assert_fails(options_parse(&command, argc, words_of, &options, &arguments), CF_INTERNAL, "wrong at --n");
}

static void test_finding_commands(void **state) {
    (void)state;
    const Command *command;
    int words, argc = split("train mnist", words_of);
    assert_ok(command_find(commands, argc, words_of, &command, &words));
    assert_ptr_equal(command, &train);
    assert_int_equal(words, 1);
    argc = split("data info mnist", words_of);
    assert_ok(command_find(commands, argc, words_of, &command, &words));
    assert_ptr_equal(command, &data_info);
    assert_int_equal(words, 2);
    argc = split("data --json", words_of);
    assert_ok(command_find(commands, argc, words_of, &command, &words));
    assert_null(command);
    const char *const cases[][2] = {
        {"trian m", "trian: no such command; did you mean train? see cifra help"},
        {"dta list", "dta: no such command; did you mean data? see cifra help"},
        {"data lsit", "data lsit: no such command; did you mean data list? see cifra data --help"},
        {"data zzzzzzzzzzzz", "data zzzzzzzzzzzz: no such command; see cifra data --help"},
        {"zzzzzz", "zzzzzz: no such command; see cifra help"},
        {"dat", "did you mean data?"},
        {"--epochs 3", "--epochs: a command was expected first"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        argc = split(cases[i][0], words_of);
        assert_fails(command_find(commands, argc, words_of, &command, &words), CF_BAD_USE, cases[i][1]);
    }
}

/* ---- The program -------------------------------------------------------------------------------------- */

/* Runs the line with the descriptors of stdout and stderr on files; returns the exit status. */
static int run(const char *line, char out[8192], char err[8192]) {
    char *const texts[2] = {out, err};
    FILE *const streams[2] = {stdout, stderr};
    int kept[2];
    FILE *files[2];
    for (int i = 0; i < 2; i++) {
        fflush(streams[i]);
        files[i] = tmpfile();
        assert_non_null(files[i]);
        kept[i] = dup(i + 1);
        dup2(fileno(files[i]), i + 1);
    }
    int argc = split(line, words_of), status = program_run(&program, argc, words_of);
    for (int i = 0; i < 2; i++) {
        fflush(streams[i]);
        dup2(kept[i], i + 1);
        close(kept[i]);
        rewind(files[i]);
        texts[i][fread(texts[i], 1, 8191, files[i])] = '\0';
        fclose(files[i]);
    }
    return status;
}

static void test_exit_status(void **state) {
    (void)state;
    static char out[8192], err[8192];
    static const struct {
        const char *line;
        int status, runs;
        const char *out, *err; /* what they hold; NULL: nothing at all */
    } cases[] = {
        {"cifra train m --epochs 4", 0, 1, NULL, NULL},
        {"cifra train m --out fail", 1, 1, NULL, "cifra: the disk is gone\n"},
        {"cifra train bad", 2, 1, NULL, "cifra: bad is bad\n"},
        {"cifra train m --epohcs 4", 2, 0, NULL, "did you mean --epochs?"},
        {"cifra trian", 2, 0, NULL, "did you mean train?"},
        {"cifra", 2, 0, NULL, "Commands:\n  train"},
        {"cifra data", 2, 0, NULL, "Commands:\n  data list"},
        {"cifra data list", 0, 1, NULL, NULL},
        {"cifra data list x", 2, 0, NULL, "\"x\" was not expected"},
        {"cifra data --help", 0, 0, "Commands:\n  data list", NULL},
        {"cifra help data", 0, 0, "Commands:\n  data list", NULL},
        {"cifra help", 0, 0, "Commands:\n  train", NULL},
        {"cifra --help", 0, 0, "CIFRA_DATA: where", NULL},
        {"cifra help train", 0, 0, "Usage: cifra train SET", NULL},
        {"cifra train --help --zzz", 0, 0, "Usage: cifra train SET", NULL},
        {"cifra help data info", 0, 0, "Usage: cifra data info SET", NULL},
        {"cifra help trian", 2, 0, NULL, "did you mean train?"},
        {"cifra help train x", 2, 0, NULL, "\"x\" was not expected"},
        {"cifra help --man", 0, 0, ".TH CIFRA 1", NULL},
        {"cifra --version", 0, 0, "cifra ", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        runs = 0;
        assert_int_equal(run(cases[i].line, out, err), cases[i].status);
        assert_int_equal(runs, cases[i].runs);
        if (cases[i].out ? !strstr(out, cases[i].out) : *out) fail_msg("%s: stdout is %s", cases[i].line, out);
        if (cases[i].err ? !strstr(err, cases[i].err) : *err) fail_msg("%s: stderr is %s", cases[i].line, err);
    }
    assert_int_equal(seen_options.guard, 99);
}

static void test_output_that_cannot_be_written(void **state) {
    (void)state;
    if (access("/dev/full", W_OK) != 0) {
        print_message("SKIPPED: a full disk (no /dev/full)\n");
        skip();
    }
    fflush(stdout);
    int kept = dup(1), argc = split("cifra help", words_of);
    assert_non_null(freopen("/dev/full", "w", stdout));
    int status = program_run(&program, argc, words_of);
    assert_int_equal(dup2(kept, 1), 1);
    close(kept);
    clearerr(stdout);
    assert_int_equal(status, 1);
    assert_non_null(strstr(cf_error(), "No space left"));
}

static char *text_of_command(void) {
    char *text;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    help_print_command(&program, &train, stream);
    fclose(stream);
    return text;
}

static void test_help_page(void **state) {
    (void)state;
    char *text = text_of_command();
    static const char expected[] =
        "cifra train: train a network\n"
        "\n"
        "Usage: cifra train SET [IMAGE] [options]\n"
        "\n"
        "Trains a network on the training part of SET, and keeps the epoch with the lowest validation loss.\n"
        "Reads 'x' and \\n as they are.\n"
        "\n"
        ".dots and - signs may begin a line.\n"
        "\n"
        "    cifra train mnist --epochs 3\n"
        "    .hidden 'quoted'\n"
        "\n"
        "Options:\n"
        "  --epochs N                  passes over the training images, at most (default 10)\n"
        "  -t, --threads T             any number\n"
        "  --seed S                    start of every random choice; the same seed gives the same bits,\n"
        "                              whatever the number of threads and however often the run was stopped\n"
        "                              and resumed (default 1)\n"
        "  --lr X                      learning rate (default 0.005)\n"
        "  -o, --out FOLDER-OF-A-RUN-OR-STUDY\n"
        "                              folder of the run\n"
        "  --optimizer sgd|adam|adamw  the rule of a step (default sgd)\n"
        "  --warmup N                  adam, adamw: steps\n"
        "  --beta N                    with --warmup (default three)\n"
        "  -r, --resume                go on where the run in --out was stopped\n"
        "  --json                      print one JSON document instead of text\n"
        "  --quiet                     no progress and no notices\n"
        "  --help                      show this page\n";
    assert_string_equal(text, expected);
    free(text);
}

static void test_man_page_escapes(void **state) {
    (void)state;
    char *text;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    help_print_man(&program, stream);
    fclose(stream);
    const char *const parts[] = {
        "\ncifra \\- train classifiers \\- quickly\n",
        "\n\\&.dots and \\- signs",
        "\\(aqx\\(aq and \\en as",
        "\n\\&.hidden \\(aqquoted\\(aq\n.fi\n",
        "\n.TP\n\\fB\\-\\-epochs\\fR N\npasses over the training images, at most (default 10).\n",
        "\n.TP\n\\fB\\-t, \\-\\-threads\\fR T\nany number.\n",
        "\n.SS data info\n",
        "\n.SH ENVIRONMENT\n",
        "\n.SH EXIT STATUS\n",
        "One program; \\(dqno\\(dq Python.",
    };
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if (!strstr(text, parts[i])) fail_msg("\"%s\" is not in the man page:\n%s", parts[i], text);
    free(text);
    /* The formatter itself is the better judge, where there is one. */
    if (system("command -v groff > /dev/null") != 0) {
        print_message("SKIPPED: groff's warnings about the man page (no groff)\n");
        return;
    }
    const char *page = path_in(scratch_folder(), "cifra.1");
    FILE *file = fopen(page, "w");
    assert_non_null(file);
    help_print_man(&program, file);
    fclose(file);
    char command[700];
    snprintf(command, sizeof command, "test -z \"$(groff -man -ww -Tutf8 %s 2>&1 >/dev/null)\"", page);
    assert_int_equal(system(command), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_stay),
        cmocka_unit_test(test_every_kind_in_both_spellings),
        cmocka_unit_test(test_letters),
        cmocka_unit_test(test_two_dashes_end_the_options),
        cmocka_unit_test(test_mistakes_are_named),
        cmocka_unit_test(test_rows_say_the_defaults),
        cmocka_unit_test(test_shared_rows),
        cmocka_unit_test(test_what_goes_with_what),
        cmocka_unit_test(test_what_must_be_given),
        cmocka_unit_test(test_help_needs_nothing_else),
        cmocka_unit_test(test_table_that_does_not_fit_is_refused),
        cmocka_unit_test(test_finding_commands),
        cmocka_unit_test(test_exit_status),
        cmocka_unit_test(test_help_page),
        cmocka_unit_test(test_man_page_escapes),
        cmocka_unit_test(test_output_that_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
