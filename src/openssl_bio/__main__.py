"""``python -m openssl_bio``: see `openssl_bio.cli`."""

import sys

from openssl_bio.cli import main

if __name__ == "__main__":
    sys.exit(main())
