/* Distillation (Hinton, Vinyals, Dean 2015): a network learns what another one, the teacher, says of the same images.
 *
 * The teacher predicts, by running statistics and with nothing dropped, every image as the step has it, augmented and mixed; its
 * logits for the network's classes are part of the loss (loss_distilled in nn/loss.h). Its answers are a function of (weights, image):
 * nothing of it is kept in a checkpoint, and a training that is resumed needs it again.
 */
#pragma once

#include "nn/model.h"

typedef struct Distillation Distillation;

/* Whether a text is a line of the option `teacher`, of `teacher_sha256`; what it names is looked up when the training begins. */
cf_status distillation_line_check(const char *line);
cf_status distillation_sha256_check(const char *line);

/* NULL where the options have no teacher. CF_BAD_USE where it takes images of another shape than `student`, or lacks one of its classes;
 * CF_BAD_INPUT where its file has another checksum than the options ask for. */
cf_status distillation_new(const cf_train_options *options, const cf_model *student, const Engine *engine, int threads,
                           Distillation **distillation);
void distillation_free(Distillation *distillation);
AUTO_HANDLE(Distillation, distillation_free)
/* Of the teacher's file; NULL without a teacher. */
const char *distillation_sha256(const Distillation *distillation);
/* The same into the options, unless they ask for one already. */
cf_status distillation_find_sha256(cf_train_options *options);
/* *samples becomes the same n samples with the teacher's logits, valid until the next call. Without a teacher they stay. */
cf_status distillation_teach(Distillation *distillation, const Sample **samples, int n, int threads);
