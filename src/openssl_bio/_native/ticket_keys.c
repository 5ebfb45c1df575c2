/*
 * A ring of three keys: the current one seals tickets, the previous one still
 * opens them, and the next one is there before it is needed, so that a server
 * which has not rotated yet opens the tickets of one that has.
 *
 * The keys are made here, used here, and leave this memory encrypted only.  A
 * key that retires is overwritten; what libcrypto makes of it for one ticket
 * is cleansed by libcrypto when the ticket is done.
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
    unsigned char generation[8];
    unsigned char rotate_at[8]; /* seconds after 1970; 0 for never */
    ticket_key key[KEYS];
} ring_state;

_Static_assert(sizeof(ring_state) + OBIO_SEAL_EXTRA == OBIO_TICKET_KEYS_WRAPPED, "there is no padding");

struct obio_ticket_keys {
    CRYPTO_RWLOCK *lock;
    int64_t lifetime;
    ring_state state;
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

/* The caller holds the lock.  Without a next key nothing is changed. */
static int rotate(obio_ticket_keys *ring, int64_t now)
{
    ticket_key fresh;

    if (!make_key(&fresh))
        return 0;
    ring->state.key[PREVIOUS] = ring->state.key[CURRENT];
    ring->state.key[CURRENT] = ring->state.key[NEXT];
    ring->state.key[NEXT] = fresh;
    OPENSSL_cleanse(&fresh, sizeof fresh);
    put(ring->state.generation, got(ring->state.generation) + 1);
    put(ring->state.rotate_at, ring->lifetime > 0 ? now + ring->lifetime : 0);
    return 1;
}

static int is_due(const obio_ticket_keys *ring, int64_t now)
{
    return ring->lifetime > 0 && now >= got(ring->state.rotate_at);
}

/* Rotate as often as should have happened meanwhile; after three times no key is left. */
static void rotate_if_due(obio_ticket_keys *ring)
{
    int64_t now = (int64_t)time(NULL), missed;

    if (!CRYPTO_THREAD_read_lock(ring->lock))
        return;
    missed = is_due(ring, now);
    CRYPTO_THREAD_unlock(ring->lock);
    if (!missed || !CRYPTO_THREAD_write_lock(ring->lock))
        return;
    if (is_due(ring, now)) {
        missed = 1 + (now - got(ring->state.rotate_at)) / ring->lifetime;
        for (int64_t i = 0; i < missed && i < KEYS; i++)
            rotate(ring, now);
    }
    CRYPTO_THREAD_unlock(ring->lock);
}

obio_ticket_keys *obio_ticket_keys_new(long long lifetime)
{
    obio_ticket_keys *ring = OPENSSL_zalloc(sizeof *ring);

    if (ring == NULL)
        return NULL;
    ring->lifetime = lifetime;
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
    ok = rotate(ring, (int64_t)time(NULL));
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
        result = got(found.generation) < got(ring->state.generation) ? -1 : 1;
        if (result == 1)
            ring->state = found;
        CRYPTO_THREAD_unlock(ring->lock);
    }
    OPENSSL_cleanse(&found, sizeof found);
    return result;
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

/* Seal with the current key; open with any, and let an old one's tickets be renewed. */
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
                     int sealing)
{
    obio_ticket_keys *ring = SSL_get_ex_data(ssl, ring_index);
    int result = 0;

    if (ring == NULL) /* the context was given keys after this connection had been made */
        return 0;
    rotate_if_due(ring);
    if (!CRYPTO_THREAD_read_lock(ring->lock))
        return 0;
    for (int i = KEYS - 1; i >= 0; i--) {
        const ticket_key *key = &ring->state.key[i];

        if (!key->is_there || (sealing ? i != CURRENT : CRYPTO_memcmp(key->name, name, sizeof key->name) != 0))
            continue;
        if (sealing)
            memcpy(name, key->name, sizeof key->name);
        if (!obio_ticket_key_start(key->cipher, key->mac, iv, cipher, mac, sealing))
            result = -1;
        else
            result = !sealing && i == PREVIOUS ? 2 : 1;
        break;
    }
    CRYPTO_THREAD_unlock(ring->lock);
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
