/* What a process of several (base/ranks.h) does with its streams and signals. */
#pragma once

/* At the start of the program: only rank 0 is heard. What the others write to stdout and stderr goes nowhere. */
void rank_watch_silence(void);
/* Before the ranks meet; and when rank 0 has said what there is to say. */
void rank_watch_begin(void);
void rank_watch_end(void);
/* In a handler of SIGTERM. */
void rank_watch_terminated(void);
