/*
 * The C engine without Python, driven from threads, for ThreadSanitizer: `make tsan`.
 *
 * Each pair is a client and a server, each in a thread of its own, joined by two boxes that both use.  All pairs run
 * at once, and share the blocks of memory that buffers.c keeps, and the few places of warm.c.  A thread does what a
 * user does: shake hands, seal, read until it wants more, and give way.  What comes must be what was sent.
 */
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "internal/warm.h"

enum { PAIRS = 4, ROUNDS = 60, MOST = 40000, VERSIONS = 2 };

static atomic_int failures;

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            ERR_print_errors_fp(stderr); \
            failures++; \
            return NULL; \
        } \
    } while (0)

struct obio_guard {
    pthread_mutex_t lock;
};

int obio_guard_try(obio_guard *guard)
{
    return pthread_mutex_trylock(&guard->lock) == 0;
}

void obio_guard_release(obio_guard *guard)
{
    pthread_mutex_unlock(&guard->lock);
}

typedef struct {
    SSL *ssl;
    BIO *in, *out;
    atomic_int *done; /* of both ends */
} end;

static size_t size_of(int round)
{
    return 1 + (size_t)round * 7919 % MOST;
}

/* An operation begins, or is over. */
static void enter(const obio_engine *engine)
{
    pthread_mutex_lock(&engine->guard->lock);
}

static void leave(obio_engine *engine)
{
    if (engine->place == 0)
        obio_warm_up(engine);
    obio_guard_release(engine->guard);
}

/* Seal one message a round, and read what the other end has sent, in any pieces. */
static void *use(void *argument)
{
    end *self = argument;
    obio_engine engine;
    obio_guard guard = {PTHREAD_MUTEX_INITIALIZER};
    unsigned char *data = malloc(MOST), *got = malloc(MOST);
    size_t sent = 0, received = 0, expected = 0;

    CHECK(data != NULL && got != NULL && obio_engine_open(&engine, self->ssl, self->in, self->out));
    obio_warm_open(&engine, &guard);
    for (int round = 0; round < ROUNDS; round++)
        expected += size_of(round);
    for (int over = 0; !over;) {
        enter(&engine);
        over = obio_handshake(self->ssl, &engine.outcome) == SSL_ERROR_NONE;
        leave(&engine);
        CHECK(over || engine.outcome.ssl_error == SSL_ERROR_WANT_READ);
        sched_yield();
    }
    for (int round = 0; round < ROUNDS || received < expected;) {
        if (round < ROUNDS) {
            for (size_t i = 0; i < size_of(round); i++)
                data[i] = (unsigned char)((sent + i) % 251);
            enter(&engine);
            obio_engine_write(&engine, data, size_of(round));
            leave(&engine);
            CHECK(engine.outcome.count == size_of(round));
            sent += size_of(round++);
        }
        if (!obio_engine_is_dry(&engine)) {
            enter(&engine);
            obio_engine_read(&engine, got, obio_engine_room(&engine, MOST));
            leave(&engine);
            CHECK(engine.outcome.count > 0 || engine.outcome.ssl_error == SSL_ERROR_WANT_READ);
            for (size_t i = 0; i < engine.outcome.count; i++)
                CHECK(got[i] == (received + i) % 251);
            received += engine.outcome.count;
        }
        sched_yield();
    }
    CHECK(received == expected);
    (*self->done)++;
    while (*self->done < 2) /* the other end may still look at the boxes */
        sched_yield();
    obio_engine_close(&engine);
    free(data);
    free(got);
    return NULL;
}

static SSL_CTX *new_server(EVP_PKEY *key, int version)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    X509 *certificate = X509_new();

    CHECK(ctx != NULL && certificate != NULL && key != NULL);
    CHECK(X509_set_version(certificate, 2) && ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1)
          && X509_gmtime_adj(X509_getm_notBefore(certificate), -60)
          && X509_gmtime_adj(X509_getm_notAfter(certificate), 3600)
          && X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                                        (const unsigned char *)"localhost", -1, -1, 0)
          && X509_set_issuer_name(certificate, X509_get_subject_name(certificate))
          && X509_set_pubkey(certificate, key) && X509_sign(certificate, key, EVP_sha256()));
    CHECK(SSL_CTX_use_certificate(ctx, certificate) && SSL_CTX_use_PrivateKey(ctx, key));
    CHECK(SSL_CTX_set_max_proto_version(ctx, version));
    X509_free(certificate);
    return ctx;
}

static void set_up(end *self, SSL_CTX *ctx, BIO *in, BIO *out, atomic_int *done, int is_server)
{
    self->ssl = SSL_new(ctx);
    self->in = in;
    self->out = out;
    self->done = done;
    if (is_server)
        SSL_set_accept_state(self->ssl);
    else
        SSL_set_connect_state(self->ssl);
}

static void *run(int version)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    SSL_CTX *server = new_server(key, version), *client = SSL_CTX_new(TLS_client_method());
    end ends[2 * PAIRS];
    BIO *boxes[2 * PAIRS];
    atomic_int done[PAIRS];
    pthread_t threads[2 * PAIRS];

    CHECK(server != NULL && client != NULL);
    for (int i = 0; i < 2 * PAIRS; i++)
        CHECK((boxes[i] = obio_box_new(1)) != NULL);
    for (int i = 0; i < PAIRS; i++) {
        done[i] = 0;
        set_up(&ends[2 * i], client, boxes[2 * i], boxes[2 * i + 1], &done[i], 0);
        set_up(&ends[2 * i + 1], server, boxes[2 * i + 1], boxes[2 * i], &done[i], 1);
    }
    for (int i = 0; i < 2 * PAIRS; i++)
        CHECK(pthread_create(&threads[i], NULL, use, &ends[i]) == 0);
    for (int i = 0; i < 2 * PAIRS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    for (int i = 0; i < 2 * PAIRS; i++) {
        obio_free(ends[i].ssl);
        BIO_free(boxes[i]);
    }
    SSL_CTX_free(client);
    SSL_CTX_free(server);
    EVP_PKEY_free(key);
    return NULL;
}

int main(void)
{
    static const int versions[VERSIONS] = {TLS1_2_VERSION, TLS1_3_VERSION};

    for (int i = 0; i < VERSIONS; i++)
        run(versions[i]);
    printf("%d pairs of threads, %d messages each way, %d failures\n", VERSIONS * PAIRS, ROUNDS, failures);
    return failures != 0;
}
