const BIO_METHOD *obio_datagrams(void);
