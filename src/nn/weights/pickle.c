/* The machine. Sizes: every value takes a byte of the pickle at least, so stack, cells, memo and entries have room for as many
 * as there are bytes. What lies in tuples is kept as cells in a row; lists are seen, and not kept. */
#include "nn/weights/pickle.h"

#include "base/limits.h"
#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef enum ValueKind {
    VALUE_NONE, /* what memory begins as: a place of the memo that holds nothing */
    VALUE_MARK,
    VALUE_OTHER, /* of no use here: None, numbers with a point, large ones, truth values */
    VALUE_INTEGER,
    VALUE_TEXT,
    VALUE_TUPLE,
    VALUE_LIST,
    VALUE_DICT,
    VALUE_GLOBAL,
    VALUE_STORAGE,
    VALUE_TENSOR
} ValueKind;

typedef struct Value {
    ValueKind kind;
    uint32_t length; /* of a text, a tuple */
    int64_t
        number; /* an integer; a text's place; a tuple's, storage's and tensor's first cell; a dictionary's, a global's number */
} Value;

typedef struct Entry {
    int64_t dictionary;
    Value key, value;
} Entry;

typedef struct Machine {
    const char *path;
    const unsigned char *bytes;
    size_t size, at, opcode_at;
    Value *stack, *cells, *memo;
    Entry *entries;
    size_t depth, cell_count, entry_count;
    int64_t dictionaries;
    bool stopped;
} Machine;

#define REFUSE_IF(condition, machine, ...)                                                                             \
    do {                                                                                                               \
        if (condition) return refuse(machine, __VA_ARGS__);                                                            \
    } while (0)

__attribute__((format(printf, 2, 3))) static cf_status refuse(const Machine *m, const char *format, ...) {
    char text[300];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return FAIL(CF_BAD_INPUT, "%s: %s, at byte %zu of data.pkl", m->path, text, m->opcode_at);
}

/* ---- What may be called ---- */

typedef enum GlobalRole { MAKES_DICTIONARY, MAKES_TENSOR, MAKES_PARAMETER, IS_STORAGE } GlobalRole;

static const struct {
    const char *name;
    GlobalRole role;
    const char *type; /* of a storage's values */
} globals[] = {
    {"collections.OrderedDict", MAKES_DICTIONARY, NULL},
    {"torch._utils._rebuild_tensor_v2", MAKES_TENSOR, NULL},
    {"torch._utils._rebuild_parameter", MAKES_PARAMETER, NULL},
    {"torch.FloatStorage", IS_STORAGE, "F32"},
    {"torch.HalfStorage", IS_STORAGE, "F16"},
    {"torch.BFloat16Storage", IS_STORAGE, "BF16"},
    {"torch.DoubleStorage", IS_STORAGE, "F64"},
    {"torch.LongStorage", IS_STORAGE, "I64"},
    {"torch.IntStorage", IS_STORAGE, "I32"},
    {"torch.BoolStorage", IS_STORAGE, "BOOL"},
};

/* ---- The stack ---- */

static cf_status push(Machine *m, ValueKind kind, uint32_t length, int64_t number) {
    m->stack[m->depth++] = (Value){kind, length, number};
    return CF_OK;
}

static cf_status pop(Machine *m, Value *value) {
    REFUSE_IF(!m->depth || m->stack[m->depth - 1].kind == VALUE_MARK, m, "the stack has no value to be taken");
    *value = m->stack[--m->depth];
    return CF_OK;
}

/* The last `count` values, or with TO_MARK those behind the last mark, which is taken away with them; they stay where they are until the
 * next push. */
#define TO_MARK UINT64_MAX
static cf_status pop_values(Machine *m, uint64_t count, const Value **values, size_t *popped) {
    size_t first = m->depth;
    while (first && m->stack[first - 1].kind != VALUE_MARK && m->depth - first < count) first--;
    REFUSE_IF(count == TO_MARK && !first, m, "the stack has no mark");
    REFUSE_IF(count != TO_MARK && m->depth - first < count, m, "the stack has no value to be taken");
    *values = &m->stack[first];
    *popped = m->depth - first;
    m->depth = first - (count == TO_MARK);
    return CF_OK;
}

static cf_status top_of_kind(Machine *m, ValueKind kind, const char *what, Value *top) {
    REFUSE_IF(!m->depth || m->stack[m->depth - 1].kind != kind, m, "%s was expected on the stack", what);
    *top = m->stack[m->depth - 1];
    return CF_OK;
}

static cf_status push_tuple(Machine *m, const Value *values, size_t count) {
    const size_t first = m->cell_count;
    REFUSE_IF(count > m->size - m->cell_count, m, "tuples have more values than the pickle has bytes");
    memmove(m->cells + first, values, count * sizeof *values);
    m->cell_count += count;
    return push(m, VALUE_TUPLE, (uint32_t)count, (int64_t)first);
}

static cf_status put_entries(Machine *m, const Value *pairs, size_t count, Value dictionary) {
    REFUSE_IF(count % 2, m, "a dictionary got a key without a value");
    REFUSE_IF(count / 2 > m->size - m->entry_count, m, "dictionaries have more entries than the pickle has bytes");
    for (size_t i = 0; i < count; i += 2)
        m->entries[m->entry_count++] = (Entry){dictionary.number, pairs[i], pairs[i + 1]};
    return CF_OK;
}

/* ---- Opcodes; `operand` is the number that follows, unsigned, or the table's ---- */

static cf_status run_protocol(Machine *m, uint64_t version) {
    REFUSE_IF(version != 2, m, "protocol 2 of pickle was expected, found %d", (int)version);
    return CF_OK;
}

static cf_status run_stop(Machine *m, uint64_t operand) {
    (void)operand;
    m->stopped = true;
    return CF_OK;
}

static cf_status run_mark(Machine *m, uint64_t operand) {
    return push(m, VALUE_MARK, 0, (int64_t)operand);
}

static cf_status run_other(Machine *m, uint64_t operand) {
    return push(m, VALUE_OTHER, 0, (int64_t)operand);
}

static cf_status run_integer(Machine *m, uint64_t number) {
    return push(m, VALUE_INTEGER, 0, (int64_t)number);
}

static cf_status run_signed(Machine *m, uint64_t number) {
    return push(m, VALUE_INTEGER, 0, (int32_t)(uint32_t)number);
}

/* Little-endian, in as many bytes as are told. */
static cf_status run_long(Machine *m, uint64_t bytes) {
    uint64_t number = 0;
    REFUSE_IF(bytes > m->size - m->at, m, "a number ends behind the pickle");
    const size_t at = m->at;
    m->at += bytes;
    if (bytes > sizeof number) return run_other(m, 0);
    if (bytes && m->bytes[m->at - 1] & 0x80) number = UINT64_MAX;
    for (size_t i = bytes; i; i--) number = number << 8 | m->bytes[at + i - 1];
    return run_integer(m, number);
}

static cf_status run_text(Machine *m, uint64_t length) {
    REFUSE_IF(length > m->size - m->at, m, "a text of %llu bytes ends behind the pickle", (unsigned long long)length);
    const size_t at = m->at;
    m->at += length;
    return push(m, VALUE_TEXT, (uint32_t)length, (int64_t)at);
}

static cf_status take_line(Machine *m, PickledText *line) {
    const unsigned char *end = memchr(m->bytes + m->at, '\n', m->size - m->at);
    REFUSE_IF(!end, m, "a name has no end");
    *line = (PickledText){(const char *)m->bytes + m->at, (size_t)(end - m->bytes) - m->at};
    m->at += line->length + 1;
    return CF_OK;
}

static cf_status run_global(Machine *m, uint64_t operand) {
    PickledText module = {0}, name = {0};
    char whole[160];
    (void)operand;
    FORWARD(take_line(m, &module));
    FORWARD(take_line(m, &name));
    snprintf(whole, sizeof whole, "%.*s.%.*s", (int)module.length, module.text, (int)name.length, name.text);
    for (size_t i = 0; i < COUNT_OF(globals); i++)
        if (strcmp(whole, globals[i].name) == 0) return push(m, VALUE_GLOBAL, 0, (int64_t)i);
    return refuse(m,
                  "the pickle asks for %s; only dictionaries of tensors are read and nothing is run (in PyTorch: "
                  "torch.save(model.state_dict(), FILE))",
                  whole);
}

static cf_status run_tuple(Machine *m, uint64_t operand) {
    const Value *values = NULL;
    size_t count = 0;
    FORWARD(pop_values(m, operand, &values, &count));
    return push_tuple(m, values, count);
}

static cf_status run_empty_list(Machine *m, uint64_t operand) {
    return push(m, VALUE_LIST, 0, (int64_t)operand);
}

static cf_status run_append(Machine *m, uint64_t operand) {
    const Value *values = NULL;
    Value list;
    size_t count = 0;
    FORWARD(pop_values(m, operand, &values, &count));
    return top_of_kind(m, VALUE_LIST, "a list", &list);
}

static cf_status run_empty_dictionary(Machine *m, uint64_t operand) {
    (void)operand;
    return push(m, VALUE_DICT, 0, m->dictionaries++);
}

static cf_status run_set_items(Machine *m, uint64_t operand) {
    const Value *pairs = NULL;
    Value dictionary = {0};
    size_t count = 0;
    FORWARD(pop_values(m, operand, &pairs, &count));
    FORWARD(top_of_kind(m, VALUE_DICT, "a dictionary", &dictionary));
    return put_entries(m, pairs, count, dictionary);
}

/* Attributes of an OrderedDict (PyTorch's _metadata) say nothing of values. */
static cf_status run_build(Machine *m, uint64_t operand) {
    Value attributes = {0};
    (void)operand;
    FORWARD(pop(m, &attributes));
    return top_of_kind(m, VALUE_DICT, "a dictionary", &attributes);
}

static cf_status run_put(Machine *m, uint64_t place) {
    Value value = {0};
    FORWARD(pop(m, &value));
    REFUSE_IF(place >= m->size, m, "place %llu of the memo is beyond the pickle's bytes", (unsigned long long)place);
    m->depth++;
    m->memo[place] = value;
    return CF_OK;
}

static cf_status run_get(Machine *m, uint64_t place) {
    REFUSE_IF(place >= m->size || m->memo[place].kind == VALUE_NONE, m, "place %llu of the memo is empty",
              (unsigned long long)place);
    m->stack[m->depth++] = m->memo[place];
    return CF_OK;
}

/* Whether a tuple's cells have these kinds. */
static bool has_kinds(const Machine *m, const Value *tuple, const ValueKind *kinds, size_t count) {
    if (tuple->kind != VALUE_TUPLE || tuple->length < count) return false;
    for (size_t i = 0; i < count; i++)
        if (m->cells[tuple->number + (int64_t)i].kind != kinds[i]) return false;
    return true;
}

/* ("storage", type, key, device, count) */
static cf_status run_storage(Machine *m, uint64_t operand) {
    static const ValueKind kinds[] = {VALUE_TEXT, VALUE_GLOBAL, VALUE_TEXT, VALUE_TEXT, VALUE_INTEGER};
    Value tuple = {0};
    (void)operand;
    FORWARD(pop(m, &tuple));
    bool sound = has_kinds(m, &tuple, kinds, COUNT_OF(kinds));
    if (sound) {
        const Value *cells = m->cells + tuple.number;
        sound = globals[cells[1].number].role == IS_STORAGE && cells[4].number >= 0;
    }
    REFUSE_IF(!sound, m, "a storage's type, key, device and size were expected");
    return push(m, VALUE_STORAGE, 0, tuple.number);
}

/* (storage, offset, shape, strides, ..), whose numbers are looked at once it is known which tensors are asked for. */
static cf_status call_tensor(Machine *m, const Value *arguments) {
    static const ValueKind kinds[] = {VALUE_STORAGE, VALUE_INTEGER, VALUE_TUPLE, VALUE_TUPLE};
    REFUSE_IF(!has_kinds(m, arguments, kinds, COUNT_OF(kinds)), m,
              "a tensor's storage, offset, shape and strides were expected");
    return push(m, VALUE_TENSOR, 0, arguments->number);
}

static cf_status run_reduce(Machine *m, uint64_t operand) {
    static const ValueKind tensor[] = {VALUE_TENSOR};
    Value arguments = {0}, function = {0};
    (void)operand;
    FORWARD(pop(m, &arguments));
    FORWARD(pop(m, &function));
    REFUSE_IF(function.kind != VALUE_GLOBAL || arguments.kind != VALUE_TUPLE, m,
              "the name of a function and its arguments were expected");
    switch (globals[function.number].role) {
    case MAKES_DICTIONARY:
        REFUSE_IF(arguments.length, m, "an OrderedDict was expected to begin empty");
        return run_empty_dictionary(m, 0);
    case MAKES_TENSOR:
        return call_tensor(m, &arguments);
    case MAKES_PARAMETER:
        REFUSE_IF(!has_kinds(m, &arguments, tensor, 1), m, "a parameter's tensor was expected");
        return push(m, VALUE_TENSOR, 0, m->cells[arguments.number].number);
    default:
        return refuse(m, "%s is no function", globals[function.number].name);
    }
}

typedef struct Opcode {
    unsigned char code;
    const char *name;
    cf_status (*run)(Machine *, uint64_t operand); /* NULL: known by name only */
    int bytes;                                     /* of the operand */
    uint64_t operand;                              /* where that takes none */
} Opcode;

/* clang-format off */
static const Opcode opcodes[] = {
    {0x80, "PROTO", run_protocol, 1, 0},   {'.', "STOP", run_stop, 0, 0},         {'(', "MARK", run_mark, 0, 0},
    {'N', "NONE", run_other, 0, 0},        {0x88, "NEWTRUE", run_other, 0, 0},    {0x89, "NEWFALSE", run_other, 0, 0},
    {'G', "BINFLOAT", run_other, 8, 0},    {'K', "BININT1", run_integer, 1, 0},   {'M', "BININT2", run_integer, 2, 0},
    {'J', "BININT", run_signed, 4, 0},     {0x8a, "LONG1", run_long, 1, 0},       {'X', "BINUNICODE", run_text, 4, 0},
    {')', "EMPTY_TUPLE", run_tuple, 0, 0}, {0x85, "TUPLE1", run_tuple, 0, 1},     {0x86, "TUPLE2", run_tuple, 0, 2},
    {0x87, "TUPLE3", run_tuple, 0, 3},     {'t', "TUPLE", run_tuple, 0, TO_MARK}, {']', "EMPTY_LIST", run_empty_list, 0, 0},
    {'a', "APPEND", run_append, 0, 1},     {'e', "APPENDS", run_append, 0, TO_MARK},
    {'}', "EMPTY_DICT", run_empty_dictionary, 0, 0},
    {'s', "SETITEM", run_set_items, 0, 2}, {'u', "SETITEMS", run_set_items, 0, TO_MARK}, {'b', "BUILD", run_build, 0, 0},
    {'q', "BINPUT", run_put, 1, 0},        {'r', "LONG_BINPUT", run_put, 4, 0},
    {'h', "BINGET", run_get, 1, 0},        {'j', "LONG_BINGET", run_get, 4, 0},
    {'c', "GLOBAL", run_global, 0, 0},     {'R', "REDUCE", run_reduce, 0, 0},      {'Q', "BINPERSID", run_storage, 0, 0},
    {'i', "INST", NULL, 0, 0},             {'o', "OBJ", NULL, 0, 0},               {'P', "PERSID", NULL, 0, 0},
    {0x81, "NEWOBJ", NULL, 0, 0},          {0x92, "NEWOBJ_EX", NULL, 0, 0},        {0x93, "STACK_GLOBAL", NULL, 0, 0},
    {0x82, "EXT1", NULL, 0, 0},            {0x83, "EXT2", NULL, 0, 0},             {0x84, "EXT4", NULL, 0, 0},
};
/* clang-format on */

static cf_status run_opcode(Machine *m) {
    m->opcode_at = m->at;
    REFUSE_IF(m->at == m->size, m, "the pickle is cut short");
    const unsigned char code = m->bytes[m->at++];
    const Opcode *row = opcodes;
    while (row < opcodes + COUNT_OF(opcodes) && row->code != code) row++;
    REFUSE_IF(row == opcodes + COUNT_OF(opcodes), m, "the opcode 0x%02x is none that a dictionary of tensors needs",
              code);
    REFUSE_IF(!row->run, m, "the opcode %s is none that a dictionary of tensors needs", row->name);
    REFUSE_IF((size_t)row->bytes > m->size - m->at, m, "the pickle is cut short");
    uint64_t operand = row->operand;
    for (int i = row->bytes; i; i--) operand = operand << 8 | m->bytes[m->at + (size_t)i - 1];
    m->at += (size_t)row->bytes;
    return row->run(m, operand);
}

/* ---- The tensors ---- */

static PickledText text_of(const Machine *m, Value text) {
    return (PickledText){(const char *)m->bytes + text.number, text.length};
}

static bool is_text(const Machine *m, Value value, const char *text) {
    return value.kind == VALUE_TEXT && value.length == strlen(text) &&
           memcmp(m->bytes + value.number, text, value.length) == 0;
}

/* Where a training keeps its state, the network's is one entry among others. Dictionaries may hold each other: four steps, no more. */
static Value find_state(const Machine *m, Value root) {
    static const char *const wrappers[] = {"state_dict", "model_state_dict", "model", "net"};
    for (int steps = 0; steps < 4; steps++) {
        const Entry *found = NULL;
        for (size_t w = 0; w < COUNT_OF(wrappers) && !found; w++)
            for (const Entry *e = m->entries; e < m->entries + m->entry_count; e++)
                if (e->dictionary == root.number && e->value.kind == VALUE_DICT && is_text(m, e->key, wrappers[w]))
                    found = e;
        if (!found) break;
        root = found->value;
    }
    return root;
}

static cf_status take_sizes(const Machine *m, Value tuple, const PickledTensor *t, size_t *sizes) {
    for (uint32_t i = 0; i < tuple.length; i++) {
        const Value size = m->cells[tuple.number + i];
        FAIL_IF(size.kind != VALUE_INTEGER || size.number < 0, CF_BAD_INPUT,
                "%s: tensor \"%.*s\": sizes and strides must be whole numbers from 0", m->path, (int)t->name.length,
                t->name.text);
        sizes[i] = (size_t)size.number;
    }
    return CF_OK;
}

static cf_status take_tensor(const Machine *m, const Entry *entry, PickledTensor *t) {
    const Value *cells = m->cells + entry->value.number, *storage = m->cells + cells[0].number;
    t->name = text_of(m, entry->key);
    t->type = globals[storage[1].number].type;
    t->storage = text_of(m, storage[2]);
    t->storage_count = (size_t)storage[4].number;
    FAIL_IF(cells[1].number < 0 || cells[2].length != cells[3].length || cells[2].length > TENSOR_MAX_DIMS,
            CF_BAD_INPUT,
            "%s: tensor \"%.*s\": an offset from 0 and as many strides as sizes, at most %d, were expected", m->path,
            (int)t->name.length, t->name.text, TENSOR_MAX_DIMS);
    t->offset = (size_t)cells[1].number;
    t->dims = (int)cells[2].length;
    FORWARD(take_sizes(m, cells[2], t, t->shape));
    return take_sizes(m, cells[3], t, t->strides);
}

static bool is_tensor(const Entry *e, int64_t dictionary) {
    return e->dictionary == dictionary && e->key.kind == VALUE_TEXT && e->value.kind == VALUE_TENSOR;
}

/* In the order in which they were put. */
static cf_status take_tensors(const Machine *m, PickledTensor **tensors, size_t *count) {
    AUTO_FREE PickledTensor *made = NULL;
    size_t found = 0, taken = 0;
    FAIL_IF(m->depth != 1 || m->stack[0].kind != VALUE_DICT, CF_BAD_INPUT, "%s: its pickle is no dictionary of tensors",
            m->path);
    const int64_t state = find_state(m, m->stack[0]).number;
    for (const Entry *e = m->entries; e < m->entries + m->entry_count; e++) found += is_tensor(e, state);
    FAIL_IF(
        !found || found > MOST_TENSORS, CF_BAD_INPUT,
        "%s: 1 to %d tensors were expected in its dictionary, or in one within it under state_dict, model_state_dict, model or net; "
        "found %zu",
        m->path, MOST_TENSORS, found);
    FORWARD(memory_new(found, sizeof *made, &made));
    for (const Entry *e = m->entries; e < m->entries + m->entry_count; e++)
        if (is_tensor(e, state)) FORWARD(take_tensor(m, e, &made[taken++]));
    *tensors = memory_take(&made);
    *count = found;
    return CF_OK;
}

cf_status pickle_tensors(const char *path, const unsigned char *bytes, size_t size, PickledTensor **tensors,
                         size_t *count) {
    AUTO(blocks_free) Blocks blocks = {0};
    Machine m = {.path = path, .bytes = bytes, .size = size};
    FAIL_IF(size > MOST_PICKLE, CF_BAD_INPUT, "%s: its pickle has %zu bytes; at most %d were expected", path, size,
            MOST_PICKLE);
    FORWARD(blocks_take(&blocks, size, sizeof *m.stack, &m.stack));
    FORWARD(blocks_take(&blocks, size, sizeof *m.cells, &m.cells));
    FORWARD(blocks_take(&blocks, size, sizeof *m.memo, &m.memo));
    FORWARD(blocks_take(&blocks, size, sizeof *m.entries, &m.entries));
    while (!m.stopped) FORWARD(run_opcode(&m));
    return take_tensors(&m, tensors, count);
}
