/* The man page, in roff with the man(7) macros.
 *
 * Text of ours may hold anything, so it goes through print_escaped: roff reads a backslash as the start of an
 * escape, a dot or an apostrophe that begins a line as a request, and would turn a plain - ' ` ^ ~ into
 * typographic signs that cannot be pasted.
 */
#include "cli/program.h"

#include <string.h>

static void print_escaped(FILE *out, const char *text, size_t length, bool line_start) {
    for (size_t i = 0; i < length; i++) {
        switch (text[i]) {
        case '\\':
            fputs("\\e", out);
            break;
        case '-':
            fputs("\\-", out);
            break;
        case '\'':
            fputs("\\(aq", out);
            break;
        case '`':
            fputs("\\(ga", out);
            break;
        case '^':
            fputs("\\(ha", out);
            break;
        case '~':
            fputs("\\(ti", out);
            break;
        case '"':
            fputs("\\(dq", out);
            break;
        case '.':
            if (line_start) fputs("\\&", out);
            fputc('.', out);
            break;
        default:
            fputc(text[i], out);
        }
        line_start = text[i] == '\n';
    }
}

static void print_whole(FILE *out, const char *text) {
    print_escaped(out, text, strlen(text), true);
}

/* A line that begins with a space is an example: shown as typed. */
static void print_text(FILE *out, const char *text) {
    bool example = false, paragraph = false;
    for (size_t line; *text; text += line + (text[line] == '\n')) {
        line = strcspn(text, "\n");
        if (line == 0) {
            paragraph = true;
            continue;
        }
        if (example != (text[0] == ' ')) {
            example = !example;
            fputs(example ? ".PP\n.in +4n\n.nf\n" : ".fi\n.in\n", out);
            if (!example) fputs(".PP\n", out);
            paragraph = false;
        }
        if (paragraph) fputs(example ? "\n" : ".PP\n", out);
        paragraph = false;
        size_t indent = example ? strspn(text, " ") : 0, dropped = indent < 4 ? indent : 4;
        print_escaped(out, text + dropped, line - dropped, true);
        fputc('\n', out);
    }
    if (example) fputs(".fi\n.in\n", out);
}

static void print_capitals(FILE *out, const char *text) {
    for (; *text; text++) fputc(*text >= 'a' && *text <= 'z' ? *text - 'a' + 'A' : *text, out);
}

static void print_options(FILE *out, const Option *options, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const Option *option = &options[i];
        char synopsis[160];
        help_option_synopsis(option, synopsis, sizeof synopsis);
        size_t letter = option->letter ? strlen("-n, ") : 0, name = letter + strcspn(synopsis + letter, " ");
        fputs(".TP\n\\fB", out);
        print_escaped(out, synopsis, name, false);
        fputs("\\fR", out);
        print_escaped(out, synopsis + name, strlen(synopsis + name), false);
        fputc('\n', out);
        print_whole(out, option->help);
        const char *usual = help_option_default(option);
        if (usual) {
            fputs(" (default ", out);
            print_escaped(out, usual, strlen(usual), false);
            fputc(')', out);
        }
        fputs(".\n", out);
    }
}

static void print_command(const Program *program, const Command *command, FILE *out) {
    size_t count;
    fputs(".SS ", out);
    print_escaped(out, command->name, strlen(command->name), false);
    fprintf(out, "\n\\fB%s ", program->name);
    print_escaped(out, command->name, strlen(command->name), false);
    fputs("\\fR ", out);
    print_escaped(out, command->usage, strlen(command->usage), false);
    fputs("\n.PP\n", out);
    print_text(out, command->description);
    const Option *options = command_options(command, &count);
    print_options(out, options, count - COMMON_OPTIONS);
}

void help_print_man(const Program *program, FILE *out) {
    fputs(".TH ", out);
    print_capitals(out, program->name);
    /* No date: the same sources give the same page on any day. */
    fprintf(out, " 1 \"\" \"%s %s\" \"User Commands\"\n.SH NAME\n%s \\- ", program->name, cf_version(), program->name);
    print_escaped(out, program->summary, strlen(program->summary), false);
    fprintf(out, "\n.SH SYNOPSIS\n\\fB%s\\fR \\fICOMMAND\\fR [options]\n.br\n", program->name);
    fprintf(out, "\\fB%s help\\fR [\\fICOMMAND\\fR]\n.br\n\\fB%s \\-\\-version\\fR\n.SH DESCRIPTION\n", program->name,
            program->name);
    print_text(out, program->description);
    fputs(".SH COMMANDS\n", out);
    for (const Command *const *command = program->commands; *command; command++) print_command(program, *command, out);
    fputs(".SH COMMON OPTIONS\nEvery command has these.\n", out);
    print_options(out, common_options, COMMON_OPTIONS);
    for (const HelpSection *section = program->sections; section && section->title; section++) {
        fputs(".SH ", out);
        print_capitals(out, section->title);
        fputc('\n', out);
        print_text(out, section->text);
    }
    fputs(".SH EXIT STATUS\n"
          ".TP\n"
          "0\n"
          "Done.\n"
          ".TP\n"
          "1\n"
          "Failed while running; the message tells why.\n"
          ".TP\n"
          "2\n"
          "Wrong use: an option, a name or an argument is wrong.\n",
          out);
}
