#include "study/live/live_server.h"

#include "base/library.h"
#include "base/memory.h"

#ifndef CIFRA_MICROHTTPD

const char live_server_library[] = "built without libmicrohttpd: no live pages";

cf_status live_server_start(int port, LiveProgressFn progress, void *context, LiveServer **server) {
    (void)port, (void)progress, (void)context, (void)server;
    return FAIL(CF_BAD_USE,
                "this cifra was built without libmicrohttpd, which a live page needs: install it (Debian: apt-get "
                "install libmicrohttpd-dev) and build cifra again");
}

const char *live_server_url(const LiveServer *server) {
    (void)server;
    return "";
}

cf_status live_server_publish(LiveServer *server, LivePlace place, void *bytes, size_t size, int epoch) {
    (void)server, (void)place, (void)bytes, (void)size, (void)epoch;
    return FAIL(CF_INTERNAL, "there is no server");
}

void live_server_linger(LiveServer *server, LivePlace place, double seconds) {
    (void)server, (void)place, (void)seconds;
}

void live_server_stop(LiveServer *server) {
    (void)server;
}

#else

#include "base/numbers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TOKEN = 32, MOST_CONNECTIONS = 32, IDLE_SECONDS = 30 };
static const double watched_seconds = 3; /* the page asks every second */

static const struct {
    const char *path, *type;
} places[] = {[LIVE_PAGE] = {"/", "text/html; charset=utf-8"},
              [LIVE_PROGRESS] = {"/progress.json", "application/json"},
              [LIVE_HISTORY] = {"/history.json", "application/json"},
              [LIVE_WEIGHTS] = {"/weights", "application/octet-stream"},
              [LIVE_REPORT] = {"/report.html", "text/html; charset=utf-8"}};

struct LiveServer {
    struct MHD_Daemon *daemon;
    LiveProgressFn progress;
    void *context;
    char token[TOKEN + 1], url[80], hosts[2][24];
    pthread_mutex_t lock;                        /* of `published`, taken at the ends of epochs and for each request */
    struct MHD_Response *published[LIVE_PLACES]; /* immutable; a request that is being answered has its own reference */
    atomic_bool received[LIVE_PLACES];
    _Atomic double asked; /* when the last request came that was answered */
};

/* ---- The library ---- */

#define MHD_FUNCTIONS(each)                                                                                            \
    each(start_daemon) each(stop_daemon) each(queue_response) each(create_response_from_buffer) each(destroy_response) \
        each(add_response_header) each(lookup_connection_value)

const char live_server_library[] = "live pages: libmicrohttpd";
static Library library = {.name = "libmicrohttpd.so.12"};
static struct {
#define MEMBER(function) __typeof__(MHD_##function) *function;
    MHD_FUNCTIONS(MEMBER)
#undef MEMBER
} mhd;

static void load(void) {
    library_load(&library);
#define FIND(function) mhd.function = (__typeof__(mhd.function))library_find(&library, "MHD_" #function, "0.9.71");
    MHD_FUNCTIONS(FIND)
#undef FIND
}

/* ---- Requests ---- */

static const char *looked_up(struct MHD_Connection *connection, enum MHD_ValueKind kind, const char *key) {
    return mhd.lookup_connection_value(connection, kind, key);
}

static bool names_this_server(const LiveServer *server, const char *host) {
    return host && (strcasecmp(host, server->hosts[0]) == 0 || strcasecmp(host, server->hosts[1]) == 0);
}

/* In a time that does not tell how much of it is right. */
static bool has_token(const LiveServer *server, const char *token) {
    return token && strlen(token) == TOKEN && CRYPTO_memcmp(token, server->token, TOKEN) == 0;
}

/* A response of its own; it does not outlive the request. */
static enum MHD_Result answer_once(struct MHD_Connection *connection, unsigned code, const char *type, char *text,
                                   enum MHD_ResponseMemoryMode mode) {
    struct MHD_Response *response = mhd.create_response_from_buffer(strlen(text), text, mode);
    if (!response) return MHD_NO;
    mhd.add_response_header(response, "Content-Type", type);
    mhd.add_response_header(response, "Cache-Control", "no-store");
    if (code == 405) mhd.add_response_header(response, "Allow", "GET, HEAD");
    const enum MHD_Result result = mhd.queue_response(connection, code, response);
    mhd.destroy_response(response);
    return result;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned code, char *text) {
    return answer_once(connection, code, "text/plain", text, MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result answer_place(LiveServer *server, struct MHD_Connection *connection, LivePlace place) {
    if (place == LIVE_PROGRESS) {
        char *text = server->progress(server->context);
        return text ? answer_once(connection, 200, places[place].type, text, MHD_RESPMEM_MUST_FREE) : MHD_NO;
    }
    pthread_mutex_lock(&server->lock);
    struct MHD_Response *response = server->published[place];
    const enum MHD_Result result = response ? mhd.queue_response(connection, 200, response) : MHD_NO;
    pthread_mutex_unlock(&server->lock);
    return response ? result : refuse(connection, 404, "404: not there yet\n");
}

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *upload, size_t *upload_size, void **request) {
    LiveServer *server = context;
    (void)version, (void)upload, (void)upload_size;
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return refuse(connection, 405, "405: this page is only read\n");
    if (!names_this_server(server, looked_up(connection, MHD_HEADER_KIND, "Host")))
        return refuse(connection, 403, "403: this page is on 127.0.0.1, and was asked for by another name\n");
    if (!has_token(server, looked_up(connection, MHD_GET_ARGUMENT_KIND, "token")))
        return refuse(connection, 403, "403: the token is missing or wrong; the address that cifra printed has it\n");
    atomic_store(&server->asked, clock_seconds());
    for (LivePlace p = 0; p < LIVE_PLACES; p++)
        if (strcmp(url, places[p].path) == 0) {
            *request = &server->received[p];
            return answer_place(server, connection, p);
        }
    return refuse(connection, 404, "404: there is nothing of that name\n");
}

static void completed(void *context, struct MHD_Connection *connection, void **request,
                      enum MHD_RequestTerminationCode code) {
    (void)context, (void)connection;
    if (*request && code == MHD_REQUEST_TERMINATED_COMPLETED_OK) atomic_store((atomic_bool *)*request, true);
}

/* ---- Starting and stopping ---- */

static cf_status make_token(char token[TOKEN + 1]) {
    unsigned char bytes[TOKEN / 2];
    FAIL_IF(getrandom(bytes, sizeof bytes, 0) != sizeof bytes, CF_IO, "the system gives no random bytes: %s",
            strerror(errno));
    for (size_t i = 0; i < sizeof bytes; i++) snprintf(token + 2 * i, 3, "%02x", bytes[i]);
    return CF_OK;
}

/* Ours, not the library's, which does not tell why it has none. */
static cf_status listen_on(int port, int *listening, int *used_port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    const int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (made < 0 || bind(made, (struct sockaddr *)&address, size) || listen(made, MOST_CONNECTIONS) ||
        getsockname(made, (struct sockaddr *)&address, &size)) {
        const int reason = errno;
        if (made >= 0) close(made);
        return FAIL(CF_IO, "cannot listen on port %d of 127.0.0.1: %s; name another port, or none for one that is free",
                    port, strerror(reason));
    }
    *listening = made;
    *used_port = ntohs(address.sin_port);
    return CF_OK;
}

static cf_status start(LiveServer *server, int port) {
    int listening = -1;
    FORWARD(make_token(server->token));
    FORWARD(listen_on(port, &listening, &port));
    snprintf(server->hosts[0], sizeof server->hosts[0], "127.0.0.1:%d", port);
    snprintf(server->hosts[1], sizeof server->hosts[1], "localhost:%d", port);
    snprintf(server->url, sizeof server->url, "http://127.0.0.1:%d/?token=%s", port, server->token);
    server->daemon = mhd.start_daemon(MHD_USE_AUTO_INTERNAL_THREAD, 0, NULL, NULL, answer, server,
                                      MHD_OPTION_LISTEN_SOCKET, listening, MHD_OPTION_NOTIFY_COMPLETED, completed, NULL,
                                      MHD_OPTION_CONNECTION_LIMIT, (unsigned)MOST_CONNECTIONS,
                                      MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS, MHD_OPTION_END);
    if (server->daemon) return CF_OK;
    close(listening);
    return FAIL(CF_IO, "libmicrohttpd cannot start a server on port %d of 127.0.0.1", port);
}

cf_status live_server_start(int port, LiveProgressFn progress, void *context, LiveServer **server) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    LiveServer *made;
    pthread_once(&once, load);
    FAIL_IF(library.fault[0], CF_IO, "%s %s; a live page needs it (Debian, Ubuntu: apt-get install libmicrohttpd12)",
            library.name, library.fault);
    FORWARD(memory_new(1, sizeof *made, &made));
    pthread_mutex_init(&made->lock, NULL);
    made->progress = progress;
    made->context = context;
    const cf_status status = start(made, port);
    if (status)
        live_server_stop(made);
    else
        *server = made;
    return status;
}

void live_server_stop(LiveServer *server) {
    if (!server) return;
    if (server->daemon) mhd.stop_daemon(server->daemon);
    for (int p = 0; p < LIVE_PLACES; p++)
        if (server->published[p]) mhd.destroy_response(server->published[p]);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

const char *live_server_url(const LiveServer *server) {
    return server->url;
}

/* ---- What is there ---- */

/* The page asks nobody but this server, and stands in no frame of another one. */
static void add_headers(struct MHD_Response *response, LivePlace place, int epoch) {
    char number[16];
    snprintf(number, sizeof number, "%d", epoch);
    mhd.add_response_header(response, "Content-Type", places[place].type);
    mhd.add_response_header(response, "Cache-Control", "no-store");
    mhd.add_response_header(response, "X-Content-Type-Options", "nosniff");
    mhd.add_response_header(response, "Referrer-Policy", "no-referrer");
    mhd.add_response_header(response, "Content-Security-Policy",
                            "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; "
                            "connect-src 'self'; frame-ancestors 'none'");
    mhd.add_response_header(response, "Cifra-Epoch", number);
}

cf_status live_server_publish(LiveServer *server, LivePlace place, void *bytes, size_t size, int epoch) {
    struct MHD_Response *made = bytes ? mhd.create_response_from_buffer(size, bytes, MHD_RESPMEM_MUST_FREE) : NULL;
    if (bytes && !made) {
        free(bytes);
        return FAIL(CF_NO_MEMORY, "out of memory for the live page's %s", places[place].path);
    }
    if (made) add_headers(made, place, epoch);
    pthread_mutex_lock(&server->lock);
    struct MHD_Response *before = server->published[place];
    server->published[place] = made;
    pthread_mutex_unlock(&server->lock);
    if (before) mhd.destroy_response(before);
    return CF_OK;
}

void live_server_linger(LiveServer *server, LivePlace place, double seconds) {
    const double end = clock_seconds() + seconds;
    atomic_store(&server->received[place], false);
    for (double now = clock_seconds(); !atomic_load(&server->received[place]); now = clock_seconds()) {
        if (now > end || now > atomic_load(&server->asked) + watched_seconds) return;
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
}

#endif
