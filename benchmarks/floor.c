/*
 * The floor: the workloads of workloads.py as a C program on libssl's own
 * BIO_s_mem, without Python.
 *
 * usage: floor CERTIFICATE, with lines of "WORKLOAD COUNT MODE" on standard
 * input; MODE is 1 to release libssl's buffers between uses, as Python's ssl
 * does.  Answers each with the seconds it took: CPU time of the process, and
 * wall-clock time.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

enum { CHUNK = 64 * 1024, LARGE = 256 * 1024, MOST = 1 << 20 };

typedef struct {
    SSL *ssl;
    BIO *in, *out;
} End;

typedef struct Work {
    void (*run)(struct Work *);
    End client, server;
    SSL_CTX *client_ctx, *server_ctx;
    SSL_SESSION *session;
    int count;
    char *chunk, *plain;
} Work;

static char text[MOST];
static const char *certificate;

static void must(int ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "floor: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static SSL_CTX *context(int server, int release, const char *suites)
{
    SSL_CTX *ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());

    must(ctx != NULL, "SSL_CTX_new");
    SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_AUTO_RETRY | (release ? SSL_MODE_RELEASE_BUFFERS : 0));
    must(suites == NULL || SSL_CTX_set_ciphersuites(ctx, suites), suites);
    if (server) {
        must(SSL_CTX_use_certificate_chain_file(ctx, certificate), certificate);
        must(SSL_CTX_use_PrivateKey_file(ctx, certificate, SSL_FILETYPE_PEM), certificate);
    }
    return ctx;
}

static End end_of(SSL_CTX *ctx, int server)
{
    End end = {SSL_new(ctx), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem())};

    must(end.ssl != NULL && end.in != NULL && end.out != NULL, "SSL_new");
    BIO_set_mem_eof_return(end.in, -1);
    BIO_set_mem_eof_return(end.out, -1);
    SSL_set_bio(end.ssl, end.in, end.out);
    if (server)
        SSL_set_accept_state(end.ssl);
    else
        SSL_set_connect_state(end.ssl);
    return end;
}

static int carry(Work *w, End *from, End *to, int size)
{
    int got = BIO_read(from->out, w->chunk, size);

    if (got > 0)
        must(BIO_write(to->in, w->chunk, got) == got, "BIO_write");
    return got;
}

static void read_dry(Work *w, End *end)
{
    while (SSL_read(end->ssl, w->plain, CHUNK) > 0)
        ;
}

static void write_all(End *end, int size)
{
    must(SSL_write(end->ssl, text, size) == size, "SSL_write");
}

static void shake(Work *w, End *client, End *server)
{
    int client_done = 0, server_done = 0;

    while (!client_done || !server_done) {
        client_done = client_done || SSL_do_handshake(client->ssl) == 1;
        carry(w, client, server, CHUNK);
        server_done = server_done || SSL_do_handshake(server->ssl) == 1;
        carry(w, server, client, CHUNK);
    }
    SSL_read(client->ssl, w->plain, 1);
}

static void drop(End end)
{
    SSL_set_shutdown(end.ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(end.ssl);
}

static void ping_pong(Work *w)
{
    for (int i = 0; i < w->count; i++) {
        write_all(&w->client, 100);
        carry(w, &w->client, &w->server, CHUNK);
        must(SSL_read(w->server.ssl, w->plain, CHUNK) == 100, "SSL_read");
        write_all(&w->server, 100);
        carry(w, &w->server, &w->client, CHUNK);
        must(SSL_read(w->client.ssl, w->plain, CHUNK) == 100, "SSL_read");
    }
}

static void until_dry(Work *w)
{
    for (int i = 0; i < w->count; i++) {
        write_all(&w->client, 100);
        carry(w, &w->client, &w->server, CHUNK);
        read_dry(w, &w->server);
        write_all(&w->server, 100);
        carry(w, &w->server, &w->client, CHUNK);
        read_dry(w, &w->client);
    }
}

static void stream(Work *w, int writes, int size, int chunk)
{
    for (int i = 0; i < w->count; i++) {
        for (int j = 0; j < writes; j++)
            write_all(&w->client, size);
        while (carry(w, &w->client, &w->server, chunk) > 0)
            read_dry(w, &w->server);
    }
}

static void small_records(Work *w) { stream(w, 1000, 200, LARGE); }
static void writes_then_drain(Work *w) { stream(w, 64, 100, CHUNK); }
static void bulk_100(Work *w) { stream(w, CHUNK / 100, 100, CHUNK); }
static void bulk_1k(Work *w) { stream(w, CHUNK / 1024, 1024, CHUNK); }
static void bulk_16k(Work *w) { stream(w, LARGE / 16384, 16384, LARGE); }
static void bulk_1m(Work *w) { stream(w, 1, 1 << 20, LARGE); }
static void bulk_64k(Work *w) { stream(w, 1, CHUNK, CHUNK); }

static void handshakes(Work *w)
{
    for (int i = 0; i < w->count; i++) {
        End client = end_of(w->client_ctx, 0), server = end_of(w->server_ctx, 1);
        SSL_SESSION *session = w->session == NULL ? NULL : SSL_SESSION_dup(w->session);

        if (session != NULL)
            must(SSL_set_session(client.ssl, session), "SSL_set_session");
        SSL_SESSION_free(session);
        shake(w, &client, &server);
        must(SSL_session_reused(client.ssl) == (session != NULL), "resumption");
        drop(client);
        drop(server);
    }
}

static void connection(Work *w)
{
    for (int i = 0; i < w->count; i++)
        drop(end_of(w->client_ctx, 0));
}

static void host(Work *w)
{
    static const char name[] = "www.example.com";

    for (int i = 0; i < w->count; i++) {
        End client = end_of(w->client_ctx, 0);
        X509_VERIFY_PARAM *param = SSL_get0_param(client.ssl);

        must(SSL_set_tlsext_host_name(client.ssl, name) == 1, "SSL_set_tlsext_host_name");
        X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        must(X509_VERIFY_PARAM_set1_host(param, name, sizeof name - 1), "X509_VERIFY_PARAM_set1_host");
        drop(client);
    }
}

static void address(Work *w)
{
    for (int i = 0; i < w->count; i++) {
        End client = end_of(w->client_ctx, 0);

        must(X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(client.ssl), "192.0.2.10"), "X509_VERIFY_PARAM_set1_ip_asc");
        drop(client);
    }
}

static void pending(Work *w)
{
    for (int i = 0; i < w->count; i++) {
        if (ERR_peek_error() != 0)
            ERR_clear_error();
        must(SSL_pending(w->client.ssl) == 0, "SSL_pending");
    }
}

static const struct {
    const char *name, *suites;
    void (*run)(Work *);
    int threads;
} workloads[] = {
    {"ping_pong", NULL, ping_pong, 1},
    {"until_dry", NULL, until_dry, 1},
    {"small_records", NULL, small_records, 1},
    {"writes_then_drain", NULL, writes_then_drain, 1},
    {"bulk_100", NULL, bulk_100, 1},
    {"bulk_1k", NULL, bulk_1k, 1},
    {"bulk_16k", "TLS_AES_128_GCM_SHA256", bulk_16k, 1},
    {"bulk_16k_chacha", "TLS_CHACHA20_POLY1305_SHA256", bulk_16k, 1},
    {"bulk_1m", "TLS_AES_128_GCM_SHA256", bulk_1m, 1},
    {"handshake", NULL, handshakes, 1},
    {"resumption", NULL, handshakes, 1},
    {"connection", NULL, connection, 1},
    {"host", NULL, host, 1},
    {"address", NULL, address, 1},
    {"pending", NULL, pending, 1},
    {"one_thread", "TLS_AES_128_GCM_SHA256", bulk_64k, 1},
    {"two_threads", "TLS_AES_128_GCM_SHA256", bulk_64k, 2},
};
enum { WORKLOADS = sizeof workloads / sizeof *workloads };

static Work prepared(int which, int release)
{
    Work w = {0};

    w.run = workloads[which].run;
    w.chunk = malloc(MOST);
    w.plain = malloc(CHUNK);
    w.client_ctx = context(0, release, workloads[which].suites);
    w.server_ctx = context(1, release, workloads[which].suites);
    w.client = end_of(w.client_ctx, 0);
    w.server = end_of(w.server_ctx, 1);
    shake(&w, &w.client, &w.server);
    if (strcmp(workloads[which].name, "resumption") == 0)
        w.session = SSL_get1_session(w.client.ssl);
    return w;
}

static double seconds(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static Work work[WORKLOADS][2][2];

static void *thread_of(void *work)
{
    ((Work *)work)->run(work);
    return NULL;
}

/* Not inlined: callgrind counts what is inside. */
__attribute__((noinline)) static void run(int which, int count, int release)
{
    pthread_t thread[2];
    Work *w = work[which][release];
    int threads = workloads[which].threads;
    double cpu, wall;

    for (int i = 0; i < threads; i++) {
        if (w[i].run == NULL)
            w[i] = prepared(which, release);
        w[i].count = count;
    }
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    wall = seconds(CLOCK_MONOTONIC);
    for (int i = 1; i < threads; i++)
        must(pthread_create(&thread[i], NULL, thread_of, &w[i]) == 0, "pthread_create");
    thread_of(&w[0]);
    for (int i = 1; i < threads; i++)
        pthread_join(thread[i], NULL);
    printf("%.9f %.9f\n", seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu, seconds(CLOCK_MONOTONIC) - wall);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    char name[40];
    int count, release, which;

    must(argc == 2, "usage: floor CERTIFICATE");
    certificate = argv[1];
    memset(text, 'x', sizeof text);
    while (scanf("%39s %d %d", name, &count, &release) == 3) {
        for (which = 0; which < WORKLOADS && strcmp(workloads[which].name, name) != 0; which++)
            ;
        must(which < WORKLOADS, name);
        run(which, count, release != 0);
    }
    return 0;
}
