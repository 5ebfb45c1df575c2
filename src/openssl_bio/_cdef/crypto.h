unsigned long OpenSSL_version_num(void);
const char *OpenSSL_version(int type);
void *OPENSSL_malloc(size_t size);
void OPENSSL_free(void *address);
int RAND_bytes(unsigned char *buffer, int size);
int RAND_status(void);
void RAND_add(const void *data, int size, double entropy);
