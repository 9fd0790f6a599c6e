"""Whether the interpreter is an optimised build: one that was compiled with a profile of its own run.

CPython's documentation recommends it for everybody who distributes it; without it Python code takes about half as long
again, which no ratio against a program in another language should hide.
"""

import sysconfig


def build() -> str:
    """What the interpreter's own record of its build says."""
    arguments = sysconfig.get_config_var("CONFIG_ARGS") or ""
    if "--enable-optimizations" in arguments:
        return "optimised (--enable-optimizations)"
    # configure writes the compiler's flags for a profile down whether they are used or not, as long as the compiler has
    # any. Debian's rules, which use a profile without that option, take them out of the record afterwards.
    if sysconfig.get_config_var("PGO_PROF_USE_FLAG") == "":
        return "optimised by the rules of its distribution"
    return "NOT optimised: configured without --enable-optimizations, so Python code takes about half as long again"
