/* What can be done about classes of unequal size, by name: settings of a training, and what comes behind it.
 *
 * A remedy is one of the names in remedy_parts, or several joined by +: "augment+balanced". Each of them is
 *   settings laid over those that all trainings have (class weights, a loss, a sampler, an augmentation, another network's weights);
 *   a head that is trained again on the frozen backbone of what the rest gives (Kang et al. 2020), natural, balanced, or on SMOTE's
 *   mixtures of features; or
 *   "moved", which trains nothing: probabilities divided by the classes' shares of the training images, so that all classes count
 *   alike (post-hoc logit adjustment, Menon et al. 2021). The shares are known beforehand: nothing is chosen by any image.
 */
#pragma once

#include "base/status.h"

#include <stdio.h>

enum { REMEDY_NAME = 56, MOST_REMEDIES = 40 };

typedef struct Remedy {
    char name[REMEDY_NAME];
    unsigned parts; /* bits of remedy_parts; 0: nothing */
} Remedy;

typedef struct RemedySetting {
    const char *option, *value; /* "sample", "balanced": of a training */
} RemedySetting;

/* "nothing" and what it is made of, for help and pages: name, what it is. Ends with a row without a name. */
typedef struct RemedyPart {
    const char *name, *help;
    RemedySetting settings[4]; /* of the head's training where it is one; ends with one without an option */
    enum { REMEDY_SETTINGS, REMEDY_AUGMENT, REMEDY_PRETRAINED, REMEDY_HEAD, REMEDY_MOVED } kind;
} RemedyPart;
extern const RemedyPart remedy_parts[];

/* All that a lab compares where nobody says what; names between commas. */
extern const char remedies_usual[];

/* Names that contradict each other are refused: CF_BAD_USE. */
cf_status remedy_read(const char *name, Remedy *remedy);
/* Between commas; "nothing" comes first, also where it is not among them, and each once. */
cf_status remedies_read(const char *list, Remedy remedies[MOST_REMEDIES], int *count);

/* Whether a part of the kind is among its parts. */
bool remedy_has(const Remedy *remedy, int kind);
/* The remedy without the parts of the kinds that come behind a training: a head, moved. */
Remedy remedy_first(const Remedy *remedy);
/* The remedy without "moved". */
Remedy remedy_trained(const Remedy *remedy);
/* Lays the settings of the first training, or of the head's, over `train`; `augment` is the line of an augmentation. */
cf_status remedy_lay(const Remedy *remedy, bool head, const char *augment, cf_train_options *train);
