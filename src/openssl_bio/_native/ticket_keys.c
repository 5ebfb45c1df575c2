/*
 * A ring of three keys: the current one seals tickets, the previous one still
 * opens them, and the next one is there before it is needed, so that a server
 * which has not rotated yet opens the tickets of one that has.
 *
 * The keys are made here, used here, and leave this memory encrypted only.  A
 * key that retires is overwritten; what libcrypto makes of it for one ticket
 * is cleansed by libcrypto when the ticket is done.
 *
 * A fleet shares one state: who has rotated proposes the next one, and all take
 * it over (join), by the store's clock.  The generation is the fleet's number
 * then.  A ring that is not given the next state in time, its grace, rotates
 * alone; a state so old that others have done that too is not taken over any
 * more, so no key that was overwritten here comes back.
 *
 * One ring may serve many contexts and threads.
 */
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "sealing.h"
#include "ticket_keys.h"

enum { PREVIOUS, CURRENT, NEXT, KEYS };

typedef struct {
    unsigned char is_there;
    unsigned char name[OBIO_TICKET_NAME];
    unsigned char cipher[OBIO_TICKET_SECRET];
    unsigned char mac[OBIO_TICKET_SECRET];
} ticket_key;

/* What is shared: bytes alone, so that it looks the same on each machine. */
typedef struct {
    unsigned char generation[8]; /* how often it has changed */
    unsigned char rotate_at[8]; /* seconds after 1970; 0 for never */
    ticket_key key[KEYS];
} ring_state;

_Static_assert(sizeof(ring_state) + OBIO_SEAL_EXTRA == OBIO_TICKET_KEYS_WRAPPED, "there is no padding");

struct obio_ticket_keys {
    CRYPTO_RWLOCK *lock;
    int64_t lifetime;
    ring_state state;
    int64_t grace; /* how much later than others it rotates alone; 0 for one that is not a fleet's */
    int64_t offset; /* from this machine's clock to the fleet's */
};

static const unsigned char purpose[] = "openssl_bio ticket keys 1";

static void put(unsigned char *to, int64_t number)
{
    for (int i = 0; i < 8; i++)
        to[i] = (unsigned char)((uint64_t)number >> (56 - 8 * i));
}

static int64_t got(const unsigned char *from)
{
    uint64_t number = 0;

    for (int i = 0; i < 8; i++)
        number = number << 8 | from[i];
    return (int64_t)number;
}

static int make_key(ticket_key *key)
{
    int ok = RAND_bytes(key->name, sizeof key->name) == 1 && RAND_priv_bytes(key->cipher, sizeof key->cipher) == 1
        && RAND_priv_bytes(key->mac, sizeof key->mac) == 1;

    key->is_there = 1;
    if (!ok)
        OPENSSL_cleanse(key, sizeof *key);
    return ok;
}

/* Without a next key nothing is changed. */
static int rotate(ring_state *state, int64_t lifetime, int64_t now)
{
    ticket_key fresh;

    if (!make_key(&fresh))
        return 0;
    state->key[PREVIOUS] = state->key[CURRENT];
    state->key[CURRENT] = state->key[NEXT];
    state->key[NEXT] = fresh;
    OPENSSL_cleanse(&fresh, sizeof fresh);
    put(state->rotate_at, lifetime > 0 ? now + lifetime : 0);
    return 1;
}

/* How often it should have rotated; once too if a clock was set back, by more than what two clocks may differ by. */
static int64_t missed(const ring_state *state, int64_t lifetime, int64_t grace, int64_t now)
{
    int64_t late = now - got(state->rotate_at);

    if (lifetime <= 0 || (late < grace && late >= -2 * lifetime))
        return 0;
    return late < grace ? 1 : 1 + (late - grace) / lifetime;
}

/* Rotate as often as should have happened; after three times no key is left.  Returns 1, or 0 with the error queued. */
static int catch_up(ring_state *state, int64_t lifetime, int64_t times, int64_t now)
{
    for (int64_t i = 0; i < times && i < KEYS; i++)
        if (!rotate(state, lifetime, now))
            return 0;
    return 1;
}

static int64_t clock_of(const obio_ticket_keys *ring)
{
    return (int64_t)time(NULL) + ring->offset;
}

static void rotate_if_due(obio_ticket_keys *ring)
{
    int64_t times;

    if (!CRYPTO_THREAD_read_lock(ring->lock))
        return;
    times = missed(&ring->state, ring->lifetime, ring->grace, clock_of(ring));
    CRYPTO_THREAD_unlock(ring->lock);
    if (times == 0 || !CRYPTO_THREAD_write_lock(ring->lock))
        return;
    times = missed(&ring->state, ring->lifetime, ring->grace, clock_of(ring));
    if (catch_up(&ring->state, ring->lifetime, times, clock_of(ring)) && ring->grace == 0)
        put(ring->state.generation, got(ring->state.generation) + (times < KEYS ? times : KEYS));
    CRYPTO_THREAD_unlock(ring->lock);
}

obio_ticket_keys *obio_ticket_keys_new(long long lifetime, long long grace)
{
    obio_ticket_keys *ring = OPENSSL_zalloc(sizeof *ring);

    if (ring == NULL)
        return NULL;
    ring->lifetime = lifetime;
    ring->grace = grace;
    put(ring->state.rotate_at, lifetime > 0 ? (int64_t)time(NULL) + lifetime : 0);
    ring->lock = CRYPTO_THREAD_lock_new();
    if (ring->lock == NULL || !make_key(&ring->state.key[CURRENT]) || !make_key(&ring->state.key[NEXT])) {
        obio_ticket_keys_free(ring);
        return NULL;
    }
    return ring;
}

void obio_ticket_keys_free(obio_ticket_keys *ring)
{
    if (ring == NULL)
        return;
    CRYPTO_THREAD_lock_free(ring->lock);
    OPENSSL_clear_free(ring, sizeof *ring);
}

/* Returns 1, or 0 with the error queued and nothing changed. */
int obio_ticket_keys_rotate(obio_ticket_keys *ring)
{
    int ok;

    if (!CRYPTO_THREAD_write_lock(ring->lock))
        return 0;
    ok = rotate(&ring->state, ring->lifetime, clock_of(ring));
    put(ring->state.generation, got(ring->state.generation) + ok);
    CRYPTO_THREAD_unlock(ring->lock);
    return ok;
}

/* The names of the previous, the current and the next key; zeros for one that is not there. */
void obio_ticket_keys_names(obio_ticket_keys *ring, unsigned char *names)
{
    rotate_if_due(ring);
    memset(names, 0, KEYS * OBIO_TICKET_NAME);
    if (!CRYPTO_THREAD_read_lock(ring->lock))
        return;
    for (int i = 0; i < KEYS; i++)
        memcpy(names + i * OBIO_TICKET_NAME, ring->state.key[i].name, OBIO_TICKET_NAME);
    CRYPTO_THREAD_unlock(ring->lock);
}

/* How often this ring, or the one whose keys it has taken, has rotated; -1 if the lock fails. */
long long obio_ticket_keys_generation(obio_ticket_keys *ring)
{
    long long found;

    rotate_if_due(ring);
    if (!CRYPTO_THREAD_read_lock(ring->lock))
        return -1;
    found = got(ring->state.generation);
    CRYPTO_THREAD_unlock(ring->lock);
    return found;
}

/* Encrypt the keys into OBIO_TICKET_KEYS_WRAPPED bytes.  Returns 1, or 0 with the error queued. */
int obio_ticket_keys_wrap(obio_ticket_keys *ring, const unsigned char *kek, unsigned char *wrapped)
{
    int ok;

    rotate_if_due(ring);
    if (!CRYPTO_THREAD_read_lock(ring->lock))
        return 0;
    ok = obio_seal(kek, purpose, sizeof purpose, (const unsigned char *)&ring->state, sizeof ring->state, wrapped);
    CRYPTO_THREAD_unlock(ring->lock);
    return ok;
}

/* Take the keys of another ring.  Returns 1; 0 if these are not its bytes; -1 if they are older than what is here. */
int obio_ticket_keys_unwrap(obio_ticket_keys *ring, const unsigned char *kek, const unsigned char *wrapped, size_t size)
{
    ring_state found;
    int result = 0;

    if (size == OBIO_TICKET_KEYS_WRAPPED
        && obio_unseal(kek, purpose, sizeof purpose, wrapped, size, (unsigned char *)&found)
        && CRYPTO_THREAD_write_lock(ring->lock)) {
        int64_t latest = clock_of(ring) + ring->lifetime;

        result = got(found.generation) < got(ring->state.generation) ? -1 : 1;
        if (result == 1)
            ring->state = found;
        if (ring->lifetime > 0 && got(ring->state.rotate_at) > latest) /* the other one's keys live longer */
            put(ring->state.rotate_at, latest);
        CRYPTO_THREAD_unlock(ring->lock);
    }
    OPENSSL_cleanse(&found, sizeof found);
    return result;
}

/* -- a fleet's state --------------------------------------------------------------------------------------------- */

/*
 * Take over what the fleet has; `now` is by the fleet's clock.  One of OBIO_TICKET_KEYS_*: TAKEN; FOREIGN if these are
 * not the bytes of such keys; OLDER than those here; DUE if somebody has to rotate, whether or not they were taken.
 */
int obio_ticket_keys_join(obio_ticket_keys *ring, const unsigned char *kek, const unsigned char *wrapped, size_t size,
                          long long now)
{
    ring_state found;
    int result = OBIO_TICKET_KEYS_FOREIGN;

    if (size == OBIO_TICKET_KEYS_WRAPPED
        && obio_unseal(kek, purpose, sizeof purpose, wrapped, size, (unsigned char *)&found)
        && CRYPTO_THREAD_write_lock(ring->lock)) {
        ring->offset = now - (int64_t)time(NULL);
        if (got(found.generation) < got(ring->state.generation))
            result = OBIO_TICKET_KEYS_OLDER;
        else
            result = missed(&found, ring->lifetime, 0, now) ? OBIO_TICKET_KEYS_DUE : OBIO_TICKET_KEYS_TAKEN;
        if (result != OBIO_TICKET_KEYS_OLDER && !missed(&found, ring->lifetime, ring->grace, now))
            ring->state = found;
        CRYPTO_THREAD_unlock(ring->lock);
    }
    OPENSSL_cleanse(&found, sizeof found);
    return result;
}

/*
 * Make what the fleet is to have next, without using it yet: of what it has (nothing, or what obio_ticket_keys_join
 * has read), or of the keys here if those are not older, rotated as often as is due, and `times` at least.  Returns 1,
 * or 0 with the error queued.
 */
int obio_ticket_keys_propose(obio_ticket_keys *ring, const unsigned char *kek, const unsigned char *wrapped, size_t size,
                             long long now, long long times, unsigned char *proposal)
{
    ring_state base;
    int64_t due;
    int ok = size == 0
        || (size == OBIO_TICKET_KEYS_WRAPPED
            && obio_unseal(kek, purpose, sizeof purpose, wrapped, size, (unsigned char *)&base));

    ok = ok && CRYPTO_THREAD_read_lock(ring->lock);
    if (ok) {
        if (size == 0 || got(base.generation) <= got(ring->state.generation))
            base = ring->state;
        CRYPTO_THREAD_unlock(ring->lock);
        put(base.generation, got(base.generation) + 1);
        due = missed(&base, ring->lifetime, 0, now);
        ok = catch_up(&base, ring->lifetime, due > times ? due : times, now)
            && obio_seal(kek, purpose, sizeof purpose, (const unsigned char *)&base, sizeof base, proposal);
    }
    OPENSSL_cleanse(&base, sizeof base);
    return ok;
}

/* -- what libssl calls ------------------------------------------------------------------------------------------- */

/* Set up what encrypts and authenticates one ticket.  Returns 1, or 0 with the error queued. */
int obio_ticket_key_start(const unsigned char *cipher_key, const unsigned char *mac_key, unsigned char *iv,
                          EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int sealing)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[3];

    params[0] = OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)mac_key, OBIO_TICKET_SECRET);
    params[1] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0);
    params[2] = OSSL_PARAM_construct_end();
    if (sealing && RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1)
        return 0;
    return EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, cipher_key, iv, sealing)
        && EVP_MAC_CTX_set_params(mac, params);
}

static int ring_index = -1;
static CRYPTO_ONCE ring_index_once = CRYPTO_ONCE_STATIC_INIT;

static void make_ring_index(void)
{
    ring_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

/*
 * Copy the current key, or for a name the one that has it.  Which that is, or -1 for none.  The lock is held no longer than
 * that takes: the child of a fork finds it as it was then, and would wait for ever to rotate.
 */
static int copy_key(obio_ticket_keys *ring, const unsigned char *name, ticket_key *copy)
{
    int found = -1;

    if (!CRYPTO_THREAD_read_lock(ring->lock))
        return -1;
    for (int i = KEYS - 1; i >= 0 && found < 0; i--) {
        const ticket_key *key = &ring->state.key[i];

        if (key->is_there && (name == NULL ? i == CURRENT : CRYPTO_memcmp(key->name, name, sizeof key->name) == 0))
            found = i;
    }
    if (found >= 0)
        *copy = ring->state.key[found];
    CRYPTO_THREAD_unlock(ring->lock);
    return found;
}

/* Seal with the current key; open with any, and let an old one's tickets be renewed, and those of TLS 1.3, used once. */
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
                     int sealing)
{
    obio_ticket_keys *ring = SSL_get_ex_data(ssl, ring_index);
    ticket_key key;
    int which, result;

    if (ring == NULL) /* the context was given keys after this connection had been made */
        return 0;
    rotate_if_due(ring);
    which = copy_key(ring, sealing ? NULL : name, &key);
    if (which < 0)
        return 0;
    if (sealing)
        memcpy(name, key.name, sizeof key.name);
    if (!obio_ticket_key_start(key.cipher, key.mac, iv, cipher, mac, sealing))
        result = -1;
    else
        result = !sealing && (which == PREVIOUS || SSL_version(ssl) == TLS1_3_VERSION) ? 2 : 1;
    OPENSSL_cleanse(&key, sizeof key);
    return result;
}

/* Returns 1, or 0 with the error queued. */
int obio_ticket_keys_install(SSL_CTX *ctx, int on)
{
    if (!CRYPTO_THREAD_run_once(&ring_index_once, make_ring_index) || ring_index < 0)
        return 0;
    return SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on ? on_ticket : NULL) == 1;
}

/* The ring is the caller's, and must outlive the SSL. */
int obio_ticket_keys_use(SSL *ssl, obio_ticket_keys *ring)
{
    return SSL_set_ex_data(ssl, ring_index, ring);
}
