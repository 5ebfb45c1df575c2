void ERR_clear_error(void);
unsigned long ERR_peek_error(void);
int ERR_GET_LIB(unsigned long code);
int ERR_GET_REASON(unsigned long code);
int ERR_SYSTEM_ERROR(unsigned long code);
const char *ERR_lib_error_string(unsigned long code);
const char *ERR_reason_error_string(unsigned long code);
