/*
 * A certificate as Python's ssl shows it: the dict of getpeercert() and
 * get_ca_certs(), made of the X509 with no Python in between, for both engines.
 *
 * What has a name or a number in OpenSSL's tables is asked of OpenSSL; values of
 * extensions are read from their DER.  One that is malformed, or whose text is no
 * UTF-8, is a ValueError in here, and the dict does without.
 *
 * Where libcrypto fails, NULL or -1 is returned with no exception set: its error
 * queue says why.
 */
#include <Python.h>

#include <stdio.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "internal/engine.h"

/* What is left of some bytes. */
typedef struct {
    const unsigned char *data;
    long size;
} span;

/* One element of DER: its identifier octet, its content, and all of it. */
typedef struct {
    int tag;
    span content, encoded;
} element;

/* Identifier octets.  The context-specific ones are of a GeneralName (RFC 5280, section 4.2.1.6), but the last. */
enum {
    OID = 0x06, SEQUENCE = 0x30,
    OTHER_NAME = 0xA0, EMAIL = 0x81, DNS = 0x82, X400 = 0xA3, DIRECTORY = 0xA4, EDI_PARTY = 0xA5, URI = 0x86, IP = 0x87,
    REGISTERED_ID = 0x88, ZEROTH = 0xA0
};

/* -- objects: these take over what they are given, which is NULL where that could not be made ---------------------- */

/* 0, or -1. */
int obio_append(PyObject *list, PyObject *value)
{
    int status = value == NULL ? -1 : PyList_Append(list, value);

    Py_XDECREF(value);
    return status;
}

/* 0, or -1.  PyDict_SetItemString() would intern the key, and the last dict to go would undo that. */
static int put(PyObject *told, const char *key, PyObject *value)
{
    PyObject *name = value == NULL ? NULL : PyUnicode_FromString(key);
    int status = name == NULL ? -1 : PyDict_SetItem(told, name, value);

    Py_XDECREF(name);
    Py_XDECREF(value);
    return status;
}

static PyObject *pair(PyObject *first, PyObject *second)
{
    PyObject *both = first == NULL || second == NULL ? NULL : PyTuple_Pack(2, first, second);

    Py_XDECREF(first);
    Py_XDECREF(second);
    return both;
}

/* A list that is complete, or not. */
static PyObject *tuple_of(PyObject *list, int complete)
{
    PyObject *tuple = complete ? PyList_AsTuple(list) : NULL;

    Py_XDECREF(list);
    return tuple;
}

/* -- DER ---------------------------------------------------------------------------------------------------------- */

static int malformed(void)
{
    PyErr_SetString(PyExc_ValueError, "malformed DER");
    return -1;
}

/* Take what comes first.  0, or -1 with an exception set. */
static int take(span *rest, element *first)
{
    const unsigned char *at = rest->data;
    int number, class, form = ASN1_get_object(&at, &first->content.size, &number, &class, rest->size);

    /* It is cut, or has no definite length, or an identifier of more octets. */
    if (form & 0x81 || (*rest->data & V_ASN1_PRIMITIVE_TAG) == V_ASN1_PRIMITIVE_TAG)
        return malformed();
    first->tag = *rest->data;
    first->content.data = at;
    first->encoded.data = rest->data;
    first->encoded.size = (long)(at - rest->data) + first->content.size;
    rest->data += first->encoded.size;
    rest->size -= first->encoded.size;
    return 0;
}

/* What is in the one SEQUENCE that there is.  0, or -1 with an exception set. */
static int open_sequence(span all, span *content)
{
    element first;

    if (take(&all, &first) < 0 || first.tag != SEQUENCE || all.size != 0)
        return malformed();
    *content = first.content;
    return 0;
}

/* -- names -------------------------------------------------------------------------------------------------------- */

/* The long name of an OID, or its numbers. */
static PyObject *object_text(const ASN1_OBJECT *object)
{
    char brief[80], *text = brief;
    int size = OBJ_obj2txt(brief, sizeof brief, object, 0);
    PyObject *told = NULL;

    if (size >= (int)sizeof brief) {
        if ((text = PyMem_Malloc((size_t)size + 1)) == NULL)
            return PyErr_NoMemory();
        size = OBJ_obj2txt(text, size + 1, object, 0);
    }
    if (size >= 0) /* which may be more than is there, if another thread has named it meanwhile */
        told = PyUnicode_FromString(text);
    if (text != brief)
        PyMem_Free(text);
    return told;
}

static PyObject *string_text(const ASN1_STRING *string)
{
    unsigned char *utf8 = NULL;
    int size = ASN1_STRING_to_UTF8(&utf8, string);
    PyObject *told = size < 0 ? NULL : PyUnicode_FromStringAndSize((const char *)utf8, size);

    OPENSSL_free(utf8);
    return told;
}

static PyObject *attribute(const X509_NAME_ENTRY *entry)
{
    PyObject *kind = object_text(X509_NAME_ENTRY_get_object(entry));

    return kind == NULL ? NULL : pair(kind, string_text(X509_NAME_ENTRY_get_data(entry)));
}

/* The attributes that are one relative name with that of a number, which becomes that of the next one. */
static PyObject *relative_name(const X509_NAME *name, int *number)
{
    const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, *number);
    PyObject *attributes = PyList_New(0);
    int set = X509_NAME_ENTRY_set(entry), ok = attributes != NULL;

    while (ok && entry != NULL && X509_NAME_ENTRY_set(entry) == set) {
        ok = obio_append(attributes, attribute(entry)) == 0;
        entry = X509_NAME_get_entry(name, ++*number);
    }
    return tuple_of(attributes, ok);
}

static PyObject *distinguished_name(const X509_NAME *name)
{
    PyObject *names = PyList_New(0);
    int ok = names != NULL, number = 0;

    while (ok && number < X509_NAME_entry_count(name))
        ok = obio_append(names, relative_name(name, &number)) == 0;
    return tuple_of(names, ok);
}

/* -- GeneralNames ------------------------------------------------------------------------------------------------- */

static PyObject *text(const element *name)
{
    return PyUnicode_FromStringAndSize((const char *)name->content.data, name->content.size);
}

static PyObject *address(const element *name)
{
    const unsigned char *a = name->content.data;
    char told[40] = "<invalid>";

    if (name->content.size == 4)
        snprintf(told, sizeof told, "%d.%d.%d.%d", a[0], a[1], a[2], a[3]);
    if (name->content.size == 16)
        snprintf(told, sizeof told, "%X:%X:%X:%X:%X:%X:%X:%X", a[0] << 8 | a[1], a[2] << 8 | a[3], a[4] << 8 | a[5],
                 a[6] << 8 | a[7], a[8] << 8 | a[9], a[10] << 8 | a[11], a[12] << 8 | a[13], a[14] << 8 | a[15]);
    return PyUnicode_FromString(told);
}

static PyObject *directory(const element *name)
{
    const unsigned char *cursor = name->content.data;
    X509_NAME *read = d2i_X509_NAME(NULL, &cursor, name->content.size);
    PyObject *told = read == NULL ? NULL : distinguished_name(read);

    X509_NAME_free(read);
    return told;
}

static PyObject *registered_id(const element *name)
{
    const unsigned char *cursor = name->encoded.data;
    GENERAL_NAME *read = d2i_GENERAL_NAME(NULL, &cursor, name->encoded.size);
    PyObject *told = read == NULL ? NULL : object_text(read->d.registeredID);

    GENERAL_NAME_free(read);
    return told;
}

static PyObject *unsupported(const element *name)
{
    (void)name;
    return PyUnicode_FromString("<unsupported>");
}

/* What each kind is called, and how it is told; the last is for all others. */
static const struct {
    int tag;
    const char *name;
    PyObject *(*tell)(const element *name);
} kinds[] = {
    {DNS, "DNS", text}, {IP, "IP Address", address}, {EMAIL, "email", text}, {URI, "URI", text},
    {DIRECTORY, "DirName", directory}, {REGISTERED_ID, "Registered ID", registered_id},
    {OTHER_NAME, "othername", unsupported}, {X400, "X400Name", unsupported}, {EDI_PARTY, "EdiPartyName", unsupported},
    {-1, "<unsupported>", unsupported},
};

static PyObject *general_name(const element *name)
{
    PyObject *told;
    int i = 0;

    while (kinds[i].tag >= 0 && kinds[i].tag != name->tag)
        i++;
    told = kinds[i].tell(name);
    return told == NULL ? NULL : pair(PyUnicode_FromString(kinds[i].name), told);
}

/* -- extensions: these add to a list.  0, or -1 -------------------------------------------------------------------- */

typedef int reader(span value, PyObject *found);

static int alternative_names(span value, PyObject *found)
{
    element name;
    span rest;

    if (open_sequence(value, &rest) < 0)
        return -1;
    while (rest.size > 0)
        if (take(&rest, &name) < 0 || obio_append(found, general_name(&name)) < 0)
            return -1;
    return 0;
}

static int is_object(const element *one, const ASN1_OBJECT *object)
{
    return one->tag == OID && (size_t)one->content.size == OBJ_length(object)
        && memcmp(one->content.data, OBJ_get0_data(object), OBJ_length(object)) == 0;
}

/* Of an authorityInfoAccess, the URIs for one purpose. */
static int access_uris(span value, int purpose, PyObject *found)
{
    const ASN1_OBJECT *wanted = OBJ_nid2obj(purpose);
    element description, method, location;
    span rest, parts;

    if (open_sequence(value, &rest) < 0)
        return -1;
    while (rest.size > 0) {
        if (take(&rest, &description) < 0 || open_sequence(description.encoded, &parts) < 0)
            return -1;
        if (take(&parts, &method) < 0 || take(&parts, &location) < 0 || parts.size != 0)
            return malformed();
        if (is_object(&method, wanted) && location.tag == URI && obio_append(found, text(&location)) < 0)
            return -1;
    }
    return 0;
}

static int ocsp_uris(span value, PyObject *found)
{
    return access_uris(value, NID_ad_OCSP, found);
}

static int issuer_uris(span value, PyObject *found)
{
    return access_uris(value, NID_ad_ca_issuers, found);
}

enum { ANY = -1, END = -2 };

/* The texts that a path of identifier octets leads to. */
static int texts_at(span rest, const int *path, PyObject *found)
{
    element next;
    int status = 0;

    while (status == 0 && rest.size > 0) {
        if (take(&rest, &next) < 0)
            return -1;
        if (*path != ANY && *path != next.tag)
            continue;
        status = path[1] == END ? obio_append(found, text(&next)) : texts_at(next.content, path + 1, found);
    }
    return status;
}

/* Of a cRLDistributionPoints, the full names that are URIs. */
static int crl_uris(span value, PyObject *found)
{
    static const int path[] = {ANY, ZEROTH, ZEROTH, URI, END};
    span points;

    return open_sequence(value, &points) < 0 ? -1 : texts_at(points, path, found);
}

/* Read one of a certificate's extensions; nothing is found in one that is malformed. */
static int read_extension(const X509 *certificate, int index, reader *read, PyObject *found)
{
    const ASN1_OCTET_STRING *data = X509_EXTENSION_get_data(X509_get_ext(certificate, index));
    span value = {ASN1_STRING_get0_data(data), ASN1_STRING_length(data)};
    Py_ssize_t before = PyList_Size(found);

    if (read(value, found) == 0)
        return 0;
    if (!PyErr_Occurred() || !PyErr_ExceptionMatches(PyExc_ValueError))
        return -1;
    PyErr_Clear();
    return PyList_SetSlice(found, before, PY_SSIZE_T_MAX, NULL);
}

/* Put in what the extensions of a kind have, if anything.  All but subjectAltName count only if there is one. */
static int tell(PyObject *told, const char *key, const X509 *certificate, int kind, reader *read)
{
    int index = X509_get_ext_by_NID(certificate, kind, -1), status = 0;
    PyObject *found;

    if (index < 0 || (kind != NID_subject_alt_name && X509_get_ext_by_NID(certificate, kind, index) >= 0))
        return 0;
    if ((found = PyList_New(0)) == NULL)
        return -1;
    for (; status == 0 && index >= 0; index = X509_get_ext_by_NID(certificate, kind, index))
        status = read_extension(certificate, index, read, found);
    if (status == 0 && PyList_Size(found) > 0)
        return put(told, key, tuple_of(found, 1));
    Py_DECREF(found);
    return status;
}

/* -- certificates ------------------------------------------------------------------------------------------------- */

/* What was written into a BIO, which is empty afterwards. */
static PyObject *written(BIO *bio, int done)
{
    char *data;
    long size = BIO_get_mem_data(bio, &data);
    PyObject *told = done <= 0 ? NULL : PyUnicode_FromStringAndSize(data, size);

    (void)BIO_reset(bio);
    return told;
}

/* One more than is encoded, which may be the greatest long that there is. */
static PyObject *version(const X509 *certificate)
{
    long encoded = X509_get_version(certificate);

    return encoded < 0 ? PyLong_FromSsize_t(encoded + 1) : PyLong_FromSize_t((size_t)encoded + 1);
}

/* Whether all of it could be put in. */
static int tell_all(PyObject *told, const X509 *certificate, BIO *bio)
{
    return put(told, "subject", distinguished_name(X509_get_subject_name(certificate))) == 0
        && put(told, "issuer", distinguished_name(X509_get_issuer_name(certificate))) == 0
        && put(told, "version", version(certificate)) == 0
        && put(told, "serialNumber", written(bio, i2a_ASN1_INTEGER(bio, X509_get0_serialNumber(certificate)))) == 0
        && put(told, "notBefore", written(bio, ASN1_TIME_print(bio, X509_get0_notBefore(certificate)))) == 0
        && put(told, "notAfter", written(bio, ASN1_TIME_print(bio, X509_get0_notAfter(certificate)))) == 0
        && tell(told, "subjectAltName", certificate, NID_subject_alt_name, alternative_names) == 0
        && tell(told, "OCSP", certificate, NID_info_access, ocsp_uris) == 0
        && tell(told, "caIssuers", certificate, NID_info_access, issuer_uris) == 0
        && tell(told, "crlDistributionPoints", certificate, NID_crl_distribution_points, crl_uris) == 0;
}

PyObject *obio_certificate_dict(const X509 *certificate)
{
    BIO *bio = BIO_new(BIO_s_mem());
    PyObject *told = bio == NULL ? NULL : PyDict_New();

    if (told != NULL && !tell_all(told, certificate, bio))
        Py_CLEAR(told);
    BIO_free(bio);
    return told;
}

/* certificate_dict(address of an X509) -> the dict, or None where libcrypto fails. */
PyObject *obio_certificate_dict_at(PyObject *module, PyObject *address)
{
    const X509 *certificate = PyLong_AsVoidPtr(address);
    PyObject *told = certificate == NULL ? NULL : obio_certificate_dict(certificate);

    (void)module;
    return told != NULL || PyErr_Occurred() ? told : Py_NewRef(Py_None);
}
