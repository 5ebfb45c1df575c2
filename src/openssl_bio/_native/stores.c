/*
 * A context that is changed after use must not change what its earlier
 * connections trust, so it gets a store of its own: the same certificates and
 * CRLs by reference, and the same verification parameters.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "stores.h"

/* What is in a store, until it is given back; NULL with the error queued.  Before 3.3 the store is locked meanwhile. */
static STACK_OF(X509_OBJECT) *borrow(X509_STORE *store)
{
#if OPENSSL_VERSION_NUMBER >= 0x30300000L
    return X509_STORE_get1_objects(store);
#else
    return X509_STORE_lock(store) ? X509_STORE_get0_objects(store) : NULL;
#endif
}

static void give_back(X509_STORE *store, STACK_OF(X509_OBJECT) *objects)
{
#if OPENSSL_VERSION_NUMBER >= 0x30300000L
    (void)store;
    sk_X509_OBJECT_pop_free(objects, X509_OBJECT_free);
#else
    (void)objects;
    X509_STORE_unlock(store);
#endif
}

static int add_all(X509_STORE *to, const STACK_OF(X509_OBJECT) *objects)
{
    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        const X509_OBJECT *object = sk_X509_OBJECT_value(objects, i);
        X509 *certificate = X509_OBJECT_get0_X509(object);
        X509_CRL *crl = X509_OBJECT_get0_X509_CRL(object);

        if (certificate != NULL && !X509_STORE_add_cert(to, certificate))
            return 0;
        if (crl != NULL && !X509_STORE_add_crl(to, crl))
            return 0;
    }
    return 1;
}

/* Add what `from` has by reference.  Returns 1, or 0 with the error queued and `to` half filled. */
int obio_add_to_store(X509_STORE *to, X509_STORE *from)
{
    STACK_OF(X509_OBJECT) *objects = borrow(from);
    int ok;

    if (objects == NULL)
        return 0;
    ok = add_all(to, objects);
    give_back(from, objects);
    return ok;
}

/* The same with the verification parameters. */
int obio_copy_store(X509_STORE *to, X509_STORE *from)
{
    return obio_add_to_store(to, from) && X509_STORE_set1_param(to, X509_STORE_get0_param(from));
}

/* How many CRLs there are; -1 with the error queued if that cannot be told. */
int obio_count_crls(X509_STORE *store)
{
    STACK_OF(X509_OBJECT) *objects = borrow(store);
    int count = 0;

    if (objects == NULL)
        return -1;
    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++)
        count += X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(objects, i)) != NULL;
    give_back(store, objects);
    return count;
}

/* Whether the store has all of these: 1 or 0; -1 with the error queued. */
int obio_store_has(X509_STORE *store, X509 **certificates, size_t count)
{
    X509_OBJECT *wanted = X509_OBJECT_new();
    STACK_OF(X509_OBJECT) *objects = wanted == NULL ? NULL : borrow(store);
    int result = objects == NULL ? -1 : 1;

    for (size_t i = 0; result == 1 && i < count; i++) {
        if (!X509_OBJECT_set1_X509(wanted, certificates[i]))
            result = -1;
        else if (X509_OBJECT_retrieve_match(objects, wanted) == NULL)
            result = 0;
    }
    if (objects != NULL)
        give_back(store, objects);
    X509_OBJECT_free(wanted);
    return result;
}

enum { DIGEST = 32 };

static int compare_digests(const void *one, const void *other)
{
    return memcmp(one, other, DIGEST);
}

/* The SHA-256 of what is in the store, in any order, and of how it says to verify. */
static int digest_all(const STACK_OF(X509_OBJECT) *objects, X509_VERIFY_PARAM *param, unsigned char *digest)
{
    int count = sk_X509_OBJECT_num(objects), ok = 1;
    int64_t numbers[3] = {(int64_t)X509_VERIFY_PARAM_get_flags(param), X509_VERIFY_PARAM_get_depth(param),
                          (int64_t)X509_VERIFY_PARAM_get_time(param)};
    unsigned char *all = OPENSSL_zalloc((size_t)count * DIGEST + sizeof numbers);

    if (all == NULL)
        return 0;
    for (int i = 0; ok && i < count; i++) {
        const X509_OBJECT *object = sk_X509_OBJECT_value(objects, i);
        X509 *certificate = X509_OBJECT_get0_X509(object);
        X509_CRL *crl = X509_OBJECT_get0_X509_CRL(object);

        ok = certificate != NULL ? X509_digest(certificate, EVP_sha256(), all + i * DIGEST, NULL)
                                 : X509_CRL_digest(crl, EVP_sha256(), all + i * DIGEST, NULL);
    }
    qsort(all, (size_t)count, DIGEST, compare_digests);
    if ((numbers[0] & X509_V_FLAG_USE_CHECK_TIME) == 0)
        numbers[2] = 0;
    memcpy(all + (size_t)count * DIGEST, numbers, sizeof numbers);
    ok = ok && EVP_Digest(all, (size_t)count * DIGEST + sizeof numbers, digest, NULL, EVP_sha256(), NULL);
    OPENSSL_free(all);
    return ok;
}

/* Returns 1, or 0 with the error queued. */
int obio_digest_store(X509_STORE *store, unsigned char *digest)
{
    STACK_OF(X509_OBJECT) *objects = borrow(store);
    int ok;

    if (objects == NULL)
        return 0;
    ok = digest_all(objects, X509_STORE_get0_param(store), digest);
    give_back(store, objects);
    return ok;
}
