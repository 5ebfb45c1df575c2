NETSCAPE_SPKI *NETSCAPE_SPKI_new(void);
void NETSCAPE_SPKI_free(NETSCAPE_SPKI *spki);
int i2d_NETSCAPE_SPKI(NETSCAPE_SPKI *spki, unsigned char **out);
EVP_PKEY *NETSCAPE_SPKI_get_pubkey(NETSCAPE_SPKI *spki);
int NETSCAPE_SPKI_set_pubkey(NETSCAPE_SPKI *spki, EVP_PKEY *key);
int NETSCAPE_SPKI_sign(NETSCAPE_SPKI *spki, EVP_PKEY *key, const EVP_MD *digest);
int NETSCAPE_SPKI_verify(NETSCAPE_SPKI *spki, EVP_PKEY *key);
