#include "cli/program.h"

#include "base/text.h"

#include <string.h>

enum { OPTION_COLUMN = 30, COMMAND_COLUMN = 18 };

/* Code points: a UTF-8 character of several bytes takes one column. */
static int columns_of(const char *text, size_t length) {
    int columns = 0;
    for (size_t i = 0; i < length; i++) columns += ((unsigned char)text[i] & 0xc0) != 0x80;
    return columns;
}

/* Prints the words of text[0 .. length) from `column` on, later lines indented by `indent`, and ends the
 * line. */
static void print_wrapped(FILE *out, const char *text, size_t length, int column, int indent) {
    const char *end = text + length;
    bool first = true;
    while (text < end) {
        size_t gap = strspn(text, " \n"), word = strcspn(text + gap, " \n");
        text += gap;
        if (text >= end) break;
        if (word > (size_t)(end - text)) word = (size_t)(end - text);
        int width = columns_of(text, word);
        if (!first && column + 1 + width > HELP_WIDTH) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
        } else if (!first) {
            fputc(' ', out);
            column++;
        }
        fwrite(text, 1, word, out);
        column += width;
        text += word;
        first = false;
    }
    fputc('\n', out);
}

/* Paragraphs are filled; a line that begins with a space stands as it is. */
static void print_text(FILE *out, const char *text) {
    while (*text) {
        size_t line = strcspn(text, "\n");
        if (line == 0 || text[0] == ' ') {
            fprintf(out, "%.*s\n", (int)line, text);
            text += line + (text[line] == '\n');
            continue;
        }
        const char *end = text + line;
        while (end[0] == '\n' && end[1] != '\n' && end[1] != ' ' && end[1] != '\0') end += 1 + strcspn(end + 1, "\n");
        print_wrapped(out, text, (size_t)(end - text), 0, 0);
        text = end + (*end == '\n');
    }
}

static void print_entry(FILE *out, const char *left, const char *right, int column) {
    int used = fprintf(out, "  %s", left);
    if (used + 2 > column) {
        fputc('\n', out);
        used = 0;
    }
    fprintf(out, "%*s", column - used, "");
    print_wrapped(out, right, strlen(right), column, column);
}

void help_option_synopsis(const Option *option, char *text, size_t size) {
    *text = '\0';
    if (option->letter) text_append(text, size, "-%c, ", option->letter);
    text_append(text, size, "--%s", option->name);
    if (option->argument) text_append(text, size, " %s", option->argument);
    if (option->argument || option->kind != OPTION_CHOICE) return;
    for (int i = 0; option->choices[i]; i++) text_append(text, size, "%s%s", i ? "|" : " ", option->choices[i]);
}

const char *help_option_default(const Option *option) {
    return option->default_text ? option->default_text : option->usual;
}

static void print_options(FILE *out, const Option *options, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const Option *option = &options[i];
        char left[160], right[1024];
        help_option_synopsis(option, left, sizeof left);
        const char *usual = help_option_default(option);
        snprintf(right, sizeof right, "%s%s%s%s", option->help, usual ? " (default " : "", usual ? usual : "",
                 usual ? ")" : "");
        print_entry(out, left, right, OPTION_COLUMN);
    }
}

void help_print_command(const Program *program, const Command *command, FILE *out) {
    size_t count;
    fprintf(out, "%s %s: %s\n\n", program->name, command->name, command->summary);
    fprintf(out, "Usage: %s %s%s%s\n\n", program->name, command->name, *command->usage ? " " : "", command->usage);
    print_text(out, command->description);
    fputs("\nOptions:\n", out);
    const Option *options = command_options(command, &count);
    print_options(out, options, count);
}

void help_print_group(const Program *program, const char *group, FILE *out) {
    fprintf(out, "Usage: %s %s COMMAND [options]\n\nCommands:\n", program->name, group);
    for (const Command *const *command = program->commands; *command; command++)
        if (command_is_in_group(*command, group))
            print_entry(out, (*command)->name, (*command)->summary, COMMAND_COLUMN);
    fprintf(out, "\n%s %s COMMAND --help tells all about one of them.\n", program->name, group);
}

void help_print_overview(const Program *program, FILE *out) {
    fprintf(out, "%s: %s\n\nUsage: %s COMMAND [options]\n\n", program->name, program->summary, program->name);
    print_text(out, program->description);
    fputs("\nCommands:\n", out);
    for (const Command *const *command = program->commands; *command; command++)
        print_entry(out, (*command)->name, (*command)->summary, COMMAND_COLUMN);
    print_entry(out, "help", "this page; help COMMAND: the page of a command; help --man: the man page",
                COMMAND_COLUMN);
    for (const HelpSection *section = program->sections; section && section->title; section++) {
        fprintf(out, "\n%s:\n", section->title);
        print_text(out, section->text);
    }
    fprintf(out, "\n%s COMMAND --help tells all about one of them, with an example.\n", program->name);
}
