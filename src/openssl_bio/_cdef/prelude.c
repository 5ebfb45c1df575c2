/* What the generated C module includes before anything else. */
/* Programs for pyOpenSSL call deprecated functions (compat_deprecated.h): no warning for each. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <openssl/opensslv.h>

#if OPENSSL_VERSION_NUMBER < 0x30000000L
#error "openssl_bio needs OpenSSL 3.0 or newer"
#endif

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs7.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>
#include <openssl/store.h>
#include <openssl/srtp.h>
#include <openssl/ui.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "transfers.h"
#include "datagrams.h"
#include "denylist.h"
#include "foreign.h"
#include "hosts.h"
#include "kept_sessions.h"
#include "operations.h"
#include "queue.h"
#include "reverify.h"
#include "psk.h"
#include "sealing.h"
#include "sessions.h"
#include "stores.h"
#include "ticket_keys.h"
#include "verification.h"
