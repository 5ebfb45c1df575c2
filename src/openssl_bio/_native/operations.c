/*
 * One call, one operation.
 *
 * Between two calls from Python anything may run on the same thread: a
 * destructor, a signal handler, a callback, Python's own ssl module, which
 * may share our libcrypto.  All of them use the one error queue that OpenSSL
 * keeps per thread, and up to OpenSSL 3.6 SSL_get_error() reads that queue:
 * one stale entry turns "want read" into a failure.  So an operation here
 * clears the queue, runs libssl, and moves everything that tells how it went
 * (SSL_get_error, errno, the queue) into an outcome before it returns.
 *
 * Every operation returns the SSL_get_error() code, which is also in the
 * outcome, and leaves the queue empty.  `broken` says that libssl's state
 * machine is in its error state: nothing will work on that SSL again.
 */
#include <errno.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "internal/outcomes.h"

enum { MOST_RECORDS = 32 };

void obio_forget(obio_outcome *outcome)
{
    for (size_t i = 0; i < outcome->records; i++)
        OPENSSL_free(outcome->record[i].data);
    OPENSSL_free(outcome->record);
    memset(outcome, 0, sizeof *outcome);
}

obio_outcome *obio_outcome_new(void)
{
    return OPENSSL_zalloc(sizeof(obio_outcome));
}

void obio_outcome_free(obio_outcome *outcome)
{
    if (outcome == NULL)
        return;
    obio_forget(outcome);
    OPENSSL_free(outcome);
}

void obio_begin(obio_outcome *outcome)
{
    if (outcome->record != NULL)
        obio_forget(outcome);
    outcome->count = 0;
    outcome->ssl_error = outcome->sys_errno = outcome->broken = 0;
    if (ERR_peek_error() != 0)
        ERR_clear_error();
    errno = 0;
}

/* Move the error queue into the outcome, oldest first.  Returns how many there were. */
int obio_save_errors(obio_outcome *outcome)
{
    obio_record found[MOST_RECORDS];
    size_t count = 0;
    unsigned long code;
    const char *data;
    int flags;

    obio_forget(outcome);
    while ((code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags)) != 0) {
        if (count == MOST_RECORDS)
            continue;
        found[count].code = code;
        found[count].data = (flags & ERR_TXT_STRING) != 0 ? OPENSSL_strdup(data) : NULL;
        count++;
    }
    if (count == 0)
        return 0;
    outcome->record = OPENSSL_malloc(count * sizeof *found);
    if (outcome->record == NULL) {
        while (count > 0)
            OPENSSL_free(found[--count].data);
        ERR_clear_error();
        return 0;
    }
    memcpy(outcome->record, found, count * sizeof *found);
    outcome->records = count;
    return (int)count;
}

/* Put saved errors back: for libssl, which is in the middle of an operation when it calls back. */
void obio_restore_errors(const obio_outcome *outcome)
{
    ERR_clear_error();
    for (size_t i = 0; i < outcome->records; i++) {
        const obio_record *record = &outcome->record[i];

        ERR_new();
        ERR_set_error(ERR_GET_LIB(record->code), ERR_GET_REASON(record->code),
                      record->data != NULL ? "%s" : NULL, record->data);
    }
}

static int in_error_state(const SSL *ssl)
{
    return strcmp(SSL_state_string(ssl), "SSLERR") == 0;
}

int obio_conclude(SSL *ssl, int result, size_t count, obio_outcome *outcome)
{
    int sys_errno = errno;
    int ssl_error = SSL_get_error(ssl, result);

    if (ERR_peek_error() != 0) {
        /* 4.0 takes a shared BIO that could not write for one that waits, if its reader does. */
        if (ssl_error == SSL_ERROR_WANT_READ || ssl_error == SSL_ERROR_WANT_WRITE)
            ssl_error = SSL_ERROR_SSL;
        obio_save_errors(outcome);
    }
    outcome->count = count;
    outcome->ssl_error = ssl_error;
    outcome->sys_errno = sys_errno;
    /*
     * Since 3.2 a handshake that the record layer gave up is not in the error state, and yet cannot go on.  Nor can a
     * connection that could not write a record: libssl would take any later data for the rest of that record's.
     */
    outcome->broken = in_error_state(ssl)
        || (ssl_error == SSL_ERROR_SSL && ((SSL_in_init(ssl) && !SSL_in_before(ssl)) || SSL_want_write(ssl)));
    return ssl_error;
}

int obio_handshake(SSL *ssl, obio_outcome *outcome)
{
    obio_begin(outcome);
    return obio_conclude(ssl, SSL_do_handshake(ssl), 0, outcome);
}

/* Fill the buffer from as many records as there are.  A datagram is never joined with the next. */
/*
 * A server that has begun to read early data gets what is left of that from SSL_read(), too, as if it were what clients
 * send after the handshake; but it may be a replay.  So the handshake goes on before anything is read, and libssl ends it
 * where early data is left.  Returns what SSL_do_handshake() does, or 1.
 */
int obio_pass_early_data(SSL *ssl)
{
    return SSL_get_state(ssl) == TLS_ST_EARLY_DATA && SSL_is_server(ssl) ? SSL_do_handshake(ssl) : 1;
}

int obio_read(SSL *ssl, void *buffer, size_t size, obio_outcome *outcome)
{
    size_t total = 0, got = 0;
    int result;

    obio_begin(outcome);
    result = obio_pass_early_data(ssl);
    while (result > 0 && total < size) {
        result = SSL_read_ex(ssl, (char *)buffer + total, size - total, &got);
        if (result > 0)
            total += got;
        if (SSL_is_dtls(ssl))
            break;
    }
    return obio_conclude(ssl, result, total, outcome);
}

int obio_peek(SSL *ssl, void *buffer, size_t size, obio_outcome *outcome)
{
    size_t got = 0;
    int result;

    obio_begin(outcome);
    result = obio_pass_early_data(ssl);
    if (result > 0)
        result = SSL_peek_ex(ssl, buffer, size, &got);
    return obio_conclude(ssl, result, result > 0 ? got : 0, outcome);
}

/* Seal all of the data, also where SSL_MODE_ENABLE_PARTIAL_WRITE makes libssl stop after each record. */
int obio_write(SSL *ssl, const void *data, size_t size, obio_outcome *outcome)
{
    size_t total = 0, put = 0;
    int result;

    obio_begin(outcome);
    do {
        result = SSL_write_ex(ssl, (const char *)data + total, size - total, &put);
        if (result > 0)
            total += put;
    } while (result > 0 && total < size);
    return obio_conclude(ssl, result, total, outcome);
}

/* The count is 1 when both close_notify alerts have passed, 0 while the peer's is awaited. */
int obio_shutdown(SSL *ssl, obio_outcome *outcome)
{
    int result;

    obio_begin(outcome);
    result = SSL_shutdown(ssl);
    if (result < 0) {
        int ssl_error = obio_conclude(ssl, result, 0, outcome);

        outcome->broken = in_error_state(ssl); /* a shutdown that comes too early ends nothing */
        return ssl_error;
    }
    ERR_clear_error();
    outcome->count = (size_t)result;
    return SSL_ERROR_NONE;
}

int obio_write_early_data(SSL *ssl, const void *data, size_t size, obio_outcome *outcome)
{
    size_t put = 0;
    int result;

    obio_begin(outcome);
    result = SSL_write_early_data(ssl, data, size, &put);
    return obio_conclude(ssl, result, put, outcome);
}

/* Up to size bytes.  The count is 0 with SSL_ERROR_NONE when there is no more, and the handshake can go on. */
int obio_read_early_data(SSL *ssl, void *buffer, size_t size, obio_outcome *outcome)
{
    size_t total = 0, got = 0;
    int result;

    obio_begin(outcome);
    do {
        result = SSL_read_early_data(ssl, (char *)buffer + total, size - total, &got);
        if (result != SSL_READ_EARLY_DATA_ERROR)
            total += got;
    } while (result == SSL_READ_EARLY_DATA_SUCCESS && total < size);
    if (result == SSL_READ_EARLY_DATA_ERROR)
        return obio_conclude(ssl, 0, total, outcome);
    ERR_clear_error();
    outcome->count = total;
    return SSL_ERROR_NONE;
}

/* The count is 1 when a ClientHello with a valid cookie has come. */
int obio_listen(SSL *ssl, obio_outcome *outcome)
{
    BIO_ADDR *peer;
    int result;

    obio_begin(outcome);
    peer = BIO_ADDR_new();
    if (peer == NULL) {
        obio_save_errors(outcome);
        outcome->ssl_error = SSL_ERROR_SSL;
        return SSL_ERROR_SSL;
    }
    result = DTLSv1_listen(ssl, peer);
    BIO_ADDR_free(peer);
    if (result == 0) { /* it tells SSL_get_error() nothing */
        ERR_clear_error();
        outcome->ssl_error = SSL_ERROR_WANT_READ;
        return SSL_ERROR_WANT_READ;
    }
    return obio_conclude(ssl, result, result > 0, outcome);
}

/* The count is 1 if a timer had expired, and the last flight was sent again. */
int obio_handle_timeout(SSL *ssl, obio_outcome *outcome)
{
    int result;

    obio_begin(outcome);
    result = (int)DTLSv1_handle_timeout(ssl);
    if (result >= 0) {
        ERR_clear_error();
        outcome->count = result > 0;
        return SSL_ERROR_NONE;
    }
    return obio_conclude(ssl, result, 0, outcome);
}

/* Microseconds until the running timer expires; -1 if none runs. */
long long obio_timeout(SSL *ssl)
{
    struct timeval left;

    if (DTLSv1_get_timeout(ssl, &left) != 1)
        return -1;
    return (long long)left.tv_sec * 1000000 + left.tv_usec;
}

/*
 * End the connection with a fatal alert to the peer.
 *
 * A callback that returns nothing to libssl (info, key log) cannot refuse a
 * handshake, and libssl has no call that sends an alert.  It sends one when it
 * meets a record that no TLS version allows, protected by whatever keys are in
 * use; so that is what it is shown here.  What the peer sent before is not
 * read any more.
 */
void obio_abort(SSL *ssl)
{
    /* A handshake record of 65535 bytes.  libssl answers a wrong version in the first record without an alert. */
    static const unsigned char no_tls_record[8] = {0x16, 0x03, 0x03, 0xff, 0xff};
    BIO *bad = BIO_new_mem_buf(no_tls_record, (int)sizeof no_tls_record);
    char byte;

    if (bad == NULL) {
        ERR_clear_error();
        return;
    }
    SSL_set0_rbio(ssl, bad);
    (void)SSL_read(ssl, &byte, 1);
    ERR_clear_error();
}

/*
 * An SSL whose application's data is the handle.  A read that meets a record
 * without plaintext, such as a ticket, goes on with the next.  Returns NULL with
 * the error queued.
 */
SSL *obio_new(SSL_CTX *ctx, void *owner)
{
    SSL *ssl = SSL_new(ctx);

    if (ssl == NULL)
        return NULL;
    if (!SSL_set_app_data(ssl, owner)) {
        SSL_free(ssl);
        return NULL;
    }
    SSL_set_mode(ssl, SSL_MODE_AUTO_RETRY);
    return ssl;
}

/* Set the session id context of an SSL, and maybe of the session that it has.  1, or 0 with the error queued. */
int obio_name_sessions(SSL *ssl, const unsigned char *name, unsigned size, int of_session)
{
    SSL_SESSION *session = of_session ? SSL_get_session(ssl) : NULL;

    return SSL_set_session_id_context(ssl, name, size)
        && (session == NULL || SSL_SESSION_set1_id_context(session, name, size));
}

/*
 * Offer a copy of a session, since libssl changes what a connection uses.  One that has travelled belongs to no context
 * yet.  1, or 0 with the error queued.
 */
int obio_resume(SSL *ssl, const SSL_SESSION *session, int travelled)
{
    SSL_SESSION *copy = SSL_SESSION_dup(session);
    int done = copy != NULL && (!travelled || SSL_SESSION_set1_id_context(copy, (const unsigned char *)"", 0))
        && SSL_set_session(ssl, copy);

    SSL_SESSION_free(copy);
    return done;
}

/* What `obio_new` was given, or 0 while the connection is being freed. */
uintptr_t obio_owner(const SSL *ssl)
{
    return (uintptr_t)SSL_get_app_data(ssl);
}

/*
 * SSL_free() takes the session of a connection that was not shut down for
 * broken and makes it unusable to everybody who shares it.  A connection may
 * just be dropped, so it is marked as shut down first.  A connection that
 * failed has its session invalidated by libssl when it fails.
 */
void obio_free(SSL *ssl)
{
    SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(ssl);
}

/*
 * An SSL may hold the SSL_CTX for longer than Python has the store that is told of its sessions.  And that an SSL_CTX
 * is freed is no reason not to resume them: another one, or another process, may know them too.
 */
void obio_free_ctx(SSL_CTX *ctx)
{
    SSL_CTX_sess_set_remove_cb(ctx, NULL);
    SSL_CTX_free(ctx);
}
