/* A network in 8-bit integers (nn/int8) as ONNX in QDQ form: every operation in float32 between a DequantizeLinear of what arrives and
 * a QuantizeLinear of what leaves, which other programs run as one in integers. Weights have a scale per filter and biases the
 * product of both scales, as the integers have them; a dense layer is a convolution as large as what it reads. What is rounded in
 * another way there (halves, at the change of scale) may differ by one step. */
#include "export/onnx_write.h"

/* Where the values of the network's tensors are, dequantized. */
typedef struct Values {
    OnnxOut *out;
    OnnxName *of;    /* [tensors] */
    int8_t *weights; /* room for the largest, in the order of files */
    float *scales;   /* [most filters] */
} Values;

/* From float32 to the integers of a tensor, and what these stand for. */
static void round_to(Values *v, const char *x, int tensor) {
    const Int8Tensor *t = &v->out->integers->tensors[tensor];
    const int8_t zero_point = (int8_t)t->zero;
    const OnnxName scale = onnx_number(v->out, t->scale),
                   zero = onnx_integers_of(v->out, ONNX_INT8, 0, NULL, &zero_point, 1);
    /* The image's integers are its bytes less 128, whatever they stand for. */
    const OnnxName step = tensor ? scale : onnx_number(v->out, 1);
    OnnxName *y = &v->of[tensor];
    onnx_node(v->out, "QuantizeLinear", INPUTS(x, step.text, zero.text), y);
    onnx_node(v->out, "DequantizeLinear", INPUTS(y->text, scale.text, zero.text), y);
}

static OnnxName dequantized(OnnxOut *o, const OnnxName *integers, const OnnxName *scale) {
    OnnxName y;
    onnx_begin(o, "DequantizeLinear", INPUTS(integers->text, scale->text), &y);
    onnx_integer(o, "axis", 0);
    onnx_end(o);
    return y;
}

/* [K][R][S][channels] as [K][channels][R][S]. */
static void to_file_order(const Window *w, const int8_t *from, int8_t *to) {
    const int channels = w->C / w->groups, taps = w->R * w->S;
    for (int k = 0; k < w->K; k++, from += channels * taps)
        for (int c = 0; c < channels; c++)
            for (int t = 0; t < taps; t++) *to++ = from[t * channels + c];
}

static void conv(Values *v, const Int8Op *op, OnnxName *y) {
    OnnxOut *o = v->out;
    const Window *w = &op->window;
    const float x_scale = o->integers->tensors[op->x[0]].scale;
    const int64_t channels = w->C / w->groups, size = channels * w->R * w->S;
    to_file_order(w, op->weights, v->weights);
    const OnnxName weights = onnx_integers_of(o, ONNX_INT8, 4, DIMS(w->K, channels, w->R, w->S), v->weights,
                                              (size_t)(w->K * size)),
                   bias = onnx_integers_of(o, ONNX_INT32, 1, DIMS(w->K), op->bias, (size_t)w->K * sizeof *op->bias),
                   scale = onnx_floats(o, 1, DIMS(w->K), op->scale, 0);
    for (int k = 0; k < w->K; k++) v->scales[k] = x_scale * op->scale[k];
    const OnnxName product = onnx_floats(o, 1, DIMS(w->K), v->scales, 0), by = dequantized(o, &weights, &scale),
                   plus = dequantized(o, &bias, &product);
    onnx_begin(o, "Conv", INPUTS(v->of[op->x[0]].text, by.text, plus.text), y);
    onnx_window(o, w);
    onnx_integers(o, "dilations", 2, DIMS(w->dilation, w->dilation));
    onnx_integer(o, "group", w->groups);
    onnx_end(o);
}

/* The operators of all but convolutions; NULL: the activation behind it is all. */
static const char *const operators[] = {
    [INT8_MAXPOOL] = "MaxPool", [INT8_AVGPOOL] = "AveragePool",    [INT8_ADD] = "Add",  [INT8_CONCAT] = "Concat",
    [INT8_MULTIPLY] = "Mul",    [INT8_MEAN] = "GlobalAveragePool", [INT8_CLAMP] = NULL, [INT8_TABLE] = NULL};

static void operation(Values *v, const Int8Op *op, OnnxName *y) {
    const char *second = op->x[1] < 0 ? NULL : v->of[op->x[1]].text;
    onnx_begin(v->out, operators[op->kind], INPUTS(v->of[op->x[0]].text, second), y);
    if (op->kind == INT8_MAXPOOL || op->kind == INT8_AVGPOOL) onnx_window(v->out, &op->window);
    if (op->kind == INT8_CONCAT) onnx_integer(v->out, "axis", 1);
    onnx_end(v->out);
}

static void write_op(Values *v, const Int8Op *op) {
    OnnxOut *o = v->out;
    const Layer activation = {.type = op->activation, .inputs = 1, .activation = op->act};
    OnnxName x, y = v->of[op->x[0]];
    if (o->layer != op->last) o->values = 0;
    o->layer = op->last;
    if (op->kind == INT8_CONV)
        conv(v, op, &y);
    else if (operators[op->kind])
        operation(v, op, &y);
    x = y; /* which an activation of several operators reads once more */
    if (op->activation) onnx_layer(op->activation->word)->write(o, &activation, &x, &y);
    round_to(v, y.text, op->y);
}

cf_status onnx_write_int8(OnnxOut *out, OnnxName *logits) {
    const Int8Network *n = out->integers;
    AUTO(blocks_free) Blocks blocks = {0};
    Values values = {.out = out};
    size_t largest = 1, filters = 1;
    for (int i = 0; i < n->op_count; i++) {
        const Window *w = &n->ops[i].window;
        const size_t size = (size_t)w->K * (size_t)(w->C / w->groups) * (size_t)w->R * (size_t)w->S;
        if (n->ops[i].kind != INT8_CONV) continue;
        if (size > largest) largest = size;
        if ((size_t)w->K > filters) filters = (size_t)w->K;
    }
    FORWARD(blocks_take(&blocks, (size_t)n->tensor_count, sizeof *values.of, &values.of));
    FORWARD(blocks_take(&blocks, largest, 1, &values.weights));
    FORWARD(blocks_take(&blocks, filters, sizeof *values.scales, &values.scales));
    round_to(&values, "image", 0);
    out->layer = -1; /* names of the first operation's values begin anew */
    for (int i = 0; i < n->op_count; i++) write_op(&values, &n->ops[i]);
    *logits = values.of[n->result];
    return CF_OK;
}
