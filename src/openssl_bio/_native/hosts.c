/*
 * Which server a client asks for: a name, which is sent, or an address, which is not (RFC 6066, section 3).
 *
 * Known here are hosts as most are written: names of the usual characters, and addresses in the one form in which Python's
 * `ipaddress` writes them, since what is demanded of a peer is kept in that.  All others are left to Python, which knows
 * what they mean, and what is wrong with them.  A host has a NUL behind its size, and none that is known has one before.
 */
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "internal/host_names.h"

enum { MOST_OF_A_LABEL = 63, NUMBERS = 4, MOST_OF_A_NUMBER = 255, GROUPS = 8, MOST_OF_A_GROUP = 4 };

/*
 * Whether a name is of the usual characters, in labels of 1 to 63 of them, and no address: those without a colon have no
 * letters.
 */
static int is_plain_name(const char *name, size_t size)
{
    int letters = 0, label = 0; /* the latter counts the characters of one */

    if (size == 0 || size > TLSEXT_MAXLEN_host_name)
        return 0;
    for (size_t i = 0; i < size; i++) {
        char lower = (char)(name[i] | 0x20);

        if (lower >= 'a' && lower <= 'z')
            letters = 1;
        else if (name[i] == '.' ? label == 0 : !(name[i] >= '0' && name[i] <= '9') && name[i] != '-' && name[i] != '_')
            return 0;
        label = name[i] == '.' ? 0 : label + 1;
        if (label > MOST_OF_A_LABEL)
            return 0;
    }
    return letters;
}

/* Four numbers up to 255, without zeros in front. */
static int is_ipv4(const char *text, size_t size)
{
    const char *end = text + size;

    for (int i = 0; i < NUMBERS; i++) {
        int number = 0, digits = 0;

        if (i > 0 && *text++ != '.')
            return 0;
        while (number <= MOST_OF_A_NUMBER && text[digits] >= '0' && text[digits] <= '9')
            number = number * 10 + text[digits++] - '0';
        if (digits == 0 || number > MOST_OF_A_NUMBER || (digits > 1 && *text == '0'))
            return 0;
        text += digits;
    }
    return text == end;
}

/* How many digits a group of an IPv6 address has, in lower case and without zeros in front; 0 if it is none. */
static int digits_of(const char *group)
{
    int digits = 0;

    while (digits <= MOST_OF_A_GROUP
           && ((group[digits] >= '0' && group[digits] <= '9') || (group[digits] >= 'a' && group[digits] <= 'f')))
        digits++;
    return digits > MOST_OF_A_GROUP || (digits > 1 && *group == '0') ? 0 : digits;
}

/* Of groups that are zero, a bit each, those with which a run of so many begins. */
static unsigned runs(unsigned zeros, int length)
{
    while (--length > 0)
        zeros &= zeros >> 1;
    return zeros;
}

/* Whether a gap stands for the first of the longest runs of zeros, and these are two or more; without one there are none. */
static int is_shortest(unsigned zeros, int groups, int gap)
{
    int left = GROUPS - groups;
    unsigned before;

    if (gap < 0)
        return left == 0 && runs(zeros, 2) == 0;
    before = (1u << gap) - 1;
    zeros = (zeros & before) | ((1u << left) - 1) << gap | zeros >> gap << (gap + left);
    return left >= 2 && runs(zeros, left + 1) == 0 && (runs(zeros, left) & before) == 0;
}

/*
 * Groups with colons between them, two for a gap.  Those that stand for IPv4 addresses are left out: how Python writes
 * them has changed with 3.13.
 */
static int is_ipv6(const char *text, size_t size)
{
    static const char mapped[] = "::ffff:";
    const char *end = text + size;
    int groups = 0, gap = -1, digits;
    unsigned zeros = 0;

    if (strncmp(text, mapped, sizeof mapped - 1) == 0)
        return 0;
    while (text < end) {
        if (gap < 0 && text[0] == ':' && text[1] == ':') {
            gap = groups;
            text += 2;
            if (text == end)
                break;
        } else if (groups > 0 && *text++ != ':') {
            return 0;
        }
        digits = digits_of(text);
        if (digits == 0 || groups == GROUPS)
            return 0;
        zeros |= (unsigned)(*text == '0') << groups++;
        text += digits;
    }
    return is_shortest(zeros, groups, gap);
}

/* Whether nothing depends on what it demands of its peer: no handshake, no session to offer, none of a server's. */
static int is_new(SSL *ssl, int has_role)
{
    return SSL_in_before(ssl) && SSL_get_session(ssl) == NULL && !(has_role && SSL_is_server(ssl));
}

/* Let a connection send this name, if it is as most are.  1, or 0 with the error queue empty. */
int obio_send_name(SSL *ssl, const char *name, size_t size)
{
    if (is_plain_name(name, size) && SSL_set_tlsext_host_name(ssl, name) == 1)
        return 1;
    ERR_clear_error();
    return 0;
}

/*
 * Let a connection send this name, unless it is an address, and one that is new and verifies no host verify it, where it
 * is as most are.  Returns 1, or 0 with the error queue empty: who knows all kinds of hosts and connections has to do it
 * then, or to say why it cannot be done.
 */
int obio_name_server(SSL *ssl, const char *name, size_t size, int send, int verify, unsigned flags)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    int is_name = is_plain_name(name, size);
    int done = (is_name || is_ipv4(name, size) || is_ipv6(name, size))
        && (verify == OBIO_LET || is_new(ssl, verify == OBIO_VERIFY));

    if (done && send && is_name)
        done = SSL_set_tlsext_host_name(ssl, name) == 1;
    if (done && verify != OBIO_LET && is_name) {
        X509_VERIFY_PARAM_set_hostflags(param, flags);
        done = X509_VERIFY_PARAM_set1_host(param, name, size);
    } else if (done && verify != OBIO_LET) {
        done = X509_VERIFY_PARAM_set1_ip_asc(param, name);
    }
    if (!done)
        ERR_clear_error();
    return done;
}
