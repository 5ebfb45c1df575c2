/* The TLS engine without Python: see engine_core.c. */
#ifndef OBIO_ENGINE_CORE_H
#define OBIO_ENGINE_CORE_H

#include <openssl/ssl.h>

#include "internal/boxes.h"
#include "internal/outcomes.h"

/* SSL_MODE_RELEASE_BUFFERS is libssl's, as the user has set it; or set and cleared by warm.c, whatever was wished. */
enum { OBIO_AS_TOLD, OBIO_NOT_WISHED, OBIO_WISHED };

typedef struct {
    SSL *ssl; /* belongs to somebody else */
    BIO *incoming, *outgoing;
    obio_box *inbox, *outbox; /* of those BIOs; NULL where a BIO is somebody else's */
    obio_box *far;            /* of the incoming BIO, where it leads elsewhere and knows how much is there */
    obio_outcome outcome;     /* of the last operation */
    size_t overhead;          /* of a record on an open connection, beside its header; 0 while unknown */
    int is_exact;             /* each record has that, and not about that */
    size_t promised;          /* what the next read gives if libssl does nothing but decrypt; 0 while unknown */
    int datagrams;
    int open; /* the handshake was over when the operation that runs began, as far as its caller has said so */
    int dry;    /* another read would want more ciphertext */
    int wants;  /* the last operation read until there was no more, and libssl was not asked */
    int only_data; /* all that libssl did in it was to seal or open records of data; for warm.c, set to 0 before each */
    struct obio_guard *guard; /* for warm.c, NULL if the engine has nothing to do with it */
    int place;                /* in the ring of warm connections, from 1 on; 0 for none */
    int cooling;              /* how many threads make it give up its buffers: who was last may not know it yet */
    int turns;                /* what it has done without one, in small operations */
    int releases;             /* who decides on SSL_MODE_RELEASE_BUFFERS, see above */
} obio_engine;

int obio_engine_open(obio_engine *engine, SSL *ssl, BIO *incoming, BIO *outgoing);
void obio_engine_close(obio_engine *engine);

void obio_engine_read(obio_engine *engine, void *buffer, size_t size);
void obio_engine_write(obio_engine *engine, const void *data, size_t size);

size_t obio_engine_room(obio_engine *engine, size_t size);
size_t obio_engine_sealed_size(obio_engine *engine, size_t size);
int obio_engine_is_dry(obio_engine *engine);

#endif
