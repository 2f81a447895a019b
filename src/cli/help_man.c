/* The man page, in roff with the man(7) macros.
 *
 * Text of ours may hold anything, so it goes through print_escaped: roff reads a backslash as the start of an
 * escape, a dot or an apostrophe that begins a line as a request, and would turn a plain - ' ` ^ ~ into
 * typographic signs that cannot be pasted.
 */
#include "cli/program.h"

#include <string.h>

static void print_escaped(FILE *out, const char *text, size_t length, bool line_start) {
    static const char signs[] = "\\-'`^~\"";
    static const char *const escapes[] = {"\\e", "\\-", "\\(aq", "\\(ga", "\\(ha", "\\(ti", "\\(dq"};
    for (size_t i = 0; i < length; i++) {
        const char *sign = strchr(signs, text[i]);
        if (line_start && text[i] == '.') fputs("\\&", out);
        if (sign)
            fputs(escapes[sign - signs], out);
        else
            fputc(text[i], out);
        line_start = text[i] == '\n';
    }
}

/* Behind something on its line. */
static void print_inline(FILE *out, const char *text) {
    print_escaped(out, text, strlen(text), false);
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
        print_inline(out, synopsis + name);
        fputc('\n', out);
        print_escaped(out, option->help, strlen(option->help), true);
        const char *usual = help_option_default(option);
        if (usual) {
            fputs(" (default ", out);
            print_inline(out, usual);
            fputc(')', out);
        }
        fputs(".\n", out);
    }
}

static void print_command(const Program *program, const Command *command, FILE *out) {
    size_t count;
    fputs(".SS ", out);
    print_inline(out, command->name);
    fprintf(out, "\n\\fB%s ", program->name);
    print_inline(out, command->name);
    fputs("\\fR ", out);
    print_inline(out, command->usage);
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
    print_inline(out, program->summary);
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
    fputs(".SH EXIT STATUS\n.TP\n0\nDone.\n.TP\n1\nFailed while running; the message tells why.\n"
          ".TP\n2\nWrong use: an option, a name or an argument is wrong.\n",
          out);
}
