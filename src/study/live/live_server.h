/* The HTTP server of a page for whoever started this program: on 127.0.0.1 alone, for requests that name it so (a page from elsewhere
 * whose name was turned to 127.0.0.1 does not) and have the token of its address. It has a thread of its own, and libmicrohttpd, loaded
 * when it is started.
 */
#pragma once

#include "base/status.h"

#include <stddef.h>

/* What can be asked for: /, /progress.json, /history.json, /weights, /report.html. */
typedef enum LivePlace { LIVE_PAGE, LIVE_PROGRESS, LIVE_HISTORY, LIVE_WEIGHTS, LIVE_REPORT, LIVE_PLACES } LivePlace;

extern const char live_server_library[]; /* for cifra --version */

typedef struct LiveServer LiveServer;
/* The answer to /progress.json, asked for in the server's thread; it releases it with free(). NULL: out of memory. */
typedef char *(*LiveProgressFn)(void *context);

/* `port` 0: a free one. CF_BAD_USE where this was built without libmicrohttpd, CF_IO where the port cannot be had. */
cf_status live_server_start(int port, LiveProgressFn progress, void *context, LiveServer **server);
/* "http://127.0.0.1:43210/?token=.."; the server's. */
const char *live_server_url(const LiveServer *server);
/* From now on the answer, with the header Cifra-Epoch, in place of the one before. Takes over `bytes`, which free() releases; NULL: there
 * is none (404). */
cf_status live_server_publish(LiveServer *server, LivePlace place, void *bytes, size_t size, int epoch);
/* Waits, while somebody asks at least every few seconds and for `seconds` at most, until the place was asked for from now on and its
 * answer received. */
void live_server_linger(LiveServer *server, LivePlace place, double seconds);
/* Nobody listens afterwards. NULL is fine. */
void live_server_stop(LiveServer *server);
