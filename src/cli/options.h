/* Commands and their options, described by tables: from one table come the parser, the help page and the man
 * page.
 *
 * Grammar: cifra COMMAND [--name value | --name=value | --flag | -n value | argument]... [-- argument...].
 * A command's name is one word or two ("data list"). Some options have a letter too: -n 5, -n=5 and -n5 are --count 5.
 * Nothing may be given twice, nothing is abbreviated, and every mistake names the nearest right word.
 */
#pragma once

#include "base/memory.h"
#include "train/train_options.h"

typedef enum OptionKind {
    OPTION_FLAG,    /* a bool, set to true */
    OPTION_INTEGER, /* an int or an int64_t; OPTION_MEMBER tells which */
    OPTION_NUMBER,  /* a double */
    OPTION_TEXT,    /* a const char *, pointing into argv */
    OPTION_CHOICE,  /* an int, an enum or a bool: the place of the word in `choices` */
    OPTION_LINE     /* a char[CF_LINE] of a training option, which checks it */
} OptionKind;

typedef struct Option {
    const char *name;     /* "epochs" for --epochs */
    const char *argument; /* what stands for the value in help: "N"; NULL: the choices, or a flag */
    OptionKind kind;
    double lowest, highest;     /* numbers: the bounds, which belong to the range; both 0: any; INFINITY: open */
    const char *const *choices; /* OPTION_CHOICE: the words, ending with NULL */
    const char *help;           /* one sentence without a full stop */
    const char *usual;          /* the default, as it would be typed: the member begins with it; NULL: none */
    const char *default_text;   /* what help shows in place of `usual`, in words; NULL: nothing */
    int unset;                  /* what a number begins with that has no usual value and may be 0 */
    /* It is refused without one of these, "--densmap" given or "--sampler tpe" chosen; none: it works alone. */
    const char *with[3];
    /* It is refused with any of these, written likewise, or "--figures none"; behind a comma may stand why. */
    const char *without[4];
    const char *needed;  /* what it is, for who leaves it out, which is refused; NULL: it may be left out */
    char letter;         /* 'n' for -n; 0: none */
    const char *also;    /* another name, as a library's users know it; NULL: none */
    size_t offset, size; /* the member of the command's own struct: OPTION_MEMBER(Struct, member) */
    /* Here stand these rows (shared_options.h) in place of one: ROWS(table), of the struct that the member is, or ROW(name), of
     * its value. What this row says besides, name, help and default_text, is the first one's; `with` and `without` are all of theirs.
     * NULL: this row itself. */
    const struct Option *rows;
    size_t row_count; /* 0: one */
    /* Here stand all options of train/train_options.h, of a cf_train_options that begins with these defaults; the member is
     * all that counts besides. NULL: one option. */
    cf_train_options (*training)(void);
    const TrainOption *row; /* OPTION_LINE: the training option's */
} Option;

#define ROWS(table)                 .rows = (table), .row_count = COUNT_OF(table)
#define OPTION_MEMBER(type, member) .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)

typedef struct Command Command;

/* What was given besides the command's own options. */
typedef struct Arguments {
    const Command *command;
    bool json, quiet, help; /* the options that every command has */
    const char **positional;
    int positional_count;
    bool given[128]; /* option i of the command; see options_given */
} Arguments;

struct Command {
    const char *name;        /* "train" or "data list" */
    const char *summary;     /* for the list of commands: a few words */
    const char *usage;       /* what follows the name: "--data SET [options]" */
    const char *description; /* paragraphs between blank lines; lines that begin with a space (examples) stay
                                as they are */
    const Option *options;   /* COMMAND_OPTIONS(table, Struct); command_options has all that they stand for */
    size_t option_count;
    size_t options_size; /* of the struct that they fill, which begins zeroed */
    struct {
        int least, most; /* ANY_NUMBER */
    } positional;
    void (*set_defaults)(void *options); /* what the rows do not say; NULL: nothing */
    cf_status (*run)(const Arguments *arguments, const void *options);
    bool ranks; /* mpirun may start it in several processes, which share its work */
};

#define COMMAND_OPTIONS(table, type) .options = (table), .option_count = COUNT_OF(table), .options_size = sizeof(type)

enum { MAX_OPTIONS = COUNT_OF(((Arguments *)0)->given), ANY_NUMBER = -1 };

/* The options that every command has: --json, --quiet, --help. Their members are in Arguments. */
enum { COMMON_OPTIONS = 3 };
extern const Option common_options[COMMON_OPTIONS];

/* Finds the command that argv[0] (and argv[1]) name, and in *words how many of them that took. A first word
 * that only opens two-word names gives *command NULL and *words 1: a group, whose help is due. `commands`
 * ends with NULL. */
cf_status command_find(const Command *const *commands, int argc, char **argv, const Command **command, int *words);
/* "data list" is of group "data". */
bool command_is_in_group(const Command *command, const char *group);

/* The options of a command, shared rows and those of the training in their places, and the common ones at the end. Of this
 * thread, until the next call for another command. */
const Option *command_options(const Command *command, size_t *count);

/* Lays the defaults and what follows the command's name into the command's struct, which begins zeroed, and into `arguments`.
 * Moves the positional arguments to the front of argv; they stay there. With --help nothing else is checked. */
cf_status options_parse(const Command *command, int argc, char **argv, void *options, Arguments *arguments);
bool options_given(const Arguments *arguments, const char *name);
