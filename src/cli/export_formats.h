/* The formats of cifra export, one row each: word, help, function. The table, the choices of --to and the lines of the help page
 * are made from these rows; a format's function lies in a file of its own where it is more than a call of the library. */
#ifndef CLI_EXPORT_FORMATS_H
#define CLI_EXPORT_FORMATS_H

#include "study/run/run.h"

typedef struct ExportRequest {
    const char *source, *out; /* as they were given */
    const char *format;       /* the word */
    Run *run;                 /* opened; NULL: the source is a model file */
    const cf_model *model;    /* of the run, or the file */
    bool logits;              /* without the softmax */
    cf_c_sizes *sizes;        /* of a network as C */
} ExportRequest;

typedef struct ExportFormat {
    const char *word, *help;
    bool folder;
    cf_status (*write)(const ExportRequest *request); /* aside and renamed: a failure leaves what was at `out` */
} ExportFormat;

#define EXPORT_FORMATS(ROW)                                                                                            \
    ROW("safetensors", "the weights as PyTorch's load_state_dict(strict=True) takes them; cifra reads the file, too",  \
        export_safetensors)                                                                                            \
    ROW("onnx", "a graph (opset 17) for onnxruntime and others, with the input scaling and the class names in it",      \
        export_onnx)                                                                                                   \
    ROW("onnx-int8", "the same in 8-bit integers, with QuantizeLinear and DequantizeLinear (QDQ)", export_onnx_int8)

/* Those that write a folder. */
#define EXPORT_FOLDERS(ROW)                                                                                            \
    ROW("c", "plain C in a folder: the network as a function, a test with images of the run's test part, and a page",  \
        export_c)                                                                                                      \
    ROW("c-int8", "the same in 8-bit integers, as cifra eval --precision int8 computes it", export_c_int8)

cf_status export_c(const ExportRequest *request);
cf_status export_c_int8(const ExportRequest *request);
cf_status export_safetensors(const ExportRequest *request);
cf_status export_onnx(const ExportRequest *request);
cf_status export_onnx_int8(const ExportRequest *request);

#endif
