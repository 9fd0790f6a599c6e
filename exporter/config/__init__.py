"""From YAML text to a frozen `Config` and its targets; every fault is named with its file, line and key path.

`load` reads a file and the hosts files it names, `parse` a text, `targets_for_hosts` a command line. All three are
pure: a reload calls them again. Only this folder imports yaml.
"""
