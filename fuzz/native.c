/*
 * The C engine and libssl without Python, for libFuzzer: `make fuzz-native`.
 *
 * An input is a program for the two ends of a connection.  Its first bytes say which protocol they speak, what their
 * BIOs are, and whether the handshake is over already; the others are operations with their arguments: shake hands,
 * read, write, look, close, renegotiate, change keys, and carry ciphertext on in pieces, changed, lent, aimed or made
 * up.  Every buffer has just the size that is told, so that AddressSanitizer sees each byte too many.
 *
 * What must hold: no operation leaves an error in the queue, or counts more bytes than there was room for.  An engine
 * that says it is dry has nothing to read.  What is received is what was sent, in its order, whatever was done to the
 * ciphertext; and if nothing was done to it, all of it comes.  One end at a time is warm, so the other has no buffers.
 *
 * Randomness is not random, so that what is found is found again.
 */
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "datagrams.h"
#include "internal/warm.h"

enum { TLS_1_2, TLS_1_3, DTLS, PROTOCOLS };
enum { OWN, SHARED, FAR, FAR_UNSIZED, KINDS };
enum { MOST_STEPS = 200, MOST_DATA = 64 * 1024, ENOUGH = 512 * 1024, ROUNDS = 100 };

/* A libssl that is built for fuzzing takes wrong MACs and Finished messages for right ones: what comes may be anything. */
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
enum { LENIENT = 1 };
#else
enum { LENIENT = 0 };
#endif

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            ERR_print_errors_fp(stderr); \
            abort(); \
        } \
    } while (0)

/* -- the input ---------------------------------------------------------------------------------------------------- */

typedef struct {
    const uint8_t *at;
    size_t left;
} input;

static unsigned byte_of(input *in)
{
    if (in->left == 0)
        return 0;
    in->left--;
    return *in->at++;
}

/* Small numbers are likely, and large ones possible. */
static size_t number_of(input *in)
{
    unsigned first = byte_of(in);

    return first < 192 ? first : (size_t)(first - 191) << 10 | byte_of(in);
}

static void *memory(size_t size)
{
    void *made = malloc(size == 0 ? 1 : size);

    CHECK(made != NULL);
    return made;
}

/* -- bytes that are elsewhere ------------------------------------------------------------------------------------- */

/* What a box leads to: a queue, as a framework's BIO would be. */
typedef struct {
    obio_far far; /* the first member */
    obio_box box;
    unsigned char *data;
    size_t start, size;
    int ended, blocked;
} queue;

static int queue_write(obio_far *far, const void *data, size_t size)
{
    queue *q = (queue *)far;

    if (q->blocked)
        return 0;
    q->data = realloc(q->data, q->start + q->size + size + 1);
    CHECK(q->data != NULL);
    memcpy(q->data + q->start + q->size, data, size);
    q->size += size;
    return 1;
}

static int queue_read(obio_far *far, void *buffer, size_t size, size_t *got)
{
    queue *q = (queue *)far;

    *got = size < q->size ? size : q->size;
    if (*got > 0)
        memcpy(buffer, q->data + q->start, *got);
    q->start += *got;
    q->size -= *got;
    return *got > 0 ? 1 : q->ended ? 0 : -1;
}

static size_t queue_size(obio_far *far)
{
    return far->sized ? ((queue *)far)->size : 0;
}

static int queue_ended(obio_far *far)
{
    return ((queue *)far)->ended && ((queue *)far)->size == 0;
}

static int queue_end(obio_far *far)
{
    ((queue *)far)->ended = 1;
    return 1;
}

/* -- the ends ----------------------------------------------------------------------------------------------------- */

struct obio_guard {
    int is_taken;
};

int obio_guard_try(obio_guard *guard)
{
    if (guard->is_taken)
        return 0;
    guard->is_taken = 1;
    return 1;
}

void obio_guard_release(obio_guard *guard)
{
    CHECK(guard->is_taken == 1);
    guard->is_taken = 0;
}

typedef struct {
    SSL *ssl;
    obio_engine engine;
    obio_guard guard;
    BIO *in, *out; /* NULL for the engine's own */
    queue from, to;
    size_t sent, received;
    int failed; /* nothing is asked of it any more but to close */
    int silent; /* it writes no more */
} end;

typedef struct {
    end ends[2]; /* the client, the server */
    int protocol, kind;
    int damaged; /* ciphertext was changed, lost or made up */
    int closing; /* so data may be left behind */
} pair;

static SSL_CTX *clients[PROTOCOLS], *servers[PROTOCOLS];
static SSL_SESSION *sessions[PROTOCOLS];

static BIO *leading_to(queue *q, int sized)
{
    static const obio_far far = {queue_read, queue_write, queue_size, queue_ended, queue_end, 0, 0, {0}};
    BIO *bio;

    q->far = far;
    q->far.sized = sized;
    bio = obio_box_lead(&q->box, &q->far);
    CHECK(bio != NULL);
    return bio;
}

static void join(pair *p)
{
    if (p->kind == SHARED) {
        p->ends[0].in = p->ends[1].out = obio_box_new(1);
        p->ends[1].in = p->ends[0].out = obio_box_new(1);
        BIO_up_ref(p->ends[0].in);
        BIO_up_ref(p->ends[1].in);
    } else if (p->kind != OWN) {
        for (int i = 0; i < 2; i++) {
            p->ends[i].in = leading_to(&p->ends[i].from, p->kind == FAR);
            p->ends[i].out = leading_to(&p->ends[i].to, p->kind == FAR);
        }
    }
}

static void open_end(end *self, SSL_CTX *ctx)
{
    self->ssl = obio_new(ctx, self);
    CHECK(self->ssl != NULL && obio_engine_open(&self->engine, self->ssl, self->in, self->out));
    obio_warm_open(&self->engine, &self->guard);
}

static void open_pair(pair *p, int protocol, int kind, int resumed)
{
    memset(p, 0, sizeof *p);
    p->protocol = protocol;
    p->kind = protocol == DTLS ? OWN : kind;
    join(p);
    open_end(&p->ends[0], clients[protocol]);
    open_end(&p->ends[1], servers[protocol]);
    SSL_set_connect_state(p->ends[0].ssl);
    SSL_set_accept_state(p->ends[1].ssl);
    if (resumed && sessions[protocol] != NULL) {
        SSL_SESSION *session = SSL_SESSION_dup(sessions[protocol]);

        CHECK(session != NULL && SSL_set_session(p->ends[0].ssl, session));
        SSL_SESSION_free(session);
    }
    CHECK(ERR_peek_error() == 0);
}

static void close_bio(BIO *bio, const queue *q)
{
    if (bio != NULL && obio_box_of(bio) == &q->box)
        obio_box_leave(bio);
    else
        BIO_free(bio);
}

static void close_end(end *self, int ssl_first)
{
    if (ssl_first)
        obio_free(self->ssl);
    obio_engine_close(&self->engine);
    if (!ssl_first)
        obio_free(self->ssl);
    close_bio(self->in, &self->from);
    close_bio(self->out, &self->to);
    free(self->from.data);
    free(self->to.data);
}

/* -- ciphertext --------------------------------------------------------------------------------------------------- */

/* Up to so many bytes that the end has for its peer; on datagrams one of them, or none if it is larger. */
static size_t take(end *self, void *buffer, size_t size)
{
    size_t got = 0;

    if (self->engine.outbox != NULL)
        return obio_box_take(self->engine.outbox, buffer, size);
    if (!self->engine.datagrams)
        (void)queue_read(&self->to.far, buffer, size, &got);
    else if (BIO_ctrl_pending(self->engine.outgoing) <= size)
        (void)BIO_read_ex(self->engine.outgoing, buffer, size, &got);
    return got;
}

static size_t waiting(end *self)
{
    if (self->engine.outbox != NULL)
        return obio_box_size(self->engine.outbox);
    return self->engine.datagrams ? BIO_ctrl_pending(self->engine.outgoing) : self->to.size;
}

static void put(end *self, const void *data, size_t size)
{
    size_t done;

    if (self->engine.inbox != NULL)
        CHECK(obio_box_put(self->engine.inbox, data, size));
    else if (self->engine.datagrams)
        CHECK(BIO_write_ex(self->engine.incoming, data, size, &done) && done == size);
    else
        CHECK(queue_write(&self->from.far, data, size));
}

/* Carry up to so many bytes to the other end, and tell how many there were. */
static size_t carry(pair *p, int from, size_t size)
{
    size_t most = waiting(&p->ends[from]), got;
    unsigned char *data;

    if (p->kind == SHARED)
        return 0;
    if (size < most && p->protocol == DTLS)
        return 0;
    data = memory(most);
    got = take(&p->ends[from], data, size < most ? size : most);
    if (got > 0)
        put(&p->ends[!from], data, got);
    free(data);
    return got;
}

/* The same with bytes of it changed, or cut. */
static void carry_changed(pair *p, int from, input *in)
{
    unsigned char *data;
    size_t got;

    if (p->kind == SHARED)
        return;
    data = memory(ENOUGH);
    got = take(&p->ends[from], data, ENOUGH);
    if (got > 0) {
        size_t cut = byte_of(in) & 1 ? number_of(in) % got : 0;

        for (unsigned changes = byte_of(in) % 8; changes > 0; changes--)
            data[number_of(in) % got] ^= (unsigned char)byte_of(in);
        put(&p->ends[!from], data, got - cut);
        p->damaged = 1;
    }
    free(data);
}

static void make_up(pair *p, int to, input *in)
{
    size_t size = number_of(in);

    size = size < in->left ? size : in->left;
    put(&p->ends[to], in->at, size);
    in->at += size;
    in->left -= size;
    p->damaged = 1;
}

/* -- operations --------------------------------------------------------------------------------------------------- */

static unsigned char byte_at(size_t position, int whose)
{
    return (unsigned char)(position * 31 + position / 251 + (size_t)whose);
}

/* After each operation. */
static void look(end *self, size_t size)
{
    obio_outcome *outcome = &self->engine.outcome;

    if (self->engine.guard != NULL && self->engine.place == 0)
        obio_warm_up(&self->engine);
    CHECK(ERR_peek_error() == 0);
    CHECK(outcome->count <= size);
    if (outcome->ssl_error == SSL_ERROR_SSL || outcome->ssl_error == SSL_ERROR_SYSCALL)
        self->failed |= outcome->broken;
    if (outcome->records > 0) {
        obio_outcome again = {0};

        obio_restore_errors(outcome);
        CHECK(obio_save_errors(&again) == (int)outcome->records);
        CHECK(again.record[0].code == outcome->record[0].code);
        obio_forget(&again);
    }
}

static int is_checked(const pair *p)
{
    return p->protocol != DTLS && !(LENIENT && p->damaged);
}

static void count_received(pair *p, int who, const unsigned char *data, size_t count)
{
    end *self = &p->ends[who];

    for (size_t i = 0; i < count && is_checked(p); i++)
        CHECK(data[i] == byte_at(self->received + i, !who));
    self->received += count;
    CHECK(!is_checked(p) || self->received <= p->ends[!who].sent);
}

static void do_read(pair *p, int who, size_t size)
{
    end *self = &p->ends[who];
    unsigned char *data;
    size_t room;

    if (self->failed || size == 0)
        return;
    room = obio_engine_room(&self->engine, size);
    CHECK(room > 0 && room <= size);
    data = memory(room);
    obio_engine_read(&self->engine, data, room);
    look(self, room);
    count_received(p, who, data, self->engine.outcome.count);
    if (!self->failed && obio_engine_is_dry(&self->engine)) {
        obio_outcome nothing = {0};

        CHECK(obio_peek(self->ssl, data, 1, &nothing) == SSL_ERROR_WANT_READ && nothing.count == 0);
        obio_forget(&nothing);
    }
    free(data);
}

static void do_write(pair *p, int who, size_t size)
{
    end *self = &p->ends[who];
    unsigned char *data;

    if (self->failed || self->silent || size == 0 || self->sent + size > ENOUGH)
        return;
    data = memory(size);
    for (size_t i = 0; i < size; i++)
        data[i] = byte_at(self->sent + i, who);
    (void)obio_engine_sealed_size(&self->engine, size);
    obio_engine_write(&self->engine, data, size);
    look(self, size);
    self->sent += self->engine.outcome.count;
    if (self->engine.outcome.count < size && self->engine.outcome.ssl_error != SSL_ERROR_WANT_READ) {
        self->silent = p->closing = 1;
        self->sent += size - self->engine.outcome.count; /* some of which may be on its way */
    }
    free(data);
}

/* What comes is lent to the engine for one read, and the rest of it returned. */
static void read_lent(pair *p, int who, size_t size)
{
    obio_box *inbox = p->ends[who].engine.inbox;
    unsigned char *data;
    size_t got;

    if (inbox == NULL || inbox->shared)
        return;
    data = memory(size);
    got = take(&p->ends[!who], data, size);
    obio_box_lend(inbox, data, got);
    do_read(p, who, MOST_DATA);
    CHECK(obio_box_return(inbox));
    free(data);
}

/* What is sealed is aimed at a buffer, which goes on its way, or back. */
static void write_aimed(pair *p, int who, size_t size, size_t room, int back)
{
    obio_box *outbox = p->ends[who].engine.outbox;
    unsigned char *target;
    size_t used;

    if (outbox == NULL || outbox->shared)
        return;
    target = memory(room);
    obio_box_aim(outbox, target, room);
    do_write(p, who, size);
    used = obio_box_hit(outbox);
    CHECK(used <= room);
    if (back)
        CHECK(obio_box_put_first(outbox, target, used));
    else
        put(&p->ends[!who], target, used);
    free(target);
}

static void do_handshake(end *self)
{
    if (self->failed)
        return;
    self->engine.dry = self->engine.dry && SSL_is_init_finished(self->ssl);
    obio_handshake(self->ssl, &self->engine.outcome);
    look(self, 0);
}

static void do_peek(pair *p, int who, size_t size)
{
    end *self = &p->ends[who];
    unsigned char *data = memory(size);

    if (!self->failed && size > 0) {
        self->engine.dry = 0;
        obio_peek(self->ssl, data, size, &self->engine.outcome);
        look(self, size);
        for (size_t i = 0; i < self->engine.outcome.count && is_checked(p); i++)
            CHECK(data[i] == byte_at(self->received + i, !who));
    }
    free(data);
}

static void do_shutdown(pair *p, int who)
{
    end *self = &p->ends[who];

    p->closing = 1;
    if (self->failed)
        return;
    self->engine.dry = 0;
    obio_shutdown(self->ssl, &self->engine.outcome);
    look(self, 1);
    self->silent |= SSL_get_shutdown(self->ssl) & SSL_SENT_SHUTDOWN;
}

static void mark_end(pair *p, int who)
{
    end *self = &p->ends[who];

    p->closing = 1;
    if (self->engine.inbox != NULL)
        obio_box_end(self->engine.inbox);
    else
        BIO_set_mem_eof_return(self->engine.incoming, 0);
}

static void give_up(pair *p, int who)
{
    p->closing = 1;
    obio_abort(p->ends[who].ssl);
    CHECK(ERR_peek_error() == 0);
    p->ends[who].failed = 1;
}

static void renew(pair *p, int who, unsigned how)
{
    end *self = &p->ends[who];

    if (self->failed || self->silent || !SSL_is_init_finished(self->ssl))
        return;
    self->engine.dry = 0;
    if (p->protocol == TLS_1_3)
        (void)SSL_key_update(self->ssl, how & 1 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED);
    else
        (void)(how & 1 ? SSL_renegotiate(self->ssl) : SSL_renegotiate_abbreviated(self->ssl));
    ERR_clear_error();
    do_handshake(self);
    p->closing |= p->protocol != TLS_1_3; /* the other end may refuse */
}

static void early(pair *p, int who, size_t size)
{
    end *self = &p->ends[who];
    unsigned char *data = memory(size);

    memset(data, 0, size);
    if (!self->failed && size > 0 && p->protocol == TLS_1_3) {
        self->engine.dry = 0;
        p->damaged = p->closing = self->silent = 1; /* the server may drop it, so nothing is known of what comes */
        if (who == 0)
            obio_write_early_data(self->ssl, data, size, &self->engine.outcome);
        else
            obio_read_early_data(self->ssl, data, size, &self->engine.outcome);
        look(self, size);
    }
    free(data);
}

static void only_datagrams(pair *p, int who, unsigned what)
{
    end *self = &p->ends[who];

    if (p->protocol != DTLS || self->failed)
        return;
    CHECK(obio_timeout(self->ssl) >= -1);
    if (what & 1)
        obio_handle_timeout(self->ssl, &self->engine.outcome);
    else if (who == 1 && SSL_in_before(self->ssl))
        obio_listen(self->ssl, &self->engine.outcome);
    else
        return;
    look(self, 1);
}

static void step(pair *p, input *in)
{
    unsigned operation = byte_of(in);
    int who = operation & 1;

    switch (operation >> 1 & 31) {
    case 0: case 1: do_handshake(&p->ends[who]); break;
    case 2: case 3: do_read(p, who, number_of(in)); break;
    case 4: do_read(p, who, MOST_DATA); break;
    case 5: case 6: do_write(p, who, number_of(in)); break;
    case 7: case 8: carry(p, who, SIZE_MAX); break;
    case 9: case 10: carry(p, who, number_of(in)); break;
    case 11: case 12: carry_changed(p, who, in); break;
    case 13: make_up(p, who, in); break;
    case 14: case 15: read_lent(p, who, number_of(in)); break;
    case 16: case 17: write_aimed(p, who, number_of(in), number_of(in), byte_of(in) & 1); break;
    case 18: do_peek(p, who, number_of(in)); break;
    case 19: do_shutdown(p, who); break;
    case 20: mark_end(p, who); break;
    case 21: give_up(p, who); break;
    case 22: case 23: renew(p, who, byte_of(in)); break;
    case 24: early(p, who, number_of(in)); break;
    case 25: case 26: only_datagrams(p, who, byte_of(in)); break;
    case 27: p->ends[who].to.blocked = byte_of(in) & 1; p->closing = 1; break;
    default: break;
    }
}

static void settle(pair *p)
{
    size_t moved = 1;

    for (int round = 0; round < ROUNDS && moved > 0; round++) {
        size_t before = p->ends[0].received + p->ends[1].received;

        for (int who = 0; who < 2; who++) {
            do_handshake(&p->ends[who]);
            do_read(p, who, MOST_DATA);
        }
        moved = carry(p, 0, SIZE_MAX) + carry(p, 1, SIZE_MAX) + p->ends[0].received + p->ends[1].received - before;
        if (p->kind == SHARED && round < 10)
            moved++;
    }
}

/* -- what is made once -------------------------------------------------------------------------------------------- */

static uint64_t random_state;

static int no_random(unsigned char *buffer, int size)
{
    for (int i = 0; i < size; i++) {
        random_state = random_state * 6364136223846793005u + 1442695040888963407u;
        buffer[i] = (unsigned char)(random_state >> 56);
    }
    return 1;
}

static int yes(void)
{
    return 1;
}

static void certify(SSL_CTX *ctx)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();

    CHECK(certificate != NULL && key != NULL);
    CHECK(X509_set_version(certificate, 2) && ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1)
          && X509_gmtime_adj(X509_getm_notBefore(certificate), -60)
          && X509_gmtime_adj(X509_getm_notAfter(certificate), 30 * 24 * 3600)
          && X509_NAME_add_entry_by_txt((X509_NAME *)X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                                        (const unsigned char *)"localhost", -1, -1, 0)
          && X509_set_issuer_name(certificate, X509_get_subject_name(certificate))
          && X509_set_pubkey(certificate, key) && X509_sign(certificate, key, EVP_sha256()));
    CHECK(SSL_CTX_use_certificate(ctx, certificate) && SSL_CTX_use_PrivateKey(ctx, key));
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static SSL_CTX *new_context(int protocol)
{
    static const int versions[PROTOCOLS] = {TLS1_2_VERSION, TLS1_3_VERSION, DTLS1_2_VERSION};
    SSL_CTX *ctx = SSL_CTX_new(protocol == DTLS ? DTLS_method() : TLS_method());

    CHECK(ctx != NULL && SSL_CTX_set_min_proto_version(ctx, versions[protocol])
          && SSL_CTX_set_max_proto_version(ctx, versions[protocol]) && SSL_CTX_set1_groups_list(ctx, "X25519:P-256")
          && SSL_CTX_set_max_early_data(ctx, 4096));
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(ctx, SSL_OP_NO_ANTI_REPLAY | SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
    return ctx;
}

static void prepare(int protocol)
{
    pair p;

    clients[protocol] = new_context(protocol);
    servers[protocol] = new_context(protocol);
    certify(servers[protocol]);
    open_pair(&p, protocol, OWN, 0);
    settle(&p);
    CHECK(SSL_is_init_finished(p.ends[0].ssl) && SSL_is_init_finished(p.ends[1].ssl));
    sessions[protocol] = SSL_get1_session(p.ends[0].ssl);
    close_end(&p.ends[0], 0);
    close_end(&p.ends[1], 0);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const RAND_METHOD method = {NULL, no_random, NULL, NULL, no_random, yes};

    (void)argc;
    (void)argv;
    CHECK(RAND_set_rand_method(&method));
    for (int protocol = 0; protocol < PROTOCOLS; protocol++)
        prepare(protocol);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input in = {data, size};
    unsigned protocol = byte_of(&in), set_up = byte_of(&in);
    pair p;

    random_state = 1;
    open_pair(&p, (int)(protocol % PROTOCOLS), (int)(set_up % KINDS), set_up >> 2 & 1);
    if (set_up & 8)
        settle(&p);
    for (int i = 0; i < MOST_STEPS && in.left > 0; i++)
        step(&p, &in);
    if (!p.damaged && !p.closing && p.protocol != DTLS) {
        settle(&p);
        CHECK(!p.ends[0].failed && !p.ends[1].failed);
        CHECK(p.ends[0].received == p.ends[1].sent && p.ends[1].received == p.ends[0].sent);
    }
    close_end(&p.ends[0], set_up & 16);
    close_end(&p.ends[1], set_up & 32);
    ERR_clear_error();
    return 0;
}
