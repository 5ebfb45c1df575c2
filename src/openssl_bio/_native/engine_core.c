/*
 * The TLS engine without Python.
 *
 * An engine joins an SSL with two BIOs of memory and runs the operations that
 * matter for speed on them.  It knows no Python, allocates only through its
 * boxes, and can be driven alone by a fuzzer or a thread checker.  One thread at
 * a time: whoever uses it brings the lock.
 *
 * Reading and writing differ from the plain operations of operations.c in what
 * they leave out.  When all went well there is nothing to ask libssl about: the
 * outcome is a count.  And when a read has taken the last byte of ciphertext,
 * the next one would only want more, so the engine is `dry` and libssl is not
 * entered again.  That holds only if the handshake is over, nothing is pending,
 * the peer has neither closed nor ended, and it is a stream whose bytes can be
 * counted.  Sealing reads nothing and so leaves it; any other operation, and anything put into the inbox, ends it.
 */
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "datagrams.h"
#include "internal/engine_core.h"
#include "internal/warm.h"

enum { HEADER = 5, RECORD = 16 * 1024 };

static BIO *new_datagrams(void)
{
    const BIO_METHOD *method = obio_datagrams();

    return method == NULL ? NULL : BIO_new(method);
}

static int attach(obio_engine *engine, BIO **slot, obio_box **box, BIO *given, void (*set)(SSL *, BIO *))
{
    BIO *bio = given;

    if (given != NULL)
        BIO_up_ref(bio);
    else
        bio = engine->datagrams ? new_datagrams() : obio_box_new(0);
    if (bio == NULL)
        return 0;
    *box = obio_box_of(bio);
    *slot = bio;
    BIO_up_ref(bio);
    set(engine->ssl, bio);
    return 1;
}

/* A box that leads elsewhere is a BIO as any other, but that the engine may know how much there is to read. */
static void know_far(obio_engine *engine)
{
    if (engine->inbox != NULL && engine->inbox->far != NULL) {
        engine->far = engine->inbox->far->sized && !engine->datagrams ? engine->inbox : NULL;
        engine->inbox = NULL;
    }
    if (engine->outbox != NULL && engine->outbox->far != NULL)
        engine->outbox = NULL;
}

/* Join an SSL, which must outlive the engine, with these BIOs or, for NULL, with memory of its own.  Returns 1, or 0 with the error queued. */
int obio_engine_open(obio_engine *engine, SSL *ssl, BIO *incoming, BIO *outgoing)
{
    memset(engine, 0, sizeof *engine);
    engine->ssl = ssl;
    engine->datagrams = SSL_is_dtls(ssl);
    if (attach(engine, &engine->incoming, &engine->inbox, incoming, SSL_set0_rbio)
        && attach(engine, &engine->outgoing, &engine->outbox, outgoing, SSL_set0_wbio)) {
        know_far(engine);
        return 1;
    }
    obio_engine_close(engine);
    return 0;
}

/* Let go of everything but the SSL.  Closing twice does nothing. */
void obio_engine_close(obio_engine *engine)
{
    obio_warm_close(engine);
    obio_forget(&engine->outcome);
    BIO_free(engine->incoming);
    BIO_free(engine->outgoing);
    memset(engine, 0, sizeof *engine);
}

/* Whether a read now would only want more ciphertext: asked before each read. */
int obio_engine_is_dry(obio_engine *engine)
{
    obio_box *far = engine->far;

    if (far != NULL)
        return obio_box_ask(far) == 0 && engine->dry && !far->far->ended(far->far);
    return engine->dry && obio_box_waits(engine->inbox);
}

/* As far as is known: if somebody else fills what is far, the next read will ask. */
static int is_empty(const obio_engine *engine)
{
    if (engine->far != NULL)
        return obio_box_known(engine->far) == 0;
    return engine->inbox != NULL && obio_box_waits(engine->inbox);
}

/* Where all came that was promised, nothing is pending, unless libssl reads ahead, and no handshake has begun. */
static int has_run_dry(const obio_engine *engine, int all_came)
{
    return is_empty(engine) && !engine->datagrams
        && ((all_came && engine->open && !SSL_get_read_ahead(engine->ssl)) || (SSL_is_init_finished(engine->ssl) && !SSL_has_pending(engine->ssl)))
        && SSL_get_shutdown(engine->ssl) == 0;
}

/* All went well: so there is no error in the queue where libssl has only sealed and opened records of data. */
static void succeed(obio_engine *engine, size_t count, int only_data)
{
    if (!only_data && ERR_peek_error() != 0)
        ERR_clear_error();
    engine->outcome.count = count;
    engine->only_data = only_data;
}

/* Fill the buffer from as many records as there are; the outcome has the count.  A datagram is never joined. */
void obio_engine_read(obio_engine *engine, void *buffer, size_t size)
{
    size_t total = 0, promised = engine->promised, got;
    int result;

    obio_begin(&engine->outcome);
    engine->dry = engine->wants = 0;
    engine->promised = 0;
    result = engine->open ? 1 : obio_pass_early_data(engine->ssl);
    do {
        if (result > 0)
            result = SSL_read_ex(engine->ssl, (char *)buffer + total, size - total, &got);
        if (result <= 0) {
            obio_conclude(engine->ssl, result, total, &engine->outcome);
            engine->dry = engine->outcome.ssl_error == SSL_ERROR_WANT_READ && has_run_dry(engine, 0);
            return;
        }
        total += got;
        engine->dry = has_run_dry(engine, total == promised);
    } while (total < size && !engine->dry && !engine->datagrams);
    engine->wants = engine->dry && total < size;
    succeed(engine, total, total == promised);
}

/* Seal all of the data, also where SSL_MODE_ENABLE_PARTIAL_WRITE makes libssl stop after each record. */
void obio_engine_write(obio_engine *engine, const void *data, size_t size)
{
    int sealing = engine->open && engine->outbox != NULL;
    size_t total = 0, put;

    obio_begin(&engine->outcome);
    engine->dry = engine->dry && sealing; /* which reads nothing */
    engine->wants = 0;
    do {
        int result = SSL_write_ex(engine->ssl, (const char *)data + total, size - total, &put);

        if (result <= 0) {
            engine->dry = 0;
            obio_conclude(engine->ssl, result, total, &engine->outcome);
            return;
        }
        total += put;
    } while (total < size);
    succeed(engine, total, sealing);
}

/* -- how large answers will be ------------------------------------------------------------------------------------ */

/*
 * What is added to a record, beside the header.  It is exact for the AEADs that everybody uses, and guessed for the rest:
 * others have tags of 8 bytes, which libssl does not tell, and what is no AEAD, or is compressed, adds this and that.
 */
static void learn_overhead(obio_engine *engine)
{
    const SSL_CIPHER *cipher = SSL_get_current_cipher(engine->ssl);
    int nid = cipher == NULL ? NID_undef : SSL_CIPHER_get_cipher_nid(cipher);
    int explicit_nonce = nid == NID_chacha20_poly1305 ? 0 : 8;

    engine->overhead = 16 + (SSL_version(engine->ssl) == TLS1_3_VERSION ? 1 : (size_t)explicit_nonce);
    engine->is_exact = (nid == NID_aes_128_gcm || nid == NID_aes_256_gcm || nid == NID_chacha20_poly1305)
        && SSL_get_current_compression(engine->ssl) == NULL;
}

static size_t overhead(obio_engine *engine)
{
    if (engine->overhead == 0 && SSL_is_init_finished(engine->ssl))
        learn_overhead(engine);
    return engine->overhead;
}

/* Learn what is there, and the size of the next record if libssl would read that now: what follows TLS is not ours. */
static void look_far(const obio_engine *engine)
{
    if (obio_box_known(engine->far) == 0)
        obio_box_ask(engine->far);
    if (engine->overhead != 0 && SSL_get_shutdown(engine->ssl) == 0 && !SSL_has_pending(engine->ssl))
        obio_box_look(engine->far); /* of no use before the handshake is over, where libssl may have to write first */
}

static size_t waiting(const obio_engine *engine, obio_box *box)
{
    return engine->far == NULL ? obio_box_size(box) : obio_box_known(box);
}

/* How large a buffer to make for a read of up to `size` bytes: what will come, or a bit more; never 0. */
size_t obio_engine_room(obio_engine *engine, size_t size)
{
    size_t each = overhead(engine), room = 0;
    obio_box *box = engine->far == NULL ? engine->inbox : engine->far;
    int plain = 0;

    if (engine->far != NULL)
        look_far(engine);
    if (box != NULL && !engine->datagrams && each != 0)
        room = obio_box_expect(box, each, &plain) + (engine->dry ? 0 : (size_t)SSL_pending(engine->ssl));
    engine->promised = plain && engine->is_exact && room <= size ? room : 0;
    if (room == 0)
        room = box != NULL && waiting(engine, box) == 0 ? 1 : RECORD;
    return room < size ? room : size;
}

/* How much ciphertext there will be once `size` bytes are sealed: exact, or a bit more or less. */
size_t obio_engine_sealed_size(obio_engine *engine, size_t size)
{
    size_t records = size / RECORD + (size % RECORD != 0);
    size_t waiting = engine->outbox == NULL ? 0 : obio_box_size(engine->outbox);

    return waiting + size + records * (HEADER + overhead(engine));
}
