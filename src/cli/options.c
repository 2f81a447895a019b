#include "cli/options.h"

#include "base/memory.h"
#include "base/text.h"
#include "train/train_options.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const Option common_options[COMMON_OPTIONS] = {
    {.name = "json", .help = "print one JSON document instead of text", OPTION_MEMBER(Arguments, json)},
    {.name = "quiet", .help = "no progress and no notices", OPTION_MEMBER(Arguments, quiet)},
    {.name = "help", .help = "show this page", OPTION_MEMBER(Arguments, help)},
};

/* ---- Commands ----------------------------------------------------------------------------------------- */

bool command_is_in_group(const Command *command, const char *group) {
    size_t length = strlen(group);
    return strncmp(command->name, group, length) == 0 && command->name[length] == ' ';
}

/* Compares with the names of a group, or with all first words if `group` is NULL. */
static cf_status fail_unknown_command(const Command *const *commands, const char *typed, const char *group) {
    enum { MOST = 64, LONGEST = 40 };
    char names[MOST][LONGEST];
    const char *words[MOST + 1];
    int count = 0;
    for (; *commands && count < MOST; commands++) {
        if (group && !command_is_in_group(*commands, group)) continue;
        int length = group ? LONGEST - 1 : (int)strcspn((*commands)->name, " ");
        snprintf(names[count], LONGEST, "%.*s", length, (*commands)->name);
        words[count] = names[count];
        count++;
    }
    words[count] = NULL;
    const char *hint = text_hint(typed, words);
    return FAIL(CF_BAD_USE, "%s: no such command%s see cifra %s%s", typed, *hint ? hint : ";", group ? group : "help",
                group ? " --help" : "");
}

cf_status command_find(const Command *const *commands, int argc, char **argv, const Command **command, int *words) {
    char both[128];
    bool second = argc > 1 && argv[1][0] != '-', is_group = false;
    FAIL_IF(argc < 1, CF_BAD_USE, "a command was expected; see cifra help");
    FAIL_IF(argv[0][0] == '-', CF_BAD_USE, "%s: a command was expected first, then its options; see cifra help",
            argv[0]);
    snprintf(both, sizeof both, "%s %s", argv[0], second ? argv[1] : "");
    for (const Command *const *entry = commands; *entry; entry++) {
        bool one = strcmp((*entry)->name, argv[0]) == 0;
        if (command_is_in_group(*entry, argv[0])) is_group = true;
        if (!one && !(second && strcmp((*entry)->name, both) == 0)) continue;
        *command = *entry;
        *words = one ? 1 : 2;
        return CF_OK;
    }
    if (!is_group) return fail_unknown_command(commands, argv[0], NULL);
    if (second) return fail_unknown_command(commands, both, argv[0]);
    *command = NULL;
    *words = 1;
    return CF_OK;
}

typedef struct OptionList {
    Option options[MAX_OPTIONS + MOST_TRAIN_OPTIONS];
    size_t count;
    char usual[MOST_TRAIN_OPTIONS][TRAIN_OPTION_TEXT]; /* of the training */
} OptionList;

static void add_training(const Option *option, OptionList *list) {
    static const OptionKind kinds[] = {OPTION_INTEGER, OPTION_NUMBER,  OPTION_CHOICE,
                                       OPTION_CHOICE,  OPTION_INTEGER, OPTION_LINE};
    const cf_train_options defaults = option->training();
    for (int r = 0; train_options[r].name; r++) {
        const TrainOption *row = &train_options[r];
        train_option_text(row, &defaults, 15, list->usual[r]);
        list->options[list->count++] = (Option){row->flag,
                                                row->argument,
                                                kinds[row->kind],
                                                row->low,
                                                row->high,
                                                row->words,
                                                row->help,
                                                .default_text = list->usual[r],
                                                .offset = option->offset + row->offset,
                                                .size = row->size,
                                                .row = row};
    }
}

static void add_option(const Option *option, OptionList *list) {
    Option *first = &list->options[list->count];
    if (option->training) {
        add_training(option, list);
        return;
    }
    if (!option->rows) {
        list->options[list->count++] = *option;
        return;
    }
    for (size_t r = 0; r < (option->row_count ? option->row_count : 1); r++) {
        Option placed = option->rows[r];
        placed.offset += option->offset;
        if (!placed.size) placed.size = option->size;
        add_option(&placed, list);
    }
    if (option->name) first->name = option->name;
    if (option->help) first->help = option->help;
    if (option->default_text) first->default_text = option->default_text;
    for (Option *placed = first; placed < &list->options[list->count]; placed++) {
        if (option->with[0]) memcpy(placed->with, option->with, sizeof placed->with);
        if (option->without[0]) memcpy(placed->without, option->without, sizeof placed->without);
    }
}

const Option *command_options(const Command *command, size_t *count) {
    static _Thread_local OptionList list;
    list.count = 0;
    for (size_t i = 0; i < command->option_count; i++) add_option(&command->options[i], &list);
    for (size_t i = 0; i < COMMON_OPTIONS; i++) add_option(&common_options[i], &list);
    *count = list.count;
    return list.options;
}

/* "--epochs", or "-n (--count)": an option as messages name it, in a buffer of this thread. */
static const char *title_of(const Option *option) {
    static _Thread_local char title[80];
    if (option->letter)
        snprintf(title, sizeof title, "-%c (--%s)", option->letter, option->name);
    else
        snprintf(title, sizeof title, "--%s", option->name);
    return title;
}

/* ---- Values ------------------------------------------------------------------------------------------- */

static bool is_bounded(const Option *option) {
    return option->lowest != 0 || option->highest != 0;
}

/* "a whole number from 1 to 50" */
static void describe_range(const Option *option, char *text, size_t size) {
    const char *what = option->kind == OPTION_INTEGER ? "a whole number" : "a number";
    if (!is_bounded(option))
        snprintf(text, size, "%s", what);
    else if (isinf(option->highest))
        snprintf(text, size, "%s of at least %.15g", what, option->lowest);
    else if (isinf(option->lowest))
        snprintf(text, size, "%s of at most %.15g", what, option->highest);
    else
        snprintf(text, size, "%s from %.15g to %.15g", what, option->lowest, option->highest);
}

static bool in_range(const Option *option, long double value) {
    return !is_bounded(option) || (value >= (long double)option->lowest && value <= (long double)option->highest);
}

static void store_integer(const Option *option, long long value, void *member) {
    const int narrow = (int)value;
    memcpy(member, option->size == sizeof narrow ? (const void *)&narrow : &value, option->size);
}

static bool parse_integer(const Option *option, const char *text, void *member) {
    const bool narrow = option->size == sizeof(int);
    long long value;
    if (!text_to_integer(text, narrow ? INT_MIN : LLONG_MIN, narrow ? INT_MAX : LLONG_MAX, &value)) return false;
    if (!in_range(option, (long double)value)) return false;
    store_integer(option, value, member);
    return true;
}

static bool parse_number(const Option *option, const char *text, void *member) {
    double value;
    if (!text_to_number(text, &value) || !in_range(option, (long double)value)) return false;
    memcpy(member, &value, sizeof value);
    return true;
}

static cf_status parse_choice(const Option *option, const char *text, void *member) {
    char list[256];
    for (int i = 0; option->choices[i]; i++) {
        const bool on = i > 0;
        if (strcmp(option->choices[i], text) != 0) continue;
        memcpy(member, option->size == sizeof on ? (const void *)&on : &i, option->size);
        return CF_OK;
    }
    text_list(option->choices, list, sizeof list);
    return FAIL(CF_BAD_USE, "%s takes %s; found \"%s\"%s", title_of(option), list, text,
                text_hint(text, option->choices));
}

/* A table that does not fit its struct would write beside a member. */
static bool size_fits(const Option *option) {
    switch (option->kind) {
    case OPTION_FLAG:
        return option->size == sizeof(bool);
    case OPTION_INTEGER:
        return option->size == sizeof(int) || option->size == sizeof(long long);
    case OPTION_NUMBER:
        return option->size == sizeof(double);
    case OPTION_TEXT:
        return option->size == sizeof(char *);
    case OPTION_CHOICE:
        return (option->size == sizeof(int) || option->size == sizeof(bool)) && option->choices;
    case OPTION_LINE:
        return option->size == CF_LINE && option->row;
    }
    return false;
}

static cf_status store_line(const Option *option, const char *text, char *member) {
    cf_status status = train_line_check(option->row, text);
    if (status) return status_prefix(status, "%s", title_of(option));
    memset(member, 0, option->size);
    memcpy(member, text, strlen(text));
    return CF_OK;
}

/* `text` is NULL for a flag. */
static cf_status store_value(const Option *option, const char *text, void *options) {
    char *member = (char *)options + option->offset, range[128];
    const bool on = true;
    FAIL_IF(!size_fits(option), CF_INTERNAL, "the table of options is wrong at --%s", option->name);
    switch (option->kind) {
    case OPTION_FLAG:
        memcpy(member, &on, sizeof on);
        return CF_OK;
    case OPTION_TEXT:
        memcpy(member, &text, sizeof text);
        return CF_OK;
    case OPTION_CHOICE:
        return parse_choice(option, text, member);
    case OPTION_LINE:
        return store_line(option, text, member);
    case OPTION_INTEGER:
    case OPTION_NUMBER:
        break;
    }
    if ((option->kind == OPTION_INTEGER ? parse_integer : parse_number)(option, text, member)) return CF_OK;
    describe_range(option, range, sizeof range);
    return FAIL(CF_BAD_USE, "%s takes %s; found \"%s\"", title_of(option), range, text);
}

/* ---- Parsing ------------------------------------------------------------------------------------------ */

typedef struct Parser {
    const Command *command;
    const Option *all; /* [count]: command_options */
    size_t count;
    int argc, next;
    char **argv;
    void *options;
    Arguments *arguments; /* the common ones are stored there */
} Parser;

static bool is_name(const char *known, const char *name, size_t length) {
    return known && strlen(known) == length && strncmp(known, name, length) == 0;
}

static const Option *find_option(const Option *options, size_t count, const char *name, size_t length) {
    for (size_t i = 0; i < count; i++)
        if (is_name(options[i].name, name, length) || is_name(options[i].also, name, length)) return &options[i];
    return NULL;
}

static cf_status fail_unknown(const Parser *parser, const char *argument) {
    const char *words[MAX_OPTIONS + 1] = {NULL}, *command = parser->command->name;
    char typed[80];
    const size_t dashes = strspn(argument, "-");
    for (size_t i = 0; i < parser->count; i++) words[i] = parser->all[i].name;
    snprintf(typed, sizeof typed, "%.*s", (int)strcspn(argument + dashes, "="), argument + dashes);
    const char *nearest = text_nearest(typed, words);
    return FAIL(CF_BAD_USE, "%.*s%s: no such option of cifra %s;%s%s%s see cifra %s --help", (int)dashes, argument,
                typed, command, nearest ? " did you mean --" : "", nearest ? nearest : "", nearest ? "?" : "", command);
}

/* `attached` is what stands in the same word, or NULL. */
static cf_status find_value(Parser *parser, const Option *option, const char *attached, const char **value) {
    *value = attached;
    FAIL_IF(attached && option->kind == OPTION_FLAG, CF_BAD_USE, "%s takes no value; found \"%s\"", title_of(option),
            attached);
    if (attached || option->kind == OPTION_FLAG) return CF_OK;
    /* A word with two dashes is the next option, the value was forgotten; "--out=--odd" is there for those
     * who mean it. */
    FAIL_IF(parser->next >= parser->argc || strncmp(parser->argv[parser->next], "--", 2) == 0, CF_BAD_USE,
            "%s needs a value; see cifra %s --help", title_of(option), parser->command->name);
    *value = parser->argv[parser->next++];
    return CF_OK;
}

/* "--name", "--name=value": the option, or NULL, and the value in the same word, or NULL. */
static const Option *match_name(const Parser *parser, const char *argument, const char **attached) {
    const char *name = argument + 2, *equals = strchr(argument, '=');
    *attached = equals ? equals + 1 : NULL;
    return find_option(parser->all, parser->count, name, equals ? (size_t)(equals - name) : strlen(name));
}

/* "-n", "-n=5", "-n5". Only a number may follow at once, so that a long name with one dash stays a mistake. */
static const Option *match_letter(const Parser *parser, const char *argument, const char **attached) {
    const Option *option = NULL;
    const char *rest = argument + 2;
    for (size_t i = 0; i < parser->count && !option; i++)
        if (parser->all[i].letter == argument[1]) option = &parser->all[i];
    *attached = *rest == '=' ? rest + 1 : *rest ? rest : NULL;
    if (!option || *rest == '\0' || *rest == '=') return option;
    const bool number = option->kind == OPTION_INTEGER || option->kind == OPTION_NUMBER;
    return number && strchr("0123456789", *rest) ? option : NULL;
}

static cf_status parse_option(Parser *parser, const char *argument) {
    const char *attached, *value;
    const Option *option =
        argument[1] == '-' ? match_name(parser, argument, &attached) : match_letter(parser, argument, &attached);
    if (!option) return fail_unknown(parser, argument);
    const size_t place = (size_t)(option - parser->all);
    bool *given = &parser->arguments->given[place];
    FAIL_IF(*given, CF_BAD_USE, "%s is given twice", title_of(option));
    *given = true;
    FORWARD(find_value(parser, option, attached, &value));
    const bool common = place >= parser->count - COMMON_OPTIONS;
    return store_value(option, value, common ? (void *)parser->arguments : parser->options);
}

static bool asks_for_help(int argc, char **argv) {
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) return true;
    return false;
}

/* What the rows say that their members begin with. */
static cf_status store_defaults(const Parser *parser) {
    const Command *command = parser->command;
    if (command->set_defaults) command->set_defaults(parser->options);
    for (const Option *row = command->options; row < command->options + command->option_count; row++)
        if (row->training) *(cf_train_options *)(void *)((char *)parser->options + row->offset) = row->training();
    for (const Option *option = parser->all; option < parser->all + parser->count - COMMON_OPTIONS; option++) {
        if (option->usual) FORWARD(store_value(option, option->usual, parser->options));
        if (option->unset) store_integer(option, option->unset, (char *)parser->options + option->offset);
    }
    return CF_OK;
}

/* ---- What goes together ---- */

/* Whether the option of "--densmap" was given, or that of "--sampler tpe" or "--figures none" has this word. */
static bool is_met(const Parser *parser, const char *wanted) {
    const char *name = wanted + 2, *word = name + strcspn(name, " ,"), *text = NULL;
    const Option *option = find_option(parser->all, parser->count, name, (size_t)(word - name));
    if (!option || *word != ' ') return option && parser->arguments->given[option - parser->all];
    const char *member = (const char *)parser->options + option->offset;
    int chosen;
    if (option->kind == OPTION_TEXT) {
        memcpy(&text, member, sizeof text);
    } else {
        memcpy(&chosen, member, sizeof chosen);
        text = option->choices[chosen];
    }
    return is_name(text, word + 1, strcspn(word + 1, ","));
}

static cf_status check_together(const Parser *parser) {
    for (size_t i = 0; i < parser->count; i++) {
        const Option *option = &parser->all[i];
        bool works = !option->with[0] || !parser->arguments->given[i];
        char list[128];
        FAIL_IF(option->needed && !parser->arguments->given[i], CF_BAD_USE, "--%s %s is needed: %s", option->name,
                option->argument, option->needed);
        for (int w = 0; option->with[w] && !works; w++) works = is_met(parser, option->with[w]);
        text_list(option->with, list, sizeof list);
        FAIL_IF(!works, CF_BAD_USE, "%s goes with %s", title_of(option), list);
        for (int w = 0; option->without[w] && parser->arguments->given[i]; w++)
            FAIL_IF(is_met(parser, option->without[w]), CF_BAD_USE, "%s has no meaning with %s", title_of(option),
                    option->without[w]);
    }
    return CF_OK;
}

static cf_status check_positional(const Command *command, const Arguments *arguments) {
    const int count = arguments->positional_count, least = command->positional.least, most = command->positional.most;
    FAIL_IF(most != ANY_NUMBER && count > most, CF_BAD_USE, "\"%s\" was not expected; usage: cifra %s %s",
            arguments->positional[most], command->name, command->usage);
    FAIL_IF(count < least, CF_BAD_USE, "%s missing; usage: cifra %s %s",
            count        ? "an argument is"
            : least == 1 ? "the argument is"
                         : "the arguments are",
            command->name, command->usage);
    return CF_OK;
}

cf_status options_parse(const Command *command, int argc, char **argv, void *options, Arguments *arguments) {
    Parser parser = {.command = command, .argc = argc, .argv = argv, .options = options, .arguments = arguments};
    bool only_positional = false;
    *arguments = (Arguments){.command = command, .positional = (const char **)(void *)argv};
    parser.all = command_options(command, &parser.count);
    FAIL_IF(parser.count > MAX_OPTIONS, CF_INTERNAL, "cifra %s has too many options", command->name);
    if (asks_for_help(argc, argv)) {
        arguments->help = true;
        return CF_OK;
    }
    FORWARD(store_defaults(&parser));
    while (parser.next < argc) {
        char *argument = argv[parser.next++];
        if (!only_positional && strcmp(argument, "--") == 0)
            only_positional = true;
        else if (!only_positional && argument[0] == '-' && argument[1] != '\0')
            FORWARD(parse_option(&parser, argument));
        else
            argv[arguments->positional_count++] = argument;
    }
    FORWARD(check_positional(command, arguments));
    return check_together(&parser);
}

bool options_given(const Arguments *arguments, const char *name) {
    size_t count;
    const Option *all = command_options(arguments->command, &count),
                 *option = find_option(all, count, name, strlen(name));
    return option && arguments->given[option - all];
}
