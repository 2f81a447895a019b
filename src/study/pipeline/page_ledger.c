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

static void entry_row(FILE *out, const LedgerEntry *e) {
    const Claim *claim = e->claim;
    const LedgerTexts texts = ledger_texts(e);
    html_write(out, "<tr><th scope=\"row\">%s", claim->what); /* with remarks in it, which table_row does not have */
    if (e->majority > 0)
        fprintf(out, "<small>chance %.1f %%, the commonest class %.1f %%</small>", 100 * e->chance, 100 * e->majority);
    if (claim->remark) html_write(out, "<small>%s</small>", claim->remark);
    fputs("</th>", out);
    table_figure(out, texts.reported);
    table_figure(out, texts.measured);
    table_figure(out, texts.interval);
    table_word(out, verdict_words[e->verdict]);
    table_text(out, ledger_data(e));
    table_row_end(out);
}

static void entries_table(FILE *out, const Ledger *ledger, bool headline) {
    const char *section = "";
    table_open(out, (TableStyle){.class = "ledger"}, NULL, "|>Report|>Ours|>95 % interval|Verdict|Measured on");
    for (size_t i = 0; i < ledger->count; i++) {
        const LedgerEntry *e = &ledger->entries[i];
        if (e->claim->headline != headline) continue;
        if (strcmp(section, e->claim->section) != 0) table_rows_of(out, section = e->claim->section, 6);
        entry_row(out, e);
    }
    table_end(out);
}

static cf_status ledger(FILE *out, const StudyPage *page) {
    char seeds[80];
    fputs("<p>Every figure of the report beside ours. Intervals are ", out);
    if (page->study->recipe->seeds > 1) {
        study_seeds_text((size_t)page->study->recipe->seeds, page->study->recipe->splits, seeds);
        fprintf(out, "Student\xe2\x80\x99s t over %s", seeds);
    } else
        fputs("over the test images: Wilson\xe2\x80\x99s for shares, the bootstrap for the others", out);
    fputs(". Beside each accuracy stand chance and what always saying the commonest class would get. Of what the "
          "report suggests without a figure ours is the difference in accuracy, of remedies in the mean of the "
          "classes\xe2\x80\x99 recalls, paired by seed.</p>\n",
          out);
    entries_table(out, &page->outcome->ledger, true);
    fputs("<details><summary>Metrics by class</summary>\n", out);
    entries_table(out, &page->outcome->ledger, false);
    fputs("</details>\n", out);
    return CF_OK;
}

const PageSection page_ledger = {"ledger", .begin = ledger};
