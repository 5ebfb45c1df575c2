from setuptools import setup

setup(
    cffi_modules=["src/_build_openssl.py:ffibuilder"],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
