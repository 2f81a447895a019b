/* Blocks out of a page, tables that must fit, and the three formats: what a text holds stays text in each. */
#include "base/files.h"
#include "base/memory.h"
#include "study/report/document.h"
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static Document document_of(const char *page) {
    Document document;
    assert_ok(document_read(page, strlen(page), &document));
    return document;
}

static const char page[] =
    "<!DOCTYPE html>\n<html><head><title>no</title><style>h1 > p {}</style></head>\n<body><a class=\"skip\" "
    "href=\"#c\">no</a>"
    "<h1>r&lt;u&gt;n</h1><p class=\"lead\">The model <em>m</em> on <em>d</em></p>\n<dl "
    "class=\"facts\">\n<div><dt>Accuracy</dt>"
    "<dd>98 %<small>97 to 99 %</small></dd></div>\n</dl><nav><ul><li>no</li></ul></nav>\n<!-- <h2>no</h2> -->"
    "<h2>Empty</h2><section class=\"wide screen\"><h3>no</h3><p>no</p></section><h2>Scores</h2>"
    "<p hidden>no</p><p>Some &amp; <code>code</code>,\n  here.</p><canvas>no</canvas><p></p>"
    "<div class=\"scroll\"><table id=\"t\"><caption>Of each<span class=\"screen\">; click</span></caption>"
    "<thead><tr><th>Class</th><th class=\"n\">F1</th></tr></thead><tbody>"
    "<tr class=\"heading\"><th colspan=\"2\">Group</th></tr>"
    "<tr class=\"best\"><th>7<small>seven</small></th><td class=\"n\"><button>0.5</button> <small>(0 to "
    "1)</small></td></tr>"
    "</tbody><tfoot><tr><th>all</th></tr></tfoot></table></div>"
    "<h3>Split</h3><dl class=\"pairs\"><div><dt>mode</dt><dd>at</dd></div></dl><h3>None</h3><dl class=\"pairs\">\n</dl>"
    "<h2>Figures</h2><figure class=\"wide\"><div><svg viewBox=\"0 0 9 "
    "9\"><g><title>no</title></g></svg></div><figcaption>One &gt; two</figcaption></figure>"
    "<ol><li>first</li><li>second</li></ol><pre><code>a |\n b</code></pre>"
    "<script>if (a<b) document.write('</p><h2>no</h2>');</script><footer><p>no</p></footer><dialog><h3>no</h3></dialog>"
    "<figure><p>no</p><figcaption>no</figcaption></figure>"
    "<figure><table><tr><td>5</td></tr></table><figcaption>no</figcaption></figure><h2>Nothing "
    "below</h2></body></html>\n";

static void reads_blocks(void **state) {
    (void)state;
    static const struct {
        BlockKind kind;
        int level, number;
        const char *text;
    } wanted[] = {{BLOCK_TABLE, 0, 1, "Key figures"},
                  {BLOCK_HEADING, 1, 0, "Scores"},
                  {BLOCK_PARAGRAPH, 0, 0, "Some & code, here."},
                  {BLOCK_TABLE, 0, 2, "Of each"},
                  {BLOCK_TABLE, 0, 3, "Split"},
                  {BLOCK_HEADING, 1, 0, "Figures"},
                  {BLOCK_FIGURE, 0, 1, "One > two"},
                  {BLOCK_ITEM, 0, 0, "first"},
                  {BLOCK_ITEM, 0, 0, "second"},
                  {BLOCK_CODE, 0, 0, "a |\n b"},
                  {BLOCK_TABLE, 0, 4, "Figures"}};
    Document d = document_of(page);
    assert_string_equal(d.title, "r<u>n");
    assert_string_equal(d.subtitle, "The model m on d");
    for (size_t i = 0; i < d.count && i < COUNT_OF(wanted); i++) {
        const DocumentBlock *b = &d.blocks[i];
        assert_string_equal(b->text, wanted[i].text);
        assert_int_equal(b->kind, wanted[i].kind);
        assert_int_equal(b->level, wanted[i].level);
        assert_int_equal(b->number, wanted[i].number);
    }
    assert_int_equal(d.count, COUNT_OF(wanted));
    assert_int_equal(d.blocks[6].picture_size, strlen("<svg viewBox=\"0 0 9 9\"><g><title>no</title></g></svg>"));
    document_free(&d);
}

static void reads_tables(void **state) {
    (void)state;
    Document d = document_of(page);
    const Table *facts = &d.blocks[0].table, *scores = &d.blocks[3].table;
    assert_int_equal(facts->heads, 0);
    assert_int_equal(facts->columns, 3);
    assert_string_equal(facts->rows[0].cells[2].text, "97 to 99 %");
    assert_int_equal(scores->heads, 1);
    assert_int_equal(scores->count, 4);
    assert_int_equal(scores->columns, 2);
    assert_int_equal(scores->rows[1].cells[0].span, 2);
    assert_true(scores->rows[2].bold && !scores->rows[1].bold);
    assert_string_equal(scores->rows[2].cells[0].text, "7\nseven");
    assert_string_equal(scores->rows[2].cells[1].text, "0.5 (0 to 1)");
    assert_int_equal(scores->rows[3].count, 1);
    assert_false(table_column_is_number(scores, 0));
    assert_true(table_column_is_number(scores, 1));
    document_free(&d);
}

static void refuses_what_no_page_is(void **state) {
    (void)state;
    static const char *const pages[][2] = {
        {"", "no title"},
        {"<h1></h1>", "no title"},
        {"<h1>t</h1><p", "ends inside a tag"},
        {"<h1>t</h1><table><tr><td>1", "ends inside a table"},
        {"<h1>t</h1><table><td>1</td></table>", "in no row"},
        {"<h1>t</h1><dl><caption>a<small>b</small></caption></dl>", "in no row"},
        {"<h1>t</h1><table><tr><td><table>", "a table stands in a table"},
        {"<h1>t</h1><figure><svg></figure>", "of figure 1 has no end"},
        {"<h1>t</h1><script>", "has no end"},
        {"<h1>t</h1><figure>", "has no end"},
    };
    for (size_t i = 0; i < COUNT_OF(pages); i++) {
        Document d;
        assert_fails(document_read(pages[i][0], strlen(pages[i][0]), &d), CF_BAD_INPUT, pages[i][1]);
    }
}

/* ---- Tables that must fit ---- */

static double letters(const char *text, bool bold, const void *context) {
    (void)bold, (void)context;
    return (double)strlen(text);
}

static void breaks_lines(void **state) {
    (void)state;
    const TableRoom room = {.width = 99, .measure = letters};
    static const struct {
        const char *text;
        double width;
        size_t length;
    } cases[] = {{"one two", 99, 7},   {"one two", 6, 3},    {"one\ntwo", 99, 3},        {"abcdefgh", 3, 3},
                 {"abcdefgh", 0.5, 1}, {"", 9, 0},           {"\xc3\xa9\xc3\xa9", 1, 2}, {"at 5 % of", 5, 2},
                 {"at 5 % of", 6, 6},  {"abcdefgh ij", 3, 3}};
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(line_length(cases[i].text, &room, false, cases[i].width), cases[i].length);
}

/* Each column of the table stands in one part, the first in all; no part is wider than the room. */
static void parts_hold_all_columns(void **state) {
    (void)state;
    char text[16384];
    int size = snprintf(text, sizeof text, "<h1>t</h1><table><tr><th>name of it</th>");
    for (int c = 0; c < 60; c++)
        size += snprintf(text + size, sizeof text - (size_t)size, "<td class=\"n\">%d</td>", 100000 + c);
    snprintf(text + size, sizeof text - (size_t)size, "</tr></table>");
    Document d = document_of(text);
    const TableRoom room = {.width = 80, .between = 2, .measure = letters};
    TablePart part = {.end = 1};
    int parts = 0;
    for (size_t next = 1; next < 61; next = part.end, parts++) {
        assert_ok(table_part(&d.blocks[0].table, &room, next, &part));
        assert_int_equal(part.first, next);
        double width = part.widths[0];
        for (size_t c = next; c < part.end; c++) width += 2 + part.widths[c];
        assert_true(width <= 80);
        assert_true(part.end == 61 || width + 2 + 6 > 80);
        for (size_t c = next; c < part.end; c++) assert_true(part.widths[c] == 6 && !part.wraps[c]);
    }
    assert_true(parts > 5);
    document_free(&d);

    char wide[64 + 20 * (TABLE_COLUMNS + 1)] = "<h1>t</h1><table><tr>";
    for (int c = 0; c <= TABLE_COLUMNS; c++) strcat(wide, "<td>1</td>");
    strcat(wide, "</tr></table>");
    d = document_of(wide);
    assert_fails(table_part(&d.blocks[0].table, &room, 1, &part), CF_BAD_INPUT, "wider than");
    document_free(&d);
}

/* ---- Formats ---- */

static char *written(const char *source, DocumentFormat format) {
    Document d = document_of(source);
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    if (format == DOCUMENT_MD)
        document_write_md(out, &d, "pictures");
    else
        assert_ok(document_write_tex(out, &d, "pictures"));
    fclose(out);
    document_free(&d);
    return text;
}

static void assert_has(const char *text, const char *part) {
    if (!strstr(text, part)) fail_msg("\"%s\" is not in:\n%s", part, text);
}

static void writes_markdown(void **state) {
    (void)state;
    char *text = written(page, DOCUMENT_MD);
    static const char *const parts[] = {
        "# r&lt;u&gt;n\n\nThe model m on d\n\n**Table 1.** Key figures\n\n| | | |\n|:--|:--|:--|\n| Accuracy | 98 % | "
        "97 to 99 % |\n\n",
        "## Scores\n\nSome &amp; code, here.\n\n**Table 2.** Of each\n\n| Class | F1 |\n|:--|--:|\n| Group | |\n"
        "| **7<br>seven** | **0.5 (0 to 1)** |\n| all | |\n\n",
        "![One &gt; two](pictures/figure-1.svg)\n\n**Figure 1.** One &gt; two\n\n- first\n- second\n\n```\na |\n "
        "b\n```\n"};
    for (size_t i = 0; i < COUNT_OF(parts); i++) assert_has(text, parts[i]);
    assert_null(strstr(text, "no"));
    free(text);
    text =
        written("<h1>t</h1><p>1. a_b*c|d`e[f](g)#~$ \\</p><p>- x</p><pre>``` b</pre><p>a <b>1.</b></p>", DOCUMENT_MD);
    assert_has(text, "\n1\\. a\\_b\\*c\\|d\\`e\\[f\\](g)\\#\\~\\$ \\\\\n");
    assert_has(text, "\n\\- x\n");
    assert_has(text, "\n````\n``` b\n````\n");
    free(text);
}

static void writes_latex(void **state) {
    (void)state;
    char *text = written(page, DOCUMENT_TEX);
    static const char *const parts[] = {"\\title{r\\textless{}u\\textgreater{}n\\\\\n\\large The model m on d}",
                                        "\\section{Scores}\n\nSome \\& code, here.",
                                        "\\begin{longtable}{@{}lr@{}}\n\\caption{Of each}",
                                        "\\multicolumn{2}{@{}l@{}}{\\textbf{Group}} \\\\\n",
                                        "\\textbf{\\shortstack[l]{7\\\\seven}} & \\textbf{0.5 (0 to 1)} \\\\\n",
                                        "all &  \\\\\n\\end{longtable}",
                                        "{pictures/figure-1.pdf}\n\\figurecaption{One \\textgreater{} two}",
                                        "\\begin{itemize}\n\\item first\n\\item second\n\\end{itemize}",
                                        "a \\textbar{}\\\\\n b"};
    for (size_t i = 0; i < COUNT_OF(parts); i++) assert_has(text, parts[i]);
    free(text);
    text = written("<h1>t</h1><p>\\{}$&amp;#_%^~ --\xc3\xa9 \xc4\x85 \xe2\x86\x92 \xe7\x8c\xab \xff 2\xc3\x97</p>",
                   DOCUMENT_TEX);
    assert_has(text, "\\textbackslash{}\\{\\}\\$\\&\\#\\_\\%\\textasciicircum{}\\textasciitilde{} {-}{-}\xc3\xa9 "
                     "{[}U+0105{]} $\\rightarrow$ {[}U+732B{]} ? "
                     "2$\\times$\n");
    free(text);
}

static void writes_pdf(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "a.pdf");
    Document d = document_of(page);
    assert_ok(document_write_pdf(path, &d));
    unsigned char *bytes;
    size_t size;
    assert_ok(file_read(path, 1 << 20, &bytes, &size));
    assert_memory_equal(bytes, "%PDF-1.5", 8);
    free(bytes);
    document_free(&d);
    /* A figure that cannot be drawn is named, and the file that was there stays. */
    write_bytes(path, "old", 3);
    d = document_of("<h1>t</h1><figure><svg viewBox=\"0 0 9 9\"><video/></svg></figure>");
    assert_fails(document_write_pdf(path, &d), CF_BAD_INPUT, "<video> is not known");
    document_free(&d);
    assert_ok(file_read(path, 1 << 20, &bytes, &size));
    assert_string_equal((char *)bytes, "old");
    free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads_blocks),
                                       cmocka_unit_test(reads_tables),
                                       cmocka_unit_test(refuses_what_no_page_is),
                                       cmocka_unit_test(breaks_lines),
                                       cmocka_unit_test(parts_hold_all_columns),
                                       cmocka_unit_test(writes_markdown),
                                       cmocka_unit_test(writes_latex),
                                       cmocka_unit_test(writes_pdf)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
