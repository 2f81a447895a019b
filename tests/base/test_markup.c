#include "base/markup.h"
#include "base/memory.h"
#include "testing.h"

#include <stdio.h>
#include <string.h>

static Tag tag_of(const char *text) {
    Tag tag;
    assert_true(tag_read(text, text + strlen(text), &tag));
    return tag;
}

static void assert_value(const Tag *tag, const char *name, const char *wanted) {
    size_t length;
    const char *value = tag_attribute(tag, name, &length);
    if (!wanted) {
        assert_null(value);
        return;
    }
    assert_non_null(value);
    assert_int_equal(length, strlen(wanted));
    assert_memory_equal(value, wanted, length);
}

static void reads_tags(void **state) {
    (void)state;
    const char *text = "<use xlink:href=\"#a>b\" x='1' hidden/>rest";
    const Tag tag = tag_of(text);
    assert_true(tag_is(&tag, "use") && tag_is(&tag, "USE") && !tag_is(&tag, "us") && !tag_is(&tag, "user"));
    assert_true(tag.is_empty && !tag.closes);
    assert_string_equal(tag.end, "rest");
    assert_value(&tag, "xlink:href", "#a>b");
    assert_value(&tag, "href", NULL);
    assert_value(&tag, "x", "1");
    assert_value(&tag, "hidden", "");
    assert_true(tag_of("</p>").closes);
    const Tag comment = tag_of("<!-- 'a' > \" -->b");
    assert_int_equal(comment.length, 0);
    assert_string_equal(comment.end, "b");
}

/* Nothing beyond the end is read: the bytes behind it would close the tag. */
static void ends_are_ends(void **state) {
    (void)state;
    static const char *const open[] = {"<", "</", "<a", "<a b", "<a b=", "<a b=\"c", "<a b='>", "<!-- >", "<!--"};
    for (size_t i = 0; i < COUNT_OF(open); i++) {
        char text[64];
        Tag tag;
        const int length = snprintf(text, sizeof text, "%s", open[i]);
        strcpy(text + length, "'\">-->");
        assert_false(tag_read(text, text + length, &tag));
    }
    const Tag bare = tag_of("<a b=c d=\"e\">");
    assert_value(&bare, "d", NULL); /* not in quotes: where it ends is anyone's guess */
}

static void reads_references(void **state) {
    (void)state;
    static const struct {
        const char *text;
        char is;
    } known[] = {{"&amp;x", '&'},  {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&#39;", '\''},
                 {"&apos;", '\''}, {"&am", 0},    {"&nbsp;", 0}, {"amp;", 0}};
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        size_t length;
        assert_int_equal(markup_reference(known[i].text, known[i].text + strlen(known[i].text), &length), known[i].is);
    }
}

static bool ends_itself(const Tag *tag) {
    return tag->is_empty;
}

/* Elements in it of the same name are counted; in a script a '<' is none. NULL: no end. */
static void finds_an_element_s_end(void **state) {
    (void)state;
    static const struct {
        const char *text, *behind;
    } known[] = {{"<g><g><a></g><g/></g>b", "b"},
                 {"<g><!-- </g> --><script>x </g> y</script></G>c", "c"},
                 {"<script>1 < 2 </g> <script> </script>d", "d"},
                 {"<g><g></g>", NULL},
                 {"<g><script></g>", NULL},
                 {"<g></g", NULL}};
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        const Tag tag = tag_of(known[i].text);
        const char *behind = tag_element_end(&tag, known[i].text + strlen(known[i].text), ends_itself);
        assert_int_equal(!behind, !known[i].behind);
        if (behind) assert_string_equal(behind, known[i].behind);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads_tags), cmocka_unit_test(ends_are_ends),
                                       cmocka_unit_test(reads_references), cmocka_unit_test(finds_an_element_s_end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
