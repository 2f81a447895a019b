#include "study/pipeline/page.h"
#include "study/report/report_inside.h"

#include <string.h>

void page_verdicts(FILE *out, const StudyPage *page) {
    static const char *const remarks[VERDICTS] = {"the report\xe2\x80\x99s figure lies in our 95 % interval",
                                                  "our whole interval is better",
                                                  "our whole interval is worse",
                                                  "measured on other data than the report\xe2\x80\x99s",
                                                  "left out by the recipe",
                                                  "what it suggests brings more than noise",
                                                  "0 is in our interval of what it brings",
                                                  "our whole interval is below 0"};
    const Ledger *ledger = &page->outcome->ledger;
    if (!ledger->file) return;
    fputs("<h3>The report\xe2\x80\x99s figures</h3><dl class=\"facts\">\n", out);
    for (int v = 0; v < VERDICTS; v++) {
        char name[32], count[32];
        const size_t given = ledger->verdicts[v] - (v == NOT_RUN ? ledger->untried : 0);
        if (!given) continue;
        snprintf(name, sizeof name, "%s", verdict_words[v]);
        name[0] = (char)(name[0] - 'a' + 'A');
        snprintf(count, sizeof count, "%zu of %zu", given,
                 v > NOT_RUN ? ledger->suggestions - ledger->untried : ledger->count - ledger->suggestions);
        html_fact(out, name, count, remarks[v]);
    }
    fputs("</dl>\n", out);
}

static void cell(FILE *out, const char *text) {
    fputs("<td class=\"n\">", out);
    html_text(out, text);
    fputs("</td>", out);
}

static void verdict_cell(FILE *out, Verdict verdict) {
    char class[32];
    snprintf(class, sizeof class, "%s", verdict_words[verdict]);
    for (char *p = class; *p; p++)
        if (*p == ' ') *p = '-';
    fprintf(out, "<td class=\"%s\">%s</td>", class, verdict_words[verdict]);
}

static void entry(FILE *out, const LedgerEntry *e) {
    char text[64], low[24], high[24];
    fputs("<tr><th scope=\"row\">", out);
    html_text(out, e->claim->what);
    if (e->majority > 0)
        fprintf(out, "<small>chance %.1f %%, the commonest class %.1f %%</small>", 100 * e->chance, 100 * e->majority);
    if (e->claim->remark) {
        fputs("<small>", out);
        html_text(out, e->claim->remark);
        fputs("</small>", out);
    }
    fputs("</th>", out);
    ledger_number(e->claim, e->claim->reported, text);
    cell(out, e->claim->against ? "" : text);
    ledger_number(e->claim, e->measured, text);
    cell(out, e->runs ? text : "");
    ledger_number(e->claim, e->low, low);
    ledger_number(e->claim, e->high, high);
    snprintf(text, sizeof text, "%s to %s", low, high);
    cell(out, e->has_interval ? text : "");
    verdict_cell(out, e->verdict);
    fputs("<td>", out);
    html_text(out, ledger_data(e));
    fputs("</td></tr>\n", out);
}

static void table(FILE *out, const Ledger *ledger, bool headline) {
    const char *section = "";
    fputs(
        "<div class=\"scroll\"><table class=\"ledger\">\n<thead><tr><th scope=\"col\"></th><th scope=\"col\" "
        "class=\"n\">Report</th><th scope=\"col\" class=\"n\">Ours</th><th scope=\"col\" class=\"n\">95 % interval</th>"
        "<th scope=\"col\">Verdict</th><th scope=\"col\">Measured "
        "on</th>"
        "</tr></thead>\n<tbody>\n",
        out);
    for (size_t i = 0; i < ledger->count; i++) {
        const LedgerEntry *e = &ledger->entries[i];
        if (e->claim->headline != headline) continue;
        if (strcmp(section, e->claim->section) != 0) {
            section = e->claim->section;
            fputs("<tr class=\"heading\"><th colspan=\"6\" scope=\"rowgroup\">", out);
            html_text(out, section);
            fputs("</th></tr>\n", out);
        }
        entry(out, e);
    }
    fputs("</tbody></table></div>\n", out);
}

cf_status page_ledger(FILE *out, const StudyPage *page) {
    fputs("<p>Every figure of the report beside ours. Intervals are ", out);
    if (page->study->recipe->seeds > 1) {
        fputs("Student\xe2\x80\x99s t over ", out);
        page_seeds(out, page);
    } else
        fputs("over the test images: Wilson\xe2\x80\x99s for shares, the bootstrap for the others", out);
    fputs(". Beside each accuracy stand chance and what always saying the commonest class would get. Of what the "
          "report suggests without a figure ours is the difference in accuracy, of remedies in the mean of the "
          "classes\xe2\x80\x99 recalls, paired by seed.</p>\n",
          out);
    table(out, &page->outcome->ledger, true);
    fputs("<details><summary>Metrics by class</summary>\n", out);
    table(out, &page->outcome->ledger, false);
    fputs("</details>\n", out);
    return CF_OK;
}
